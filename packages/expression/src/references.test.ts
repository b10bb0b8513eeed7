import { describe, expect, it } from 'vitest';
import { parseExpression } from './parser.ts';
import { calls, references } from './references.ts';

function paths(source: string): string[] {
  return references(parseExpression(source).ast).map((reference) => {
    const path = reference.path.map((segment) => `.${segment.optional ? '?' : ''}${segment.name}`).join('');
    const compared =
      reference.comparedWith === undefined ? '' : ` = ${JSON.stringify(reference.comparedWith)}`;
    return `${reference.root}${path}${reference.itemsUnread ? '#' : ''}${compared}`;
  });
}

describe('references', () => {
  it.each([
    ['event.a.b + steps.x', ['event.a.b', 'steps.x']],
    ["event['a-b'].c", ['event.a-b.c']],
    ['event.items[0].id', ['event.items.*.id']],
    ['event.items[event.n].id', ['event.items.*.id', 'event.n']],
    ['event.items.map(i, i.id)', ['event.items#', 'event.items.*.id']],
    ['event.items.map(i, i)', ['event.items#', 'event.items.*']],
    ['event.items.exists(i, i.id == 5)', ['event.items#', 'event.items.*.id = 5']],
    ['event.items.filter(i, i.ok)', ['event.items', 'event.items.*.ok']],
    ['event.items.filter(i, i.ok).size()', ['event.items#', 'event.items.*.ok']],
    ['event.items.filter(i, i.ok).map(j, j.id)', ['event.items#', 'event.items.*.ok', 'event.items.*.id']],
    ['event.items.filter(i, i.ok)[0].id', ['event.items.*.id', 'event.items#', 'event.items.*.ok']],
    ['event.items.filter(i, i.ok)[0]', ['event.items.*', 'event.items#', 'event.items.*.ok']],
    ['event.items.map(i, i.tags.size())', ['event.items#', 'event.items.*.tags#']],
    ['event.a.map(x, event.b.map(x, x.c))', ['event.a#', 'event.b#', 'event.b.*.c']],
    ['size(event.items) > 0', ['event.items#']],
    ['event.items.size() > 0', ['event.items#']],
    ['size(default(event.items, event.others))', ['event.?items#', 'event.others']],
    ['default(event.items, []).map(i, i.id)', ['event.?items#', 'event.?items.*.id']],
    ['default(event.items, []).filter(i, i.ok).size()', ['event.?items#', 'event.?items.*.ok']],
    ['default(event.items, [])', ['event.?items']],
    ['default(event.items, [])[event.n].id', ['event.?items.*.id', 'event.n']],
    ['default(event.a, {}).b', ['event.?a.b']],
    [
      "default(default(event.a, {}).items, [{'id': 1}]).map(i, i.id)",
      ['event.?a.?items#', 'event.?a.?items.*.id'],
    ],
    ['default(event.items, event.others).map(i, i.id)', ['event.?items', 'event.others']],
    ['(event.a + event.b).size()', ['event.a', 'event.b']],
    ['(event.a + event.b).map(x, x.id)', ['event.a', 'event.b']],
    ['[1].map(x, x.y)', []],
    ['has(event.a.b)', ['event.?a.?b']],
    ['default(event.a.b, event.c)', ['event.?a.?b', 'event.c']],
    ['event.?a.b.orValue(1)', ['event.?a.b']],
    ['event.?a.optMap(x, x.b)', ['event.?a', 'event.?a.b']],
    ["event.plan == 'free'", ['event.plan = "free"']],
    ["'free' != event.plan", ['event.plan = "free"']],
    ["event.plan in ['a', 'b']", ['event.plan = "a"', 'event.plan = "b"']],
    ['event.a == event.b', ['event.a', 'event.b']],
    ['policy.big(event.a)', ['event.a']],
    ['optional.of(event.a)', ['event.a']],
    ['event.', ['event']],
    ['event.a. + event.b', ['event.a', 'event.b']],
  ])('%s reads %j', (source, expected) => {
    expect(paths(source)).toEqual(expected);
  });

  it('span the chain and each name in it', () => {
    const [reference] = references(parseExpression(' event.a.b ').ast);
    expect(reference).toMatchObject({
      span: { start: 1, end: 10 },
      path: [
        { name: 'a', start: 7, end: 8 },
        { name: 'b', start: 9, end: 10 },
      ],
    });
  });
});

describe('calls', () => {
  it('are listed with their namespace', () => {
    expect(calls(parseExpression("policy.big(size(event.a)) && 'x'.contains('y')").ast)).toMatchObject([
      { name: 'big', namespace: 'policy', arguments: 1 },
      { name: 'size' },
      { name: 'contains' },
    ]);
  });
});

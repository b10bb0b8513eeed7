import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseExpression } from '../parser.ts';
import { caseDefinitions, caseEvent } from '../rules.cases.ts';
import { describeType } from '../types/describe.ts';
import { schemaTypes } from '../types/from-schema.ts';
import { objectOf, STRING } from '../types/type.ts';
import { assignmentIssues } from './assign.ts';
import { assume, checkCondition, checkExpression } from './check.ts';
import type { Environment } from './environment.ts';

const { typeOf } = schemaTypes({
  ...caseDefinitions,
  node: {
    type: 'object',
    required: ['v'],
    properties: { v: { type: 'integer' }, next: { $ref: '#/$defs/node' } },
  },
  person: {
    type: 'object',
    required: ['email'],
    properties: { email: { type: 'string' }, phone: { type: ['string', 'null'] } },
  },
});
const event = typeOf({
  allOf: [
    caseEvent,
    {
      type: 'object',
      required: ['items', 'owner', 'day', 'at'],
      properties: {
        day: { type: 'string', format: 'date' },
        at: { type: 'string', format: 'date-time' },
        node: { $ref: '#/$defs/node' },
        owner: { anyOf: [{ type: 'string' }, { $ref: '#/$defs/person' }] },
        items: {
          type: 'array',
          items: {
            type: 'object',
            required: ['sku'],
            properties: { sku: { type: 'string' }, note: { type: ['string', 'null'] } },
          },
        },
        meta: { type: 'object', additionalProperties: { type: 'string' } },
        flag: { type: 'boolean' },
      },
    },
  ],
});
const environment: Environment = { variables: { event } };

function codes(source: string, within: Environment = environment): string[] {
  const { ast, errors } = parseExpression(source);
  expect(errors).toEqual([]);
  return checkExpression(ast, within).issues.map(
    (issue) => `${issue.code} ${source.slice(issue.start, issue.end)}`,
  );
}

function type(source: string, within: Environment = environment): string {
  return describeType(checkExpression(parseExpression(source).ast, within).type);
}

describe('types of expressions', () => {
  it.each([
    ['event.total * 100', 'a number'],
    ['event.count * 100', 'an integer'],
    ['event.count / 2', 'a number'],
    ['round(event.total)', 'an integer'],
    ["event.plan == 'pro' ? 1 : 'x'", '1 or "x"'],
    ['event.?coupon', 'a string, if there is one'],
    ["default(event.coupon, 'none')", 'a string'],
    ['default(event.nickname, 1)', 'a string or 1'],
    ['event.items.map(i, i.sku)[?0]', 'a string, if there is one'],
    ['timestamp(event.id) - timestamp(event.id)', 'a duration'],
    ["{'a': event.id}.a", 'a string'],
    ['size(event.items) > 0 ? event.items[0].sku : null', 'a string or null'],
    ['event.method.type', '"card" or "bank"'],
    ["event.plan == 'pro' ? event.plan : 'x'", '"pro" or "x"'],
    ['dyn(event).x.y', 'anything'],
  ])('%s is %s', (source, text) => {
    expect(codes(source)).toEqual([]);
    expect(type(source)).toBe(text);
  });
});

describe('narrowing', () => {
  it.each([
    'has(event.coupon) && event.coupon.size() > 3',
    '!has(event.coupon) || event.coupon.size() > 3',
    'has(event.coupon) ? event.coupon : event.id',
    "!(has(event.coupon) && event.coupon != '') ? event.id : event.coupon",
    'event.?coupon.hasValue() ? event.coupon : event.id',
    "event.?coupon == 'x' ? event.coupon : event.id",
    "'coupon' in event && event.coupon == 'x'",
    'has(event.node.next.next) && event.node.next.next.v > 1',
    'event.nickname == null ? event.id : event.nickname.trim()',
    "event.nickname != null && event.nickname.trim() == ''",
    "event.nickname == 'x' ? event.nickname.trim() : ''",
    "event.nickname in ['a', 'b'] ? event.nickname.trim() : ''",
    "event.method.type == 'card' ? event.method.last4 : event.method.iban",
    "event.method.type != 'card' ? event.method.iban : event.method.last4",
    "event.method.type in ['card'] ? event.method.last4 : event.method.iban",
    'has(event.method.iban) ? event.method.iban : event.method.last4',
    'has(event.owner.email) ? event.owner.email : event.owner.trim()',
    'event.items.filter(i, has(i.note) && i.note != null).map(i, i.note.trim())',
    'event.items.exists(i, has(i.note) && i.note != null && i.note.size() > 3)',
    'event.items.map(i, has(i.note) && i.note != null, i.note.trim())',
    'event.items.map(i, i.?note.orValue(null)).filter(n, n != null).map(n, n.trim())',
    "size(event.items) >= 2 && event.items[1].sku == 'a'",
    "event.items.size() != 0 && event.items[0].sku == 'a'",
    '!(size(event.items) == 0) ? event.items[0].sku : event.id',
    'has(event.flag) && event.flag ? 1 : 2',
    '(has(event.coupon) ? event.coupon.size() > 1 : false) ? event.coupon : event.id',
    'event.count >= 5 && event.count <= 5',
    'event.count > 5 || event.count < 5',
    '(event.count > 5 || event.count < 1) && event.count < 2',
    'event.count > 1 && event.count > 0',
    "(has(event.coupon) || event.plan == 'pro') && !has(event.coupon)",
  ])('makes %s sound', (source) => {
    expect(codes(source)).toEqual([]);
  });

  it.each([
    ['has(event.coupon) || event.coupon.size() > 3', ['field-may-be-absent coupon']],
    ['has(event.coupon) ? event.id : event.coupon', ['field-may-be-absent coupon']],
    ["event.?coupon != 'x' ? event.coupon : event.id", ['field-may-be-absent coupon']],
    ["event.method.type == 'card' ? event.method.iban : event.id", ['unknown-field iban']],
    ['size(event.items) >= 1 && event.items[1].sku == event.id', ['field-may-be-absent event.items[1]']],
    ['event.coupon != null && event.coupon.size() > 3', ['field-may-be-absent coupon']],
    ['event.items.filter(i, has(i.note)).map(i, i.note.trim())', ['value-may-be-null i.note']],
    [
      'event.items.exists(i, has(i.note)) && event.items.all(i, i.note != null)',
      ['field-may-be-absent note'],
    ],
    ["event.plan == 'pro' && event.plan == 'free'", ["always-false event.plan == 'free'"]],
    ['!has(event.coupon) && has(event.coupon)', ['always-false has(event.coupon)']],
    ['has(event.coupon) || !has(event.coupon)', ['always-true !has(event.coupon)']],
    ['!has(event.node.next) && has(event.node.next.next)', ['always-false has(event.node.next.next)']],
    ['event.count > 10 && event.count < 5', ['always-false event.count < 5']],
    ['event.count > 5 && event.count < 5', ['always-false event.count < 5']],
    ['event.count >= 5 && event.count <= 4', ['always-false event.count <= 4']],
    ['event.count > 5 && event.count == 5', ['always-false event.count == 5']],
    ['size(event.items) == 0 && size(event.items) > 1', ['always-false size(event.items) > 1']],
    ['event.count > 5 || event.count > 6', ['always-false event.count > 6']],
    ['(event.count > 5 && event.count < 9) && event.count < 2', ['always-false event.count < 2']],
    ['event.count > 5 || event.count <= 5', ['always-true event.count > 5 || event.count <= 5']],
  ])('does not make %s sound', (source, expected) => {
    expect(codes(source)).toEqual(expected);
  });
});

describe('one guard, one issue', () => {
  it('reports a path once, at the first part that may be missing, and advises on all of it', () => {
    const { issues } = checkExpression(parseExpression('event.node.next.next.v').ast, environment);
    expect(issues).toMatchObject([{ code: 'field-may-be-absent', start: 6, end: 10 }]);
    expect(issues[0]!.fix).toContain('has(event.node.next.next.v)');
  });

  it('advises only what parses', () => {
    for (const source of [
      "event.meta['x-y']",
      'event.node.next.v',
      'event.nickname.trim()',
      'event.items[0].note',
    ]) {
      const [issue] = checkExpression(parseExpression(source).ast, environment).issues;
      for (const [, advised] of issue!.fix!.matchAll(/`((?:has|default)\([^`]*\))`/g))
        expect(parseExpression(advised!.replace('…', '1')).errors, advised).toEqual([]);
    }
  });

  it('reports unrelated parts each', () => {
    expect(codes('event.coupon + event.custmer.email + event.tags')).toEqual(
      [
        'field-may-be-absent coupon',
        'unknown-field custmer',
        'wrong-operand event.coupon + event.custmer.email + event.tags',
      ].slice(0, 2),
    );
  });

  it('reports a name that nothing has where a wrong one before it leaves no case, and nothing else there', () => {
    expect(
      codes("event.pln == 'pro' && (event.coupn == 'x' || event.coupon == nope(evnt)) || event.totl > 3"),
    ).toEqual([
      'unknown-field pln',
      'unknown-field coupn',
      'unknown-function nope',
      'unknown-name evnt',
      'unknown-field totl',
    ]);
    expect(codes("event.method.type == 'crd' && event.method.last4 == 'x'")).toEqual([
      "value-outside-enum 'crd'",
    ]);
    const after = assume(parseExpression("event.pln == 'pro'").ast, environment);
    expect(codes('event.coupon + event.coupn', after)).toEqual(['unknown-field coupn']);
  });

  it('says nothing of the parts of a policy that what it is given does not reach', () => {
    const policies = { last: { parameters: ['m'], expression: "m.type == 'card' ? m.last4 : m.iban" } };
    const within = { ...environment, policies };
    expect(codes("event.method.type == 'card' ? policy.last(event.method) : ''", within)).toEqual([]);
  });

  it('says nothing about what nothing is known of', () => {
    const any: Environment = { variables: { event: typeOf(true) } };
    expect(codes('event.a.b[0].c + event.d && event.e == 1 || size(event.f) > event.g', any)).toEqual([]);
  });

  it('offers a replacement for a typo', () => {
    const { issues } = checkExpression(parseExpression("event.pln == 'fre'").ast, environment);
    expect(issues[0]!.replacement).toEqual({ start: 6, end: 9, text: 'plan' });
    const enumTypo = checkExpression(parseExpression("event.plan == 'fre'").ast, environment);
    expect(enumTypo.issues[0]!.replacement).toEqual({ start: 14, end: 19, text: "'free'" });
  });

  it('passes over what the parser could not read', () => {
    for (const source of ['event.', 'event.plan == ', 'event.items.map(i, i.)', '(', 'event.?'])
      expect(() => checkExpression(parseExpression(source).ast, environment)).not.toThrow();
  });
});

describe('steps with a condition', () => {
  const when = parseExpression("event.plan == 'pro' && has(event.coupon)").ast;
  const steps: Environment = {
    variables: { event, steps: objectOf({ a: objectOf({ id: STRING }) }, ['a']) },
    conditional: [{ path: ['steps', 'a'], when }],
  };

  it('may not have run', () => {
    expect(codes('steps.a.id', steps)).toEqual(['field-may-be-absent a']);
    expect(codes("steps.?a.id.orValue('')", steps)).toEqual([]);
  });

  it('have run where the same condition holds, and their condition held where they have run', () => {
    expect(codes("has(event.coupon) && event.plan == 'pro' ? steps.a.id : ''", steps)).toEqual([]);
    expect(codes('has(steps.a) ? event.coupon : event.id', steps)).toEqual([]);
    expect(codes("event.plan == 'pro' ? steps.a.id : ''", steps)).toEqual(['field-may-be-absent a']);
  });

  it('give what they assume to a later place', () => {
    const inside = assume(when, steps);
    expect(codes('event.coupon + steps.a.id', inside)).toEqual([]);
    const outside = assume(parseExpression('has(event.coupon)').ast, steps, false);
    expect(codes('event.coupon', outside)).toEqual(['field-may-be-absent coupon']);
  });

  it('cannot be made to loop by a condition on themselves', () => {
    const self: Environment = {
      ...steps,
      conditional: [{ path: ['steps', 'a'], when: parseExpression('has(steps.a)').ast }],
    };
    expect(codes('has(steps.a) ? steps.a.id : ""', self)).toEqual([]);
  });
});

describe('what reads no data', () => {
  it.each([
    ["timestamp('tomorrow')", ["always-fails timestamp('tomorrow')"]],
    ["timestamp(event.id) - duration('1 day')", ["always-fails duration('1 day')"]],
    ["int('abc') + int('4')", ["always-fails int('abc')"]],
    ['event.count + 1 / 0', ['always-fails 1 / 0']],
    ["'abc'.substring(5, 2)", ["always-fails 'abc'.substring(5, 2)"]],
    ["timestamp('2026-01-02T03:04:05Z') + duration('1h30m')", []],
    ["{'a': 1}.?a.or({'a': 2}.?a).orValue(2)", []],
    ['event.count > 0 ? 6 / 2 : 0', []],
  ])('%s: %j', (source, expected) => {
    expect(codes(source)).toEqual(expected);
  });
});

describe('text of a format', () => {
  it('is no time of another', () => {
    expect(codes('timestamp(event.day)')).toEqual(['wrong-arguments event.day']);
    expect(codes('duration(event.day)')).toEqual(['wrong-arguments event.day']);
    expect(codes("timestamp(event.day + 'T00:00:00Z')")).toEqual([]);
    expect(codes('timestamp(event.at)')).toEqual([]);
  });
});

it('says of a policy that cannot be read that it is broken, once', () => {
  const policies = {
    unread: { parameters: [], expression: 'a +' },
    outer: { parameters: [], expression: 'policy.unread() || policy.unread()' },
  };
  expect(codes('policy.unread()', { ...environment, policies })).toEqual(['policy-broken policy.unread()']);
  expect(codes('policy.outer()', { ...environment, policies })).toEqual(['policy-broken policy.outer()']);
});

describe('conditions', () => {
  it('must be boolean in all their variants', () => {
    const check = (source: string) =>
      checkCondition(parseExpression(source).ast, environment).issues.map((one) => one.code);
    expect(check('event.count')).toEqual(['condition-not-boolean']);
    expect(check('event.?flag')).toEqual(['value-may-be-absent']);
    expect(check('has(event.flag) && event.flag')).toEqual([]);
  });
});

describe('assignment', () => {
  const sent = (source: string, target: Parameters<typeof typeOf>[0]) =>
    assignmentIssues(checkExpression(parseExpression(source).ast, environment).type, typeOf(target)).map(
      (issue) => `${issue.code} ${issue.path.join('.')}`.trim(),
    );

  it.each<[string, Parameters<typeof typeOf>[0], string[]]>([
    ['event.id', { type: 'string' }, []],
    ['event.id', { type: 'integer' }, ['wrong-type']],
    ['event.total', { type: 'integer' }, ['integer-expected']],
    ['event.count', { type: 'number' }, []],
    ['1.0', { type: 'integer' }, []],
    ['event.nickname', { type: 'string' }, ['value-may-be-null']],
    ['event.nickname', { type: ['string', 'null'] }, []],
    ['event.?coupon', { type: 'string' }, ['value-may-be-absent']],
    ['event.plan', { enum: ['free', 'team', 'pro', 'enterprise'] }, []],
    ['event.plan', { enum: ['free', 'team'] }, ['value-outside-enum']],
    ['event.id', { enum: ['free', 'team'] }, ['value-outside-enum']],
    ["event.plan == 'pro' ? event.plan : 'team'", { enum: ['pro', 'team'] }, []],
    ['timestamp(event.id)', { type: 'string', format: 'date-time' }, []],
    ['timestamp(event.id)', { type: 'string', format: 'date' }, ['wrong-type']],
    ["duration('1h')", { type: 'string', format: 'duration' }, ['wrong-type']],
    ['event.day', { type: 'string', format: 'date-time' }, ['wrong-type']],
    ['event.day', { type: ['string', 'null'], format: 'date' }, []],
    ['event.day', { type: 'string', format: 'hostname' }, []],
    ['event.day', { anyOf: [{ type: 'string', format: 'uuid' }, { type: 'string' }] }, []],
    ["event.count > 1 ? event.day : ''", { type: 'string', format: 'date-time' }, []],
    ['event.id', { type: 'string', format: 'date-time' }, []],
    [
      'event.customer',
      { type: 'object', required: ['email'], properties: { email: { type: 'string' } } },
      [],
    ],
    [
      'event.customer',
      { type: 'object', required: ['email'], properties: { email: { type: 'integer' } } },
      ['wrong-type email'],
    ],
    [
      'event.customer',
      { type: 'object', required: ['phone'], properties: { phone: { type: 'integer' } } },
      ['missing-member phone'],
    ],
    ['event.customer', { type: 'object', properties: { age: { type: 'string' } } }, ['wrong-type age']],
    ['event.tags', { type: 'array', items: { type: 'integer' } }, ['wrong-type *']],
    ['event.method', { oneOf: [{ $ref: '#/$defs/card' }, { $ref: '#/$defs/bank' }] }, []],
    ['event.method', { $ref: '#/$defs/card' }, ['value-outside-enum type', 'missing-member last4']],
    ["{'v': 1, 'next': {'v': 2}}", { $ref: '#/$defs/node' }, []],
    ["{'v': 1, 'next': {'v': 'x'}}", { $ref: '#/$defs/node' }, ['wrong-type next.v']],
    ['dyn(event.id)', { type: 'integer' }, []],
    ['dyn(event.tags).map(t, t)', { type: 'array', items: { type: 'string' }, minItems: 1 }, []],
    ['dyn(event.tags).filter(t, t > 1)', { type: 'array', items: { type: 'string' }, minItems: 1 }, []],
    ['event.tags.map(t, t)', { type: 'array', minItems: 1 }, ['list-may-be-too-short']],
    ['dyn(event.tags).map(t, 1)', { type: 'array', items: { type: 'string' } }, ['wrong-type *']],
    ['event.id', true, []],
  ])('%s to %j gives %j', (source, target, expected) => {
    expect(sent(source, target)).toEqual(expected);
  });

  it('of recursive types to each other ends', () => {
    const node = typeOf({ $ref: '#/$defs/node' });
    const other = schemaTypes({
      node: {
        type: 'object',
        required: ['v'],
        properties: { v: { type: 'number' }, next: { $ref: '#/$defs/node' } },
      },
    }).typeOf({ $ref: '#/$defs/node' });
    expect(assignmentIssues(node, other)).toEqual([]);
    expect(assignmentIssues(other, node).map((issue) => issue.code)).toContain('integer-expected');
  });
});

it('never throws, whatever the parser has made of a text', () => {
  const part = fc.constantFrom(
    ...[
      'event',
      '.',
      'plan',
      '.?',
      '(',
      ')',
      '[',
      ']',
      "'x'",
      '==',
      ' in ',
      '.map(x, ',
      'x',
      '&&',
      '||',
      '?',
      ':',
      '{',
    ],
    ...[
      ',',
      'policy.large',
      'has(',
      'default(',
      'size(',
      '1',
      '!',
      '-',
      '+',
      'optional.of',
      '.value()',
      '.orValue(',
      '0',
    ],
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const { ast } = parseExpression(parts.join(''));
      for (const check of [checkExpression, checkCondition]) check(ast, environment);
      assume(ast, environment);
    }),
    { numRuns: 3000 },
  );
});

describe('expressions made to keep the checker busy', () => {
  const depth = 150;
  const alternating = (part: string): string => {
    let source = part;
    for (let i = 0; i < depth; i++) source = `(${source} ${i % 2 === 0 ? '&&' : '||'} ${part})`;
    return source;
  };
  const compared = `${'('.repeat(depth)}event.plan${" == 'x')".repeat(depth)}`;
  const policies = Object.fromEntries(
    Array.from({ length: 14 }, (_, i) => [
      `p${i}`,
      {
        parameters: ['n'],
        expression: i === 13 ? 'n > 1' : `policy.p${i + 1}(n) && policy.p${i + 1}(n) && policy.p${i + 1}(n)`,
      },
    ]),
  );
  it.each([
    ['guards', alternating('has(event.coupon)')],
    ['comparisons', alternating("event.nickname == 'x'")],
    ['conditions', `${'(has(event.coupon) ? '.repeat(100)}true${' : false)'.repeat(100)}`],
    ['comparisons of comparisons', compared],
    ['policies', 'policy.p0(event.total)'],
    ['macros', `${'event.items.filter(i, has(i.note) && '.repeat(35)}true${').size() > 0'.repeat(35)}`],
  ])('nested %s end soon', (_what, source) => {
    const { ast, errors } = parseExpression(source);
    expect(errors).toEqual([]);
    const started = performance.now();
    checkExpression(ast, { ...environment, policies });
    // Not a measurement: without bounds these take longer than the universe has.
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('a condition that no data can change', () => {
  const condition = (source: string): readonly string[] =>
    checkCondition(parseExpression(source).ast, environment).issues.map(
      ({ code, start, end }) => `${code} ${source.slice(start, end)}`,
    );

  it.each(['true', '!false', '1 == 1', '2 > 1', "'a' != 'b'", 'event.count == event.count'])(
    '%s is always true',
    (source) => expect(condition(source)).toEqual([`always-true ${source}`]),
  );

  it.each(['false', '1 > 2', 'event.count != event.count'])('%s is always false', (source) =>
    expect(condition(source)).toEqual([`always-false ${source}`]),
  );

  it.each([
    'event.count > 1',
    'event.count == event.total',
    'event.items[0].sku == event.id || size(event.items) == 0',
  ])('%s is not settled', (source) =>
    expect(condition(source).filter((one) => one.startsWith('always'))).toEqual([]),
  );

  it('a reason for declassifying is said', () => {
    expect(codes("declassify(event.id, ' ')")).toEqual(["wrong-arguments ' '"]);
  });
});

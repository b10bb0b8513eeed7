import { describe, expect, it } from 'vitest';
import { compileValidator } from './validate.ts';

const invoice = compileValidator({
  type: 'object',
  required: ['id', 'amount'],
  properties: {
    id: { type: 'string', format: 'uuid' },
    amount: { type: 'integer', minimum: 1 },
    status: { enum: ['open', 'paid'] },
    email: { type: ['string', 'null'], format: 'email' },
  },
  additionalProperties: false,
});
const id = '8b0f5ae0-54f4-4d0b-9c4e-0d5e3a5f7f11';

describe('compileValidator', () => {
  it('takes a value that fits', () => {
    expect(invoice({ id, amount: 3, status: 'open', email: null })).toEqual([]);
  });

  it('points at a missing field, an unknown one and each wrong one', () => {
    expect(invoice({ id: 'x', status: 'closed', 'a/b': 1 })).toEqual([
      { pointer: '/amount', keyword: 'required', message: 'is required' },
      { pointer: '/a~1b', keyword: 'additionalProperties', message: 'is not a field here' },
      { pointer: '/id', keyword: 'format', message: 'must be a valid uuid' },
      { pointer: '/status', keyword: 'enum', message: 'must be one of "open", "paid"' },
    ]);
  });

  it('follows references into the definitions handed in, cycles included', () => {
    const tree = compileValidator(
      { $ref: '#/$defs/Node' },
      {
        definitions: {
          Node: {
            type: 'object',
            required: ['name'],
            properties: {
              name: { type: 'string' },
              children: { type: 'array', items: { $ref: '#/$defs/Node' } },
            },
          },
        },
      },
    );
    expect(tree({ name: 'a', children: [{ name: 'b', children: [] }] })).toEqual([]);
    expect(tree({ name: 'a', children: [{ children: [] }] })).toMatchObject([
      { pointer: '/children/0/name', keyword: 'required' },
    ]);
  });

  it('reports the branch of an alternative that came deepest, not every branch', () => {
    const either = compileValidator({
      anyOf: [
        { type: 'null' },
        { type: 'object', required: ['kind'], properties: { kind: { const: 'card' } } },
      ],
    });
    expect(either({ kind: 'cash' })).toEqual([
      { pointer: '/kind', keyword: 'const', message: 'must be "card"' },
    ]);
    expect(either(3)).toEqual([{ pointer: '', keyword: 'anyOf', message: 'fits none of the alternatives' }]);
  });

  it('never repeats the value, which may be personal', () => {
    expect(JSON.stringify(invoice({ id: 'ada@example.com', amount: 0, email: 'secret' }))).not.toMatch(
      /ada|secret/,
    );
  });

  it('tolerates keywords and formats it does not know', () => {
    expect(
      compileValidator({
        type: 'string',
        format: 'decimal',
        'x-internal': true,
        discriminator: { propertyName: 'a' },
      })('1'),
    ).toEqual([]);
  });

  it.each(['^(a+)+$', '^(a|a)*$', '^([a-z]+)*\\d$', '(x+x+)+y'])(
    'is not held up by the pattern %s',
    (pattern) => {
      const validate = compileValidator({ type: 'string', pattern });
      expect(validate(`${'a'.repeat(5_000)}!`)).toMatchObject([{ keyword: 'pattern' }]);
      expect(validate(`${'x'.repeat(5_000)}!`)).toMatchObject([{ keyword: 'pattern' }]);
    },
  );

  it('keeps two such patterns of one schema apart', () => {
    const pair = compileValidator({
      type: 'object',
      properties: { letters: { pattern: '^(a+)+$' }, digits: { pattern: '^([0-9]+(ms|s))+$' } },
    });
    expect(pair({ letters: 'aaa', digits: '15ms' })).toEqual([]);
    expect(pair({ letters: '15ms', digits: 'aaa' })).toHaveLength(2);
  });

  it('means the same by a pattern on either engine', () => {
    const validate = compileValidator({
      type: 'string',
      pattern: '^(?:[a-z0-9]+(?:-[a-z0-9]+)*|ü\\/\\p{L}+)$',
    });
    for (const text of ['abc-1', 'ü/ß', 'a']) expect(validate(text)).toEqual([]);
    for (const text of ['-a', 'a-', 'ü/1', '']) expect(validate(text)).toHaveLength(1);
  });

  it('says of values of others only where the schema has a name for it: keys of a map may be of somebody', () => {
    const definitions = { Card: { type: 'object', properties: { number: { type: 'string' } } } };
    const ofOthers = compileValidator(
      {
        type: 'object',
        properties: {
          cards: { type: 'object', additionalProperties: { $ref: '#/$defs/Card' } },
          notes: { type: 'array', items: { type: 'object', patternProperties: { '@': { type: 'string' } } } },
          total: { type: 'integer' },
        },
        additionalProperties: false,
      },
      { definitions, hidesNames: true },
    );
    const cards = { 'ada@shop.example': { number: 1 } };
    const notes = [{}, { 'ada@shop.example': 1 }];
    expect(
      ofOthers({ cards, notes, total: 'x', 'ada@shop.example': 1, discount: 1 }).map(
        ({ pointer }) => pointer,
      ),
    ).toEqual(['/*', '/discount', '/cards/*/number', '/notes/1/*', '/total']);
  });

  it.each([
    ['^[^@\\s]+@[^@\\s]+\\.[^@\\s]+$', `a@${'.'.repeat(400_000)} `],
    ['\\s+$', `${' '.repeat(400_000)}x`],
    ['^a*a*a*$', `${'a'.repeat(20_000)}!`],
  ])('takes no power of the length of a text for the pattern %s', (pattern, text) => {
    const start = process.cpuUsage();
    expect(compileValidator({ type: 'string', pattern })(text)).toMatchObject([{ keyword: 'pattern' }]);
    // By the engine of JavaScript: from a minute to a day.
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(3_000);
  });

  it.each([
    ['url', `http://${':'.repeat(200_000)}`, 1],
    ['uri', `data:text/plain,${'a/'.repeat(7_000_000)}`, 0],
    ['uri', `data:text/plain,${'a '.repeat(7_000_000)}`, 1],
    ['uri-reference', 'a/'.repeat(7_000_000), 0],
    ['uri-template', '{a}'.repeat(4_000_000), 0],
    ['json-pointer', '/a'.repeat(7_000_000), 0],
    ['email', `a@${'a'.repeat(400_000)}.x`, 1],
    ['byte', 'AAAA'.repeat(3_500_000), 0],
  ])('is not held up by a long text of format %s', (format, text, issues) => {
    const start = process.cpuUsage();
    expect(compileValidator({ type: 'string', format })(text)).toHaveLength(issues);
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(3_000);
  });

  it('does not run out of stack over a repeat of many characters', () => {
    const validate = compileValidator({ type: 'string', pattern: '^(?:ab)*$' });
    expect(validate('ab'.repeat(8_000_000))).toEqual([]);
  });

  it('does not try a pattern with look-around on a text that is too long anyway', () => {
    const schema = { type: 'string', maxLength: 50, pattern: '^(?!-)([a-z]+)*$' };
    expect(compileValidator(schema)(`${'a'.repeat(60)}!`)).toMatchObject([{ keyword: 'maxLength' }]);
    expect(compileValidator(schema)('-a')).toMatchObject([{ keyword: 'pattern' }]);
  });

  it('means the same by blanks and by any character in a text of any length', () => {
    const blank = compileValidator({ type: 'string', pattern: '^\\S+[\\s!]+\\S+$' });
    const line = compileValidator({ type: 'string', pattern: '^.+x.+$' });
    for (const length of [3, 5_000]) {
      const long = 'x'.repeat(length);
      expect(blank(`${long}\u00a0\u3000${long}`)).toEqual([]);
      expect(blank(`${long}\ufeff${long}`)).toEqual([]);
      expect(blank(long)).toHaveLength(1);
      expect(line(long)).toEqual([]);
      expect(line(`${long}\r${long}`)).toHaveLength(1);
      expect(line(`${long}\u2028${long}`)).toHaveLength(1);
    }
  });

  it('lists no more issues than asked for', () => {
    const validate = compileValidator({ type: 'array', items: { type: 'string' } }, { issuesMax: 2 });
    expect(validate([1, 2, 3, 4])).toHaveLength(2);
  });
});

describe('a value that does not fit in very many ways', () => {
  it('is refused at the first of them, and takes no time for the rest', () => {
    const list = compileValidator({
      type: 'array',
      items: { anyOf: [{ type: 'object', required: ['a'] }, { type: 'string' }] },
    });
    const start = process.cpuUsage();
    expect(list(Array.from({ length: 200_000 }, () => 0))).toMatchObject([{ pointer: '/0' }]);
    // Each is three errors, and each was held against each other.
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
  });

  it('has all of its faults told while it is small', () => {
    const list = compileValidator({ type: 'array', items: { type: 'string' } });
    expect(list([0, 'a', 1]).map(({ pointer }) => pointer)).toEqual(['/0', '/2']);
  });
});

describe('alternatives that lead to themselves', () => {
  const both = (op: string) => ({
    type: 'object',
    // What tells them apart stands behind what leads on.
    properties: { of: { type: 'array', items: { $ref: '#/$defs/Filter' } }, op: { const: op } },
    required: ['of', 'op'],
  });
  const filter = compileValidator(
    { $ref: '#/$defs/Filter' },
    {
      definitions: {
        Filter: { oneOf: [both('and'), both('or'), { $ref: '#/$defs/Leaf' }] },
        Leaf: { type: 'object', required: ['field'], properties: { field: { type: 'string' } } },
      },
    },
  );
  const nested = (levels: number, leaf: unknown): unknown =>
    Array.from({ length: levels }).reduce((of) => ({ op: 'and', of: [of] }), leaf);

  it('are gone through once at each level of a value, whether it fits or not', () => {
    const start = process.cpuUsage();
    expect(filter(nested(60, { field: 'a' }))).toEqual([]);
    expect(filter(nested(60, { field: 1 })).map(({ pointer }) => pointer)).toContain(
      `${'/of/0'.repeat(60)}/field`,
    );
    // Twice as long with each level: not in a lifetime.
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(5_000);
  });

  const next = { properties: { next: { $ref: '#/$defs/Node' } } };
  it.each([
    { allOf: [next, next] },
    { ...next, patternProperties: { '^n': { $ref: '#/$defs/Node' } } },
    { ...next, not: { ...next, required: ['wrong'] } },
    { $ref: '#/$defs/Half', ...next },
  ])('are gone through once, whatever leads on in two ways: %j', (Node) => {
    const validate = compileValidator(
      { $ref: '#/$defs/Node' },
      { definitions: { Node: { type: 'object', ...Node }, Half: next } },
    );
    const chain = Array.from({ length: 60 }).reduce((inner) => ({ next: inner }), {});
    expect(validate(chain)).toEqual([]);
  });

  it('forget what they found of one value before the next', () => {
    const leaf: { field: unknown } = { field: 'a' };
    const value = nested(2, leaf);
    expect(filter(value)).toEqual([]);
    leaf.field = 1;
    expect(filter(value)).not.toEqual([]);
  });

  it('are held against a part each for itself', () => {
    const pair = compileValidator(
      {
        type: 'object',
        properties: { a: { $ref: '#/$defs/A' }, b: { $ref: '#/$defs/B' } },
      },
      {
        definitions: {
          A: { type: 'object', required: ['x'], properties: { in: { $ref: '#/$defs/B' } } },
          B: { type: 'object', required: ['y'], properties: { in: { $ref: '#/$defs/A' } } },
        },
      },
    );
    const shared = { x: 1 };
    expect(pair({ a: shared, b: shared }).map(({ pointer }) => pointer)).toEqual(['/b/y']);
    expect(pair({ a: { x: 1, in: { x: 1 } } }).map(({ pointer }) => pointer)).toEqual(['/a/in/y']);
  });

  it('that ask what was evaluated below a reference are told', () => {
    const closed = compileValidator(
      { $ref: '#/$defs/Node', unevaluatedProperties: false },
      {
        definitions: {
          Node: { type: 'object', properties: { next: { $ref: '#/$defs/Node' } } },
        },
      },
    );
    expect(closed({ next: {} })).toEqual([]);
    expect(closed({ other: 1 })).toMatchObject([{ pointer: '/other' }]);
  });
});

describe('a list whose items must differ', () => {
  const list = compileValidator({ properties: { tags: { type: 'array', uniqueItems: true } } });

  it('is refused for items that are equal as JSON, and names them', () => {
    expect(list({ tags: [1, { a: 1, b: [2] }, '1', { b: [2], a: 1 }] })).toEqual([
      {
        pointer: '/tags',
        keyword: 'uniqueItems',
        message: 'must have no equal items (items 1 and 3 are)',
      },
    ]);
    expect(list({ tags: [1, '1', true, null, [], {}, [1], { a: 1 }] })).toEqual([]);
    expect(compileValidator({ uniqueItems: false })([1, 1])).toEqual([]);
  });

  it('is read once, however long it is', () => {
    const items = Array.from({ length: 40_000 }, (_, id) => ({ id, name: 'x', tags: [] }));
    const start = process.cpuUsage();
    expect(list({ tags: items })).toEqual([]);
    // Held against each other, these take some 10 s.
    expect(process.cpuUsage(start).user / 1_000).toBeLessThan(2_000);
  });
});

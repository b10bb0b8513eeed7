import {
  type ContractUsage,
  loadContract,
  loadContractText,
  type SentCredentials,
  type UsageBetween,
} from '@tenon/contract';
import type { Location } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import {
  acceptFinding,
  applyWaivers,
  blockingOf,
  contractTest,
  diffContracts,
  diffSchemas,
  isBlocking,
  loadWaivers,
  renderMarkdown,
  toDiagnostics,
  toJson,
} from './index.ts';

const NOW = Date.UTC(2026, 5, 1);

/** Of pipelines that were not changed along with the contract. */
function between(before: readonly ContractUsage[]): UsageBetween {
  return { before, after: [] };
}

async function contract(
  schemas: Readonly<Record<string, unknown>>,
  more: Readonly<Record<string, unknown>> = {},
) {
  const document = {
    openapi: '3.0.3',
    info: { title: 'Orders', version: '1.0.0' },
    paths: Object.fromEntries(
      ['/orders', '/carts'].map((path) => [
        path,
        {
          post: {
            operationId: path === '/orders' ? 'placeOrder' : 'fillCart',
            requestBody: {
              required: true,
              content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
            },
            responses: {
              200: {
                description: 'ok',
                content: { 'application/json': { schema: { $ref: '#/components/schemas/Order' } } },
              },
            },
          },
        },
      ]),
    ),
    components: { schemas },
    ...more,
  };
  const { value } = await loadContractText('orders', 'orders.json', JSON.stringify(document, null, 2));
  return value!;
}

const line = {
  type: 'object',
  required: ['sku'],
  properties: { sku: { type: 'string' }, note: { type: 'string' } },
};
const order = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    lines: { type: 'array', items: { $ref: '#/components/schemas/Line' } },
  },
};

const at: Location = {
  file: 'pipelines/a.pipeline.yaml',
  range: { start: { line: 9, column: 5, offset: 100 }, end: { line: 9, column: 20, offset: 115 } },
};

function usage(path: string, kind: 'request' | 'response' = 'response'): ContractUsage {
  return {
    pipeline: 'a',
    step: 'order',
    contract: 'orders',
    target: { kind, operation: 'placeOrder' },
    access: kind === 'request' ? 'write' : 'read',
    path,
    expression: 'steps.order.lines[0].note',
    at,
    owner: 'team-a',
  };
}

async function noteRemoved(used?: readonly ContractUsage[]) {
  const { note: _, ...properties } = line.properties;
  return diffContracts(
    await contract({ Order: order, Line: line }),
    await contract({ Order: order, Line: { ...line, properties } }),
    { now: NOW, ...(used && { usage: between(used) }) },
  );
}

describe('a change in a shared component', () => {
  it('is one finding with the operations it touches', async () => {
    const { findings, checked } = await noteRemoved();
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatchObject({
      rule: 'property-removed',
      severity: 'risky',
      operations: ['placeOrder', 'fillCart'],
      impact: 'unknown',
    });
    expect(checked).toEqual({ operations: 2, messages: 0, schemas: 4 });
  });

  it('is said to be nothing when only its name changed', async () => {
    const renamed = {
      ...order,
      properties: {
        ...order.properties,
        lines: { type: 'array', items: { $ref: '#/components/schemas/Row' } },
      },
    };
    const { findings } = diffContracts(
      await contract({ Order: order, Line: line }),
      await contract({ Order: renamed, Row: line }),
    );
    expect(findings.map(({ rule, severity }) => [rule, severity])).toEqual([['component-renamed', 'source']]);
  });

  it('says so when a property only got another name', async () => {
    const { note, ...properties } = line.properties;
    const { findings } = diffContracts(
      await contract({ Order: order, Line: line }),
      await contract({ Order: order, Line: { ...line, properties: { ...properties, notes: note } } }),
    );
    const [gone] = findings.filter(({ rule }) => rule === 'property-removed');
    expect(gone!.message).toContain('property `note` is gone, and `notes` looks like its new name');
  });

  it('has a fingerprint that survives unrelated changes', async () => {
    const [first] = (await noteRemoved()).findings;
    const moved = await contract({ Order: order, Line: line }, { tags: [{ name: 'new' }] });
    const { note: _, ...properties } = line.properties;
    const second = diffContracts(
      moved,
      await contract({ Order: order, Line: { ...line, properties }, Other: { type: 'string' } }),
    );
    expect(second.findings.map(({ fingerprint }) => fingerprint)).toContain(first!.fingerprint);
  });
});

describe('the victims of a change', () => {
  it('make a removed field a break, with pipeline, step and expression', async () => {
    const report = await noteRemoved([usage('/lines/*/note')]);
    const [finding] = report.findings;
    expect(finding).toMatchObject({
      severity: 'breaking',
      impact: 'used',
      usage: [
        {
          pipeline: 'a',
          step: 'order',
          expression: 'steps.order.lines[0].note',
          file: at.file,
          line: 9,
          column: 5,
          owner: 'team-a',
        },
      ],
    });
    expect(isBlocking(finding!)).toBe(true);
  });

  it('are none where another field is read, and then nothing blocks', async () => {
    const report = await noteRemoved([usage('/lines/*/sku'), usage('/id')]);
    expect(report.findings[0]).toMatchObject({ severity: 'risky', impact: 'unused', usage: [] });
    expect(blockingOf(report)).toEqual({ findings: [], undecided: 0 });
  });

  it('are none where of a list only the number of its items is read', async () => {
    const report = await noteRemoved([{ ...usage('/lines'), itemsUnread: true }]);
    expect(report.findings[0]).toMatchObject({ severity: 'risky', impact: 'unused', usage: [] });
    const whole = await noteRemoved([usage('/lines')]);
    expect(whole.findings[0]).toMatchObject({ severity: 'breaking', impact: 'used' });
    const { lines: _, ...properties } = order.properties;
    const gone = diffContracts(
      await contract({ Order: order, Line: line }),
      await contract({ Order: { ...order, required: ['id'], properties }, Line: line }),
      { now: NOW, usage: between([{ ...usage('/lines'), itemsUnread: true }]) },
    );
    expect(gone.findings.find(({ rule }) => rule === 'property-removed')).toMatchObject({ impact: 'used' });
  });

  it('include who sends an object that lacks what is now required', async () => {
    const report = diffContracts(
      await contract({ Order: order, Line: line }),
      await contract({ Order: order, Line: { ...line, required: ['sku', 'note'] } }),
      { usage: between([usage('/body/lines/*/sku', 'request')]) },
    );
    expect(report.findings[0]).toMatchObject({
      rule: 'property-became-required',
      impact: 'used',
      acceptedBy: 'base',
    });
  });

  it('are not those that send what is now required', async () => {
    const sending = (...more: ContractUsage[]) => [
      usage('/body/lines/*/sku', 'request'),
      usage('/body/lines/*/note', 'request'),
      ...more,
    ];
    const required = async (given: readonly ContractUsage[]) =>
      diffContracts(
        await contract({ Order: order, Line: line }),
        await contract({ Order: order, Line: { ...line, required: ['sku', 'note'] } }),
        { usage: between(given) },
      );
    const mended = await required(sending());
    expect(mended.findings[0]).toMatchObject({
      rule: 'property-became-required',
      impact: 'unused',
      usage: [],
    });
    expect(blockingOf(mended).findings).toEqual([]);
    const other = { ...usage('/body/lines/*/sku', 'request'), pipeline: 'b' };
    const [finding] = (await required(sending(other))).findings;
    expect(
      finding!.usage.map(({ pipeline }) => pipeline),
      'who still leaves it out',
    ).toEqual(['b']);
    const whole = { ...usage('/body', 'request'), pipeline: 'c' };
    expect((await required([whole])).findings[0]!.impact, 'what is passed on whole may lack it').toBe('used');
  });

  it('include who sends it in one place of a request and leaves it out in another', async () => {
    const address = (required: readonly string[]) => ({
      type: 'object',
      required,
      properties: { street: { type: 'string' }, zip: { type: 'string' } },
    });
    const ref = { $ref: '#/components/schemas/Address' };
    const twice = { type: 'object', properties: { billing: ref, shipping: ref } };
    const required = async (...paths: readonly string[]) => {
      const report = diffContracts(
        await contract({ Order: twice, Address: address(['street']) }),
        await contract({ Order: twice, Address: address(['street', 'zip']) }),
        { usage: between(paths.map((path) => usage(path, 'request'))) },
      );
      return [report.findings[0]!.impact, blockingOf(report).findings.length];
    };
    const [billing, shipping] = [
      ['/body/billing/street', '/body/billing/zip'],
      ['/body/shipping/street', '/body/shipping/zip'],
    ];
    expect(await required(...billing, shipping[0]!)).toEqual(['used', 1]);
    expect(await required(...billing, '/body/shipping'), 'passed on whole').toEqual(['used', 1]);
    expect(await required(...billing), 'the other is not sent').toEqual(['unused', 0]);
    expect(await required(...billing, ...shipping)).toEqual(['unused', 0]);
  });

  it('include who sends it in a call and leaves it out of the one that undoes it', async () => {
    const paths = ['/body/lines/*/sku', '/body/lines/*/note'];
    const undone = async (undoing: readonly string[]) => {
      const used = [
        ...paths.map((path) => usage(path, 'request')),
        ...undoing.map((path) => ({ ...usage(path, 'request'), call: 'undo' as const })),
      ];
      const report = diffContracts(
        await contract({ Order: order, Line: line }),
        await contract({ Order: order, Line: { ...line, required: ['sku', 'note'] } }),
        { usage: between(used) },
      );
      return report.findings[0]!.impact;
    };
    expect(await undone(paths.slice(0, 1))).toBe('used');
    expect(await undone(paths)).toBe('unused');
  });

  it('include who sends it in one item of a list and leaves it out in another', async () => {
    const required = async (...places: readonly string[]) => {
      const report = diffContracts(
        await contract({ Order: order, Line: line }),
        await contract({ Order: order, Line: { ...line, required: ['sku', 'note'] } }),
        {
          usage: between(
            places.map((place) => ({ ...usage(place.replaceAll(/\d+/g, '*'), 'request'), place })),
          ),
        },
      );
      return report.findings[0]!.impact;
    };
    const first = ['/body/lines/0/sku', '/body/lines/0/note'];
    expect(await required(...first, '/body/lines/1/sku')).toBe('used');
    expect(await required(...first, '/body/lines/1'), 'an item that is one expression').toBe('used');
    expect(await required(...first, '/body/lines/1/sku', '/body/lines/1/note')).toBe('unused');
  });
});

describe('a witness', () => {
  it('is a whole message, and tells where the offence is', async () => {
    const report = diffContracts(
      await contract({ Order: order, Line: line }),
      await contract({
        Order: order,
        Line: { ...line, properties: { ...line.properties, sku: { type: 'string', minLength: 3 } } },
      }),
    );
    const [finding] = report.findings;
    expect(finding).toMatchObject({
      rule: 'min-length-narrowed',
      severity: 'breaking',
      direction: 'request',
      acceptedBy: 'base',
      witness: { lines: [{ sku: '' }] },
      witnessAt: '/lines/*/sku',
    });
    expect(contractTest(finding!)).toContain('expect(ajv.validate(schema, witness)).toBe(false)');
  });

  it('needs nothing that the documents do not declare', async () => {
    const report = diffContracts(
      await contract({ Order: order, Line: line }),
      await contract({ Order: { ...order, additionalProperties: false }, Line: line }),
    );
    expect(report.findings.map(({ rule, severity }) => [rule, severity])).toEqual([
      ['additional-properties-narrowed', 'risky'],
    ]);
  });
});

describe('waivers.yaml', () => {
  it('takes an accepted finding out of what blocks', async () => {
    const report = await noteRemoved([usage('/lines/*/note')]);
    const { fingerprint } = report.findings[0]!;
    const text = acceptFinding(undefined, {
      fingerprint,
      reason: 'agreed: ticket 8',
      owner: 'team-a',
      expires: '2027-01-01',
    });
    const loaded = loadWaivers('waivers.yaml', text);
    expect(loaded.diagnostics).toEqual([]);
    const applied = applyWaivers(report, loaded.value!, NOW);
    expect(applied.diagnostics).toEqual([]);
    expect(blockingOf(applied.report)).toEqual({ findings: [], undecided: 0 });
    expect(applied.report.findings[0]!.waiver).toEqual({
      reason: 'agreed: ticket 8',
      owner: 'team-a',
      expires: '2027-01-01',
    });
  });

  it('keeps what stands in it when one more finding is accepted, and replaces an old entry', () => {
    const entry = { reason: 'because', owner: 'team-a', expires: '2027-01-01' };
    const first = acceptFinding('# ours\nwaivers: []\n', { ...entry, fingerprint: '0123456789abcdef' });
    const second = acceptFinding(first, { ...entry, fingerprint: 'fedcba9876543210' });
    const third = acceptFinding(second, { ...entry, fingerprint: '0123456789abcdef', reason: 'again' });
    expect(third.startsWith('# ours\n')).toBe(true);
    expect(
      loadWaivers('waivers.yaml', third).value!.waivers.map(({ fingerprint, reason }) => [
        fingerprint,
        reason,
      ]),
    ).toEqual([
      ['fedcba9876543210', 'because'],
      ['0123456789abcdef', 'again'],
    ]);
  });

  it('names the line of an entry that has expired', async () => {
    const report = await noteRemoved();
    const { fingerprint } = report.findings[0]!;
    const text = acceptFinding(undefined, {
      fingerprint,
      reason: 'agreed',
      owner: 'team-a',
      expires: '2026-05-31',
    });
    const { diagnostics } = applyWaivers(report, loadWaivers('waivers.yaml', text).value!, NOW);
    expect(diagnostics.map(({ code, file, range }) => [code, file, range?.start.line])).toEqual([
      ['waiver-expired', 'waivers.yaml', 2],
    ]);
  });
});

describe('the report', () => {
  it('has the keys of the format, in their order', async () => {
    const json = toJson(await noteRemoved());
    expect(Object.keys(json).slice(0, 3)).toEqual(['checked', 'findings', 'undecided']);
    expect(Object.keys(json.findings[0]!).slice(0, 11)).toEqual(
      'rule severity direction operation pointer at message witness acceptedBy usage fingerprint'.split(' '),
    );
    expect(json.findings[0]).toMatchObject({
      pointer: { base: '/components/schemas/Line/properties/note', revision: '/components/schemas/Line' },
      at: { base: { file: 'orders.json' }, revision: { file: 'orders.json' } },
    });
  });

  it('names the victims in the comment for a pull request', async () => {
    const base = await contract({ Order: order, Line: line });
    const text = renderMarkdown(await noteRemoved([usage('/lines/*/note')]), base);
    expect(text).toContain('## Contract `orders`: 1 finding blocks');
    expect(text).toContain(
      '| a | order | `steps.order.lines[0].note` | pipelines/a.pipeline.yaml:9:5 | team-a |',
    );
  });

  it('stands at the revision, with the base and the victims beside', async () => {
    const [diagnostic] = toDiagnostics(await noteRemoved([usage('/lines/*/note')]));
    expect(diagnostic).toMatchObject({
      code: 'property-removed',
      severity: 'error',
      file: 'orders.json',
      owner: 'team-a',
    });
    expect(diagnostic!.related.map(({ file }) => file)).toEqual(['orders.json', 'pipelines/a.pipeline.yaml']);
  });

  it.each([
    [
      'request',
      { type: 'string', maxLength: 40 },
      { type: 'string' },
      'max-length-widened',
      'by the version before',
    ],
    ['response', { enum: ['a', 'b'] }, { enum: ['a'] }, 'enum-value-removed', 'by this version'],
  ])('does not call refused what is harmless in a %s', async (direction, before, after, rule, words) => {
    const holding = (schema: unknown) => {
      const body = { content: { 'application/json': { schema } } };
      const post = {
        operationId: 'send',
        ...(direction === 'request' && { requestBody: { required: true, ...body } }),
        responses: { 200: { description: 'ok', ...(direction === 'response' && body) } },
      };
      return contract({}, { paths: { '/things': { post } } });
    };
    const report = diffContracts(await holding(before), await holding(after), { now: NOW });
    const [found, ...more] = toDiagnostics(report);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ code: rule, severity: 'info' });
    expect(found!.why).toContain(words);
    expect(found!.why).not.toMatch(/refused|witness/);
    expect(found!.fix).toMatch(/^(Nothing to do|Regenerate)/);
    // The other way round it does harm, and the witness is shown.
    const [harm] = toDiagnostics(diffContracts(await holding(after), await holding(before), { now: NOW }));
    expect(harm!.why).toMatch(/accepts and the .* refuses|does not know it/);
  });

  it('says the same on every run', async () => {
    const [first, second] = [await noteRemoved(), await noteRemoved()];
    expect(JSON.stringify(toJson(first))).toBe(JSON.stringify(toJson(second)));
  });
});

describe('two bare schemas', () => {
  it('break the side that sends', () => {
    const [wide, narrow] = [{ type: 'integer' }, { type: 'integer', minimum: 1 }];
    expect(diffSchemas(wide, narrow, 'request')).toMatchObject({
      verdict: 'breaking',
      witness: 0,
      acceptedBy: 'base',
    });
    expect(diffSchemas(wide, narrow, 'response').verdict).toBe('safe');
    expect(diffSchemas(narrow, wide, 'response')).toMatchObject({
      verdict: 'breaking',
      acceptedBy: 'revision',
    });
  });
});

describe('a schema that no value satisfies', () => {
  const impossible = (minLength: number) => ({
    Order: {
      ...order,
      properties: { ...order.properties, code: { type: 'string', maxLength: 3, minLength } },
    },
    Line: line,
  });

  it('is held for review when it changes, for it was meant to accept something', async () => {
    const report = diffContracts(await contract(impossible(5)), await contract(impossible(6)));
    expect(report.undecided.map(({ keyword }) => keyword)).toEqual(['unsatisfiable']);
    expect(blockingOf(report).undecided).toBe(1);
  });
});

describe('a property with a sunset', () => {
  const dated = (sunset: string) => ({
    Order: order,
    Line: {
      ...line,
      properties: { ...line.properties, note: { type: 'string', deprecated: true, 'x-sunset': sunset } },
    },
  });
  const { note: _, ...without } = line.properties;
  const gone = { Order: order, Line: { ...line, properties: without } };
  const rulesOf = async (sunset: string): Promise<string[]> => {
    const report = diffContracts(await contract(dated(sunset)), await contract(gone), { now: NOW });
    return blockingOf(report).findings.map(({ rule }) => rule);
  };

  it('may go after it and not before', async () => {
    expect(await rulesOf('2027-01-01')).toEqual(['removed-before-sunset']);
    expect(await rulesOf('2026-01-01')).toEqual([]);
    expect(await rulesOf('next spring')).toEqual(['sunset-unreadable']);
  });
});

describe('another default of a parameter', () => {
  const withDefault = (value: number) => ({
    paths: {
      '/orders': {
        get: {
          operationId: 'placeOrder',
          parameters: [{ name: 'limit', in: 'query', schema: { type: 'integer', default: value } }],
          responses: { 200: { description: 'ok' } },
        },
      },
    },
  });
  const blocking = async (used: readonly ContractUsage[]): Promise<string[]> => {
    const [base, revision] = [await contract({}, withDefault(10)), await contract({}, withDefault(20))];
    return blockingOf(diffContracts(base, revision, { usage: between(used) })).findings.map(
      ({ rule }) => rule,
    );
  };

  it('blocks for who leaves it out, and for nobody else', async () => {
    expect(await blocking([usage('/0/id')])).toEqual(['parameter-default-changed']);
    expect(await blocking([usage('/0/id'), usage('/limit', 'request')])).toEqual([]);
    expect(await blocking([])).toEqual([]);
    const reading = { ...usage('/0/id'), step: 'later' };
    expect(await blocking([usage('/limit', 'request'), reading]), 'who reads makes no call').toEqual([]);
    const bare = { ...usage('', 'request'), isNaming: true as const };
    expect(await blocking([bare]), 'a call with nothing').toEqual(['parameter-default-changed']);
    expect(await blocking([usage('', 'request')]), 'nobody knows').toEqual(['parameter-default-changed']);
  });
});

describe('another default of what nobody can leave out', () => {
  const posting = (parts: object) =>
    contract(
      {},
      {
        paths: {
          '/orders': {
            post: { operationId: 'placeOrder', responses: { 200: { description: 'ok' } }, ...parts },
          },
        },
      },
    );
  const parameter = (required: boolean) => (schema: object) => ({
    parameters: [{ name: 'limit', in: 'query', required, schema }],
  });
  const body = (bodySchema: object, required = true) => ({
    requestBody: { required, content: { 'application/json': { schema: bodySchema } } },
  });
  const member = (required: readonly string[]) => (terms: object) =>
    body({ type: 'object', required, properties: { terms } });
  const blocking = async (at: (schema: object) => object) => {
    const [base, revision] = [10, 20].map((value) => posting(at({ type: 'integer', default: value })));
    return blockingOf(diffContracts(await base!, await revision!)).findings.map(({ rule }) => rule);
  };

  it.each([
    ['a parameter', parameter(true), parameter(false), 'parameter-default-changed'],
    ['a member', member(['terms']), member([]), 'default-changed'],
    [
      'a part of what is put together',
      (terms: object) =>
        body({
          allOf: [{ type: 'object', required: ['terms'], properties: { terms } }, { minProperties: 1 }],
        }),
      (terms: object) => body({ allOf: [{ type: 'object', properties: { terms } }, { minProperties: 1 }] }),
      'default-changed',
    ],
    ['a body', (all: object) => body(all), (all: object) => body(all, false), 'default-changed'],
  ])('changes nothing: %s', async (_, required, optional, rule) => {
    expect(await blocking(required)).toEqual([]);
    expect(await blocking(optional)).toEqual([rule]);
  });

  it('changes nothing: an item', async () => {
    expect(await blocking((items) => body({ type: 'array', items }))).toEqual([]);
  });
});

describe('another default of a member of a body', () => {
  const withTerms = (fallback?: string) => ({
    ...line,
    properties: { ...line.properties, terms: { type: 'string', ...(fallback && { default: fallback }) } },
  });
  const found = async (used?: readonly ContractUsage[]) => {
    const [base, revision] = [
      await contract({ Order: order, Line: withTerms('net14') }),
      await contract({ Order: order, Line: withTerms('net30') }),
    ];
    const report = diffContracts(base, revision, used && { usage: between(used) });
    expect(report.findings.map(({ rule }) => rule)).toEqual(['default-changed']);
    return { blocks: blockingOf(report).findings.length > 0, usage: report.findings[0]!.usage.length };
  };
  const sent = (path: string) => usage(`/body${path}`, 'request');

  it('blocks for who sends the object without it, and for nobody else', async () => {
    expect(await found([sent('/lines/*/sku')])).toEqual({ blocks: true, usage: 1 });
    expect(await found([sent('/lines/*/sku'), sent('/lines/*/terms')])).toEqual({ blocks: false, usage: 0 });
    expect(await found([sent('/lines')]), 'nobody knows what is in it').toEqual({ blocks: true, usage: 1 });
    expect(await found([sent('/id')]), 'the object is not sent').toEqual({ blocks: false, usage: 0 });
    expect(await found([usage('/lines/*/terms')]), 'it is what was sent').toEqual({
      blocks: false,
      usage: 0,
    });
    expect(await found()).toEqual({ blocks: true, usage: 0 });
  });
});

describe('a value that is no longer taken', () => {
  it('hits who can send it, and not who sends others only', async () => {
    const priced = (...currencies: string[]) => ({
      ...line,
      properties: { ...line.properties, currency: { type: 'string', enum: currencies } },
    });
    const [base, revision] = [
      await contract({ Order: order, Line: priced('EUR', 'USD', 'GBP') }),
      await contract({ Order: order, Line: priced('EUR', 'USD') }),
    ];
    const blocking = (values?: readonly string[], path = '/body/lines/*/currency') => {
      const one = { ...usage(path, 'request'), ...(values && { values }) };
      return blockingOf(diffContracts(base, revision, { usage: between([one]) })).findings.map(
        ({ rule }) => rule,
      );
    };
    expect(blocking(['EUR', 'USD'])).toEqual([]);
    expect(blocking(['EUR', 'GBP'])).toEqual(['enum-value-removed']);
    expect(blocking()).toEqual(['enum-value-removed']);
    expect(blocking(['EUR'], '/body/lines'), 'it is not the value itself').toEqual(['enum-value-removed']);
  });
});

describe('a schema that is sent and answered', () => {
  it('breaks for who reads what it loses, and not for who sends it', async () => {
    const within = (maxLength: number) => ({
      ...line,
      properties: { ...line.properties, note: { type: 'string', maxLength } },
    });
    const [base, revision] = [
      await contract({ Order: order, Line: within(200) }),
      await contract({ Order: order, Line: within(300) }),
    ];
    const report = (used: ContractUsage) => diffContracts(base, revision, { usage: between([used]) });
    const blocking = (used: ContractUsage) => blockingOf(report(used)).findings.map(({ rule }) => rule);
    const sending = usage('/body/lines/*/note', 'request');
    expect(report(sending).findings).toMatchObject([
      { rule: 'max-length-widened', impact: 'unused', usage: [] },
    ]);
    expect(blocking(sending)).toEqual([]);
    expect(blocking(usage('/lines/*/note'))).toEqual(['max-length-widened']);
  });
});

describe('a parameter that is needed now', () => {
  const withLimit = (required?: boolean) => ({
    paths: {
      '/orders': {
        post: {
          operationId: 'placeOrder',
          parameters:
            required === undefined
              ? []
              : [{ name: 'limit', in: 'query', required, schema: { type: 'integer' } }],
          responses: { 200: { description: 'ok' } },
        },
      },
    },
  });

  it.each([
    ['required-parameter-added', undefined],
    ['parameter-became-required', false],
  ])('hits who calls without it, and nobody else: %s', async (rule, before) => {
    const [base, revision] = [await contract({}, withLimit(before)), await contract({}, withLimit(true))];
    const hit = (used: readonly ContractUsage[]) =>
      blockingOf(diffContracts(base, revision, { usage: between(used) })).findings.map((one) => one.rule);
    const call = { ...usage('', 'request'), expression: '' };
    expect(hit([call])).toEqual([rule]);
    const reading = { ...usage('/id'), step: 'later' };
    expect(hit([call, usage('/limit', 'request'), reading]), 'the call has it').toEqual([]);
    const other = { ...call, step: 'other' };
    expect(hit([call, usage('/limit', 'request'), reading, other])).toEqual([rule]);
    const undoing = { ...call, call: 'undo' as const };
    expect(hit([call, usage('/limit', 'request'), undoing]), 'who undoes it leaves it out').toEqual([rule]);
    const both = [usage('/limit', 'request'), { ...usage('/limit', 'request'), call: 'undo' as const }];
    expect(hit([call, undoing, ...both])).toEqual([]);
    const [shown] = toDiagnostics(diffContracts(base, revision, { usage: between([call]) }));
    expect(
      shown!.related.map(({ message }) => message),
      'a call has no expression',
    ).toContain('a, step order');
    const markdown = renderMarkdown(diffContracts(base, revision, { usage: between([call]) }));
    expect(markdown).toContain('| a | order | the call |');
  });
});

describe('a version that hides a break', () => {
  const policy = 'steward: us\ncompatibility: backward\n';
  const versioned = async (version: string, properties: object, more = '') => {
    const text = JSON.stringify({
      openapi: '3.1.0',
      info: { title: 'a', version },
      paths: {
        '/a': {
          get: {
            operationId: 'getA',
            responses: {
              200: { description: 'a', content: { 'application/json': { schema: { properties } } } },
            },
          },
        },
      },
    });
    const { value } = await loadContract(
      { name: 'a', document: 'a.json', policy: 'contract.yaml' },
      { read: async (path) => (path === 'a.json' ? text : policy + more) },
    );
    return value!;
  };

  it.each([
    ['1.0.0', 'callers break, and the version is still 1.0.0'],
    ['1.1.0', 'callers break, and the step from 1.0.0 to 1.1.0 says that they do not'],
  ])('is told as what it says: %s', async (version, says) => {
    const before = await versioned('1.0.0', { a: { type: 'string' } });
    const { findings } = diffContracts(before, await versioned(version, { a: { type: 'integer' } }));
    const found = findings.find(({ rule }) => rule === 'version-not-raised');
    expect(found?.message).toBe(says);
    // `{"openapi":"3.1.0","info":{"title":"a","version":` is 49 characters.
    expect(found).toMatchObject({ at: { revision: { file: 'a.json', line: 1, column: 50 } } });
  });

  it('counts whomever it hits, and of a document from elsewhere blocks only where somebody here is hit', async () => {
    const found = async (provenance: string, used?: readonly ContractUsage[]) => {
      const report = diffContracts(
        await versioned('1.0.0', { a: { type: 'string' } }, provenance),
        await versioned('1.0.0', { a: { type: 'integer' } }, provenance),
        used && { usage: between(used) },
      );
      const { message } = report.findings.find(({ rule }) => rule === 'version-not-raised')!;
      return [message, ...blockingOf(report).findings.map(({ rule }) => rule)];
    };
    const reading = (path: string): ContractUsage => ({
      ...usage(path),
      contract: 'a',
      target: { kind: 'response', operation: 'getA' },
    });
    const callers = 'callers break, and the version is still 1.0.0';
    const none = 'callers break, none of them here, and the version is still 1.0.0';
    const vendors = 'provenance: { source: https://a.example }\n';
    for (const provenance of ['', vendors]) {
      expect(await found(provenance)).toEqual([callers, 'type-changed', 'version-not-raised']);
      expect(await found(provenance, [reading('/a')])).toEqual([
        callers,
        'type-changed',
        'version-not-raised',
      ]);
    }
    expect(await found('', [reading('/b')])).toEqual([none, 'version-not-raised']);
    expect(await found(vendors, [reading('/b')])).toEqual([none]);
  });
});

describe('the answer to a webhook', () => {
  const webhook = (schema: object, status = '200') =>
    contract(
      {},
      {
        openapi: '3.1.0',
        webhooks: {
          paid: {
            post: {
              requestBody: { content: { 'application/json': { schema: { type: 'object' } } } },
              responses: { [status]: { description: 'ok', content: { 'application/json': { schema } } } },
            },
          },
        },
      },
    );
  const ack = { type: 'object', properties: { ack: { type: 'boolean' } } };
  const listening: ContractUsage = { ...usage('/id'), target: { kind: 'event', event: 'paid' } };

  it('is sent by whoever listens, and what is asked of it may not grow', async () => {
    const [base, strict] = [await webhook(ack), await webhook({ ...ack, required: ['ack'] })];
    const { findings } = diffContracts(base, strict, { usage: between([listening]) });
    expect(findings).toMatchObject([
      {
        rule: 'property-became-required',
        severity: 'breaking',
        direction: 'request',
        impact: 'used',
        witness: {},
      },
    ]);
    expect(diffContracts(base, strict, { usage: between([]) }).findings).toMatchObject([
      { impact: 'unused' },
    ]);
    expect(diffContracts(strict, base).findings.filter(({ severity }) => severity === 'breaking')).toEqual(
      [],
    );
  });

  it('breaks when its status is no longer expected', async () => {
    const { findings } = diffContracts(await webhook(ack), await webhook(ack, '204'));
    expect(findings.map(({ rule, severity }) => [rule, severity])).toEqual([
      ['success-response-removed', 'breaking'],
    ]);
    expect(diffContracts(await webhook(ack), await webhook(ack, '2XX')).findings).toEqual([]);
  });
});

describe('an `allOf` around one part', () => {
  const pet = (name: string) => ({
    type: 'object',
    required: ['kind'],
    properties: { kind: { type: 'string', enum: [name] } },
  });
  const [cat, dog] = ['#/components/schemas/Cat', '#/components/schemas/Dog'].map(($ref) => ({ $ref }));
  const wrapped = (schema: unknown) => ({ allOf: [schema], description: 'one of ours' });
  const orders = (variants: readonly unknown[], line_: unknown = line) => ({
    Order: { type: 'object', properties: { pet: { oneOf: variants }, line: line_ } },
    Line: line,
    Cat: pet('cat'),
    Dog: pet('dog'),
  });

  it('is that part, in a union too', async () => {
    const report = diffContracts(
      await contract(orders([cat, dog], { $ref: '#/components/schemas/Line' })),
      await contract(orders([wrapped(cat), wrapped(dog)], wrapped({ $ref: '#/components/schemas/Line' }))),
    );
    expect([report.findings, report.undecided]).toEqual([[], []]);
  });

  it('is more than that where it says more', async () => {
    const noted = (more: object) =>
      orders([cat, dog], { allOf: [{ $ref: '#/components/schemas/Line' }], ...more });
    const { findings } = diffContracts(
      await contract(noted({})),
      await contract(noted({ deprecated: true })),
    );
    expect(findings.map(({ rule }) => rule)).toEqual(['became-deprecated']);
  });
});

describe('the credentials that an operation asks for', () => {
  const oauth = {
    type: 'oauth2',
    flows: { clientCredentials: { tokenUrl: 'https://a.example', scopes: {} } },
  };
  const provider = (host: string) => ({ type: 'openIdConnect', openIdConnectUrl: `https://${host}/a` });
  const schemes = {
    ours: provider('a.example'),
    theirs: provider('b.example'),
    key: { type: 'apiKey', in: 'header', name: 'X-Key' },
    bearer: { type: 'http', scheme: 'bearer' },
    oauth,
  };
  const asking = (security?: readonly object[], securitySchemes: object = schemes) =>
    contract(
      {},
      {
        paths: {
          '/orders': {
            post: {
              operationId: 'placeOrder',
              ...(security && { security }),
              responses: { 200: { description: 'ok' } },
            },
          },
        },
        components: { securitySchemes },
      },
    );
  type Asked = Awaited<ReturnType<typeof asking>>;
  const found = (base: Asked, revision: Asked, used?: readonly ContractUsage[]) => {
    const report = diffContracts(base, revision, used && { usage: between(used) });
    const blocking = blockingOf(report).findings.map(({ rule, impact }) => [rule, impact]);
    return { blocking, all: report.findings.map(({ rule, severity }) => [rule, severity]) };
  };
  const called = [usage('', 'request')];

  it.each([
    ['any at all', undefined, [{ oauth: [] }]],
    ['others', [{ key: [] }], [{ bearer: [] }]],
    ['more of them', [{ key: [] }], [{ key: [], bearer: [] }]],
    ['one way less', [{ key: [] }, { bearer: [] }], [{ key: [] }]],
    ['a scope more', [{ oauth: ['read'] }], [{ oauth: ['read', 'write'] }]],
    ['those of another provider', [{ ours: [] }], [{ theirs: [] }]],
  ])('break who calls it where they are new: %s', async (_, before, after) => {
    const [base, revision] = [await asking(before), await asking(after)];
    expect(found(base, revision, called)).toEqual({
      blocking: [['security-tightened', 'used']],
      all: [['security-tightened', 'breaking']],
    });
    const other = [{ ...called[0]!, target: { kind: 'request', operation: 'fillCart' } as const }];
    expect(found(base, revision, other)).toMatchObject({
      blocking: [],
      all: [['security-tightened', 'policy']],
    });
    expect(found(base, revision), 'nobody looked').toMatchObject({ blocking: [] });
  });

  it.each([
    ['any at all', undefined, [{ oauth: [] }]],
    ['more of them', [{ key: [] }], [{ key: [], bearer: [] }]],
    ['one way less', [{ key: [] }, { bearer: [] }], [{ key: [] }]],
    ['a scope more', [{ oauth: ['read'] }], [{ oauth: ['read', 'write'] }]],
  ])('break nobody where they are asked for no more: %s', async (_, before, after) => {
    expect(found(await asking(after), await asking(before), called)).toEqual({
      blocking: [],
      all: [['security-loosened', 'policy']],
    });
  });

  const rooted = (security: readonly object[], paths = ['/orders', '/carts', '/notes']) =>
    contract(
      {},
      {
        security,
        paths: Object.fromEntries(
          paths.map((path) => [
            path,
            { get: { operationId: `get${path.slice(1)}`, responses: { 200: { description: 'ok' } } } },
          ]),
        ),
        components: { securitySchemes: schemes },
      },
    );

  it('are one finding where they are asked for by all operations alike', async () => {
    const [base, revision] = [await rooted([]), await rooted([{ key: [] }])];
    const get = { ...called[0]!, target: { kind: 'request', operation: 'getcarts' } as const };
    const report = diffContracts(base, revision, { usage: between([get]) });
    expect(report.findings).toMatchObject([
      {
        rule: 'security-tightened',
        severity: 'breaking',
        operations: ['getorders', 'getcarts', 'getnotes'],
        usage: [{ pipeline: get.pipeline }],
        message: 'credentials none are no longer enough; needed: key, in 3 operations',
      },
    ]);
    const fewer = diffContracts(await rooted([], ['/orders', '/carts']), revision).findings;
    expect(
      fewer.some(({ fingerprint }) => fingerprint === report.findings[0]!.fingerprint),
      'what was accepted for three is not for two of them',
    ).toBe(false);
    expect(diffContracts(revision, base).findings).toMatchObject([
      { rule: 'security-loosened', operations: ['getorders', 'getcarts', 'getnotes'] },
    ]);
  });

  it('break nobody who sends them already, where the document asked for none', async () => {
    const sending = (
      schemes: SentCredentials['schemes'],
      scopes: readonly string[] = [],
    ): readonly SentCredentials[] => [{ schemes, scopesOf: () => scopes }];
    const bearer = { in: 'header', name: 'Authorization', scheme: 'bearer' } as const;
    const key = { in: 'header', name: 'x-key' } as const;
    const rules = async (
      before: readonly object[] | undefined,
      after: readonly object[],
      credentials: readonly SentCredentials[],
    ) => {
      const report = diffContracts(await asking(before), await asking(after), {
        usage: { ...between(called), credentials: new Map([['orders', credentials]]) },
      });
      return report.findings.map(({ severity, impact }) => `${severity} ${impact}`);
    };
    const [met, broken] = [['info unused'], ['breaking used']];
    expect(await rules(undefined, [{ bearer: [] }], sending([bearer]))).toEqual(met);
    expect(await rules([{}, { bearer: [] }], [{ bearer: [] }], sending([bearer]))).toEqual(met);
    expect(await rules(undefined, [{ key: [] }], sending([key]))).toEqual(met);
    expect(await rules(undefined, [{ key: [] }, { bearer: [] }], sending([bearer]))).toEqual(met);
    expect(await rules(undefined, [{ key: [], bearer: [] }], sending([bearer]))).toEqual(broken);
    expect(await rules(undefined, [{ oauth: ['write'] }], sending([bearer], ['write']))).toEqual(met);
    expect(await rules(undefined, [{ oauth: ['write'] }], sending([bearer], ['read']))).toEqual(broken);
    expect(await rules(undefined, [{ key: [] }], sending([bearer]))).toEqual(broken);
    expect(await rules(undefined, [{ bearer: [] }], [...sending([bearer]), ...sending([key])])).toEqual(
      broken,
    );
    expect(await rules([{ ours: [] }], [{ theirs: [] }], sending([bearer])), 'another token').toEqual(broken);
    expect(await rules(undefined, [{ bearer: [] }], []), 'nobody knows').toEqual(broken);
  });

  it.each([
    ['sent elsewhere', 'key', { type: 'apiKey', in: 'query', name: 'X-Key' }],
    ['under another name', 'key', { type: 'apiKey', in: 'header', name: 'X-Token' }],
    ['of another type', 'key', { type: 'http', scheme: 'basic' }],
    ['by another scheme', 'bearer', { type: 'http', scheme: 'basic' }],
  ])('break who calls what needs them where they are sent otherwise: %s', async (_, id, scheme) => {
    const base = await asking([{ [id]: [] }]);
    const revision = await asking([{ [id]: [] }], { ...schemes, [id]: scheme });
    expect(found(base, revision, called)).toEqual({
      blocking: [['security-scheme-changed', 'used']],
      all: [['security-scheme-changed', 'breaking']],
    });
    const [open, openAfter] = [await asking([]), await asking([], { ...schemes, [id]: scheme })];
    expect(found(open, openAfter, called), 'it needs none').toMatchObject({ blocking: [] });
  });

  it.each([
    ['the scheme has another id', [{ key: [] }], [{ token: [] }], { token: schemes.key }],
    [
      'a header is written in other letters',
      [{ key: [] }],
      [{ key: [] }],
      { key: { ...schemes.key, name: 'x-key' } },
    ],
    [
      'tokens come from elsewhere too',
      [{ oauth: [] }],
      [{ oauth: [] }],
      { oauth: { ...oauth, flows: { ...oauth.flows, implicit: {} } } },
    ],
  ])('stay enough where %s', async (_, before, after, more) => {
    const [base, revision] = [await asking(before), await asking(after, { ...schemes, ...more })];
    expect(found(base, revision, called)).toMatchObject({ blocking: [] });
  });
});

import { describe, expect, test } from 'vitest';
import { planPublications } from './plan-publication.ts';
import { planSources } from './plan-source.ts';
import { CONFIG, secondPipeline, swap, testWorkspace } from './test-workspace.ts';

const SECOND = 'pipelines/parcel-left.pipeline.yaml';
const PLACED = 'pipelines/order-placed.pipeline.yaml';
const NEWS = 'contracts/news/asyncapi.yaml';
const NEWS_CONTRACT = 'contracts/news/contract.yaml';
const READ = (condition: string): string =>
  `  - { id: seen, call: shop.getOrder, with: { orderId: '\${ event.orderId }' } }\n  - { id: known, check: { that: [{ condition: "\${ ${condition} }", message: no }], otherwise: fail } }`;

/** Messages of the news have headers; the second pipeline asks `condition`, the first one emits with `emitted`. */
async function headed(condition: string, emitted = 'headers: { tenant: a }') {
  return testWorkspace({
    [NEWS]: swap(
      '      name: orderShipped\n',
      `      name: orderShipped
      headers:
        type: object
        required: [tenant]
        properties:
          tenant: { type: string }
          attempt: { type: integer }
          region: { enum: [eu, us] }
          content-type: { type: string }
`,
    ),
    [SECOND]: secondPipeline(READ(condition)),
    [PLACED]: (text) =>
      text.replace('    emit: news.orderShipped\n', `    emit: news.orderShipped\n    ${emitted}\n`),
    'connectors/news/connector.yaml': `apiVersion: tenon/v1
kind: Connector
metadata: { name: news, version: 1.0.0, owner: sales }
contract: news
transport: bus
sources: { orderShipped: {} }
`,
    [CONFIG]: (text) => `${text}  news: { connector: news, baseUrl: 'env:NEWS_URL' }\n`,
  });
}

const codes = ({ diagnostics }: Awaited<ReturnType<typeof headed>>): string[] =>
  diagnostics.filter(({ severity }) => severity === 'error').map(({ code, message }) => `${code} ${message}`);

describe('headers of a message', () => {
  test('are typed in expressions of what it starts', async () => {
    expect(codes(await headed("headers.tenant == 'a' && default(headers.attempt, 0) < 3"))).toEqual([]);
    expect(codes(await headed("headers.tennant == 'a'")).join()).toContain('unknown-field');
    expect(codes(await headed("headers.region == 'eu'")).join()).toMatch(/region/);
    expect(codes(await headed("has(headers.region) && headers.region == 'asia'")).length).toBeGreaterThan(0);
    expect(codes(await headed('headers.tenant > 3')).length).toBeGreaterThan(0);
  });

  test('are part of a plan, and so held against and kept, only where it reads them', async () => {
    const reading = await headed("headers.tenant == 'a'");
    expect(reading.check.plans.get('parcel-left')?.events['news.orderShipped']?.headers).toMatchObject({
      required: ['tenant'],
    });
    const not = await headed("event.orderId != ''");
    expect(not.check.plans.get('parcel-left')?.events['news.orderShipped']).not.toHaveProperty('headers');
    expect(
      reading.check.usage.filter(({ target }) => target.kind === 'event' && target.part === 'headers'),
    ).toMatchObject([
      { access: 'write', path: '/tenant', pipeline: 'order-placed' },
      { access: 'read', path: '/tenant', pipeline: 'parcel-left' },
    ]);
  });

  test('are still read where the pipeline also waits for another event of that name', async () => {
    const again = `'\${ signal.orderId == event.orderId }'`;
    const { check } = await headed(
      `headers.tenant == 'a' }", message: no }], otherwise: fail } }
  - { id: again, wait: { event: news.orderShipped, match: ${again}, within: 1d, onExpiry: continue } }
  - { id: more, check: { that: [{ condition: "\${ headers.tenant != 'b'`,
    );
    expect(check.plans.get('parcel-left')?.events['news.orderShipped']).toHaveProperty('headers');
  });

  test('are asked for where the event is emitted', async () => {
    expect(codes(await headed("headers.tenant == 'a'", 'headers: { attempt: 1 }')).join()).toContain(
      'tenant',
    );
    expect(
      codes(await headed("headers.tenant == 'a'", 'headers: { tenant: a, attempt: x }')).length,
    ).toBeGreaterThan(0);
    expect(
      codes(await headed("headers.tenant == 'a'", 'headers: { tenant: a, nothing: x }')).join(),
    ).toContain('nothing');
  });

  test('are not there for events that declare none, and no item of a list takes their name', async () => {
    const { diagnostics } = await testWorkspace({ [SECOND]: secondPipeline(READ("headers.tenant == 'a'")) });
    expect(diagnostics.filter(({ severity }) => severity === 'error').length).toBeGreaterThan(0);
  });

  test('come in as declared, and go out without those that are the transport’s', async () => {
    const { workspace } = await headed("headers.tenant == 'a'");
    const [source] = planSources(
      workspace.contracts.get('news')!,
      workspace.connectors.get('news')!,
      new Set(['news.orderShipped']),
    );
    expect(source?.events[0]?.headers).toEqual({
      tenant: ['string'],
      attempt: ['integer'],
      region: [],
      'content-type': ['string'],
    });
    const manifest = {
      ...workspace.connectors.get('news')!,
      publications: { orderShipped: { idempotency: { mode: 'none' as const }, scopes: [] } },
    };
    const [plan] = planPublications({
      ...workspace,
      connectors: new Map([...workspace.connectors, ['news', manifest]]),
    });
    const [operation] = Object.values(plan!.operations);
    expect(operation?.input).toMatchObject({
      required: ['body', 'headers'],
      properties: {
        headers: {
          properties: { tenant: {}, attempt: {}, region: {} },
          required: ['tenant'],
          additionalProperties: false,
        },
      },
    });
    expect(JSON.stringify(operation?.input)).not.toContain('content-type');
    expect(plan?.steps[0]).toMatchObject({ with: { object: { headers: { expression: 'headers' } } } });
  });

  test('that are classed are followed and redacted as the payload is', async () => {
    const condition = "headers.tenant == 'a'";
    const { workspace } = await headed(condition);
    expect(workspace).toBeDefined();
    const classed = await testWorkspace({
      [NEWS]: swap(
        '      name: orderShipped\n',
        '      name: orderShipped\n      headers: { type: object, required: [tenant], properties: { tenant: { type: string } } }\n',
      ),
      [NEWS_CONTRACT]: (text) =>
        `${text.trimEnd()}\nclasses: { /components/messages/orderShipped/headers/properties/tenant: personal }\n`,
      [SECOND]: secondPipeline(
        `${READ(condition)}\n  - { id: noted, set: "\${ headers.tenant }" }\n  - { id: asked, approve: { by: sales, within: 1h, onExpiry: reject, show: "\${ steps.noted }" } }`,
      ),
      [PLACED]: (text) =>
        text.replace(
          '    emit: news.orderShipped\n',
          '    emit: news.orderShipped\n    headers: { tenant: "${ event.customer.name }" }\n',
        ),
    });
    expect(classed.diagnostics.map(({ code }) => code)).toContain('data-not-cleared');
    const plain = await testWorkspace({});
    expect(plain.diagnostics).toEqual([]);
  });
});

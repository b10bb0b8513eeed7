import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { diffCommand } from '../commands/diff.ts';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';

const CONTRACT = 'contracts/shop/openapi.yaml';
const CONNECTOR = 'connectors/shop/connector.yaml';
const PIPELINE = 'pipelines/order-paid.pipeline.yaml';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('diff-in-use');
  for (const part of ['contracts', 'connectors', 'pipelines', 'tenon.config.yaml'])
    await cp(join(folder, part), join(folder, 'before', part), { recursive: true });
  // The versions say that callers break: what is left to find is whom it hits.
  await edit(CONTRACT, ['version: 1.0.0', 'version: 2.0.0']);
  await edit(CONNECTOR, ['version: 1.0.0', 'version: 2.0.0']);
});
afterEach(() => rm(folder, { recursive: true }));

async function edit(file: string, ...changes: (readonly [string | RegExp, string])[]): Promise<void> {
  const path = join(folder, file);
  let text = await readFile(path, 'utf8');
  for (const [from, to] of changes) {
    const next = text.replace(from, to);
    expect(next, `nothing to change for ${from}`).not.toBe(text);
    text = next;
  }
  await writeFile(path, text);
}

interface Found {
  readonly rule: string;
  readonly severity: string;
  readonly impact: string;
  readonly blocks: boolean;
  readonly usage: readonly { readonly pipeline: string; readonly step: string }[];
}

async function diff(...more: string[]): Promise<{ code: number; of: (rule: string) => Found | undefined }> {
  const { code, out } = await runCommand(
    [diffCommand],
    ['diff', ...(more.length > 0 ? more : ['--against', 'before']), '--format', 'json'],
    { cwd: folder },
  );
  const { findings, diagnostics } = JSON.parse(out);
  const all = [...findings, ...diagnostics.map((each: { code: string }) => ({ ...each, rule: each.code }))];
  return { code, of: (rule) => all.find((each) => each.rule === rule) };
}

/** Everything from the key at its own indentation up to the next key there. */
const path = (name: string): RegExp =>
  new RegExp(` {2}${name.replaceAll(/[/{}]/g, '\\$&')}:\\n(?: {4}.*\\n)+`);
const hitting = (...steps: string[]) => ({
  impact: 'used',
  blocks: true,
  usage: expect.arrayContaining(
    steps.map((step) => expect.objectContaining({ pipeline: 'order-paid', step })),
  ),
});

describe('what a pipeline names and the new contract lacks', () => {
  it.each([
    ['an operation that it calls', path('/shipments'), 'operation-removed', 'shipment'],
    [
      'an operation that undoes a step',
      path('/shipments/{shipmentId}/cancel'),
      'operation-removed',
      'shipment',
    ],
    ['an operation that it reads', path('/orders/{orderId}'), 'operation-removed', 'order'],
    ['the event that starts it', /webhooks:\n(?: {2}.*\n)+/, 'event-removed', 'trigger'],
  ])('is in use: %s', async (_, gone, rule, step) => {
    await edit(CONTRACT, [gone, '']);
    const { code, of } = await diff();
    expect(of(rule)).toMatchObject({ severity: 'breaking', ...hitting(step) });
    expect(code).toBe(exit.findings);
  });

  it('is in use where one document is compared', async () => {
    await edit(CONTRACT, [path('/shipments'), '']);
    const { code, of } = await diff('--against', 'before', CONTRACT);
    expect(of('operation-removed')).toMatchObject(hitting('shipment'));
    expect(code).toBe(exit.findings);
  });

  it('is in use where only its name changed, and is not where the pipeline says the new one', async () => {
    await edit(CONTRACT, ['operationId: createShipment', 'operationId: makeShipment']);
    expect((await diff()).of('operation-id-changed')).toMatchObject({
      severity: 'breaking',
      ...hitting('shipment'),
    });
    await edit(PIPELINE, ['shop.createShipment', 'shop.makeShipment']);
    await edit(CONNECTOR, ['createShipment:', 'makeShipment:']);
    const { code, of } = await diff();
    expect(of('operation-id-changed')).toMatchObject({ severity: 'source', impact: 'unused', usage: [] });
    expect(code).toBe(exit.clean);
  });

  it('is in use under its new name, too', async () => {
    await edit(
      CONTRACT,
      ['operationId: createShipment', 'operationId: makeShipment'],
      ['required: [orderId, items]', 'required: [orderId, items, carrier]'],
      [
        '        orderId: { type: string, minLength: 1 }\n        items:',
        '        orderId: { type: string, minLength: 1 }\n        carrier: { type: string }\n        items:',
      ],
    );
    await edit(PIPELINE, ['shop.createShipment', 'shop.makeShipment']);
    await edit(CONNECTOR, ['createShipment:', 'makeShipment:']);
    expect((await diff()).of('required-property-added')).toMatchObject(hitting('shipment'));
  });

  it('is not in use by a pipeline that names it no more', async () => {
    await edit(CONTRACT, [path('/shipments/{shipmentId}/cancel'), '']);
    await edit(PIPELINE, [
      /compensate: \{.*\}\n/,
      'irreversible: { because: goods on their way, forward: { task: fetch them, owner: fulfilment, within: 1d } }\n',
    ]);
    const { code, of } = await diff();
    expect(of('operation-removed')).toMatchObject({ impact: 'unused', blocks: false });
    expect(code).toBe(exit.clean);
  });
});

describe('what an operation asks of those that call it', () => {
  const CREATE = 'operationId: createShipment\n';
  it('is in use where it is more than before, and is not where it is less', async () => {
    await edit(
      CONTRACT,
      [CREATE, `${CREATE}      security: [{ oauth: [shipments.write] }]\n`],
      ['  securitySchemes:\n', '  securitySchemes:\n    oauth: { type: oauth2, flows: {} }\n'],
    );
    const { code, of } = await diff();
    expect(of('security-tightened')).toMatchObject({ severity: 'breaking', ...hitting('shipment') });
    expect(code).toBe(exit.findings);
    await edit(CONTRACT, ['[{ oauth: [shipments.write] }]', '[]']);
    expect((await diff()).of('security-loosened')).toMatchObject({ severity: 'policy', blocks: false });
  });

  it('is nobody’s matter where the connector sends it already, and the document only begins to say so', async () => {
    await edit(`before/${CONTRACT}`, [/^security:.*\n(?: .*\n)*/m, '']);
    const { code, of } = await diff();
    expect(of('security-tightened')).toMatchObject({ severity: 'info', impact: 'unused', blocks: false });
    expect(code).toBe(exit.clean);
    await edit(CONNECTOR, [
      '{ id: key, type: bearer }',
      '{ id: key, type: apiKey, in: header, name: X-Key }',
    ]);
    expect((await diff()).of('security-tightened')).toMatchObject({
      severity: 'breaking',
      ...hitting('order', 'shipment'),
    });
  });

  it('is in use where its credentials are to be sent otherwise', async () => {
    await edit(CONTRACT, [
      'key: { type: http, scheme: bearer }',
      'key: { type: apiKey, in: header, name: X-Key }',
    ]);
    expect((await diff()).of('security-scheme-changed')).toMatchObject({
      severity: 'breaking',
      ...hitting('order', 'shipment'),
    });
  });
});

describe('what a connector sends and reads for a step', () => {
  const byProbe = async (probe: string) => {
    for (const file of [CONNECTOR, `before/${CONNECTOR}`])
      await edit(
        file,
        ['retention: 24h }', `retention: 24h }\n    probe: ${probe}`],
        ['health: { operation: getStatus }', 'health: false'],
      );
  };
  const GET_STATUS = 'operationId: getStatus\n';
  const TENANT = `${GET_STATUS}      parameters: [{ name: tenant, in: query, required: true, schema: { type: string } }]\n`;
  const PROBE = `{ operation: getStatus, with: {}, found: '\${ body.open ? body : null }' }`;

  it('is what its probe needs', async () => {
    await byProbe(PROBE);
    await edit(CONTRACT, [GET_STATUS, TENANT]);
    const { code, of } = await diff();
    expect(of('required-parameter-added')).toMatchObject(hitting('shipment'));
    expect(code).toBe(exit.findings);
  });

  it('is not what its probe gives already', async () => {
    await byProbe("{ operation: getStatus, with: { tenant: a }, found: '${ null }' }");
    await edit(CONTRACT, [GET_STATUS, TENANT]);
    expect((await diff()).of('required-parameter-added')).toMatchObject({ impact: 'unused' });
  });

  it('is what its probe reads, and the probe itself', async () => {
    await byProbe(PROBE);
    await edit(
      CONTRACT,
      ['required: [open]', 'required: []'],
      ['open: { type: boolean }', 'shut: { type: boolean }'],
    );
    expect((await diff()).of('required-property-removed')).toMatchObject(hitting('shipment'));
    await edit(CONTRACT, [path('/status'), '']);
    expect((await diff()).of('operation-removed')).toMatchObject(hitting('shipment'));
  });

  it('is what the pipeline reads of what its probe finds, and nothing else of it', async () => {
    await byProbe(PROBE);
    const open = 'open: { type: boolean }';
    const members = (noteMax: number, statusMax: number) =>
      `${open}\n        note: { type: string, maxLength: ${noteMax} }\n        status: { type: string, maxLength: ${statusMax} }`;
    await edit(`before/${CONTRACT}`, [open, members(5, 5)]);
    await edit(CONTRACT, [open, members(9, 5)]);
    expect((await diff()).of('max-length-widened')).toMatchObject({ impact: 'unused', blocks: false });
    await edit(CONTRACT, [members(9, 5), members(5, 9)]);
    expect((await diff()).of('max-length-widened')).toMatchObject(hitting('shipment'));
  });

  it('is what asks for its health', async () => {
    await edit(CONTRACT, [GET_STATUS, TENANT]);
    expect((await diff()).of('required-parameter-added')).toMatchObject(hitting('order'));
  });

  it('is the header of its idempotency key', async () => {
    await edit(CONTRACT, [/ {6}parameters:\n {8}- name: Idempotency-Key\n(?: {10}.*\n)+/, '']);
    const { code, of } = await diff();
    expect(of('parameter-removed')).toMatchObject({ severity: 'breaking', ...hitting('shipment') });
    expect(code).toBe(exit.findings);
  });

  it('is what tells failures apart', async () => {
    for (const file of [CONNECTOR, `before/${CONNECTOR}`])
      await edit(file, [
        'retention: 24h }',
        `retention: 24h }\n    failures: [{ status: 422, when: "\${ body.detail == 'exists' }", class: duplicate }]`,
      ]);
    await edit(CONTRACT, [/ {8}detail: .*\n/, '']);
    expect((await diff()).of('property-removed')).toMatchObject(hitting('shipment'));
  });
});

describe('what cannot be understood', () => {
  it('is in use as far as a pipeline that cannot be read names it', async () => {
    await edit(CONTRACT, [path('/shipments'), '']);
    await edit(PIPELINE, ['identity:\n', 'identity: [\n']);
    const { code, of } = await diff();
    expect(of('operation-removed')).toMatchObject(hitting('shipment'));
    expect(code).toBe(exit.findings);
  });

  it('is in use as a whole where an expression cannot be read', async () => {
    await edit(
      CONTRACT,
      [
        '[id, orderId, status]\n      properties:\n        id: { type: string, readOnly: true, examples: [shp_1] }',
        '[id, orderId]\n      properties:\n        id: { type: string, readOnly: true, examples: [shp_1] }',
      ],
      [/ {8}status: \{ type: string, enum: \[preparing.*\n/, ''],
    );
    await edit(PIPELINE, ["== 'preparing' ||", "== 'preparing' |"]);
    expect((await diff()).of('required-property-removed')).toMatchObject(hitting('shipment'));
  });

  it('is in use where no connector speaks it any more', async () => {
    await edit(CONTRACT, [path('/shipments'), '']);
    await rm(join(folder, 'connectors'), { recursive: true });
    expect((await diff()).of('operation-removed')).toMatchObject(hitting('shipment'));
  });

  it('is a contract that a pipeline names and that is gone', async () => {
    await rm(join(folder, 'contracts/shop'), { recursive: true });
    const { code, of } = await diff();
    expect(of('contract-removed')).toMatchObject({
      severity: 'error',
      message: 'contract shop 1.0.0 was removed, and is in use by order-paid',
    });
    expect(code).toBe(exit.findings);
  });

  it('is a contract that cannot be read any more', async () => {
    await edit(CONTRACT, ['openapi: 3.1.0', 'openapi: [']);
    const { code, of } = await diff();
    expect(of('contract-not-compared')).toMatchObject({ severity: 'error' });
    expect(code).toBe(exit.findings);
  });
});

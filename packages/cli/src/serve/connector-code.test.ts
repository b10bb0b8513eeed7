import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SourcePlan } from '@tenon/connector';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCommandLine } from '../command.ts';
import { commands } from '../commands/index.ts';
import type { Io } from '../io.ts';
import { openSession } from '../workspace/session.ts';
import { connectorCodeFindings, loadConnectorCode, ownTransport, sourceMaker } from './connector-code.ts';

let root: string;
let io: Io;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'tenon-code-'));
  io = {
    out: () => {},
    err: () => {},
    cwd: root,
    env: {},
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  };
  await runCommandLine(commands, ['init'], io);
  mkdirSync(join(root, 'connectors/shop/src'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

async function withCode(operations: object) {
  writeFileSync(
    join(root, 'connectors/shop/src/index.ts'),
    `export default { operations: ${JSON.stringify(operations)} };\n`,
  );
  const session = await openSession(io);
  if (!('workspace' in session)) throw new Error('the workspace cannot be read');
  return session;
}

const whole = {
  getStatus: { reads: [] },
  getOrder: { reads: ['/orderId'] },
  createShipment: { reads: ['/body/orderId', '/body/items/0'] },
  cancelShipment: { reads: ['/shipmentId'] },
};

it('code that carries out all that its manifest names, and reads what its input has, is taken', async () => {
  const session = await withCode(whole);
  expect(await connectorCodeFindings(session)).toEqual([]);
  expect([...(await loadConnectorCode(session)).keys()]).toEqual(['shop']);
});

it('each operation that it does not carry out, and each place that its input never has, is told where the manifest names it', async () => {
  const { cancelShipment: _, ...rest } = whole;
  const session = await withCode({ ...rest, createShipment: { reads: ['/body/orderID', '/body/note'] } });
  const findings = await connectorCodeFindings(session);
  expect(findings.map(({ code, message, file }) => [code, message, file])).toEqual([
    [
      'connector-code-unfit',
      'the code reads `/body/orderID` of `createShipment`, which its input never has',
      'connectors/shop/connector.yaml',
    ],
    [
      'connector-code-unfit',
      'the code reads `/body/note` of `createShipment`, which its input never has',
      'connectors/shop/connector.yaml',
    ],
    [
      'connector-code-unfit',
      'the code does not carry out `cancelShipment`',
      'connectors/shop/connector.yaml',
    ],
  ]);
  expect(findings[0]!.fix).toBe('did you mean `/body/orderId`?');
  await expect(loadConnectorCode(session)).rejects.toThrow('/body/orderID');
});

it('what does not say what it reads is no hook', async () => {
  const session = await withCode({ ...whole, getOrder: {} });
  expect(await connectorCodeFindings(session)).toMatchObject([
    {
      code: 'connector-code-broken',
      message: expect.stringContaining('`getOrder` does not say what it `reads`'),
    },
  ]);
});

it('that was taken over under another name than the manifest says is told with the names that it has', async () => {
  const session = await withCode({});
  const manifest = { ...session.workspace!.connectors.get('shop')!, transport: 'nats' };
  const module = { transports: { jetstream: () => never() }, sources: { jetstream: () => never() } };
  const placed = { from: 'orders' } as SourcePlan;
  expect(() => ownTransport(manifest, module)).toThrow(
    'connector shop says transport: nats, and its code exports no such transport: it has jetstream',
  );
  expect(() => sourceMaker(manifest, module, [placed])).toThrow(
    'connector shop has `sources` over nats, and its code exports no such source: it has jetstream',
  );
  expect(() => ownTransport(manifest, {})).toThrow(/exports no such transport$/);
});

function never(): never {
  throw new Error('nothing is made here');
}

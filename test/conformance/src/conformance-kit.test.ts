import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { conformanceChecks } from '@tenon/testkit';
import { describe, expect, it } from 'vitest';
import { type BrokenConnector, brokenConnectors, ownScheme } from './broken-connectors.ts';
import { halved, onlyDownloads, withDownloads } from './downloads.ts';
import { failuresOf, judge } from './judge.ts';

const root = fileURLToPath(new URL('./fixtures/parts', import.meta.url));
/** Every broken connector against every check; otherwise against those of its own hundred, which takes a tenth of the time. */
const isWhole = process.env['TENON_CONFORMANCE_WHOLE'] === '1';

/** Hundreds of calls, some of which wait a deadline out: seconds on a quiet machine. */
const TIMEOUT_MS = 180_000;

describe('the conformance kit', { timeout: TIMEOUT_MS }, () => {
  it('passes a connector that keeps every promise', async () => {
    const report = await judge(root, 'parts');
    expect(failuresOf(report)).toEqual([]);
    expect(report.outcomes).toHaveLength(conformanceChecks.length);
    for (const { result, says } of report.outcomes) if (result === 'notApplicable') expect(says).not.toBe('');
  });

  it('asks the sandbox for tokens, and the vendor for nothing, where the token URL is a vendor’s own', async () => {
    let connections = 0;
    const vendor = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((listening) => vendor.listen(0, '127.0.0.1', listening));
    // Listening on TCP, so the address is one with a port.
    const host = `localhost:${(vendor.address() as AddressInfo).port}`;
    const [contract, manifest] = ['contracts/parts/openapi.yaml', 'connectors/parts/connector.yaml'];
    const edits = {
      [contract]: (text: string) => text.replace('tokenUrl: /token', `tokenUrl: http://${host}/v2/token`),
      [manifest]: (text: string) =>
        text
          .replace('tokenUrl: /token', `tokenUrl: 'http://${host}/v2/token'`)
          .replace('identities:', `egress: ['${host}']\nidentities:`),
    };
    const report = await judge(root, 'parts', { edits });
    vendor.close();
    expect(failuresOf(report)).toEqual([]);
    const passed = report.outcomes.flatMap(({ check, result }) =>
      result === 'passed' ? [check.number] : [],
    );
    expect(passed).toEqual(expect.arrayContaining([108, 202, 401, 403, 702, 801, 803]));
    expect(connections).toBe(0);
  });

  it.each(brokenConnectors)('$caughtBy finds, alone, a connector that $breaks', async (broken) => {
    const failures = await failuresOfBroken(broken);
    expect(
      failures.map((failure) => Number(failure.slice(0, 3))),
      failures.join('\n'),
    ).toEqual([broken.caughtBy]);
  });

  it('has numbers that are unique and go up, and a broken connector for nearly every check', () => {
    const numbers = conformanceChecks.map(({ number }) => number);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    const caught = new Set(brokenConnectors.map(({ caughtBy }) => caughtBy));
    expect(numbers.filter((number) => !caught.has(number))).toEqual(UNBROKEN);
    expect(brokenConnectors.length).toBeGreaterThanOrEqual(30);
  });

  it('does not take a repeat that changes nothing here, for its contract does not tell what, for a harmless one', async () => {
    const says = async (from: string, to: string) => {
      const edits = { 'contracts/parts/openapi.yaml': (text: string) => text.replace(from, to) };
      const { outcomes } = await judge(root, 'parts', { edits, only: [703, 708, 709] });
      return outcomes.map(({ check, result, says: said }) => `${check.number} ${result}: ${said}`);
    };
    const told = '{ set: { status: cancelled } }';
    expect(await says(told, '{ key: Some-Header }')).toEqual([
      expect.stringMatching(/^703 passed: 4 effects; not looked at: cancelOrder: the contract does not say/),
      '708 failed: 1 compensations',
      expect.stringMatching(/^709 notApplicable: cancelOrder: the contract does not say/),
    ]);
    expect(await says(told, '{ set: {} }'), 'told that there is nothing to see of it').toEqual([
      '703 passed: 5 effects',
      '708 passed: 1 compensations',
      '709 passed: 1 compensations',
    ]);
  });

  it('says of a listing what was expected of which pagination, what came, and how it ended', async () => {
    const wrong = async (from: string, to: string) => {
      const manifest = { 'connectors/parts/connector.yaml': (text: string) => text.replace(from, to) };
      const { outcomes } = await judge(root, 'parts', { edits: manifest, only: [602] });
      return outcomes[0]!.problems;
    };
    const expected = (pagination: string, came: string) =>
      `listOrders, by \`pagination: { ${pagination} }\`: expected all 7 rows that the sandbox holds; ${came}`;
    expect(await wrong('out: /next', 'out: /first')).toEqual([
      expected(
        'type: cursor, in: after, out: /first, items: /items',
        '2 came, on 1 page: the last answer has nothing at `out: /first`, where the next cursor is looked for; it has `/items`, `/next`',
      ),
    ]);
    expect(await wrong('items: /items }', 'items: /orders }')).toEqual([
      expected(
        'type: cursor, in: after, out: /next, items: /orders',
        '0 came, on 0 pages: an answer has no list at `items: /orders`; it has `/items`, `/next`',
      ),
    ]);
    expect(await wrong('type: cursor, in: after, out: /next', 'type: after, in: after, id: /number')).toEqual(
      [
        expected(
          'type: after, in: after, id: /number, items: /items',
          '2 came, on 1 page: the last row has nothing at `id: /number`, where its id is looked for; it has `/id`, `/externalId`, `/customer`, `/pieces`, `/status`',
        ),
      ],
    );
    const { outcomes } = await judge(root, 'parts', {
      edits: {
        'contracts/parts/openapi.yaml': (text) => text.replace('{ set: { status: open } }', '{ does: call }'),
      },
      only: [602, 603, 604],
    });
    for (const { result, says } of outcomes)
      expect(`${result}: ${says}`).toBe(
        'notApplicable: listOrders: it needs more than 2 rows of `orders`, and no operation of the manifest makes any; give them under `data: { orders: [ … ] }` in `fixtures/conformance.yaml`',
      );
  });

  it('names the field that a failure rule most likely means, and believes a body that is given for it', async () => {
    const edits = {
      'connectors/parts/connector.yaml': (text: string) =>
        text.replace("body.code == 'exists'", "body.cod == 'exists'"),
    };
    const { outcomes } = await judge(root, 'parts', { edits, only: [302] });
    expect(outcomes[0]!.problems).toEqual([
      "createOrder.failures[0] (409, when body.cod == 'exists'): `body` has no field `cod`; did you mean `code`?",
    ]);
    const given = await judge(root, 'parts', {
      edits: {
        ...edits,
        'connectors/parts/fixtures/conformance.yaml': (text: string) =>
          `${text}\nfailures: { createOrder: [{ code: refused, cod: exists }] }\n`,
      },
      only: [302],
    });
    expect(failuresOf(given)).toEqual([]);
  });

  it('takes a signature scheme of a connector’s own that is sound', async () => {
    const scheme = ownScheme({ key: (secret) => secret, covers: 'time and body' });
    const report = await judge(root, 'parts', {
      edits: {
        'connectors/parts/connector.yaml': (text) => text.replace('verify: stripe', 'verify: own-parts'),
      },
      module: { webhookSchemes: { 'own-parts': scheme } },
      only: numbersFrom(900),
    });
    expect(failuresOf(report)).toEqual([]);
  });
});

describe('the conformance kit, of answers that are bytes or text', { timeout: TIMEOUT_MS }, () => {
  it('asks of them what bytes can keep, and no more', async () => {
    const report = await judge(root, 'parts', { edits: withDownloads, only: CALLS });
    expect(failuresOf(report)).toEqual([]);
    const asked = await judge(root, 'parts', { only: CALLS });
    // Neither fields nor syntax, of which they have none; breaking off, one each.
    expect(looked(report, 204)).toBe(looked(asked, 204));
    expect(looked(report, 205)).toBe(looked(asked, 205));
    expect(looked(report, 206)).toBe(looked(asked, 206) + 3);
  });

  it('finds a connector that takes half of one for the whole', async () => {
    const { edits, module } = halved();
    const report = await judge(root, 'parts', { edits: { ...withDownloads, ...edits }, module, only: CALLS });
    expect(failuresOf(report)).toEqual([
      expect.stringMatching(/^206 .*getNote: it succeeded \(200\) for an answer that broke off$/),
    ]);
  });

  it('says so where no answer is JSON', async () => {
    const report = await judge(root, 'parts', { edits: onlyDownloads, only: CALLS });
    expect(failuresOf(report)).toEqual([]);
    const says = (number: number) => report.outcomes.find(({ check }) => check.number === number)?.says;
    expect(says(204)).toMatch(/no answer has a field/);
    expect(says(205)).toMatch(/no operation answers with JSON/);
    expect(says(206)).toMatch(/none is JSON/);
  });
});

const MANIFEST = 101;
const CALLS = [201, 203, 204, 205, 206, 207, 208];

function looked({ outcomes }: Awaited<ReturnType<typeof judge>>, number: number): number {
  return Number.parseInt(outcomes.find(({ check }) => check.number === number)?.says ?? '', 10);
}

/** Checks that no broken connector here fails alone, with the reason in the table's stead. */
const UNBROKEN: readonly number[] = [
  200, // Of a real system alone: `tenon test connector --target` is tested where it is made.
];

async function failuresOfBroken({
  caughtBy,
  edits = {},
  module,
  previous,
}: BrokenConnector): Promise<string[]> {
  const owned = module?.transports === undefined ? edits : { ...edits, ...withOwnTransport(edits) };
  const hundred = Math.floor(caughtBy / 100) * 100;
  const report = await judge(root, 'parts', {
    edits: owned,
    ...(module && { module }),
    ...(previous && { previous }),
    // What `tenon check` finds costs nothing to look at, and grows.
    ...(!isWhole && {
      only: numbersFrom(101).filter(
        (number) => number === MANIFEST || (number >= hundred && number < hundred + 100),
      ),
    }),
  });
  return failuresOf(report);
}

function withOwnTransport(edits: Readonly<Record<string, (text: string) => string>>) {
  const path = 'connectors/parts/connector.yaml';
  const edit = edits[path] ?? ((text: string) => text);
  return {
    [path]: (text: string) => edit(text).replace('contract: parts\n', 'contract: parts\ntransport: own\n'),
  };
}

function numbersFrom(least: number): number[] {
  return conformanceChecks.map(({ number }) => number).filter((number) => number >= least);
}

import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { reconcileCommands } from './reconcile.ts';

afterEach(() => vi.unstubAllGlobals());

const report = {
  id: 'j1',
  reconciliation: 'invoices-agree',
  version: 1,
  state: 'complete',
  isDryRun: false,
  begunAtMs: 0,
  actor: 'ana',
  reason: 'month end',
  counts: { missing: 4 },
  differences: 4,
  listed: 4,
  unsettled: 0,
  records: { source: 9, target: 5 },
  totals: [],
};
/** As they were found, in one comparison and in the next. */
const FOUND = [
  ['h4', 'a2', null, 'k1'],
  [null, 'k1', 'h4', 'a2'],
];
const ORDER = ['a2', 'h4', 'k1', '–'];
const run = (line: string, keys: readonly (string | null)[], reports: readonly object[] = [report]) => {
  const listed = keys.map((key, nth) => ({
    number: nth + 1,
    kind: 'missing',
    key,
    ids: { source: [], target: [] },
    records: { source: 1, target: 0 },
    fields: [],
  }));
  const items = listed.map(({ number, kind, key }) => ({ number, kind, key, runs: [], refused: 'no' }));
  return runAgainst(
    (_, request) => {
      if (request.includes('/differences')) return { differences: listed };
      if (request.includes('/v1/reports?')) return { reports };
      if (request.includes('/repairs')) return { token: 't1', items, expiresAtMs: 0 };
      if (request.includes('/v1/reconciliations'))
        return {
          reconciliations: [{ name: 'invoices-agree', source: 'crm.listInvoices', target: 'billing.list' }],
        };
      return report;
    },
    reconcileCommands,
    [...line.split(' '), '--url', 'http://127.0.0.1:1'],
    { cwd: tmpdir() },
  );
};
const keysOf = (text: string) => [...text.matchAll(/^\d+ +missing +(\S+)/gm)].map(([, key]) => key);

it.each(['reconcile show j1', 'reconcile repair j1 --reason w'])(
  'what differs comes in one order each time, by its key: %s',
  async (line) => {
    for (const keys of FOUND) expect(keysOf((await run(line, keys)).text)).toEqual(ORDER);
  },
);

it('a report names the two systems', async () => {
  const { text } = await run('reconcile show j1', FOUND[0]!);
  expect(text).toMatch(/^NO +KIND +KEY +SOURCE \(crm\.listInvoices\) +TARGET \(billing\.list\)/m);
  expect(text).toContain('records  9 in the source (crm.listInvoices), 5 in the target (billing.list)\n');
});

it('as data they come by their numbers', async () => {
  const { out } = await run('reconcile show j1 --json', FOUND[0]!);
  const { listedDifferences } = JSON.parse(out) as { listedDifferences: { number: number }[] };
  expect(listedDifferences.map(({ number }) => number)).toEqual([1, 2, 3, 4]);
});

describe.each(['reconcile show j1', 'reconcile repair j1 --reason w'])('%s', (line) => {
  const newer = { ...report, id: 'j2', begunAtMs: Date.parse('2026-10-01T03:00:00Z') };

  it('says that the report is not the newest, where it is not', async () => {
    const { text, out, sent } = await run(line, FOUND[0]!, [newer, report]);
    expect(text).toContain(
      'report j1 is not the newest: j2 was begun 2026-10-01 03:00:00Z. What differs may',
    );
    expect(out, 'data is the report alone').not.toContain('j2');
    // It is the one that was named, all the same.
    expect(sent.filter((one) => one.startsWith('POST'))).toEqual(
      line.includes('repair') ? ['POST /v1/reports/j1/repairs {"reason":"w"}'] : [],
    );
  });

  it.each([
    ['none is newer', [report]],
    ['a newer one is still being made', [{ ...newer, state: 'comparing' }, report]],
    ['a newer one has failed', [{ ...newer, state: 'failed' }, report]],
  ])('does not where %s', async (_what, reports) => {
    expect((await run(line, FOUND[0]!, reports)).text).not.toContain('not the newest');
  });
});

it('a repair of a report that is not the newest is applied where that is asked for, and the server decides', async () => {
  for (const [line, asked] of [
    ['reconcile apply t1 --reason w', '{"reason":"w"}'],
    ['reconcile apply t1 --reason w --outdated', '{"reason":"w","outdated":true}'],
  ] as const) {
    const { sent, code } = await run(line, []);
    expect([code, sent]).toEqual([0, [`POST /v1/repairs/t1/apply ${asked}`]]);
  }
});

it('a repair that would mend nothing gives no token: there is nothing to be applied', async () => {
  const { out, text, code } = await run('reconcile repair j1 --reason w --json', FOUND[0]!);
  expect(JSON.parse(out)).toMatchObject({ items: [{ refused: 'no' }, {}, {}, {}] });
  expect(JSON.parse(out)).not.toHaveProperty('token');
  expect(text).toContain('dry run: 0 of 4 differences can be mended\n');
  expect(code).toBe(0);
});

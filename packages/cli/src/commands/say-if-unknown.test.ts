import { tmpdir } from 'node:os';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { operateCommands } from './operate.ts';
import { quarantineCommands } from './quarantine.ts';
import { reconcileCommands } from './reconcile.ts';
import { replayCommands } from './replay.ts';

afterEach(() => vi.unstubAllGlobals());

const commands = [...operateCommands, ...replayCommands, ...quarantineCommands, ...reconcileCommands];
const GROUPS = '3f9c1a2b3c4d 77aa1a2b3c4d'.split(' ').map((fingerprint) => ({ fingerprint }));
/** Of a Tenon in which nothing is found. */
const answers = (request: string, groups: readonly object[]): object => {
  const path = /^\S+ ([^? ]+)/.exec(request)![1]!;
  switch (path) {
    case '/v1/health':
      return { pipelines: [{ name: 'order-paid' }, { name: 'refunds' }] };
    case '/v1/events':
      return { events: [{ name: 'shop.ordered' }, { name: 'shop.paid' }] };
    case '/v1/dead-letter-groups':
      return { groups: request.includes('pipeline=') ? [] : groups };
    case '/v1/reconciliations':
      return { reconciliations: [{ name: 'invoices-agree' }] };
    case '/v1/runs/r9':
      return Response.json({ title: 'No such run', code: 'HTTP_RESOURCE_UNKNOWN' }, { status: 404 });
    default:
      return { runs: [], deadLetters: [], reports: [], events: [], token: 't', expiresAtMs: 0, through: 0 };
  }
};
const asked = async (line: string, groups: readonly object[] = GROUPS) => {
  const argv = [...line.split(' '), '--url', 'http://127.0.0.1:1'];
  const given = await runAgainst((_, request) => answers(request, groups), commands, argv, { cwd: tmpdir() });
  return { ...given, said: given.text.split('\n').slice(1).join('\n') };
};

describe('nothing of a pipeline', () => {
  it.each([
    'runs ls',
    'dead-letters',
    'dead-letters groups',
    'quarantine',
    'quarantine recheck --reason w',
    'replay --reason w',
    'dead-letters resume --reason w',
  ])('that there is not is said to be that: %s', async (line) => {
    expect((await asked(`${line} --pipeline order-pad`)).said).toBe(
      'no pipeline is called order-pad; did you mean order-paid?\n',
    );
    expect((await asked(`${line} --pipeline nope`)).said).toBe(
      'no pipeline is called nope; there are order-paid, refunds\n',
    );
    expect((await asked(`${line} --pipeline order-paid`)).said).toBe('');
  });
});

it.each(['quarantine recheck --reason w', 'replay --reason w'])(
  'nothing of an event that no pipeline hears and that never came is said to be that: %s',
  async (line) => {
    expect((await asked(`${line} --event shop.orderd`)).said).toBe(
      'no pipeline hears an event shop.orderd, and none came; did you mean shop.ordered?\n',
    );
    expect((await asked(`${line} --event nope`)).said).toBe(
      'no pipeline hears an event nope, and none came; there are shop.ordered, shop.paid\n',
    );
    expect((await asked(`${line} --event shop.paid`)).said).toBe('');
  },
);

describe('nothing of a group', () => {
  it.each(['dead-letters', 'replay --reason w', 'dead-letters resume --reason w'])(
    'that there is not is said to be that: %s',
    async (line) => {
      expect((await asked(`${line} --group zzz`)).said).toBe(
        'no run is parked in a group zzz; there are 3f9c1a2b3c4d, 77aa1a2b3c4d (`tenon dead-letters groups`)\n',
      );
      expect((await asked(`${line} --group 3f9c`)).said).toBe(
        'no run is parked in a group 3f9c; did you mean 3f9c1a2b3c4d?\n',
      );
      expect((await asked(`${line} --group zzz`, [])).said).toBe(
        'no run is parked in a group zzz; there is none\n',
      );
      // Others than the group keep it from being found.
      expect((await asked(`${line} --group 3f9c1a2b3c4d --queue repair`)).said).toBe('');
    },
  );

  it('names some where there are many', async () => {
    const many = Array.from({ length: 11 }, (_, nth) => ({ fingerprint: `group-${nth}` }));
    expect((await asked('dead-letters --group zzz', many)).said).toContain('group-7 and 3 more (`tenon');
  });
});

it('a replay of a run that there is not says so', async () => {
  expect((await asked('replay --run r9 --reason w')).said).toBe(
    'there is no run r9: `tenon runs ls --key r9` lists those of a business key\n',
  );
});

it('no report of a reconciliation that there is not is said to be that', async () => {
  expect((await asked('reconcile reports invoices-agre')).said).toBe(
    'no reconciliation is called invoices-agre; did you mean invoices-agree?\n',
  );
  expect((await asked('reconcile reports invoices-agree')).said).toBe('');
});

it.each(['dead-letters', 'replay --reason w', 'dead-letters resume --reason w'])(
  'a class that no failure has is one mistake of the call: %s',
  async (line) => {
    const { text, sent, code } = await asked(`${line} --class permanant`);
    expect(text).toMatch(
      /^.*--class must be one of timeout, .*; got permanant; did you mean permanent\? \(argument-invalid\)$/m,
    );
    expect([sent, code]).toEqual([[], 2]);
  },
);

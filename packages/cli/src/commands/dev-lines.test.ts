import { type JsonObject, manualClock } from '@tenon/model';
import type { LedgerEntry } from '@tenon/runtime';
import { describe, expect, it } from 'vitest';
import { DevLines, timedLine } from './dev-lines.ts';

function open() {
  const clock = manualClock(Date.parse('2026-11-29T09:00:00Z'));
  const told: string[] = [];
  const lines = new DevLines((text) => told.push(text), clock);
  const show = (kind: LedgerEntry['kind'], details: JsonObject, of: Partial<LedgerEntry> = {}): void =>
    lines.show({
      sequence: 1,
      at: clock.now(),
      runId: 'r1',
      pipeline: 'p',
      correlationId: 'c',
      kind,
      details,
      ...of,
    });
  return { clock, told, lines, show };
}

const use = (reference: string, more: JsonObject = {}): JsonObject => ({
  uses: [{ reference, connection: 'shop', purpose: 'call', found: true, held: true, ...more }],
});

describe('the lines of tenon dev', () => {
  it('are one for each entry, and one for all uses of secrets of ten seconds', () => {
    const { clock, told, show } = open();
    show('accepted', {});
    show('secretUse', use('env:KEY'));
    show('secretUse', use('env:KEY', { count: 3 }));
    show('secretUse', use('env:OTHER'));
    show('outcome', { status: 201 });
    expect(told).toEqual(['09:00:00.000 r1 p accepted\n', '09:00:00.000 r1 p outcome {"status":201}\n']);
    clock.advance(10_000);
    expect(told.slice(2)).toEqual([
      '09:00:10.000 secrets used: env:KEY by shop 4 times, env:OTHER by shop 1 time\n',
    ]);
    clock.advance(60_000);
    expect(told, 'nothing is told twice').toHaveLength(3);
    show('secretUse', use('env:KEY'));
    clock.advance(10_000);
    expect(told.at(-1)).toContain('env:KEY by shop 1 time');
  });

  it('have one form: of a run, of no run, and of what dev itself tells', () => {
    const { clock, told, show } = open();
    show('state', { to: 'failed' }, { step: 'look' });
    show('activated', { pipeline: 'p' }, { runId: '', pipeline: '' });
    expect([...told, timedLine('p.yaml changed', clock)]).toEqual([
      '09:00:00.000 r1 p state look {"to":"failed"}\n',
      '09:00:00.000 activated {"pipeline":"p"}\n',
      '09:00:00.000 p.yaml changed\n',
    ]);
  });

  it('say at once that a secret was not found', () => {
    const { told, show } = open();
    show('secretUse', use('env:KEY', { found: false }));
    expect(told).toEqual([expect.stringContaining('"found":false')]);
  });

  it('tell what is gathered when it ends, once', () => {
    const { clock, told, lines, show } = open();
    show('secretUse', use('env:KEY'));
    lines.flush();
    lines.flush();
    clock.advance(60_000);
    expect(told).toEqual([expect.stringContaining('secrets used: env:KEY by shop 1 time')]);
  });
});

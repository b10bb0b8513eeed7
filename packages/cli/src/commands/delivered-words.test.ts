import { describe, expect, it } from 'vitest';
import { deliveredWords } from './delivered-words.ts';

const run = { runId: 'r1', pipeline: 'order-paid', started: false, state: 'succeeded' };
const first = { acceptedAtMs: Date.parse('2026-11-29T09:00:00Z'), updatedAtMs: 0, isEnded: true };
const words = (answer: object): readonly string[] => deliveredWords(JSON.stringify(answer));

describe('what came of a delivery', () => {
  it('is a run for each pipeline that took it', () => {
    const runs = ['order-paid', 'tell-support'].map((pipeline) => ({ ...run, pipeline, started: true }));
    expect(words({ duplicateDelivery: false, runs })).toEqual([
      'order-paid: run r1 started',
      'tell-support: run r1 started',
    ]);
  });

  it('is called a duplicate where another delivery of its business key came before, with the run and how that ended', () => {
    const duplicate = { ...first, by: 'businessKey' };
    expect(words({ duplicateDelivery: false, runs: [{ ...run, duplicate }] })).toEqual([
      'order-paid: a duplicate: nothing started. Its business key is known from run r1 of 2026-11-29 09:00:00Z, which succeeded',
    ]);
  });

  it('of a failed first run has its failure and how that goes on', () => {
    const failure = { class: 'validation', code: 'CHECK_NOT_MET' };
    const next = { what: 'a person resumes that run', command: 'tenon dead-letters resume r1' };
    const duplicate = { ...first, by: 'delivery', failure, next };
    expect(words({ duplicateDelivery: true, runs: [{ ...run, state: 'failed', duplicate }] })).toEqual([
      'order-paid: a duplicate: nothing started. This delivery came before, and has run r1 of 2026-11-29 09:00:00Z, which failed (validation, CHECK_NOT_MET)\n  a person resumes that run: `tenon dead-letters resume r1`',
    ]);
  });

  it('says that it is something else than came under its name before', () => {
    const of = { ...run, duplicate: { ...first, by: 'delivery' } };
    const notTaken =
      'its payload is another one than at first: what it says now was not taken, and is to be sent under a delivery id of its own';
    const repeated = { duplicateDelivery: true, payloadDiffers: true };
    expect(words({ ...repeated, runs: [of] })).toEqual([
      'order-paid: a duplicate: nothing started. This delivery came before, and has run r1 of 2026-11-29 09:00:00Z, which succeeded',
      notTaken,
    ]);
    expect(words({ ...repeated, runs: [] })).toEqual([
      'a duplicate: this delivery came before, and started no run',
      notTaken,
    ]);
    const byKey = { ...run, duplicate: { ...first, by: 'businessKey', payloadDiffers: true } };
    expect(words({ duplicateDelivery: false, runs: [byKey] })).toEqual([
      'order-paid: a duplicate: nothing started. Its business key is known from run r1 of 2026-11-29 09:00:00Z, which succeeded\n  its payload is another one than that of the first: what it says now started nothing',
    ]);
  });

  it('is told where no run is there to show', () => {
    expect(words({ duplicateDelivery: false, runs: [], older: ['prices'] })).toEqual([
      'prices: nothing started, a newer version of what the event is about came before',
    ]);
    expect(words({ duplicateDelivery: true, runs: [] })).toEqual([
      'a duplicate: this delivery came before, and started no run',
    ]);
    expect(words({ duplicateDelivery: false, runs: [] })).toEqual(['stored; it started no run']);
  });

  it.each([
    ['nobody listens to', {}, {}, ['stored; it started no run: no pipeline listens to it']],
    [
      'a condition leaves out',
      {},
      { leftOut: ['a', 'b'] },
      [
        'a: nothing started, its condition (`where`) leaves the event out',
        'b: nothing started, its condition (`where`) leaves the event out',
      ],
    ],
    [
      'a flag keeps away',
      { flaggedOff: ['a'] },
      {},
      ['a: nothing started, a feature flag keeps the event from it'],
    ],
    [
      'no run waits for any more, or yet',
      {},
      { waits: ['a'] },
      ['stored; it started no run. a can wait for such an event, and no run does now'],
    ],
    [
      'some run waits for',
      { older: ['b'] },
      { waits: ['a'], isAwaited: true },
      [
        'b: nothing started, a newer version of what the event is about came before',
        'stored; some run waits for such an event, and goes on if this is the one',
      ],
    ],
  ])('that %s says so', (_, more, hearers, said) => {
    const unstarted = { leftOut: [], waits: [], isAwaited: false, ...hearers };
    expect(words({ duplicateDelivery: false, runs: [], ...more, unstarted })).toEqual(said);
  });

  it.each(['', '{}', '[]', 'null', '<html>', '{"title":"Delivery refused","status":401}'])(
    'is not told of an answer that is not ours: %s',
    (body) => {
      expect(deliveredWords(body)).toEqual([]);
    },
  );
});

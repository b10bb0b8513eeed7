import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecheckReport } from '@tenon/runtime';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runAgainst } from '../testing/fake-server.ts';
import { quarantineCommands } from './quarantine.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-quarantine-'));
  await writeFile(join(root, 'tenon.config.yaml'), 'apiVersion: tenon/v1\n');
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(root, { recursive: true });
});

const tenon = (line: readonly string[], answer: object = {}) =>
  runAgainst(answer, quarantineCommands, line, { cwd: root });

const one = { event: 'shop.paid', source: 'bus/paid', runs: [{ runId: 'r1', pipeline: 'book' }] };
const report = (applied: boolean): RecheckReport => ({
  applied,
  through: 17,
  more: false,
  events: [
    { ...one, deliveryId: 'd1', outcome: applied ? 'released' : 'passes' },
    {
      ...one,
      deliveryId: 'd2',
      outcome: 'fails',
      failure: {
        class: 'contract',
        code: 'EVENT_PAYLOAD_INVALID',
        message: 'event shop.paid: /amount must be integer',
        delivery: 'notSent',
      },
    },
  ],
});
const RECHECK = ['quarantine', 'recheck', '--reason', 'mended'];

describe('a re-check of the quarantine', () => {
  it('is a dry run that says how to release what it shows', async () => {
    const { sent, text, code } = await tenon([...RECHECK, '--event', 'shop.paid'], report(false));
    expect(sent).toEqual([
      `POST /v1/quarantine/recheck ${JSON.stringify({ reason: 'mended', apply: false, overtaken: false, event: 'shop.paid' })}`,
    ]);
    expect(text).toContain('would be released');
    expect(text).toContain('/amount must be integer');
    expect(text).toContain('1 of 2 events would be released; --apply --through 17 releases them');
    expect(code).toBe(5);
  });

  it('says why where there is nothing to look at', async () => {
    const none = { ...report(false), events: [] };
    const { text, code } = await tenon([...RECHECK, '--event', 'shop.paid'], none);
    expect(text).toContain('nothing of shop.paid is held at its way in. Held is what `sources` bring');
    expect(text).toContain('answered 422');
    expect(text).not.toContain('0 of 0');
    expect(code).toBe(0);
    const applied = { ...none, applied: true };
    const late = await tenon([...RECHECK, '--apply', '--through', '4'], applied);
    expect([late.text.includes('any pipeline is held at its way in up to 4'), late.code]).toEqual([true, 0]);
  });

  it('releases no more than the dry run showed', async () => {
    const refused = await tenon([...RECHECK, '--apply'], report(true));
    expect(refused).toMatchObject({ sent: [], code: 2 });
    const { sent, text, code } = await tenon([...RECHECK, '--apply', '--through', '17'], report(true));
    expect(sent[0]).toContain('"through":17');
    expect(text).toContain('released: 1 of 2 events');
    expect(code).toBe(6);
    expect(await tenon([...RECHECK, '--apply', '--through', 'x'])).toMatchObject({ sent: [], code: 2 });
  });

  it('says which pipelines a released event started nothing in, and why', async () => {
    const applied = report(true);
    const [first, second] = applied.events;
    const events = [
      {
        ...first,
        became: [
          { pipeline: 'book', as: 'flaggedOff' },
          { pipeline: 'post', as: 'started', runId: 'r9' },
        ],
      },
      { ...first, became: [{ pipeline: 'book', as: 'older' }] },
      { ...first, became: [{ pipeline: 'book', as: 'known', runId: 'r2' }] },
      second,
    ];
    const { text } = await tenon([...RECHECK, '--apply', '--through', '17'], { ...applied, events });
    expect(text).toContain('released; book is kept from it by a feature flag');
    expect(text).toContain('released; book has taken a newer one of its entity');
    expect(text).toContain('released; book knows its key from an earlier run');
    expect(text).toContain('of 3 released events not every pipeline started a run');
    const dry = report(false);
    const [passing] = dry.events;
    const became = [{ pipeline: 'book', as: 'older' }];
    const foreseen = await tenon(RECHECK, { ...dry, events: [{ ...passing, became }] });
    expect(foreseen.text).toContain('would be released; book has taken a newer one');
    expect(foreseen.text).toContain('(of 1 not every pipeline would start a run: see OUTCOME)');
    const usual = await tenon([...RECHECK, '--apply', '--through', '17'], applied);
    expect(usual.text).not.toContain('not every pipeline');
  });

  it('begins with what is held, and why', async () => {
    const failure = { class: 'contract', message: 'wrong', pointer: '/amount' };
    const letter = { runId: 'r1', pipeline: 'book', key: 'delivery:d1', failure, owner: 'team' };
    const { sent, text } = await tenon(['quarantine', '--pipeline', 'book'], { deadLetters: [letter] });
    expect(sent).toEqual(['GET /v1/dead-letters?pipeline=book&queue=quarantine']);
    expect(text).toContain('/amount');
  });
});

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliDecompressSync } from 'node:zlib';
import type { Json } from '@tenon/model';
import { afterEach, expect, test } from 'vitest';
import { type Bench, openBenchWith, refused } from '../testing/bench.ts';
import { call, planFor } from '../testing/plan.ts';
import { problemsOf } from '../testing/stored-file.ts';

// Files that earlier versions wrote themselves, with live work in them, as a SIGKILL left them. Each was made by `older-file-child.ts` in a
// checkout of the version that it is named after, its log copied into it (`PRAGMA wal_checkpoint(TRUNCATE)`), and pressed by brotli; beside it
// is what that process had sent. One more belongs here with each version that writes something another way.
const FOLDER = join(import.meta.dirname, '../testing/older-files');
const versions = readdirSync(FOLDER).flatMap((name) => /^schema-(\d+)\.db\.br$/.exec(name)?.[1] ?? []);

interface Sent {
  readonly operation: string;
  readonly key: string;
  /** What became of it: `first` was done, `refused` and `lost` as they say, `hangs` was not answered. */
  readonly answer: 'first' | 'hangs' | 'lost' | 'refused';
}

let bench: Bench;
afterEach(() => bench?.close());

test.each(versions)(
  'a file of schema %s goes on where its version was killed, by the plans that its runs began with',
  async (version) => {
    bench = await openBenchWith(
      { begun: brotliDecompressSync(readFileSync(join(FOLDER, `schema-${version}.db.br`))), checkpoints: {} },
      [],
    );
    // Written by the process that made the file.
    const sent = JSON.parse(readFileSync(join(FOLDER, `schema-${version}.sent.json`), 'utf8')) as Sent[];
    const { runtime, target } = bench;
    const pipelines = runtime.pipelinesInForce().map(({ name }) => name);
    for (const pipeline of pipelines)
      await runtime.activate(planFor({ pipeline, version: 2, steps: [call('second', 'acme.create')] }));
    const keys = (fits: (one: Sent) => boolean): string[] => sent.filter(fits).map(({ key }) => key);
    // What was not answered has happened all the same.
    for (const key of keys(({ answer }) => answer === 'hangs'))
      target.effects.set(key, [{ id: 'made before' }]);
    let isMended = false;
    target.decide = ({ input }) => (input['id'] === 'refused' && !isMended ? { fail: refused } : undefined);

    await bench.pass(1_000);
    // What was taken is known, whoever sends it again.
    for (const id of ['o1', 'o2'])
      for (const deliveryId of [id, `${id} once more`])
        expect(await order(id, deliveryId)).toMatchObject({
          ok: true,
          runs: expect.not.arrayContaining([started]),
        });

    isMended = true;
    for (const { runId, stepId } of runtime.approvals())
      await runtime.decide(runId, stepId, 'approve', 'ana', 'as it should be');
    for (const { runId, stepId } of runtime.inDoubt())
      await runtime.settle(runId, stepId, 'confirm', 'ana', 'seen there', { id: 'seen' });
    for (const { runId, pipeline } of runtime.deadLetters())
      if (pipeline === 'held') await runtime.resume(runId, 'ana', 'mended');
    for (const id of ['o1', 'o2'])
      await runtime.accept({ event: 'shop.paid', payload: { id }, deliveryId: `paid ${id}`, source: 'shop' });
    await bench.pass(700_000);

    const runs = runtime.runs({ limit: 100 });
    expect(
      runs.map(({ pipeline, state, version: plan }) => `${pipeline} ${plan} ${state}`).toSorted(),
    ).toEqual(
      pipelines
        .flatMap((one) => Array(2).fill(`${one} 1 ${one === 'undoing' ? 'compensated' : 'succeeded'}`))
        .toSorted(),
    );
    const asked = new Set(target.calls.map(({ operation, key }) => `${operation} ${key}`));
    const isAsked = ({ operation, key }: Sent): boolean => asked.has(`${operation} ${key}`);
    // What nobody had answered is asked for again under its key where the target honours it, otherwise looked for; what was done or lost is not.
    expect(sent.filter((one) => one.answer !== 'refused' && isAsked(one))).toEqual(
      sent.filter(({ operation, answer }) => answer === 'hangs' && operation !== 'createBlind'),
    );
    expect(target.doubled).toEqual([]);

    expect(await order('o3', 'o3')).toMatchObject({ ok: true });
    await bench.pass(1_000);
    expect(runtime.runs({ key: 'o3' }).map(({ version: plan }) => plan)).not.toContain(1);
    expect(bench.problems).toEqual([]);
    // Of checkpoints the last is signed at the end.
    await bench.restart();
    expect(problemsOf(bench)).toEqual([]);
  },
);

const started = expect.objectContaining({ started: true });

function order(id: string, deliveryId: string): Promise<Json | object> {
  const payload = { id, account: 'A1', lines: [{ sku: 'asked' }, { sku: 'hangs' }] };
  return bench.runtime.accept({ event: 'shop.ordered', payload, deliveryId, source: 'shop' });
}

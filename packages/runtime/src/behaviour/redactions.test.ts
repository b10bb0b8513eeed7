import type { PlanStep } from '@tenon/pipeline';
import { afterEach, expect, test } from 'vitest';
import { openLedger } from '../index.ts';
import { type Bench, openBench } from '../testing/bench.ts';
import { call, literal, planFor } from '../testing/plan.ts';

let bench: Bench;
afterEach(() => bench.close());

const approve: PlanStep = {
  id: 'look',
  kind: 'approve',
  at: { line: 1, column: 1 },
  by: 'sales',
  withinMs: 3_600_000,
  onExpiry: 'reject',
  show: { object: { who: { expression: 'event.email' }, total: { literal: 5 } } },
};

/** The first version knows of no class; one of another pipeline, of the same event and operation, does. */
test('a field that was classed since is hidden of what ran before, by any plan in force that knows it', async () => {
  const steps = [call('made', 'acme.create', { with: literal({ id: 'x' }) }), approve];
  bench = await openBench(planFor({ steps }));
  const runId = await bench.order({ id: 'a', email: 'ada@shop.example' });
  await bench.runtime.idle();
  expect(bench.runtime.run(runId)?.input).toEqual({ id: 'a', email: 'ada@shop.example' });
  const before = bench.runtime.run(runId)!.steps[0]!.result;
  expect(before).toHaveProperty('id');

  const classed = { event: ['/email'], 'steps.other': ['/id'] };
  await bench.runtime.activate(
    planFor({ pipeline: 'mails', steps: [call('other', 'acme.create')], redact: classed }),
  );
  const hidden = {
    input: { id: 'a', email: '[redacted]' },
    steps: [{ id: 'made', result: { id: '[redacted]' } }, { id: 'look' }],
  };
  expect(bench.runtime.run(runId)).toMatchObject(hidden);
  const beside = openLedger(bench.file);
  expect(beside.run(runId)).toMatchObject(hidden);
  beside.close();
  // Whoever goes back to the plan that knows less is shown no more than before.
  await bench.runtime.activate(planFor({ version: 2, steps, redact: { 'shown.look': ['/who'] } }));
  await bench.runtime.retire('mails');
  expect(bench.runtime.run(runId)).toMatchObject(hidden);
});

test('what is classed of what approvers are shown, nobody else is shown', async () => {
  bench = await openBench(planFor({ steps: [approve], redact: { 'shown.look': ['/who'] } }));
  await bench.order({ id: 'a', email: 'ada@shop.example' });
  await bench.runtime.idle();
  const shownTo = (team: string) => bench.runtime.approvals((asked) => asked === team)[0]?.show;
  expect(shownTo('sales')).toEqual({ who: 'ada@shop.example', total: 5 });
  expect(shownTo('finance')).toEqual({ who: '[redacted]', total: 5 });
  expect(bench.runtime.approvals()[0]?.show).toEqual({ who: 'ada@shop.example', total: 5 });
});

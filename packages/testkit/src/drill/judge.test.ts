import { expect, test } from 'vitest';
import type { MadeEffect } from './calls.ts';
import { explore } from './explore.ts';
import { judge } from './judge.ts';
import { type DrillParts, partsOf } from './parts.ts';
import { reference } from './reference.testing.ts';
import { lastRefused } from './schedules.ts';
import { Trial } from './trial.ts';

const source = await reference();
const parts = partsOf(source, source.plan('subscription-upgraded'), 1);
const { bases } = await explore(parts);
const { start, outcome: sound } = bases[0]!;
const undone = await new Trial(parts, start, lastRefused(parts, sound)!).run();

const codes = (outcome: typeof sound, of: DrillParts = parts): readonly string[] =>
  judge(of, start, outcome).map(({ code, step }) => `${code} ${step}`);

/** As if a pipeline that this one runs had made it, in a step of the same name. */
const byAnother = (effect: MadeEffect): MadeEffect => ({
  ...effect,
  call: { ...effect.call!, pipeline: 'another', runId: 'another' },
});

const isUndoing = ({ call }: MadeEffect): boolean =>
  call?.step === 'invoice' && call.purpose === 'compensation';

test('what another pipeline undoes in a step of the same name undoes nothing of this one', () => {
  const effects = undone.effects.map((effect) => (isUndoing(effect) ? byAnother(effect) : effect));
  expect(codes({ ...undone, effects })).toEqual(['drill-effect-left invoice']);
});

test('nor is what a run that succeeded did undone by it', () => {
  const effects = [...sound.effects, ...undone.effects.filter(isUndoing).map(byAnother)];
  expect(codes({ ...sound, effects })).toEqual([]);
});

test('what another pipeline did in a step of the same name is nothing that this one did', () => {
  const effects = sound.effects.map((effect) =>
    effect.call?.step === 'invoice' ? byAnother(effect) : effect,
  );
  expect(codes({ ...sound, effects })).toEqual(['drill-effect-missing invoice']);
});

test('an effect made twice is not harmless because an operation of another system has that name', () => {
  const { plan } = parts.loaded;
  const made = sound.effects.find(({ call }) => call?.step === 'invoice')!;
  const own = Object.values(plan.operations).find(({ operation }) => operation === made.call!.operation)!;
  const namesake = { ...own, connector: 'another', idempotency: { mode: 'natural' as const } };
  const operations = { 'another.createInvoice': namesake, ...plan.operations };
  const loaded = { ...parts.loaded, plan: { ...plan, operations } };
  const twice = { ...sound, effects: [...sound.effects, made] };
  expect(codes(twice, { ...parts, loaded, plans: [loaded] })).toEqual(['drill-effect-twice invoice']);
});

test('what a run that this one began leaves standing is found by what that run says of itself', () => {
  const parent = { runId: sound.run!.runId, pipeline: 'subscription-upgraded', step: 'ticket' };
  const child = { ...undone.run!, runId: 'child', parent };
  const byChild = undone.effects.map((effect) => ({ ...effect, call: { ...effect.call!, runId: 'child' } }));
  // As if it had made other things than the run that began it.
  const apart = byChild.map((effect) => ({ ...effect, call: { ...effect.call, pipeline: child.pipeline } }));
  const whole = { ...sound, children: [child], effects: apart };
  const run = { ...sound.run!, steps: [] };
  expect(codes({ ...whole, run })).toEqual([]);
  const left = { ...whole, run, effects: apart.filter((effect) => !isUndoing(effect)) };
  expect(codes(left)).toEqual(['drill-effect-left ticket']);
});

const secret = 'a-telling-secret';
const answering = (pointers: readonly string[], body: object) => {
  const { plan } = parts.loaded;
  const loaded = { ...parts.loaded, plan: { ...plan, redact: { 'steps.subscription': pointers } } };
  const result = { ok: true as const, status: 200, headers: {}, body: JSON.parse(JSON.stringify(body)) };
  const calls = sound.calls.map((call) => (call.step === 'subscription' ? { ...call, result } : call));
  const entries = sound.entries.map((entry) => ({ ...entry, details: { ...entry.details, key: secret } }));
  return codes({ ...sound, calls, entries }, { ...parts, loaded, plans: [loaded] });
};

test.each([
  ['a member', ['/card'], { card: secret }],
  ['a member of each item', ['/cards/*/code'], { cards: [{ code: 'x' }, { code: secret }] }],
  ['a member of a map', ['/cards/*'], { cards: { one: secret } }],
])('what an answer brings that its contract classes is looked for in the ledger: %s', (_, pointers, body) => {
  expect(answering(pointers, body)).toEqual(['drill-leak subscription']);
});

test('what the same answer has in the clear, too, tells nothing', () => {
  expect(answering(['/card'], { card: secret, name: secret })).toEqual([]);
  expect(answering(['/other'], { card: secret })).toEqual([]);
});

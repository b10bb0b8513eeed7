import { writeFileSync } from 'node:fs';
import type { CallRequest, CallResult } from '@tenon/connector';
import { type Clock, type Failure, type Json, seededRandom } from '@tenon/model';
import type { Plan, PlanStep } from '@tenon/pipeline';
import { openRuntime } from '../embedded/open-runtime.ts';
import { call, planFor, probe, step, undoable } from './plan.ts';

/**
 * Fills a file with live work and waits to be killed: `older-file-child.ts <file> [strands] [children]`, of which a version names those that it
 * knows. It is copied into the `testing` folder of an older version and run there, so it uses only what the first version had. What was
 * sent is in `<file>.sent`. See `older-files.test.ts` for how its files are made.
 */
const [file = '', ...knows] = process.argv.slice(2);

/** Is over before the clock of a bench begins, so that whoever opens the file finds no time set back. */
const BEGIN_MS = 1_699_999_900_000;
const SETTLE_MS = 4_000;
const clock = {
  now: () => BEGIN_MS + Math.floor(performance.now()),
  steady: () => BEGIN_MS + Math.floor(performance.now()),
  setTimer: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
} satisfies Clock & { steady(): number };

const paid = step('wait', 'paid', {
  for: {
    event: 'shop.paid',
    match: 'signal.id == event.id',
    withinMs: 3 * 86_400_000,
    onExpiry: 'fail',
  },
});
const asked = step('approve', 'asked', {
  by: 'sales',
  withinMs: 3 * 86_400_000,
  onExpiry: 'reject',
  show: { literal: null },
});
const last = call('last', 'acme.create');
const perEvent = { key: { expression: 'event.id' }, retainMs: 30 * 86_400_000 };

function of(pipeline: string, steps: readonly PlanStep[], parts: Partial<Omit<Plan, 'hash'>> = {}): Plan {
  return planFor({ pipeline, steps, identity: perEvent, ...parts });
}

const plans = [
  of('awaiting', [undoable('first'), paid, last]),
  of('approving', [asked, last]),
  of('resting', [undoable('first'), step('wait', 'rest', { for: { durationMs: 600_000 } }), last]),
  of('doubted', [call('lost', 'acme.send'), last]),
  of('keyed', [call('hangs', 'acme.create')]),
  of('blind', [call('hangs', 'acme.createBlind', { probe })]),
  of('held', [undoable('first'), call('refused', 'acme.create')], { onFailure: 'hold' }),
  of('undoing', [undoable('first'), call('refused', 'acme.create')]),
  of('ordered', [call('hangs', 'acme.create')], {
    identity: { ...perEvent, orderBy: { expression: 'event.account' } },
  }),
  ...(knows.includes('strands') ? strands() : []),
  ...(knows.includes('children') ? children() : []),
];

/** An item that is asked about, one whose call hangs; a branch that waits, one whose call hangs. */
function strands(): readonly Plan[] {
  const item = call('hangs', 'acme.create', {
    with: { object: { id: { expression: 'line.sku' } } },
    when: "line.sku == 'hangs'",
  });
  const lines = step('forEach', 'lines', {
    in: 'event.lines',
    as: 'line',
    key: { expression: 'line.sku' },
    max: 10,
    concurrency: 2,
    onItemFailure: 'stop',
    steps: [item, asked, last],
  });
  const branches = step('parallel', 'both', {
    branches: [
      { name: 'left', steps: [undoable('first'), paid, last] },
      { name: 'right', steps: [call('hangs', 'acme.create')] },
    ],
  });
  return [of('lines', [lines]), of('branches', [branches])];
}

/** One run below that waits, below one that has done something. */
function children(): readonly Plan[] {
  const child = of('child', [undoable('first'), paid, last], {
    trigger: { manual: true, input: { type: 'object', required: ['id'] } },
  });
  const below = step('run', 'below', {
    pipeline: 'child',
    version: child.version,
    plan: child.hash,
    with: { object: { id: { expression: 'event.id' } } },
  });
  return [child, of('parent', [undoable('first'), below, last])];
}

const sent: { readonly operation: string; readonly key: string | undefined; readonly answer: string }[] = [];

async function answer({ operation, input, idempotencyKey }: CallRequest): Promise<CallResult> {
  const what = operation.operation === 'remove' ? 'hangs' : String((input as { id?: Json }).id);
  if (operation.effect !== 'read')
    sent.push({ operation: operation.operation, key: idempotencyKey, answer: what });
  if (what === 'hangs') return new Promise(() => {});
  if (what === 'lost') return { ok: false, failure: failed('timeout', 'lost') };
  if (what === 'refused') return { ok: false, failure: { ...failed('validation', 'answered'), status: 422 } };
  const body = operation.effect === 'read' ? { found: null } : { id: `made-${sent.length}` };
  return { ok: true, status: 200, body, headers: {} };
}

function failed(failureClass: Failure['class'], delivery: Failure['delivery']): Failure {
  return { class: failureClass, code: 'HTTP_RESPONSE', message: 'so it was told', delivery };
}

const runtime = await openRuntime({
  file,
  clock,
  random: seededRandom(7),
  transport: () => ({ call: answer, close: async () => {} }),
});
for (const plan of plans) await runtime.activate(plan);
for (const id of ['o1', 'o2']) {
  const payload = { id, account: 'A1', lines: [{ sku: 'asked' }, { sku: 'hangs' }] };
  const taken = await runtime.accept({ event: 'shop.ordered', payload, deliveryId: id, source: 'shop' });
  if (!taken.ok) throw new Error(taken.failure.message);
}
setTimeout(() => {
  writeFileSync(`${file}.sent`, JSON.stringify(sent));
  process.stdout.write('filled\n');
}, SETTLE_MS);

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpTransport, type OperationPlan, type Transport } from '@tenon/connector';
import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '@tenon/runtime';
import { call, planFor, step } from '@tenon/runtime/testing';
import { answering } from './answering.ts';

// `tenon-app.ts <steps|effects|lean> [url of a target]`: the embedded runtime as `tenon serve` opens it, behind bare
// `node:http`; answers when the run has ended on disk. `steps`: three effects whose target answers 1 KiB at once, in
// process, so that the work is the others' no-op steps plus intent, outcome and ledger. `effects`: the same over the
// HTTP transport to a real server. `lean`: one pure step.

const [kind = 'steps', target = ''] = process.argv.slice(2);
const filler = 'x'.repeat(1_000);
const limits = { concurrency: 512, deadlineMs: 600_000 };
const http: OperationPlan['http'] = {
  method: 'POST',
  path: '/things',
  parameters: [],
  bodyTypes: ['application/json'],
  bodyRequired: true,
  responses: [{ status: '200', mediaType: 'application/json', schema: true }],
};
const three = planFor({
  limits,
  steps: ['one', 'two', 'three'].map((id) =>
    call(id, 'acme.create', { with: { literal: { body: { id } } } }),
  ),
});
const plans = {
  steps: three,
  effects: planFor({
    limits,
    steps: three.steps,
    operations: { 'acme.create': { ...three.operations['acme.create']!, http } },
  }),
  lean: planFor({ limits, steps: [step('set', 'one', { value: { expression: 'event.id' } })] }),
};

function noOp(): Transport {
  return {
    call: async () => ({ ok: true, status: 200, headers: {}, body: { id: 'i', filler } }),
    close: async () => {},
  };
}

function real(): Transport {
  return httpTransport({
    connection: { name: 'acme', connector: 'acme', baseUrl: target, credentials: {}, webhookSecrets: [] },
    secrets: { resolve: () => Promise.reject(new Error('there are no secrets here')) },
    clock: systemClock,
    random: systemRandom,
  });
}

const folder = mkdtempSync(join(tmpdir(), 'tenon-peers-'));
process.once('SIGTERM', () => process.exit(0));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
/** Emptied when it has been told: see `Register` of the runtime. */
const waiting = new Map<string, { tell: (() => void) | undefined }>();
/** Runs that ended before their `accept` had returned. */
const early = new Set<string>();
const runtime = await openRuntime({
  file: join(folder, 'runtime.db'),
  clock: systemClock,
  random: systemRandom,
  transport: kind === 'effects' ? real : noOp,
  onEntry: ({ kind: entry, runId, details }) => {
    if (entry !== 'state' || details['to'] !== 'succeeded') return;
    const waiter = waiting.get(runId);
    if (waiter === undefined) early.add(runId);
    else {
      waiting.delete(runId);
      waiter.tell?.();
      waiter.tell = undefined;
    }
  },
});
const plan = Object.hasOwn(plans, kind) ? plans[kind as keyof typeof plans] : undefined;
if (plan === undefined) throw new Error(`no such kind: ${kind}`);
await runtime.activate(plan);

const url = await answering(async (body) => {
  const payload = JSON.parse(body);
  const accepted = await runtime.accept({
    event: 'shop.ordered',
    payload,
    deliveryId: payload.id,
    source: 'bench',
  });
  if (!accepted.ok) throw new Error(accepted.failure.message);
  const { runId } = accepted.runs[0]!;
  if (!early.delete(runId)) await new Promise<void>((tell) => waiting.set(runId, { tell }));
});
console.log(`ready ${url}`);

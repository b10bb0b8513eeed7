import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { ValueTemplate } from '@tenon/expression';
import type { Json, JsonObject } from '@tenon/model';
import type { ApproveStep, Plan } from '@tenon/pipeline';
import { DataKeys, type EncryptionOptions } from './embedded/file/data-keys.ts';
import { openLedger } from './embedded/file/open-ledger.ts';
import { openRuntime } from './embedded/open-runtime.ts';
import { verifyExport } from './ledger/verify-ledger.ts';
import type { RuntimeCode, runtimeRules } from './rules.ts';
import { RuntimeError } from './runtime-error.ts';
import { type Bench, outdated, refused, unavailable } from './testing/bench.ts';
import { keyNamed, keysNamed } from './testing/keys.ts';
import { amend, call, childPlan, planFor, run, step, undoable } from './testing/plan.ts';
import { listing, reconciled, reconciliationFor } from './testing/reconciliation.ts';
import {
  type SoundLedger,
  soundLedger,
  type Tampering,
  tamperings,
  verifyTampered,
} from './testing/tamper.ts';

const NO_CHECKPOINTS = { checkpoints: [], keys: [] };

/** Something that happens on a bench; gives the codes that came up. */
type Scenario = (open: (...plans: Plan[]) => Promise<Bench>) => Promise<readonly string[]>;

interface Case {
  readonly fires: Scenario;
  readonly silent: Scenario;
}

const blind = planFor({ steps: [call('one', 'acme.createBlind')] });
const answering = planFor({
  operations: {
    ...blind.operations,
    'acme.createBlind': { ...blind.operations['acme.createBlind']!, result: { type: 'object' } },
  },
  steps: blind.steps,
});
const putting = planFor({
  operations: {
    ...blind.operations,
    'acme.put': { ...blind.operations['acme.put']!, result: { type: 'object' } },
  },
  steps: [call('put', 'acme.put')],
});
/** Its event comes over `shop`. */
const chosen = (name: string) =>
  planFor({ steps: [call('x', 'acme.put', { connection: { over: 'connection', among: [name] } })] });
const keyed = planFor({ steps: [undoable('one')] });
const headed = planFor({
  steps: [undoable('one')],
  events: {
    ...keyed.events,
    'shop.ordered': {
      ...keyed.events['shop.ordered']!,
      headers: { type: 'object', required: ['tenant'], properties: { tenant: { type: 'string' } } },
    },
  },
});
const held = planFor({ onFailure: 'hold', steps: [call('put', 'acme.put')] });
const growing = planFor({ steps: amend('grow') });
const versioned = (version: string) =>
  planFor({
    identity: {
      key: { expression: 'event.id' },
      retainMs: 1_000,
      orderBy: { expression: 'event.id' },
      version,
    },
    steps: [],
  });
const reading = (version: string, atLeast: string) =>
  planFor({ steps: [call('one', 'acme.get', { fresh: { version, atLeast } })] });
const manual = planFor({
  trigger: { manual: true, input: { type: 'object', required: ['id'] } },
  identity: { key: { expression: 'input.id' }, retainMs: 1_000 },
  steps: [],
});
const gated = planFor({ steps: [step('wait', 'gate', { for: { durationMs: 1_000 } })] });
const approval = (onExpiry: 'approve' | 'reject') =>
  planFor({
    steps: [step('approve', 'yes', { by: 'finance', withinMs: 1_000, onExpiry, show: { literal: null } })],
  });
const asked = (id: string, more: Partial<ApproveStep> = {}) =>
  step('approve', id, {
    by: 'finance',
    withinMs: 1_000,
    onExpiry: 'reject',
    show: { literal: null },
    ...more,
  });
const consent = asked('yes');

const ofTwo = planFor({ steps: [asked('yes', { count: 2 })] });
const ofOther = planFor({
  steps: [consent, asked('again', { except: { steps: ['yes'] } })],
});

/** Approves `yes`, and then that or another step. */
function approvedBy(first: string, second: string, then = 'yes'): Action {
  return async (bench, run) => {
    await bench.runtime.decide(run, 'yes', 'approve', first, 'x');
    await bench.runtime.idle();
    return bench.runtime.decide(run, then, 'approve', second, 'x');
  };
}

/** One order that the books lack. */
async function comparing(open: Parameters<Scenario>[0]): Promise<Bench> {
  const bench = await open(keyed);
  listing(bench, { listOrders: () => [{ key: 'A' }], listInvoices: () => [] });
  await bench.runtime.activateReconciliations([reconciliationFor()]);
  return bench;
}

async function begun(bench: Bench, name = 'invoices-agree'): Promise<readonly string[]> {
  return refusalOf(await bench.runtime.reconcile(name, 'ana', 'a test', false));
}

/** Compares while the shop is busy, until so much time has passed. */
async function late(bench: Bench, deadlineMs: number): Promise<readonly string[]> {
  bench.target.script = { listOrders: Array.from({ length: 4 }, () => ({ fail: unavailable })) };
  await bench.runtime.activateReconciliations([reconciliationFor({ deadlineMs })]);
  const begun = await bench.runtime.reconcile('invoices-agree', 'ana', 'a test', false);
  const id = begun.ok ? begun.report : '';
  for (let looks = 0; looks < 400; looks++) {
    const report = bench.runtime.reconciliationReport(id);
    if (report && report.state !== 'comparing') return [report.failure?.code ?? ''];
    await new Promise((resolve) => setTimeout(resolve, 5));
    bench.clock.advance(500);
  }
  return ['it did not end'];
}

/** A repair of one report that is applied after something else. */
async function appliedAfter(
  bench: Bench,
  meanwhile: (bench: Bench) => Promise<unknown>,
): Promise<readonly string[]> {
  const { id } = await reconciled(bench);
  const dry = await bench.runtime.planRepair(id, 'ana', 'mended');
  await bench.pass(1_000);
  await meanwhile(bench);
  return refusalOf(await bench.runtime.applyRepair(dry.ok ? dry.report.token : '', 'ana', 'mended'));
}

async function repaired(bench: Bench): Promise<readonly string[]> {
  const { id } = await reconciled(bench);
  return refusalOf(await bench.runtime.planRepair(id, 'ana', 'mended'));
}

/** Two orders, each of which runs a child. */
async function parented(
  open: Parameters<Scenario>[0],
  {
    child: how,
    key = { expression: 'event.id' },
    output = { literal: 'text' },
    isActivated = true,
  }: {
    readonly child?: 'fails';
    readonly key?: ValueTemplate;
    readonly output?: ValueTemplate;
    readonly isActivated?: boolean;
  } = {},
): Promise<readonly string[]> {
  const child = childPlan({
    identity: { key, retainMs: 1_000 },
    steps:
      how === 'fails'
        ? [step('check', 'no', { that: [{ condition: 'false', message: 'no' }], otherwise: 'fail' })]
        : [],
    output: { schema: { type: 'string' }, value: output },
  });
  const parent = planFor({ steps: [run('sub', child)] });
  const bench = await open(...(isActivated ? [child, parent] : [parent]));
  for (const id of ['a', 'b']) await bench.order({ id });
  await bench.runtime.idle();
  return codesOf(bench);
}

/** An order that runs a pipeline that runs a pipeline, so many deep. */
async function chained(open: Parameters<Scenario>[0], depth: number): Promise<readonly string[]> {
  const plans = [childPlan({ pipeline: 'p0', steps: [] })];
  for (let at = 1; at < depth; at++)
    plans.push(childPlan({ pipeline: `p${at}`, steps: [run('sub', plans[at - 1]!)] }));
  const bench = await open(...plans, planFor({ steps: [run('sub', plans.at(-1)!)] }));
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  return codesOf(bench);
}

/** Codes of all that is parked or undone. */
function codesOf({ runtime }: Bench): readonly string[] {
  return runtime.runs({ limit: 100 }).flatMap(({ runId }) => runtime.run(runId)?.failure?.code ?? []);
}

const pause = planFor({ steps: [undoable('one'), step('wait', 'pause', { for: { durationMs: 1_000 } })] });

/** One situation that brings each code up, and a near one that does not. */
export const runtimeCases = {
  RUNTIME_FILE_IN_USE: {
    fires: async (open) => openAgain((await open()).file),
    silent: async (open) => {
      const bench = await open();
      await bench.restart();
      return [];
    },
  },
  RUNTIME_KEY_MISSING: {
    fires: async (open) => startedWith(open, undefined),
    silent: async (open) => startedWith(open, KEYS),
  },
  RUNTIME_KEY_WRONG: {
    fires: async (open) => startedWith(open, { ...KEYS, keys: { k1: keyNamed('another') } }),
    silent: async (open) => startedWith(open, KEYS),
  },
  KEYS_NOT_CONFIGURED: {
    fires: async (open) => refusalOf(await (await open()).runtime.rewrapKeys('ana', 'yearly')),
    silent: async (open) => {
      const bench = await open();
      bench.encryption = KEYS;
      await bench.restart();
      return refusalOf(await bench.runtime.rewrapKeys('ana', 'yearly'));
    },
  },
  STORED_VALUE_DAMAGED: {
    fires: async (open) => meddled(open, `UPDATE journal SET value = '~00000000{}'`),
    silent: async (open) => meddled(open, 'SELECT 1'),
  },
  STORED_VALUE_ERASED: {
    fires: async (open) => withKeys(open, (keys, ids) => keys.shred(ids)),
    silent: async (open) => withKeys(open, () => {}),
  },
  STORED_VALUE_LOCKED: {
    fires: async (open) => checkedWith(open, undefined),
    silent: async (open) => checkedWith(open, KEYS),
  },
  RUNTIME_FILE_NEWER: {
    fires: async (open) => openEdited(await open(), (db) => db.exec('PRAGMA user_version = 999')),
    silent: async (open) => openEdited(await open(), () => {}),
  },
  RUNTIME_LEDGER_BEHIND: {
    fires: async (open) => openOlderCopy(await open(keyed)),
    silent: async (open) => {
      const bench = await open(keyed);
      bench.checkpoints = { setBack: 'ana: a backup' };
      return openOlderCopy(bench);
    },
  },
  RUNTIME_LEDGER_ALTERED: {
    fires: async (open) => {
      const bench = await open(keyed);
      bench.checkpoints = {};
      await bench.restart();
      await bench.order({ id: 'a' });
      return openEdited(bench, (db) => db.exec(`INSERT INTO ledger VALUES (99, 1, 1, '[]')`));
    },
    silent: async (open) => openEdited(await open(keyed), () => {}),
  },
  ...(Object.fromEntries(
    tamperings.map((tampering): [RuntimeCode, Case] => [
      tampering.code,
      {
        fires: () => verifiedCodes(tampering),
        silent: () => verifiedCodes({}),
      },
    ]),
    // Every code of a finding has a tampering: the type of the table below asks for the others.
  ) as Record<(typeof tamperings)[number]['code'], Case>),
  LEDGER_EXPORT_UNREADABLE: {
    fires: async () => verifyExport(['{"type":"row"'], NO_CHECKPOINTS).findings.map(({ code }) => code),
    silent: async () =>
      verifyExport(['{"type":"ledger","size":0}'], NO_CHECKPOINTS).findings.map(({ code }) => code),
  },
  RUNTIME_FILE_UNREADABLE: {
    fires: async (open) => {
      const { file } = await open();
      writeFileSync(`${file}.other`, 'this is no database, '.repeat(100));
      return codeOf(async () => openLedger(`${file}.other`).close());
    },
    silent: async (open) => {
      const { file } = await open();
      return codeOf(async () => openLedger(file).close());
    },
  },
  RUNTIME_DISK_FAILED: {
    fires: async (open) => {
      const bench = await open(keyed);
      bench.failDisk();
      await order(bench).catch(() => {});
      return order(bench);
    },
    silent: (open) => ordered(open, keyed),
  },
  RUNTIME_CHORE_UNFINISHED: {
    fires: async (open) => erased(await open(), () => Promise.reject(new Error('no space left'))),
    silent: async (open) => erased(await open(), () => undefined),
  },
  RUNTIME_BACKUP_FAILED: {
    fires: async (open) => backedUp(await open(), '.absent/copy'),
    silent: async (open) => backedUp(await open(), '.copy'),
  },
  RUNTIME_BACKUP_UNDER_WAY: {
    fires: async (open) => {
      const bench = await open();
      void backedUp(bench, '.copy');
      return backedUp(bench, '.copy');
    },
    silent: async (open) => {
      const bench = await open();
      void backedUp(bench, '.other');
      return backedUp(bench, '.copy');
    },
  },
  RUNTIME_STOPPING: {
    fires: async (open) => {
      const bench = await open(keyed);
      void bench.runtime.stop();
      return order(bench);
    },
    silent: (open) => ordered(open, keyed),
  },
  RUNTIME_BACKLOG_FULL: {
    fires: async (open) => limited(await open(keyed), { backlogMax: 0 }),
    silent: async (open) => limited(await open(keyed), { backlogMax: 1 }),
  },
  RUNTIME_DISK_BUSY: {
    fires: async (open) => limited(await open(keyed), { queueMax: 0 }),
    silent: async (open) => limited(await open(keyed), { queueMax: 1 }),
  },
  PIPELINE_BACKLOG_FULL: {
    fires: async (open) => limited(await open(keyed), { pipelineBacklogMax: 0 }),
    silent: async (open) => limited(await open(keyed), { pipelineBacklogMax: 1 }),
  },
  RUNTIME_DISK_LOW: {
    fires: async (open) => limited(await open(keyed), { diskFreeBytesMin: Number.MAX_SAFE_INTEGER }),
    silent: async (open) => limited(await open(keyed), { diskFreeBytesMin: 0 }),
  },
  ITEMS_NOT_A_LIST: { fires: (open) => listed(open, 7), silent: (open) => listed(open, [{ sku: 'a' }]) },
  ITEMS_TOO_MANY: {
    fires: (open) => listed(open, [{ sku: 'a' }, { sku: 'b' }, { sku: 'c' }]),
    silent: (open) => listed(open, [{ sku: 'a' }, { sku: 'b' }]),
  },
  ITEM_KEY_EMPTY: {
    fires: (open) => listed(open, [{ sku: '' }]),
    silent: (open) => listed(open, [{ sku: 'a' }]),
  },
  ITEM_KEY_DUPLICATE: {
    fires: (open) => listed(open, [{ sku: 'a' }, { sku: 'a' }]),
    silent: (open) => listed(open, [{ sku: 'a' }, { sku: 'b' }]),
  },
  FIX_NOT_OPEN: { fires: (open) => closed(open, true), silent: (open) => closed(open, false) },
  RUN_BRANCH_STOPPED: { fires: (open) => stopped(open, true), silent: (open) => stopped(open, false) },
  RUN_CHILD_FAILED: { fires: (open) => parented(open, { child: 'fails' }), silent: (open) => parented(open) },
  RUN_CHILD_CANCELLED: {
    fires: async (open) => {
      const asking = childPlan({ steps: [consent] });
      const bench = await open(asking, planFor({ steps: [run('sub', asking)] }));
      await bench.order({ id: 'a' });
      await bench.runtime.idle();
      await bench.runtime.cancel(bench.runtime.runs({ pipeline: 'child' })[0]!.runId, 'ana', 'not wanted');
      await bench.runtime.idle();
      return codesOf(bench);
    },
    silent: (open) => parented(open, { child: 'fails' }),
  },
  RUN_CHILD_KEY_TAKEN: {
    fires: (open) => parented(open, { key: { literal: 'always' } }),
    silent: (open) => parented(open),
  },
  RUN_HOPS_EXCEEDED: { fires: (open) => chained(open, 17), silent: (open) => chained(open, 16) },
  RUN_OUTPUT_INVALID: {
    fires: (open) => parented(open, { output: { literal: 1 } }),
    silent: (open) => parented(open, { output: { literal: 'text' } }),
  },
  PLAN_CHILD_ABSENT: {
    fires: (open) => parented(open, { isActivated: false }),
    silent: (open) => parented(open),
  },
  DRILL_SUBJECT_UNKNOWN: {
    fires: async (open) => refusalOf(await recorded(await open(keyed), { pipeline: 'order' })),
    silent: async (open) => refusalOf(await recorded(await open(keyed), { pipeline: 'orders' })),
  },
  DRILL_UNDER_WAY: {
    fires: async (open) => {
      const { runtime } = await open(keyed);
      await runtime.beginDrill({ kind: 'killSwitch', pipeline: 'orders' }, 'ana', 'ticket 1');
      return refusalOf(
        await runtime.beginDrill({ kind: 'killSwitch', pipeline: 'orders' }, 'ben', 'ticket 2'),
      );
    },
    silent: async (open) => {
      const { runtime } = await open(keyed);
      return refusalOf(
        await runtime.beginDrill({ kind: 'killSwitch', pipeline: 'orders' }, 'ben', 'ticket 2'),
      );
    },
  },
  DRILL_NOT_POSSIBLE: {
    fires: async (open) => {
      const { runtime } = await open(keyed);
      await runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'a look');
      return refusalOf(
        await runtime.beginDrill({ kind: 'killSwitch', pipeline: 'orders' }, 'ben', 'ticket 2'),
      );
    },
    silent: async (open) => {
      const { runtime } = await open(keyed);
      return refusalOf(
        await runtime.beginDrill({ kind: 'killSwitch', pipeline: 'orders' }, 'ben', 'ticket 2'),
      );
    },
  },
  DRILL_UNKNOWN: {
    fires: async (open) => refusalOf(await (await open(keyed)).runtime.stopDrill('d1', 'ana', 'no need')),
    silent: async (open) => {
      const { runtime } = await open(keyed);
      const begun = await runtime.beginDrill({ kind: 'killSwitch', pipeline: 'orders' }, 'ana', 'ticket 1');
      return refusalOf(await runtime.stopDrill(begun.ok ? begun.drill.id : '', 'ana', 'no need'));
    },
  },
  DRILL_TIME_INVALID: {
    fires: async (open) => {
      const bench = await open(keyed);
      const endedAtMs = bench.clock.now() + 3_600_000;
      return refusalOf(await recorded(bench, { pipeline: 'orders', endedAtMs }));
    },
    silent: async (open) => {
      const bench = await open(keyed);
      const endedAtMs = bench.clock.now() - 3_600_000;
      return refusalOf(await recorded(bench, { pipeline: 'orders', endedAtMs }));
    },
  },
  SWITCH_NOT_SET: {
    fires: async (open) => {
      const { runtime } = await open(keyed);
      return refusalOf(await runtime.liftSwitch('kill/everything', 'ana', 'all well'));
    },
    silent: async (open) => {
      const { runtime } = await open(keyed);
      await runtime.setSwitch(
        { kind: 'kill', scope: { everything: true }, sparesCompensation: false },
        'ana',
        'smoke',
      );
      return refusalOf(await runtime.liftSwitch('kill/everything', 'ana', 'all well'));
    },
  },
  REPLAY_TOO_LARGE: {
    fires: async (open) => refusalOf(await planned(await open(keyed), { replayRunsMax: 0 })),
    silent: async (open) => refusalOf(await planned(await open(keyed), { replayRunsMax: 1 })),
  },
  REPLAY_UNKNOWN: {
    fires: async (open) => applied(await open(keyed), 0, () => 'x'),
    silent: async (open) => applied(await open(keyed), 0),
  },
  REPLAY_EXPIRED: {
    fires: async (open) => applied(await open(keyed), 86_400_000),
    silent: async (open) => applied(await open(keyed), 86_399_000),
  },
  CANCEL_TOO_LARGE: {
    fires: async (open) => cancelledMany(await open(gated), { limits: { replayRunsMax: 1 } }),
    silent: async (open) => cancelledMany(await open(gated), { limits: { replayRunsMax: 2 } }),
  },
  CANCEL_UNKNOWN: {
    fires: async (open) => cancelledMany(await open(gated), { token: 'x' }),
    silent: async (open) => cancelledMany(await open(gated), {}),
  },
  CANCEL_EXPIRED: {
    fires: async (open) => cancelledMany(await open(gated), { afterMs: 86_400_000 }),
    silent: async (open) => cancelledMany(await open(gated), { afterMs: 86_399_000 }),
  },
  REPLAY_APPLIED_ALREADY: {
    fires: async (open) => {
      const bench = await open(keyed);
      let first = '';
      await applied(bench, 0, (token) => {
        first = token;
        return token;
      });
      return refusalOf(await bench.runtime.applyReplay(first, 'ben', 'again'));
    },
    silent: async (open) => applied(await open(keyed), 0),
  },
  RECONCILIATION_UNKNOWN: {
    fires: async (open) => begun(await comparing(open), 'invoices-agre'),
    silent: async (open) => begun(await comparing(open)),
  },
  RECONCILIATION_UNDER_WAY: {
    fires: async (open) => {
      const bench = await comparing(open);
      await begun(bench);
      return begun(bench);
    },
    silent: async (open) => {
      const bench = await comparing(open);
      await reconciled(bench);
      return begun(bench);
    },
  },
  RECONCILIATION_GIVEN_UP: {
    fires: async (open) => late(await comparing(open), 2_000),
    silent: async (open) => late(await comparing(open), 1_000_000),
  },
  RECONCILIATION_BROKEN: {
    fires: async (open) => {
      const bench = await comparing(open);
      // Where the records are to lie, there is a file.
      rmSync(`${bench.file}.comparing`, { recursive: true, force: true });
      writeFileSync(`${bench.file}.comparing`, '');
      return [(await reconciled(bench)).failure?.code ?? ''];
    },
    silent: async (open) => [(await reconciled(await comparing(open))).failure?.code ?? ''],
  },
  REPORT_UNKNOWN: {
    fires: async (open) => refusalOf(await (await comparing(open)).runtime.planRepair('x', 'ana', 'mended')),
    silent: async (open) => repaired(await comparing(open)),
  },
  REPORT_INCOMPLETE: {
    fires: async (open) => {
      const bench = await comparing(open);
      bench.target.script = { listOrders: [{ fail: refused }] };
      return repaired(bench);
    },
    silent: async (open) => repaired(await comparing(open)),
  },
  REPAIR_UNKNOWN: {
    fires: async (open) => refusalOf(await (await comparing(open)).runtime.applyRepair('x', 'ana', 'mended')),
    silent: async (open) => {
      return appliedAfter(await comparing(open), async () => {});
    },
  },
  REPAIR_OUTDATED: {
    fires: async (open) => appliedAfter(await comparing(open), reconciled),
    silent: async (open) => appliedAfter(await comparing(open), async () => {}),
  },
  ROLLBACK_IMPOSSIBLE: {
    fires: async (open) => {
      const { runtime } = await open(keyed);
      return refusalOf(await runtime.setSwitch({ kind: 'rollback', pipeline: 'orders' }, 'ana', 'smoke'));
    },
    silent: async (open) => {
      const { runtime } = await open(keyed);
      await runtime.activate({ ...keyed, hash: 'sha256:next', version: keyed.version + 1 });
      return refusalOf(await runtime.setSwitch({ kind: 'rollback', pipeline: 'orders' }, 'ana', 'smoke'));
    },
  },
  SWITCH_SUBJECT_UNKNOWN: {
    fires: async (open) => {
      const { runtime } = await open(keyed);
      return refusalOf(
        await runtime.setSwitch({ kind: 'pause', pipeline: 'order', onlyKeys: [] }, 'ana', 'smoke'),
      );
    },
    silent: async (open) => {
      const { runtime } = await open(keyed);
      return refusalOf(
        await runtime.setSwitch({ kind: 'pause', pipeline: 'orders', onlyKeys: [] }, 'ana', 'smoke'),
      );
    },
  },
  REGION_NOT_CLEARED: {
    fires: (open) => abroad(open, 'us'),
    silent: (open) => abroad(open, 'eu'),
  },
  RUN_INVARIANT_BROKEN: {
    // A plan that no planner makes: a step of a kind that is none.
    fires: (open) => ordered(open, planFor({ steps: [{ ...call('x', 'acme.get'), kind: 'nap' as 'call' }] })),
    silent: (open) => ordered(open, keyed),
  },
  TRANSPORT_CALL_THREW: {
    fires: (open) =>
      ordered(open, keyed, (bench) => {
        bench.target.onCall = () => {
          throw new Error('a bug');
        };
      }),
    silent: (open) => ordered(open, keyed),
  },
  TRANSPORT_CALL_STUCK: {
    fires: (open) => stuck(open, 600_000),
    silent: (open) => stuck(open, 10),
  },
  EVENT_HEADERS_INVALID: {
    fires: async (open) => order(await open(headed), { id: '7' }),
    silent: async (open) => order(await open(headed), { id: '7' }, { tenant: 'a' }),
  },
  EVENT_NAME_INVALID: {
    fires: async (open) => order(await open(keyed), { id: '7' }, undefined, ''),
    silent: async (open) => order(await open(keyed), { id: '7' }, undefined, 'd7'),
  },
  EVENT_SOURCE_RESERVED: {
    fires: async (open) => order(await open(keyed), { id: '7' }, undefined, 'd7', 'manual:ana'),
    silent: async (open) => order(await open(keyed), { id: '7' }, undefined, 'd7', 'manuals/ana'),
  },
  EVENT_PAYLOAD_INVALID: {
    fires: async (open) => order(await open(keyed), { id: 7 }),
    silent: async (open) => order(await open(keyed), { id: '7' }),
  },
  TRIGGER_INPUT_INVALID: {
    fires: async (open) => trigger(await open(manual), {}),
    silent: async (open) => trigger(await open(manual), { id: 'a' }),
  },
  TRIGGER_NOT_MANUAL: {
    fires: async (open) => trigger(await open(keyed), { id: 'a' }),
    silent: async (open) => trigger(await open(manual), { id: 'a' }),
  },
  IDENTITY_KEY_EMPTY: {
    fires: (open) => ordered(open, keyed, undefined, { id: '' }),
    silent: (open) => ordered(open, keyed),
  },
  IDENTITY_KEY_TOO_LONG: {
    fires: (open) => ordered(open, keyed, undefined, { id: 'k'.repeat(1_001) }),
    silent: (open) => ordered(open, keyed, undefined, { id: 'k'.repeat(1_000) }),
  },
  IDENTITY_VERSION_INVALID: {
    fires: (open) => ordered(open, versioned('null')),
    silent: (open) => ordered(open, versioned('3')),
  },
  CONNECTION_NOT_AMONG: {
    fires: (open) => ordered(open, chosen('eu')),
    silent: (open) => ordered(open, chosen('shop')),
  },
  PLAN_OPERATION_ABSENT: {
    fires: (open) => ordered(open, planFor({ steps: [call('x', 'acme.nothing')] })),
    silent: (open) => ordered(open, keyed),
  },
  RUN_ATTEMPT_INTERRUPTED: {
    fires: (open) => killedDuring(open, blind, 0),
    silent: (open) => killedDuring(open, keyed, 0),
  },
  EFFECT_KEY_EXPIRED: {
    fires: (open) => killedDuring(open, planFor({ steps: [call('one', 'acme.shortKey')] }), 5_000),
    silent: (open) => killedDuring(open, planFor({ steps: [call('one', 'acme.shortKey')] }), 3_000),
  },
  EFFECT_CONFLICT_PERSISTS: {
    fires: (open) => conflicting(open, 5),
    silent: (open) => conflicting(open, 4),
  },
  EFFECT_VERSION_ABSENT: {
    fires: (open) =>
      ordered(open, growing, ({ target }) => {
        target.hasVersions = false;
      }),
    silent: (open) => ordered(open, growing),
  },
  READ_STALE: {
    fires: (open) => ordered(open, reading('result.amount', '11')),
    silent: (open) => ordered(open, reading('result.amount', '10')),
  },
  READ_AGE_UNKNOWN: {
    fires: (open) => ordered(open, reading('null', '10')),
    silent: (open) => ordered(open, reading('result.amount', '10')),
  },
  RUN_DEADLINE_EXCEEDED: {
    fires: (open) => deadline(open, 1_000),
    silent: (open) => deadline(open, 600_000),
  },
  STEP_DEADLINE_EXCEEDED: {
    fires: (open) => deadline(open, 600_000, 1_500),
    silent: (open) => deadline(open, 600_000, 60_000),
  },
  RUN_CANCELLED: {
    fires: (open) => acted(open, pause, (bench, run) => bench.runtime.cancel(run, 'ana', 'why not')),
    silent: (open) => ordered(open, pause),
  },
  RUN_CLOSED: {
    fires: (open) => acted(open, held, close, refuse),
    silent: (open) => acted(open, held, cancel, refuse),
  },
  RUN_NOT_PARKED: {
    fires: (open) => acted(open, pause, close),
    silent: (open) => acted(open, held, close, refuse),
  },
  RUN_CANCELLED_NOT_UNDONE: {
    fires: (open) =>
      acted(open, pause, (bench, run) => {
        edit(bench, `UPDATE journal SET value = '~00000000{}'`);
        return cancel(bench, run);
      }),
    silent: (open) => acted(open, pause, cancel),
  },
  RUN_SUCCESS_NOT_MET: {
    fires: (open) => ordered(open, planFor({ steps: [], success: 'event.id == "z"' })),
    silent: (open) => ordered(open, planFor({ steps: [], success: 'event.id == "a"' })),
  },
  APPROVAL_EXPIRED: {
    fires: (open) => ordered(open, approval('reject')),
    silent: (open) => ordered(open, approval('approve')),
  },
  APPROVAL_REJECTED: {
    fires: (open) =>
      acted(open, approval('reject'), (bench, run) =>
        bench.runtime.decide(run, 'yes', 'reject', 'ana', 'no'),
      ),
    silent: (open) =>
      acted(open, approval('reject'), (bench, run) =>
        bench.runtime.decide(run, 'yes', 'approve', 'ana', 'yes'),
      ),
  },
  WAIT_EVENT_EXPIRED: {
    fires: (open) => ordered(open, waitForPaid('fail')),
    silent: (open) => ordered(open, waitForPaid('continue')),
  },
  WAIT_UNTIL_INVALID: {
    fires: (open) => ordered(open, planFor({ steps: [step('wait', 'w', { for: { until: 'event.id' } })] })),
    silent: (open) =>
      ordered(open, planFor({ steps: [step('wait', 'w', { for: { until: '"2030-01-01T00:00:00Z"' } })] })),
  },
  CHECK_NOT_MET: {
    fires: (open) => ordered(open, check('event.id == "z"')),
    silent: (open) => ordered(open, check('event.id == "a"')),
  },
  REASON_BLANK: {
    fires: async (open) => cancelled(await open(pause), ' '),
    silent: async (open) => cancelled(await open(pause), 'not wanted'),
  },
  APPROVAL_TEAM_REFUSED: {
    fires: (open) =>
      acted(open, approval('reject'), (bench, run) =>
        bench.runtime.decide(run, 'yes', 'approve', 'ana', 'x', ['nobody']),
      ),
    silent: (open) =>
      acted(open, approval('reject'), (bench, run) =>
        bench.runtime.decide(run, 'yes', 'approve', 'ana', 'x'),
      ),
  },
  APPROVAL_GIVEN_ALREADY: {
    fires: (open) => acted(open, ofTwo, approvedBy('ana', 'ana')),
    silent: (open) => acted(open, ofTwo, approvedBy('ana', 'ben')),
  },
  APPROVAL_ACTOR_EXCEPTED: {
    fires: (open) => acted(open, ofOther, approvedBy('ana', 'ana', 'again')),
    silent: (open) => acted(open, ofOther, approvedBy('ana', 'ben', 'again')),
  },
  APPROVAL_NOT_PENDING: {
    fires: (open) =>
      acted(open, keyed, (bench, run) => bench.runtime.decide(run, 'yes', 'approve', 'ana', 'x')),
    silent: (open) =>
      acted(open, approval('reject'), (bench, run) =>
        bench.runtime.decide(run, 'yes', 'approve', 'ana', 'x'),
      ),
  },
  DOUBT_NOT_OPEN: {
    fires: (open) => acted(open, keyed, (bench, run) => bench.runtime.settle(run, 'one', 'redo', 'ana', 'x')),
    silent: (open) =>
      acted(open, blind, (bench, run) => bench.runtime.settle(run, 'one', 'redo', 'ana', 'x'), lose),
  },
  DOUBT_RESULT_INVALID: {
    fires: (open) =>
      acted(open, answering, (bench, run) => bench.runtime.settle(run, 'one', 'confirm', 'ana', 'x'), lose),
    silent: (open) =>
      acted(
        open,
        answering,
        (bench, run) => bench.runtime.settle(run, 'one', 'confirm', 'ana', 'x', { id: 'i7' }),
        lose,
      ),
  },
  DOUBT_VERDICT_CONTRADICTED: {
    fires: (open) =>
      acted(
        open,
        blind,
        (bench, run) => bench.runtime.settle(run, 'one', 'redo', 'ana', 'x', { id: 'i7' }),
        lose,
      ),
    silent: (open) =>
      acted(open, blind, (bench, run) => bench.runtime.settle(run, 'one', 'redo', 'ana', 'x'), lose),
  },
  RUN_IN_DOUBT: {
    fires: (open) => acted(open, blind, (bench, run) => bench.runtime.cancel(run, 'ana', 'x'), lose),
    silent: (open) => acted(open, pause, (bench, run) => bench.runtime.cancel(run, 'ana', 'x')),
  },
  RUN_ENDED: {
    fires: (open) => acted(open, keyed, (bench, run) => bench.runtime.cancel(run, 'ana', 'x')),
    silent: (open) => acted(open, pause, (bench, run) => bench.runtime.cancel(run, 'ana', 'x')),
  },
  RUN_COMPENSATING: {
    fires: (open) =>
      acted(open, planFor({ steps: [undoable('one'), call('put', 'acme.put')] }), cancel, (bench) => {
        bench.target.script = {
          put: [{ fail: refused }],
          remove: [{ fail: { class: 'transient', code: 'X', message: 'x', delivery: 'notSent' } }],
        };
      }),
    silent: (open) => acted(open, pause, cancel),
  },
  RUN_NOT_AT_EFFECT: {
    fires: (open) => acted(open, planFor({ steps: [call('put', 'acme.put')] }), done),
    silent: (open) => acted(open, planFor({ steps: [call('put', 'acme.put')] }), done, refuse),
  },
  DONE_RESULT_INVALID: {
    fires: (open) => acted(open, putting, done, refuse),
    silent: (open) =>
      acted(
        open,
        putting,
        (bench, run) => bench.runtime.markDone(run, 'put', 'ana', 'x', { id: 'i7' }),
        refuse,
      ),
  },
  RUN_NOT_AT_UNDOING: {
    fires: (open) => acted(open, held, undone, refuse),
    silent: (open) =>
      acted(open, planFor({ steps: [undoable('one'), call('put', 'acme.put')] }), undone, (bench) => {
        bench.target.script = { put: [{ fail: refused }], remove: [{ fail: refused }] };
      }),
  },
  RUN_COMPENSATED: {
    fires: (open) =>
      acted(open, planFor({ steps: [undoable('one'), call('put', 'acme.put')] }), resume, refuse),
    silent: (open) => acted(open, held, resume, refuse),
  },
  RUN_NOT_RESUMABLE: {
    fires: (open) => acted(open, keyed, resume),
    silent: (open) => acted(open, held, resume, refuse),
  },
  RUN_NOT_FOUND: {
    fires: (open) => acted(open, keyed, (bench) => bench.runtime.resume('nobody', 'ana', 'x')),
    silent: (open) => acted(open, held, resume, refuse),
  },
  RUN_CANCELLED_ALREADY: {
    fires: (open) => acted(open, pause, async (bench, run) => twice(() => cancel(bench, run))),
    silent: (open) => acted(open, pause, cancel),
  },
  RUN_RESUMED_ALREADY: {
    fires: (open) => acted(open, held, async (bench, run) => twice(() => resume(bench, run)), refuse),
    silent: (open) => acted(open, held, resume, refuse),
  },
  DECISION_MADE_ALREADY: {
    fires: (open) =>
      acted(open, approval('reject'), async (bench, run) =>
        twice(() => bench.runtime.decide(run, 'yes', 'approve', 'ana', 'x')),
      ),
    silent: (open) =>
      acted(open, approval('reject'), (bench, run) =>
        bench.runtime.decide(run, 'yes', 'approve', 'ana', 'x'),
      ),
  },
} satisfies Record<keyof typeof runtimeRules, Case>;

type Action = (
  bench: Bench,
  runId: string,
) => Promise<{ readonly ok: true } | { readonly ok: false; readonly code: string }>;

const cancel: Action = (bench, run) => bench.runtime.cancel(run, 'ana', 'x');
const close: Action = (bench, run) => bench.runtime.closeRun(run, 'ana', 'x');
const done: Action = (bench, run) => bench.runtime.markDone(run, 'put', 'ana', 'x');
const undone: Action = (bench, run) => bench.runtime.markUndone(run, 'compensate:one', 'ana', 'x');
const resume: Action = (bench, run) => bench.runtime.resume(run, 'ana', 'x');

async function cancelled(bench: Bench, reason: string): Promise<readonly string[]> {
  const runId = await bench.order({ id: 'a' });
  return bench.runtime.cancel(runId, 'ana', reason).then(
    () => [],
    (error: RuntimeError) => [error.code],
  );
}

function refuse(bench: Bench): void {
  bench.target.script = { put: [{ fail: refused }] };
}

function lose(bench: Bench): void {
  bench.target.script = { createBlind: [{ loseAnswer: true }] };
}

async function twice(action: () => ReturnType<Action>): ReturnType<Action> {
  const results = await Promise.all([action(), action()]);
  return results.find(({ ok }) => !ok) ?? { ok: true };
}

function check(condition: string): Plan {
  return planFor({
    steps: [step('check', 'c', { that: [{ condition, message: 'no' }], otherwise: 'quarantine' })],
  });
}

function waitForPaid(onExpiry: 'fail' | 'continue'): Plan {
  const wait = { event: 'shop.paid', match: 'true', withinMs: 1_000, onExpiry };
  return planFor({ steps: [step('wait', 'paid', { for: wait })] });
}

/** Sends an event; the refusal's code, if it is refused. */
async function order(
  bench: Bench,
  payload: Json = { id: 'a' },
  headers: JsonObject = {},
  deliveryId: string = `d${bench.entries.length}`,
  source = 'shop',
): Promise<readonly string[]> {
  const event = { event: 'shop.ordered', payload, headers, deliveryId, source };
  const result = await bench.runtime.accept(event);
  return result.ok ? [] : [result.failure.code];
}

async function trigger(bench: Bench, input: { readonly id?: string }): Promise<readonly string[]> {
  const result = await bench.runtime.trigger('orders', { ...input }, 'ana');
  return result.ok ? [] : [result.failure.code];
}

/** A write that is based on a read, and so many conflicts. */
function conflicting(open: (...plans: Plan[]) => Promise<Bench>, times: number): Promise<readonly string[]> {
  return ordered(open, growing, ({ target }) => {
    target.script = { setAccount: Array(times).fill({ fail: outdated }) };
  });
}

/** All codes in the ledger of a run that had an hour to end. */
async function ordered(
  open: (...plans: Plan[]) => Promise<Bench>,
  plan: Plan,
  prepare?: (bench: Bench) => void,
  payload: { readonly id: string } = { id: 'a' },
): Promise<readonly string[]> {
  const bench = await open(plan);
  prepare?.(bench);
  const runId = await bench.order(payload);
  await bench.pass(3_600_000);
  return ledgerCodes(bench, runId);
}

async function acted(
  open: (...plans: Plan[]) => Promise<Bench>,
  plan: Plan,
  act: Action,
  prepare?: (bench: Bench) => void,
): Promise<readonly string[]> {
  const bench = await open(plan);
  prepare?.(bench);
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  const result = await act(bench, runId);
  await bench.pass(3_600_000);
  return [...(result.ok ? [] : [result.code]), ...ledgerCodes(bench, runId)];
}

async function killedDuring(
  open: (...plans: Plan[]) => Promise<Bench>,
  plan: Plan,
  outageMs: number,
): Promise<readonly string[]> {
  const bench = await open(plan);
  const { promise, resolve } = Promise.withResolvers<void>();
  bench.target.onCall = (when) => {
    if (when === 'before') return;
    delete bench.target.onCall;
    bench.clock.advance(outageMs);
    void bench.crash().then(resolve);
  };
  const runId = await bench.order({ id: 'a' });
  await promise;
  await bench.runtime.idle();
  return ledgerCodes(bench, runId);
}

/** The first call of the transport takes so long. */
async function stuck(open: (...plans: Plan[]) => Promise<Bench>, tookMs: number): Promise<readonly string[]> {
  const bench = await open(keyed);
  const wait = new Promise<void>((resolve) => bench.clock.setTimer(tookMs, resolve));
  bench.target.script = { create: [{ wait }] };
  const runId = await bench.order({ id: 'a' });
  while (bench.target.calls.length === 0) await new Promise((resolve) => setImmediate(resolve));
  bench.clock.advance(15);
  await new Promise((resolve) => setImmediate(resolve));
  bench.clock.advance(30_000);
  await bench.pass(10_000);
  return ledgerCodes(bench, runId);
}

async function deadline(
  open: (...plans: Plan[]) => Promise<Bench>,
  deadlineMs: number,
  ofStepMs?: number,
): Promise<readonly string[]> {
  const step = call('get', 'acme.get', ofStepMs === undefined ? {} : { deadlineMs: ofStepMs });
  const plan = planFor({ limits: { concurrency: 1, deadlineMs }, steps: [step] });
  return ordered(open, plan, (bench) => {
    const fail = { class: 'transient', code: 'X', message: 'x', delivery: 'answered' } as const;
    bench.target.script = { get: [{ fail }, { fail }] };
  });
}

async function limited(bench: Bench, limits: NonNullable<Bench['limits']>): Promise<readonly string[]> {
  bench.limits = limits;
  await bench.restart();
  return order(bench);
}

function ledgerCodes(bench: Bench, runId: string): readonly string[] {
  return bench.runtime.trace({ runId }).flatMap(({ details }) => {
    const failure = details['failure'] as { readonly code?: string } | undefined;
    return [details['code'], failure?.code].filter((code) => typeof code === 'string');
  });
}

async function openEdited(bench: Bench, edit: (db: DatabaseSync) => void): Promise<readonly string[]> {
  await bench.runtime.stop();
  const db = new DatabaseSync(bench.file);
  edit(db);
  db.close();
  return openAgain(bench.file);
}

/** A copy from before an order is put back after it, and started. */
async function openOlderCopy(bench: Bench): Promise<readonly string[]> {
  bench.checkpoints ??= {};
  await bench.restart();
  await bench.order({ id: 'a' });
  await bench.runtime.stop();
  copyFileSync(bench.file, `${bench.file}.old`);
  const { setBack, ...signing } = bench.checkpoints;
  bench.checkpoints = signing;
  await bench.restart();
  await bench.order({ id: 'b' });
  await bench.runtime.stop();
  copyFileSync(`${bench.file}.old`, bench.file);
  bench.checkpoints = { ...signing, ...(setBack !== undefined && { setBack }) };
  return codeOf(() => bench.restart());
}

async function verifiedCodes(tampering: Partial<Tampering>): Promise<readonly string[]> {
  sharedLedger ??= soundLedger();
  return verifyTampered(await sharedLedger, tampering).findings.map(({ code }) => code);
}

/** Personal data that is to stay in the EU goes to an account in `region`. */
async function abroad(open: Parameters<Scenario>[0], region: string): Promise<readonly string[]> {
  const operation = held.operations['acme.put']!;
  const bench = await open({
    ...held,
    operations: { ...held.operations, 'acme.put': { ...operation, region: 'eu' } },
  });
  bench.regionOf = () => region;
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  if (region !== 'eu' && bench.target.calls.length > 0) throw new Error('it was sent');
  return [bench.runtime.run(runId)?.failure?.code ?? ''];
}

const KEYS = keysNamed('k1');

/** An encrypted file is opened again with these keys. */
async function startedWith(
  open: Parameters<Scenario>[0],
  encryption: EncryptionOptions | undefined,
): Promise<readonly string[]> {
  const bench = await waitingRun(open, KEYS);
  if (encryption === undefined) delete bench.encryption;
  else bench.encryption = encryption;
  return codeOf(() => bench.restart());
}

async function checkedWith(
  open: Parameters<Scenario>[0],
  encryption: EncryptionOptions | undefined,
): Promise<readonly string[]> {
  const bench = await waitingRun(open, KEYS);
  const ledger = openLedger(bench.file, encryption);
  const codes = ledger.check().map((text) => text.split(':')[0]!);
  ledger.close();
  return codes;
}

/** What becomes of a run that waited while the file was changed. */
async function meddled(
  open: Parameters<Scenario>[0],
  sql: string,
  encryption?: EncryptionOptions,
  also: (bench: Bench) => void = () => {},
): Promise<readonly string[]> {
  const bench = await waitingRun(open, encryption);
  await bench.runtime.stop();
  edit(bench, sql);
  also(bench);
  await bench.restart();
  await bench.pass(1_000);
  return bench.runtime.deadLetters().map(({ failure }) => failure.code);
}

/** Changes the file as nobody should. */
function edit({ file }: Bench, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}

async function withKeys(
  open: Parameters<Scenario>[0],
  change: (keys: DataKeys, ids: readonly number[]) => void,
): Promise<readonly string[]> {
  return meddled(open, 'SELECT 1', KEYS, ({ file }) =>
    change(
      new DataKeys(file, KEYS),
      Array.from({ length: 20 }, (_, id) => 1024 + id),
    ),
  );
}

async function waitingRun(open: Parameters<Scenario>[0], encryption?: EncryptionOptions): Promise<Bench> {
  const bench = await open(pause);
  if (encryption !== undefined) bench.encryption = encryption;
  await bench.restart();
  await bench.order({ id: 'a' });
  await bench.runtime.idle();
  return bench;
}

/** Copies of it are tampered with, one for each case. */
let sharedLedger: Promise<SoundLedger> | undefined;

export async function closeCases(): Promise<void> {
  await (await sharedLedger)?.close();
}

async function openAgain(file: string): Promise<readonly string[]> {
  return codeOf(async () => {
    const runtime = await openRuntime({
      file,
      clock: { now: () => 0, steady: () => 0, setTimer: () => () => {} },
      random: { next: () => 0 },
      transport: () => {
        throw new Error('no call is made');
      },
    });
    await runtime.stop();
  });
}

async function planned(
  bench: Bench,
  limits: NonNullable<Bench['limits']>,
): ReturnType<Bench['runtime']['planReplay']> {
  bench.limits = limits;
  await bench.restart();
  await bench.order({ id: 'a' });
  return bench.runtime.planReplay({ pipeline: 'orders' }, 'ana', 'because');
}

/** Two runs that wait, cancelled by one word. */
async function cancelledMany(
  bench: Bench,
  {
    limits = {},
    token,
    afterMs = 0,
  }: { readonly limits?: NonNullable<Bench['limits']>; readonly token?: string; readonly afterMs?: number },
): Promise<readonly string[]> {
  bench.limits = limits;
  await bench.restart();
  for (const id of ['a', 'b']) await bench.order({ id });
  const dry = await bench.runtime.planCancel({ pipeline: 'orders' }, 'ana', 'because');
  if (!dry.ok) return refusalOf(dry);
  await bench.pass(afterMs);
  const done = await bench.runtime.applyCancel(token ?? dry.report.token, 'ana', 'because');
  return done.ok ? [] : refusalOf(done);
}

/** Applies a dry run of one run after a while; `tokenOf` may give another token. */
async function applied(
  bench: Bench,
  afterMs: number,
  tokenOf: (token: string) => string = (token) => token,
): Promise<readonly string[]> {
  const dry = await planned(bench, {});
  if (!dry.ok) throw new Error(dry.message);
  await bench.pass(afterMs);
  return refusalOf(await bench.runtime.applyReplay(tokenOf(dry.report.token), 'ana', 'because'));
}

function recorded(
  { runtime }: Bench,
  drill: { readonly pipeline: string; readonly endedAtMs?: number },
): ReturnType<Bench['runtime']['recordDrill']> {
  return runtime.recordDrill({ kind: 'walkthrough', verdict: 'passed', ...drill }, 'ana', 'ticket 1');
}

function refusalOf(result: { readonly ok: true } | { readonly ok: false; readonly code: string }): string[] {
  return result.ok ? [] : [result.code];
}

function erased(bench: Bench, onTend: NonNullable<Bench['onTend']>): Promise<readonly string[]> {
  bench.onTend = onTend;
  return codeOf(async () => void (await bench.runtime.erase('somebody', 'ana', 'asked for it', true)));
}

function backedUp({ file, runtime }: Bench, to: string): Promise<readonly string[]> {
  return codeOf(() => runtime.backup(`${file}${to}`));
}

async function codeOf(action: () => Promise<void>): Promise<readonly string[]> {
  try {
    await action();
    return [];
  } catch (error) {
    if (error instanceof RuntimeError) return [error.code];
    throw error;
  }
}

/** The codes of a run that goes over a list of at most two. */
async function listed(open: Parameters<Scenario>[0], lines: Json): Promise<readonly string[]> {
  const bench = await open(
    planFor({
      steps: [
        step('forEach', 'lines', {
          in: 'event.lines',
          as: 'line',
          key: { expression: 'line.sku' },
          max: 2,
          concurrency: 1,
          onItemFailure: 'stop',
          steps: [call('book', 'acme.create')],
        }),
      ],
    }),
  );
  const runId = await bench.order({ id: 'a', lines });
  await bench.runtime.idle();
  return [bench.runtime.run(runId)?.failure?.code ?? ''];
}

/** One branch is refused while the other has one more step to do. */
async function stopped(open: Parameters<Scenario>[0], isRefused: boolean): Promise<readonly string[]> {
  const bench = await open(
    planFor({
      onFailure: 'hold',
      steps: [
        step('parallel', 'both', {
          branches: [
            { name: 'left', steps: [call('put', 'acme.put')] },
            {
              name: 'right',
              steps: [call('read', 'acme.get'), call('more', 'acme.get'), call('most', 'acme.get')],
            },
          ],
        }),
      ],
    }),
  );
  // Two reads, so that the other branch has failed by the time that this one looks up.
  if (isRefused) bench.target.script = { put: [{ fail: refused }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  return bench.runtime.trace({ runId }).map(({ details }) => String(details['code']));
}

/** What cannot be undone is owed once the run has failed; closed, it is owed no more. */
async function closed(open: Parameters<Scenario>[0], isAgain: boolean): Promise<readonly string[]> {
  const sent = call('sent', 'acme.send', {
    irreversible: { because: 'gone', forward: { task: 'call them', owner: 'support', withinMs: 1_000 } },
  });
  const bench = await open(planFor({ steps: [sent, call('bad', 'acme.put')] }));
  bench.target.script = { put: [{ fail: refused }] };
  const runId = await bench.order({ id: 'a' });
  await bench.runtime.idle();
  if (isAgain) await bench.runtime.closeFix(runId, 'sent', 'ana', 'called them');
  const result = await bench.runtime.closeFix(runId, 'sent', 'ana', 'called them');
  return result.ok ? [] : [result.code];
}

import { refuseBlankStart, withReasons } from '../given-reasons.ts';
import type { SetBack } from '../ledger/checkpoint.ts';
import { CheckpointKeeper, type KeptSetBack, type KeptWitnessed } from '../ledger/checkpoint-keeper.ts';
import { StoredTree } from '../ledger/tiles.ts';
import { Reconciliations } from '../reconcile/reconciliations.ts';
import { Repairs } from '../reconcile/repairs.ts';
import type { Runtime, RuntimeOptions } from '../runtime.ts';
import { CommitFailed, type Committer } from './commit/commit-queue.ts';
import { workerCommitter } from './commit/worker-committer.ts';
import { cancellations } from './control/cancellations.ts';
import { flowReport } from './control/flow-report.ts';
import { operations, resume } from './control/operations.ts';
import { secretUsers } from './control/secret-book.ts';
import { notSwitched, unknownSubject } from './control/switch-subjects.ts';
import { keepWatch } from './control/watch.ts';
import { LiveDrills } from './drills/live-drills.ts';
import { recordDrill } from './drills/record-drill.ts';
import { EmbeddedEngine } from './engine.ts';
import { backupTo } from './file/backup.ts';
import { fillConnectionsInBackground } from './file/connection-parts.ts';
import { DataKeys, proveKeys } from './file/data-keys.ts';
import { behindMark, openDatabase, openReader } from './file/database.ts';
import { erase } from './file/erase.ts';
import { lockFile } from './file/lock.ts';
import { namesLeft, proveNames } from './file/name-older.ts';
import { namesOf } from './file/names.ts';
import { markPlaces } from './file/place-older.ts';
import { encryptInBackground, protectionOf, rewrapKeys } from './file/protection.ts';
import { keepRetention } from './file/retention.ts';
import { isMarkedEncrypted, markEncrypted, olderLeft } from './file/seal-older.ts';
import { Statements } from './file/statements.ts';
import { ValueCodec } from './file/value-codec.ts';
import { sealedFromTheFirst } from './file/written-anew.ts';
import { accepting } from './intake/accept.ts';
import { runIds } from './intake/run-ids.ts';
import { configured } from './plans/configured.ts';
import { otherPlans } from './plans/other-plans.ts';
import { recheck } from './plans/recheck.ts';
import { settingOf } from './plans/rollback.ts';
import { Queries } from './reads/queries.ts';
import { Replays } from './replay/replays.ts';

/** How long `stop` waits for attempts under way; what is not back by then is settled at the next start. */
const STOP_BOUND_MS = 10_000;

/**
 * Opens the embedded runtime on a file and takes over what an earlier process left in it. Throws `RuntimeError`:
 * `RUNTIME_FILE_IN_USE`, `RUNTIME_FILE_NEWER`, `RUNTIME_FILE_UNREADABLE`, `RUNTIME_LEDGER_BEHIND`,
 * `RUNTIME_LEDGER_ALTERED`, `RUNTIME_KEY_MISSING`, `RUNTIME_KEY_WRONG`, `STORED_VALUE_DAMAGED` (a switch: what it holds back is not known),
 * `REASON_BLANK`.
 */
export function openRuntime(options: RuntimeOptions): Promise<Runtime> {
  return openRuntimeWith(options, (file) =>
    workerCommitter(
      file,
      (message) =>
        options.onProblem?.(`the WAL of ${file} cannot be moved into it: ${message}`, 'RUNTIME_WAL_STUCK'),
      options.encryption,
    ),
  );
}

/**
 * As `openRuntime`, with a committer of one's own: tests make the disk fail with it. `onOpen` is given what lets go of the file as the death of the
 * process would, with nothing said or written: whoever plays many processes in one has no more files open than one.
 */
export async function openRuntimeWith(
  options: RuntimeOptions,
  makeCommitter: (file: string) => Committer,
  onOpen: (letGo: () => Promise<void>) => void = () => {},
): Promise<Runtime> {
  refuseBlankStart(options);
  const lock = lockFile(options.file);
  // First of all: its thread starts while the file is opened.
  const committer = makeCommitter(options.file);
  let engine!: EmbeddedEngine;
  let keeper: CheckpointKeeper | undefined;
  /** What cannot be opened holds nothing. */
  const givenUp = async (error: unknown): Promise<never> => {
    await (engine?.stop(0, () => undefined) ?? committer.close()).catch(() => {});
    lock.release();
    throw error;
  };
  try {
    const isSetBack = options.checkpoints?.setBack !== undefined;
    const db = openDatabase(options.file, isSetBack);
    const isBehindMark = isSetBack && behindMark(db, options.file) !== undefined;
    proveKeys(options.file, isMarkedEncrypted(new Statements(db)), options.encryption);
    const keys = options.encryption && new DataKeys(options.file, options.encryption);
    const names = namesOf(keys);
    if (keys !== undefined) {
      markEncrypted(db);
      sealedFromTheFirst(db);
      proveNames(db, options.file, names);
      markPlaces(new Statements(db));
    }
    const reader = openReader(options.file);
    const codec = new ValueCodec(keys, runIds(new Statements(reader)));
    engine = new EmbeddedEngine(options, reader, committer, (rows) => keeper?.stored(rows), codec, names);
    // Asked first, so that the tree of a file from before there was one is complete.
    const { checkpoints } = options;
    if (checkpoints !== undefined) {
      await engine.head();
      keeper = new CheckpointKeeper(
        checkpoints,
        options.clock,
        new StoredTree(reader),
        () => engine.head(),
        isBehindMark,
        keptSetBack(engine),
        keptWitnessed(engine),
      );
      engine.checkpoints = keeper;
      await keeper.ready();
    }
    if (keys !== undefined && olderLeft(engine.read) > 0) {
      names.isMixed = namesLeft(engine.read) > 0;
      await engine.tend('nameLanes');
    }
    await engine.start();
    // Not earlier: the last connection that is closed copies the whole write-ahead log into the file.
    db.close();
  } catch (error) {
    return givenUp(error);
  }
  const queries = new Queries(engine.rows);
  const replays = new Replays(
    engine,
    queries,
    (run, actor, reason, also) => resume(engine, queries, run, actor, reason, also),
    options,
  );
  if (options.encryption !== undefined) encryptInBackground(engine);
  fillConnectionsInBackground(engine);
  const reconciliations = new Reconciliations(engine, options);
  engine.reconciliations = reconciliations;
  const repairs = new Repairs(engine, reconciliations.reports, replays, options);
  const drills = new LiveDrills(engine, replays, options);
  if (drills.hasLeftOver)
    // A disk that fails stops the runtime elsewhere, and says so there; the next start looks again.
    await drills.takeOver().catch((error: unknown) => {
      if (!(error instanceof CommitFailed)) return givenUp(error);
    });
  const retention = keepRetention(engine, options);
  const watch = keepWatch(engine, options.clock);
  let stopped: Promise<void> | undefined;
  onOpen(async () => {
    engine.reader.close();
    await committer.close();
    lock.release();
  });

  return withReasons({
    configured: (parts, deployment) => configured(engine, parts, deployment),
    activate: (plan, deployment) => engine.plans.activate(plan, deployment),
    retire: (pipeline, deployment) => engine.plans.retire(pipeline, deployment),
    pipelinesInForce: () =>
      [...engine.inForce.begins.values()].map(({ plan: { pipeline: name, version, hash: planHash } }) => ({
        name,
        version,
        planHash,
      })),
    otherPlans: () => engine.dispatcher.busy(() => otherPlans(engine)),
    ...accepting(engine),
    flow: () => flowReport(engine),
    runs: (filter) => queries.runs(filter),
    findRuns: (filter) => engine.dispatcher.busy(() => queries.findRuns(filter)),
    run: (runId) => queries.run(runId),
    plan: (hash) => queries.plan(hash),
    trace: (query) => queries.trace(query),
    approvals: (sees) => queries.work.approvals(sees),
    inDoubt: () => queries.work.inDoubt(),
    forwardFixes: () => queries.work.forwardFixes(),
    deadLetters: (filter) => queries.work.deadLetters(filter),
    deadLetterGroups: (filter) => queries.work.deadLetterGroups(filter),
    planReplay: (filter, actor, reason) => engine.dispatcher.busy(() => replays.plan(filter, actor, reason)),
    applyReplay: (token, actor, reason, options = {}) =>
      engine.dispatcher.busy(() => replays.apply(token, actor, reason, options)),
    replayStatus: (token) => replays.status(token),
    activateReconciliations: async (plans) => {
      await reconciliations.activate(plans);
      repairs.resume();
    },
    reconciliations: () => reconciliations.names(),
    reconcile: (name, actor, reason, isDryRun) =>
      engine.dispatcher.busy(() => reconciliations.begin(name, actor, reason, isDryRun)),
    reconciliationReports: (name, limit) => reconciliations.reports.list(name, limit),
    reconciliationReport: (id) => reconciliations.reports.get(id),
    reportedDifferences: (id, after, limit) => reconciliations.reports.differences(id, after, limit),
    planRepair: (report, actor, reason) => engine.dispatcher.busy(() => repairs.plan(report, actor, reason)),
    applyRepair: (token, actor, reason, more = {}) =>
      engine.dispatcher.busy(() => repairs.apply(token, actor, reason, more)),
    repairStatus: (token) => repairs.status(token),
    ...operations(engine, queries),
    ...cancellations(engine, queries),
    switches: () => engine.board.all,
    killsOf: (connection, connector) => engine.board.killsOf(connection, connector),
    setSwitch: async (request, actor, reason) => {
      const unknown = unknownSubject(engine, request);
      if (unknown !== undefined) return { ok: false, code: 'SWITCH_SUBJECT_UNKNOWN', message: unknown };
      const found = settingOf(engine, request);
      if ('impossible' in found) return { ok: false, code: 'ROLLBACK_IMPOSSIBLE', message: found.impossible };
      const [made, replaced] = await engine.dispatcher.busy(() =>
        engine.switches.set(found.setting, actor, reason),
      );
      return { ok: true, switch: made, ...(replaced !== undefined && { replaced }) };
    },
    liftSwitch: async (id, actor, reason) => {
      const lifted = await engine.dispatcher.busy(() => engine.switches.lift(id, actor, reason));
      return lifted === undefined
        ? { ok: false, code: 'SWITCH_NOT_SET', message: notSwitched(engine, id) }
        : { ok: true };
    },
    drills: () => ({
      ...engine.drills.report(),
      ...(drills.underWay !== undefined && { underWay: drills.underWay }),
    }),
    drill: (id) =>
      drills.underWay?.id === id
        ? drills.underWay
        : engine.drills.report().results.find((one) => one.id === id),
    beginDrill: (request, actor, reason) => drills.begin(request, actor, reason),
    stopDrill: async (id, actor, reason) => drills.stopDrill(id, actor, reason),
    recordDrill: (request, actor, reason) =>
      engine.dispatcher.busy(() => recordDrill(engine, request, actor, reason)),
    recheck: (filter, actor, reason) => engine.dispatcher.busy(() => recheck(engine, filter, actor, reason)),
    erase: (subject, actor, reason, apply) =>
      engine.dispatcher.busy(() => erase(engine, subject, actor, reason, apply)),
    secretUsers: () => secretUsers(engine.read),
    protection: () => protectionOf(options.file, engine.read, options.encryption, options.keepPayloadsMs),
    rewrapKeys: (actor, reason) =>
      engine.dispatcher.busy(() => rewrapKeys(engine, options.file, options.encryption, actor, reason)),
    backup: (file) => backupTo(options.file, file),
    idle: () => engine.dispatcher.idle(),
    stop: () => {
      retention.stop();
      replays.stop();
      watch.stop();
      // At once: what comes in from now on is refused.
      engine.isStopping = true;
      stopped ??= Promise.all([reconciliations.stop(), repairs.stop(), drills.stop()])
        .then(() => engine.stop(STOP_BOUND_MS, () => keeper?.close()))
        .finally(() => lock.release());
      return stopped;
    },
  });
}

const SET_BACK = 'ledgerSetBack';
const WITNESSED = 'ledgerWitnessed';

function keptSetBack(engine: EmbeddedEngine): KeptSetBack {
  const row = engine.read.of('SELECT value FROM settings WHERE name = ?').get(SET_BACK);
  // Written below.
  const kept: SetBack | null = JSON.parse(String(row?.['value'] ?? 'null'));
  return {
    earlier: kept ?? undefined,
    keep: (setBack) => engine.commit([['putSetting', SET_BACK, JSON.stringify(setBack ?? null)]]),
  };
}

function keptWitnessed(engine: EmbeddedEngine): KeptWitnessed {
  const row = engine.read.of('SELECT value FROM settings WHERE name = ?').get(WITNESSED);
  return {
    atMs: row && Number(row['value']),
    keep: (atMs) => engine.commit([['putSetting', WITNESSED, String(atMs)]]),
  };
}

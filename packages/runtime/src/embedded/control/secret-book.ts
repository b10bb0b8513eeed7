import type { SecretUse } from '@tenon/connector';
import type { CallOrigin } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { connectionsOf } from '../../loaded-plan.ts';
import type { Alarm, RuntimeOptions } from '../../runtime.ts';
import { type SecretUser, type SecretUses, useDetails } from '../../secret-audit.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { Statements, Write } from '../file/statements.ts';
import type { EmbeddedRun } from '../work/run-context.ts';
import { answeredBy } from './standing-alarms.ts';

/** How often uses without a run, and the list of who used what, are written. */
const WRITE_EVERY_MS = 5_000;
/** It is seen at each use alone, so it stands for so long after the last. */
const OVER_AFTER_MS = 4 * 3_600_000;

interface Sum {
  readonly use: SecretUse;
  readonly isUnexpected: boolean;
  firstAtMs: number;
  lastAtMs: number;
  uses: number;
  failed: number;
}

/**
 * Writes down who used which secret (C97). The uses of a call are an entry of its run, in the row of what became of the
 * call: no write more. The list of users is summed up in memory and written every few seconds, so a killed process
 * may leave it a little behind; the entries are complete. A use by a run whose plan does not use the connection raises an
 * alarm.
 */
export class SecretBook {
  readonly #engine: EmbeddedEngine;
  readonly #options: RuntimeOptions;
  readonly #sums = new Map<string, Sum>();
  readonly #connections = new WeakMap<Plan, ReadonlySet<string>>();
  #cancel: (() => void) | undefined;

  constructor(engine: EmbeddedEngine, options: RuntimeOptions) {
    this.#engine = engine;
    this.#options = options;
    if (options.secretUses !== undefined) this.#schedule();
  }

  /** A call is over. */
  called(origin: CallOrigin, run: EmbeddedRun | undefined): void {
    const uses = this.#options.secretUses?.take(origin) ?? [];
    if (uses.length === 0) return;
    for (const one of uses) this.#sum(one, origin, run);
    const details = { uses: uses.map(useDetails) };
    run?.write([], [{ kind: 'secretUse', step: origin.step, details }]);
  }

  async save(): Promise<void> {
    const others = this.#options.secretUses?.takeOthers() ?? [];
    for (const one of others) this.#sum(one, one.use.purpose.origin);
    const writes = [...this.#sums.values()].map(putUser);
    this.#sums.clear();
    if (writes.length === 0) return;
    const details = { uses: others.map(useDetails) };
    await this.#engine.commit(
      writes,
      others.length === 0 ? [] : [this.#engine.system({ kind: 'secretUse', details })],
    );
  }

  stop(): void {
    this.#cancel?.();
  }

  #schedule(): void {
    this.#cancel = this.#options.clock.setTimer(WRITE_EVERY_MS, () => {
      this.#schedule();
      // A disk that fails stops the runtime elsewhere, and says so there.
      void this.#engine.dispatcher.busy(() => this.save()).catch(() => {});
    });
  }

  #sum({ use, count }: SecretUses, origin: CallOrigin | undefined, run?: EmbeddedRun): void {
    const now = this.#engine.now();
    const isUnexpected = origin !== undefined && !this.#isExpected(use, origin, run);
    const name = JSON.stringify([use.reference, use.purpose.connection, use.purpose.use, placeOf(origin)]);
    const known = this.#sums.get(name);
    const sum = known ?? { use, isUnexpected, firstAtMs: now, lastAtMs: now, uses: 0, failed: 0 };
    sum.lastAtMs = now;
    sum.uses += count;
    if (!use.found) sum.failed += count;
    this.#sums.set(name, sum);
    if (isUnexpected) this.#alarm(use, origin);
  }

  /** By the plan that the run keeps to; where no run is at hand, by any that one of the pipeline may keep to. */
  #isExpected({ purpose }: SecretUse, { pipeline }: CallOrigin, run: EmbeddedRun | undefined): boolean {
    const sides = Object.values(this.#engine.reconciliations?.active(pipeline)?.sides ?? {});
    if (sides.some(({ connection }) => connection === purpose.connection)) return true;
    const plans =
      run === undefined
        ? this.#engine.inForce.plansOf(pipeline)
        : [this.#engine.plans.byHash(run.row.plan_hash).plan];
    return plans.some((plan) => this.#connectionsOf(plan).has(purpose.connection));
  }

  #connectionsOf(plan: Plan): ReadonlySet<string> {
    const known = this.#connections.get(plan) ?? connectionsOf(plan);
    this.#connections.set(plan, known);
    return known;
  }

  #alarm({ reference, purpose }: SecretUse, { pipeline, runId, step: place }: CallOrigin): void {
    const { connection } = purpose;
    const plan = this.#engine.inForce.plansOf(pipeline)[0] ?? this.#engine.reconciliations?.active(pipeline);
    const step = stepOfAny(place);
    const alarm: Alarm = {
      alarm: 'secretUse',
      message: `${pipeline} has used ${reference} of the connection ${connection} at ${step}, and its plan in force uses no such connection`,
      next: 'tenon secrets --unexpected',
      reference,
      connection,
      pipeline,
      run: runId,
      step,
      ...answeredBy(plan?.owner ?? { team: 'unknown' }),
    };
    // A disk that fails stops the runtime elsewhere, and says so there.
    void this.#engine.alarms.stand([alarm], OVER_AFTER_MS).catch(() => {});
  }
}

function putUser({ use, isUnexpected, firstAtMs, lastAtMs, uses, failed }: Sum): Write {
  const { connection, use: purpose, origin } = use.purpose;
  const [pipeline, step] = placeOf(origin);
  return [
    'putSecretUser',
    use.reference,
    connection,
    purpose,
    pipeline,
    step,
    firstAtMs,
    lastAtMs,
    uses,
    failed,
    isUnexpected ? 1 : 0,
  ];
}

/** Pipeline and step; empty where no run is behind it. */
function placeOf(origin: CallOrigin | undefined): readonly [pipeline: string, step: string] {
  return origin === undefined ? ['', ''] : [origin.pipeline, stepOfAny(origin.step)];
}

/** Keys of items are data. */
function stepOfAny(place: string): string {
  return place.replaceAll(/\[[^\]]*\]/g, '[]');
}

export function secretUsers(read: Statements): readonly SecretUser[] {
  return read
    .of('SELECT * FROM secret_users ORDER BY reference, connection, purpose, pipeline, step')
    .all()
    .map((row) => ({
      reference: String(row['reference']),
      connection: String(row['connection']),
      purpose: String(row['purpose']),
      ...(row['pipeline'] !== '' && { pipeline: String(row['pipeline']), step: String(row['step']) }),
      firstAtMs: Number(row['first_at']),
      lastAtMs: Number(row['last_at']),
      uses: Number(row['uses']),
      failed: Number(row['failed']),
      isUnexpected: row['unexpected'] === 1,
    }));
}

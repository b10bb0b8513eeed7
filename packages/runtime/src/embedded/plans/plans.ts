import type { JsonObject } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { type LoadedPlan, loadPlan } from '../../loaded-plan.ts';
import type { Deployment, RuntimeOptions } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { textDigest } from '../file/check-file.ts';
import type { Limits } from '../work/dispatcher.ts';

/** Plans kept compiled. */
const PLANS_MAX = 256;

/**
 * The plans of the file. Of each pipeline one is deployed, which outlives the process; in force is the same, unless somebody has gone back
 * to another one (`rollback.ts`). Runs keep to the plan that they began with, so any that was ever deployed may be asked for by its hash.
 */
export class Plans {
  readonly #engine: EmbeddedEngine;
  readonly #onProblem: RuntimeOptions['onProblem'];
  /** By hash, each compiled once. */
  readonly #compiled = new Map<string, LoadedPlan>();
  /** What was activated last of each pipeline. */
  readonly #deployed = new Map<string, LoadedPlan>();
  /** The same, but for those that somebody has rolled back. */
  readonly #active = new Map<string, LoadedPlan>();

  constructor(engine: EmbeddedEngine, { onProblem }: Pick<RuntimeOptions, 'onProblem'>) {
    this.#engine = engine;
    this.#onProblem = onProblem;
    for (const row of engine.read.of('SELECT plan_hash FROM pipelines').all()) {
      const loaded = this.byHash(String(row['plan_hash']));
      this.#deployed.set(loaded.plan.pipeline, loaded);
      this.#active.set(loaded.plan.pipeline, this.#inForce(loaded));
    }
  }

  /** Those in force, by pipeline. */
  get active(): ReadonlyMap<string, LoadedPlan> {
    return this.#active;
  }

  /** A plan by its hash: compiled once, read from the file when it is not at hand. */
  byHash(hash: string): LoadedPlan {
    const known = this.#compiled.get(hash);
    if (known !== undefined) return known;
    const row = this.#engine.read.of('SELECT plan FROM plans WHERE hash = ?').get(hash);
    if (row === undefined) throw new Error(`the plan ${hash} is not stored`);
    return this.#keep(loadPlan(JSON.parse(String(row['plan']))));
  }

  /** `undefined` for a plan that was never activated here. */
  known(hash: string): LoadedPlan | undefined {
    const isStored = () => this.#engine.read.of('SELECT 1 FROM plans WHERE hash = ?').get(hash) !== undefined;
    return this.#compiled.has(hash) || isStored() ? this.byHash(hash) : undefined;
  }

  deployed(pipeline: string): Plan | undefined {
    return this.#deployed.get(pipeline)?.plan;
  }

  /** The plan in force of a pipeline, or of one that was retired the last that was stored: its runs still have limits and an owner. */
  last(pipeline: string): Plan {
    const active = this.#active.get(pipeline);
    if (active !== undefined) return active.plan;
    const row = this.#engine.read
      .of('SELECT hash FROM plans WHERE pipeline = ? ORDER BY stored_at DESC LIMIT 1')
      .get(pipeline);
    if (row === undefined) throw new Error(`no plan of ${pipeline} is stored`);
    return this.byHash(String(row['hash'])).plan;
  }

  async activate(plan: Plan, deployment?: () => Promise<Deployment>): Promise<void> {
    const loaded = this.#keep(this.#compiled.get(plan.hash) ?? loadPlan(plan));
    if (this.#deployed.get(plan.pipeline)?.plan.hash !== plan.hash)
      await this.#deploy(loaded, await deployment?.());
    this.arrange(plan.pipeline);
    const back = this.#engine.board.rollbackOf(plan.pipeline);
    if (back === undefined || back.planHash === plan.hash) return;
    this.#onProblem?.(
      `version ${plan.version} of ${plan.pipeline} is deployed and not in force: what comes starts version ${back.version}, to which ${back.actor} went back on ${new Date(back.sinceMs).toISOString()} (${back.reason}); \`tenon switches lift ${back.id} --reason …\` puts version ${plan.version} in force`,
      'PIPELINE_ROLLED_BACK',
    );
  }

  async #deploy(loaded: LoadedPlan, from: Deployment | undefined): Promise<void> {
    const { plan } = loaded;
    const text = JSON.stringify(plan);
    // In the ledger with the digest of its text: what a run was carried out by can be shown for ever (C5, C24).
    const details: JsonObject = {
      pipeline: plan.pipeline,
      version: plan.version,
      plan: plan.hash,
      text: textDigest(text),
      contracts: plan.contracts.map(({ name, version, digest }) => ({ name, version, digest })),
      ...from,
    };
    await this.#engine.commit(
      [
        ['putPlan', plan.hash, plan.pipeline, plan.version, this.#engine.now(), text],
        ['activatePlan', plan.pipeline, plan.hash],
      ],
      [this.#engine.system({ kind: 'activated', details })],
    );
    this.#deployed.set(plan.pipeline, loaded);
  }

  async retire(pipeline: string, deployment?: () => Promise<Deployment>): Promise<void> {
    const from = await deployment?.();
    await this.#engine.commit(
      [['retirePipeline', pipeline]],
      [this.#engine.system({ kind: 'retired', details: { pipeline, ...from } })],
    );
    this.#deployed.delete(pipeline);
    this.arrange(pipeline);
  }

  /** Something has changed that says with which plan a pipeline goes on, and on how many places. */
  arrange(pipeline: string): void {
    const deployed = this.#deployed.get(pipeline);
    if (deployed === undefined) this.#active.delete(pipeline);
    else this.#active.set(pipeline, this.#inForce(deployed));
    this.#engine.inForce.arranged(pipeline);
    const { concurrency, tier } = this.limitsOf(this.last(pipeline));
    this.#engine.dispatcher.setLimit(pipeline, concurrency, tier);
  }

  #inForce(deployed: LoadedPlan): LoadedPlan {
    const back = this.#engine.board.rollbackOf(deployed.plan.pipeline);
    return back === undefined ? deployed : this.byHash(back.planHash);
  }

  limitsOf({ pipeline, limits, tier }: Plan): Limits {
    return { concurrency: this.#engine.board.scaleOf(pipeline)?.concurrency ?? limits.concurrency, tier };
  }

  #keep(loaded: LoadedPlan): LoadedPlan {
    this.#compiled.delete(loaded.plan.hash);
    this.#compiled.set(loaded.plan.hash, loaded);
    if (this.#compiled.size > PLANS_MAX) this.#compiled.delete(this.#compiled.keys().next().value!);
    return loaded;
  }
}

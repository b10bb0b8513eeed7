import type { Fact } from '../../engine.ts';
import { idOfTag, type Switch, type SwitchSetting, switchDetails, switchId, tagOf } from '../../switches.ts';
import { CommitFailed } from '../commit/commit-queue.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { Write } from '../file/statements.ts';
import type { StoredRows } from '../file/stored-rows.ts';

/** Held runs let go in one write: short, so that intake does not wait for it. */
const RELEASE_SLICE = 2_000;

/**
 * Sets and lifts switches: in memory first (in force), then on disk (acknowledged). Where the disk refuses it, memory is as
 * the disk again: what a restart would not find is not shown as in force.
 */
export class SwitchKeeper {
  readonly #engine: EmbeddedEngine;

  constructor(engine: EmbeddedEngine) {
    this.#engine = engine;
    for (const one of storedSwitches(engine.rows)) engine.board.set(one);
  }

  /** A switch lifted when an earlier process died may have left runs behind. */
  async releaseForgotten(): Promise<void> {
    const known = new Set(this.#engine.board.all.map(tagOf));
    for (const tag of this.#heldBy()) if (!known.has(tag)) await this.#release(tag);
  }

  /** In force at once, acknowledged when it is on disk. What it replaces, which is given too, holds nothing any more. */
  async set(
    setting: SwitchSetting,
    actor: string,
    reason: string,
    drill?: string,
  ): Promise<readonly [made: Switch, replaced: Switch | undefined]> {
    const id = switchId(setting);
    const before = this.#engine.board.get(id);
    const now = this.#engine.now();
    const made: Switch = {
      ...setting,
      id,
      actor,
      reason,
      sinceMs: now,
      ...(drill !== undefined && { drill }),
      revision: this.#engine.newId(),
    };
    const fact: Fact = { kind: 'switch', details: { action: 'set', ...switchDetails(made) } };
    this.#engine.board.set(made);
    this.#arrange(made);
    await this.#store(
      made,
      before,
      [['putSwitch', id, tagOf(made), JSON.stringify(made)], ...this.#unpaused(before)],
      fact,
    );
    if (before !== undefined) await this.#releaseStored(before);
    this.#engine.dispatcher.touchAll(now);
    return [made, before];
  }

  /** `undefined` when there is no such switch. */
  async lift(id: string, actor: string, reason: string): Promise<Switch | undefined> {
    const before = this.#engine.board.get(id);
    if (before === undefined) return undefined;
    const heldMs = this.#engine.now() - before.sinceMs;
    const fact: Fact = { kind: 'switch', details: { action: 'lift', id, actor, reason, heldMs } };
    this.#engine.board.delete(id);
    this.#arrange(before);
    await this.#store(before, before, [['dropSwitch', id], ...this.#unpaused(before)], fact);
    await this.#releaseStored(before);
    this.#engine.dispatcher.touchAll(this.#engine.now());
    return before;
  }

  /** Where it fails, what is on disk is in force, whatever others asked meanwhile: the disk takes nothing more. */
  async #store(
    changed: Switch,
    before: Switch | undefined,
    writes: readonly Write[],
    fact: Fact,
  ): Promise<void> {
    const { id } = changed;
    try {
      await this.#engine.commit(writes, [this.#engine.system(fact)]);
    } catch (error) {
      const kept = this.#storedOr(id, before);
      if (kept === undefined) this.#engine.board.delete(id);
      else this.#engine.board.set(kept);
      this.#arrange(changed);
      throw error;
    }
  }

  /** What such a switch changes of a pipeline is changed with it; what others forbid is asked for each time. */
  #arrange(changed: Switch): void {
    if (changed.kind === 'rollback' || changed.kind === 'scale') this.#engine.plans.arrange(changed.pipeline);
  }

  /** A disk that cannot be read either tells nothing: then it is as it was. */
  #storedOr(id: string, before: Switch | undefined): Switch | undefined {
    try {
      return storedSwitches(this.#engine.rows).find((one) => one.id === id);
    } catch {
      return before;
    }
  }

  #unpaused(before: Switch | undefined): Write[] {
    return before?.kind === 'pause'
      ? [['forgetPause', before.pipeline, this.#engine.now(), before.sinceMs]]
      : [];
  }

  /** The change is on disk and so has been made, whatever fails now: the next start lets go of what is left. */
  async #releaseStored(before: Switch): Promise<void> {
    await this.#release(tagOf(before)).catch((error: unknown) => {
      if (!(error instanceof CommitFailed)) throw error;
    });
  }

  /** Makes what one setting of a switch held due, in slices, oldest first. */
  async #release(tag: string): Promise<void> {
    // Strands that wait while others of their run work.
    for (const run of this.#engine.activations.runs.values()) run.wakeStrands();
    for (let after = 0; ; ) {
      const last = this.#engine.read
        .of(
          'SELECT max(seq) AS last FROM (SELECT seq FROM runs WHERE held IS NOT NULL AND seq > ? ORDER BY seq LIMIT ?)',
        )
        .get(after, RELEASE_SLICE)?.['last'];
      if (typeof last !== 'number') return;
      await this.#engine.commit([['release', after, last, tag]]);
      this.#engine.dispatcher.touchAll(this.#engine.now());
      after = last;
    }
  }

  #heldBy(): readonly string[] {
    return this.#engine.read
      .of('SELECT DISTINCT value FROM runs, json_each(runs.held) WHERE held IS NOT NULL')
      .all()
      .map((row) => String(row['value']))
      .filter((tag) => tag !== idOfTag(tag));
  }
}

/** Throws where one cannot be read: what it forbids is not known then. */
export function storedSwitches({ read, codec }: StoredRows): readonly Switch[] {
  return (
    read
      .of('SELECT id, value FROM switches ORDER BY id')
      .all()
      // Written by `set` alone.
      .map(({ id, value }) => codec.json(value, `switches/${String(id)}`) as unknown as Switch)
  );
}

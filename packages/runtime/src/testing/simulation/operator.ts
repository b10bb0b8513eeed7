import type { Random } from '@tenon/model';
import { CommitFailed } from '../../embedded/commit-queue.ts';
import type { Bench } from '../bench.ts';
import type { Life } from './life.ts';

/** Dead letters resumed in one simulation at most, so that it ends. */
const RESUMES_MAX = 12;

/** The person who settles, decides, resumes and cancels, by what the other system's records say. */
export class Operator {
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #life: Life;
  #resumes = 0;

  constructor(bench: Bench, random: Random, life: Life) {
    this.#bench = bench;
    this.#random = random;
    this.#life = life;
  }

  /** Does something; `false` when there is nothing left to do. `early`: also cancels what still runs. */
  async act(early: boolean): Promise<boolean> {
    await this.#life.up();
    const { runtime, target } = this.#bench;
    const doubt = runtime.inDoubt()[0];
    if (doubt !== undefined) {
      // A truthful person: looks into the other system first.
      const effect = target.effects.get(doubt.idempotencyKey)?.[0];
      const gaveUp = this.#random.next() < 0.3;
      const { runId, stepId } = doubt;
      if (effect === undefined)
        return this.#said(runtime.settle(runId, stepId, gaveUp ? 'compensate' : 'redo', 'ana', 'looked'));
      const verdict = gaveUp ? 'compensate' : 'confirm';
      return this.#said(runtime.settle(runId, stepId, verdict, 'ana', 'looked', effect));
    }
    const approval = runtime.approvals()[0];
    if (approval !== undefined) {
      // What somebody has changed since stays: so nothing of theirs may ever be gone.
      const isUndoing = approval.stepId.startsWith('compensate:');
      const decision = !isUndoing && this.#random.next() < 0.7 ? 'approve' : 'reject';
      return this.#said(runtime.decide(approval.runId, approval.stepId, decision, 'ana', 'because'));
    }
    const letter = runtime.deadLetters().find(({ settled }) => settled !== 'compensated');
    if (letter !== undefined && this.#resumes++ < RESUMES_MAX)
      return this.#said(runtime.resume(letter.runId, 'ana', 'try again'));
    if (!early) return false;
    const running = runtime.runs({ state: 'waiting' })[0];
    if (running === undefined || this.#random.next() < 0.5) return false;
    return this.#said(runtime.cancel(running.runId, 'ana', 'no longer wanted'));
  }

  async #said(action: Promise<unknown>): Promise<true> {
    try {
      await this.#life.heard(action);
    } catch (error) {
      if (!(error instanceof CommitFailed && this.#life.isDiskBroken)) throw error;
    }
    return true;
  }
}

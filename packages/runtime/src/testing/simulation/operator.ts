import { existsSync, readFileSync } from 'node:fs';
import { type Random, sha256 } from '@tenon/model';
import { CommitFailed } from '../../embedded/commit/commit-queue.ts';
import type { ActionResult, DeadLetter, PendingApproval, RunState } from '../../runtime.ts';
import type { Bench } from '../bench.ts';
import type { Coverage, Happening } from './coverage.ts';
import { flatten, stepOf } from './history.ts';
import type { Life } from './life.ts';
import { personOf } from './sender.ts';

/** Dead letters resumed in one simulation at most, so that it ends. */
const RESUMES_MAX = 12;
/** More of them, while batches are under way: those above are for what is left when all is at rest. */
const RESUMES_MEANWHILE_MAX = 4;
/** How long an approval lies that nobody sees to: longer than any has. */
const LAZY_MS = 90_000;
const UNDOING = 'compensate:';
/** One in so many words is given by two people at one moment. */
const TWICE_RATE = 0.2;

/** What a person can do in the other system by hand: an effect that is one object more. */
const BY_HAND: ReadonlySet<string> = new Set([
  'acme.create',
  'acme.createBlind',
  'acme.createChecked',
  'acme.shortKey',
  'acme.put',
]);

/** The person who settles, decides, resumes and cancels, by what the other system's records say. */
export class Operator {
  readonly #bench: Bench;
  readonly #random: Random;
  readonly #life: Life;
  readonly #coverage: Coverage;
  /** What breaks a promise while it happens. */
  readonly violations: string[] = [];
  /** Sees to everything at once. */
  isPrompt = false;
  #resumes = 0;
  #resumesMeanwhile = 0;
  /** What was said to be done by hand, by run and place: once, since it may come too late, and what is left is to be resumed. */
  readonly #saidDone = new Set<string>();
  /** A dry run of runs to be cancelled together, until it is known to have been applied: by the next process, where this one dies. */
  #toCancel: string | undefined;
  /** When somebody sees to an approval, by run, step and time that it has. */
  readonly #backAtMs = new Map<string, number>();

  constructor(bench: Bench, random: Random, life: Life, coverage: Coverage) {
    this.#bench = bench;
    this.#random = random;
    this.#life = life;
    this.#coverage = coverage;
  }

  /** As `act`, early, while batches are under way. */
  async actMeanwhile(): Promise<void> {
    await this.act(true, () => this.#resumesMeanwhile++ < RESUMES_MEANWHILE_MAX);
  }

  /** Does something; `false` when there is nothing left to do. `early`: also cancels what still runs. */
  async act(early: boolean, mayResume = (): boolean => this.#resumes++ < RESUMES_MAX): Promise<boolean> {
    while (this.#life.crashing !== undefined) await this.#life.crashing;
    const { runtime, target } = this.#bench;
    if (this.#toCancel !== undefined) return this.#applyCancel(this.#toCancel);
    const doubt = inOrder(runtime.inDoubt(), ({ stepId }) => stepId)[0];
    if (doubt !== undefined) {
      // A truthful person: looks into the other system first.
      const { runId, stepId } = doubt;
      const effect = target.effectOf(runId, stepId);
      const gaveUp = this.#random.next() < 0.3;
      if (effect === undefined)
        return this.#said('doubt settled', () =>
          runtime.settle(runId, stepId, gaveUp ? 'compensate' : 'redo', 'ana', 'looked'),
        );
      const verdict = gaveUp ? 'compensate' : 'confirm';
      return this.#said('doubt settled', () =>
        runtime.settle(runId, stepId, verdict, 'ana', 'looked', effect),
      );
    }
    const approvals = inOrder(runtime.approvals(), ({ stepId }) => stepId);
    const approval = approvals.find((each) => this.#isTaken(each));
    if (approval !== undefined) {
      // What somebody has changed since stays: so nothing of theirs may ever be gone.
      const isUndoing = approval.stepId.startsWith(UNDOING);
      const decision = !isUndoing && this.#random.next() < 0.7 ? 'approve' : 'reject';
      if (approval.count !== undefined && decision === 'approve') return this.#approvesAsOneOf(approval);
      return this.#said('approval given', () =>
        runtime.decide(approval.runId, approval.stepId, decision, 'ana', 'because'),
      );
    }
    const letters = inOrder(runtime.deadLetters(), ({ step }) => step);
    const letter = letters.find(({ settled }) => settled !== 'compensated');
    if (letter !== undefined && mayResume()) {
      const { runId, step } = letter;
      const place = this.#doneByHand(letter);
      if (place !== undefined) {
        if (place !== step) this.#coverage.saw('done by hand in a strand');
        const result = { id: `by-hand-${sha256(`${runId} ${place}`).slice(7, 19)}` };
        const done = () =>
          this.#said('done by hand', () => runtime.markDone(runId, place, 'ana', 'made it there', result));
        // Somebody else wants the run no more. Said first, what was made is to be removed with the rest; said after that, it is refused.
        if (!isCancelledBeside(result.id)) return done();
        const cancelled = () =>
          this.#said('run cancelled', () => runtime.cancel(runId, 'ben', 'no longer wanted'));
        const isFirst = /[02]$/.test(result.id);
        await Promise.all(isFirst ? [done(), cancelled()] : [cancelled(), this.#afterSome(done, result.id)]);
        return true;
      }
      if (isClosed(letter)) return this.#said('run closed', () => runtime.closeRun(runId, 'ana', 'right so'));
      return this.#undoes(letter)
        ? this.#said('undone by hand', () => runtime.markUndone(runId, step, 'ana', 'removed it'))
        : this.#said('run resumed', () => runtime.resume(runId, 'ana', 'try again'));
    }
    if (!early) return false;
    // At rest, a run that is running has a call that hangs.
    const running = runtime.runs({ state: 'waiting' })[0] ?? runtime.runs({ state: 'running' })[0];
    if (running === undefined || this.#random.next() < 0.5) return false;
    if (running.state === 'running') this.#coverage.saw('run cancelled while it is at work');
    // All that stand as it does, in half of all: by the run's id, for no chance is drawn for it.
    if (/[0-7]$/.test(sha256(running.runId))) return this.#cancelMany(running.state);
    return this.#said('run cancelled', () => runtime.cancel(running.runId, 'ana', 'no longer wanted'));
  }

  /** Where several must: two at one moment, or one after the other, the first once more before the second. No chance is drawn for which. */
  async #approvesAsOneOf({ runId, stepId, expiresAtMs, given = [] }: PendingApproval): Promise<true> {
    const { runtime } = this.#bench;
    const approve = (who: string) => () => runtime.decide(runId, stepId, 'approve', who, 'because');
    const first = given[0]?.actor;
    const isAtOnce = /[0-7]$/.test(sha256(`${runId} ${stepId} ${expiresAtMs}`));
    if (first === undefined && isAtOnce) {
      const answers = await Promise.all(['ana', 'ben'].map((who) => this.#heard(approve(who)())));
      this.#coverage.saw('approved by two at one moment');
      const isRefused = answers.some(
        (answer) => answer?.ok === false && answer.code === 'DECISION_MADE_ALREADY',
      );
      const now =
        isRefused && runtime.approvals().find((one) => one.runId === runId && one.stepId === stepId);
      if (now && now.given?.length === 1)
        this.violations.push(`of two who approved ${stepId} at one moment, one was not heard`);
      return true;
    }
    if (first !== undefined && !isAtOnce) {
      this.#coverage.saw('approved twice by one');
      const again = await this.#heard(approve(first)());
      if (again?.ok === true)
        this.violations.push(`${first} approved ${stepId} twice, and was counted twice`);
    }
    return this.#said('approval given', approve(first === 'ana' ? 'ben' : 'ana'));
  }

  async #cancelMany(state: RunState): Promise<true> {
    const dry = await this.#heard(this.#bench.runtime.planCancel({ state }, 'ana', 'no longer wanted'));
    return dry?.ok ? this.#applyCancel(dry.report.token) : true;
  }

  async #applyCancel(token: string): Promise<true> {
    this.#toCancel = token;
    while (this.#life.crashing !== undefined) await this.#life.crashing;
    const done = await this.#heard(this.#bench.runtime.applyCancel(token, 'ben', 'looked at them'));
    if (done === undefined) this.#coverage.saw('several runs cancelled, and the process died meanwhile');
    else this.#toCancel = undefined;
    if (done?.ok && done.runs.length > 1) this.#coverage.saw('several runs cancelled');
    return true;
  }

  /** Somebody wants a run no more, whatever it is at. */
  async cancelAtWork(): Promise<void> {
    while (this.#life.crashing !== undefined) await this.#life.crashing;
    const { runtime } = this.#bench;
    const running = runtime.runs({ state: 'running' })[0];
    if (running === undefined) return;
    this.#coverage.saw('run cancelled while it is at work');
    await this.#said('run cancelled', () => runtime.cancel(running.runId, 'ana', 'no longer wanted'));
  }

  /** While what was said before is on its way to the disk, or was told to the run: no chance is drawn for how long. */
  async #afterSome(say: () => Promise<true>, id: string): Promise<true> {
    const life = this.#life.crashes;
    for (let turns = id.charCodeAt(10) % 8; turns > 0; turns--)
      await new Promise((resolve) => setImmediate(resolve));
    return life === this.#life.crashes ? say() : true;
  }

  /** Of what a run is parked at, the effect that is done by hand: of all a third, by their names, for no chance is drawn for it. */
  #doneByHand({ runId, step }: DeadLetter): string | undefined {
    if (step.startsWith(UNDOING)) return undefined;
    const { runtime } = this.#bench;
    const { key, planHash, canBeDone = [] } = runtime.run(runId)!;
    const all = flatten(runtime.plan(planHash)!.steps);
    const place = canBeDone.find((each) => {
      const planned = all.find(({ id }) => id === stepOf(each));
      if (planned?.kind !== 'call' || !BY_HAND.has(planned.operation)) return false;
      const said = `${runId} ${each}`;
      return !this.#saidDone.has(said) && /[0-5]$/.test(sha256(`${key} ${each}`));
    });
    if (place !== undefined) this.#saidDone.add(`${runId} ${place}`);
    return place;
  }

  /** Removes what half of all undoings that are parked were to remove: those whose key ends so, for no chance is drawn for it. */
  #undoes({ runId, step, idempotencyKey }: DeadLetter): boolean {
    if (!step.startsWith(UNDOING) || !/[02468ace]$/.test(idempotencyKey ?? '')) return false;
    const { runtime, target } = this.#bench;
    const place = step.slice(UNDOING.length);
    const { planHash, steps } = runtime.run(runId)!;
    const planned = flatten(runtime.plan(planHash)!.steps).find(({ id }) => id === stepOf(place));
    if (planned?.kind !== 'call' || planned.compensate?.operation !== 'acme.remove') return false;
    const record = steps.find(({ id }) => id === place);
    const isByHand = record?.byHand !== undefined;
    // What the plans of a simulation make, and what a person makes in place of a run, has an id.
    const made = (isByHand ? record.result : target.effectOf(runId, place)) as { readonly id: string };
    target.removedByHand.add(made.id);
    return true;
  }

  /**
   * Lets the data of the person behind an order go: where no run needs it any more, and the order is not sent once more
   * meanwhile, no byte of it is left.
   */
  async erase(id: string, sendings: () => number | undefined): Promise<void> {
    while (this.#life.crashing !== undefined) await this.#life.crashing;
    const { file, runtime } = this.#bench;
    const life = this.#life.crashes;
    const sent = sendings();
    const report = await this.#heard(runtime.erase(personOf(id), 'ana', 'asked for it', true));
    if (report === undefined || life !== this.#life.crashes) return;
    this.#coverage.saw('subject erased');
    if (report.kept.length > 0 || sent === undefined || sent !== sendings()) return;
    for (const suffix of ['', '-wal'])
      if (existsSync(file + suffix) && readFileSync(file + suffix).includes(personOf(id)))
        this.violations.push(`the ${personOf(id)} was erased, and is found in the file${suffix}`);
  }

  /** How long it is until somebody is back who has let an approval lie. */
  get awayMs(): number {
    const now = this.#bench.clock.now();
    return Math.min(
      ...[...this.#backAtMs.values()].map((atMs) => (atMs > now ? atMs - now : Number.POSITIVE_INFINITY)),
    );
  }

  /** Some approvals are seen to at once, some are left to lie until it is too late. What is to be undone has no time. */
  #isTaken({ runId, stepId, expiresAtMs }: PendingApproval): boolean {
    if (this.isPrompt || stepId.startsWith(UNDOING)) return true;
    const id = `${runId} ${stepId} ${expiresAtMs}`;
    const now = this.#bench.clock.now();
    const backAtMs = this.#backAtMs.get(id) ?? (this.#random.next() < 0.5 ? now : now + LAZY_MS);
    this.#backAtMs.set(id, backAtMs);
    return backAtMs <= now;
  }

  /** Sometimes two people say it at one moment: one of them is told that somebody was faster. */
  async #said(what: Happening, action: () => Promise<ActionResult>): Promise<true> {
    this.#coverage.saw(what);
    if (this.#bench.underWay.length > 0) this.#coverage.saw('said while a batch is being written');
    const isTwice = this.#random.next() < TWICE_RATE;
    const said = [this.#heard(action()), ...(isTwice ? [this.#heard(action())] : [])];
    const answers = await Promise.all(said);
    if (isTwice) this.#coverage.saw('said by two at one moment');
    if (answers.filter((answer) => answer?.ok === true).length > 1)
      this.violations.push(`two people said the same at one moment (${what}), and both were first`);
    return true;
  }

  /** What it says, or `undefined` when it is killed or its disk fails. */
  async #heard<T>(action: Promise<T>): Promise<T | undefined> {
    const life = this.#life.crashes;
    try {
      return await this.#life.heard(action);
    } catch (error) {
      // Somebody else may have heard of the disk first, and have started the process anew.
      const isDiskBroken = this.#life.isDiskBroken || life !== this.#life.crashes;
      if (!(error instanceof CommitFailed && isDiskBroken)) throw error;
      return undefined;
    }
  }
}

/** Somebody takes it as it stands: an eighth of all, for no chance is drawn for it. */
function isClosed({ runId, step }: DeadLetter): boolean {
  return !step.startsWith(UNDOING) && /[01]$/.test(sha256(`close ${runId} ${step}`));
}

/** In a quarter of all: no chance is drawn for it. */
function isCancelledBeside(id: string): boolean {
  return /[0-3]$/.test(id);
}

/** An encrypted file lists what is open in one run by digests of its places, which are others in each file: a seed must not go by them. */
function inOrder<T extends { readonly runId: string }>(
  open: readonly T[],
  placeOf: (one: T) => string,
): readonly T[] {
  const runs = [...new Set(open.map(({ runId }) => runId))];
  return open.toSorted(
    (a, b) => runs.indexOf(a.runId) - runs.indexOf(b.runId) || (placeOf(a) < placeOf(b) ? -1 : 1),
  );
}

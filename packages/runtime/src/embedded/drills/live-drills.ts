import type { JsonObject } from '@tenon/model';
import type {
  DrillKind,
  DrillResult,
  DrillSubject,
  DrillUnderWay,
  LiveDrillRequest,
} from '../../api/drills.ts';
import type { ActionResult, DrillBegun, RuntimeOptions } from '../../runtime.ts';
import type { Switch } from '../../switches.ts';
import { CommitFailed } from '../commit/commit-queue.ts';
import { unknownSubject } from '../control/switch-subjects.ts';
import type { EmbeddedEngine } from '../engine.ts';
import type { Replays } from '../replay/replays.ts';
import { internalWords } from '../work/activations.ts';
import { drillFlag, whyNoFlagDrill } from './flag-drill.ts';
import { drillKillSwitch, whyNoKillSwitchDrill } from './kill-switch-drill.ts';
import type { Judged, LiveDrill } from './live-drill.ts';
import { unknownDrillSubject } from './record-drill.ts';
import { drillReplay } from './replay-drill.ts';
import { drillRotation, whyNoRotationDrill } from './rotation-drill.ts';

interface UnderWay {
  readonly drill: Omit<DrillUnderWay, 'phase'>;
  phase: string;
  readonly stop: AbortController;
  stoppedBy?: string;
  readonly over: Promise<void>;
}

/**
 * Drills that the runtime holds itself, one at a time: none → under way → over, with a result in the ledger. Whoever began one may go away: it
 * comes to its end all the same. Its switches bear its id. They are lifted when it is over, however it ends, and where its process ended, by the
 * next one before a run that it held goes on (`takeOver`).
 */
export class LiveDrills {
  readonly #engine: EmbeddedEngine;
  readonly #clock: RuntimeOptions['clock'];
  readonly #replays: Replays;
  #underWay: UnderWay | undefined;

  constructor(engine: EmbeddedEngine, replays: Replays, { clock }: Pick<RuntimeOptions, 'clock'>) {
    this.#engine = engine;
    this.#replays = replays;
    this.#clock = clock;
  }

  get underWay(): DrillUnderWay | undefined {
    return this.#underWay && { ...this.#underWay.drill, phase: this.#underWay.phase };
  }

  /** Has an earlier process ended in a drill? A start that has nothing to take over waits for nothing. */
  get hasLeftOver(): boolean {
    return this.#engine.board.all.some(({ drill }) => drill !== undefined);
  }

  /** Lifts what drills of an earlier process have left thrown, and says that nobody has seen their end. */
  async takeOver(): Promise<void> {
    for (const left of this.#engine.board.all) {
      if (left.drill === undefined) continue;
      await this.#engine.switches.lift(left.id, left.actor, `the process ended in drill ${left.drill}`);
      await this.#engine.drills.enter({
        ...subjectOfSwitch(left),
        id: left.drill,
        verdict: 'inconclusive',
        judgedBy: 'runtime',
        startedAtMs: left.sinceMs,
        endedAtMs: this.#engine.now(),
        actor: left.actor,
        reason: left.reason,
        findings: ['the process ended while it was held; the next one has lifted its switch'],
        figures: {},
      });
    }
  }

  async begin(request: LiveDrillRequest, actor: string, reason: string): Promise<DrillBegun> {
    const unknown = unknownDrillSubject(this.#engine, request) ?? unknownConnection(this.#engine, request);
    if (unknown !== undefined) return { ok: false, code: 'DRILL_SUBJECT_UNKNOWN', message: unknown };
    const now = this.#underWay;
    if (now !== undefined)
      return {
        ok: false,
        code: 'DRILL_UNDER_WAY',
        message: `a drill of ${now.drill.actor} is under way (${now.drill.id}, ${now.phase}): one is held at a time`,
      };
    const impossible = this.#engine.isStopping
      ? 'this process is about to end'
      : whyNotHeld(this.#engine, request, actor);
    if (impossible !== undefined) return { ok: false, code: 'DRILL_NOT_POSSIBLE', message: impossible };
    const drill = {
      id: this.#engine.newId(),
      ...subjectOf(request),
      startedAtMs: this.#engine.now(),
      actor,
      reason,
    };
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const underWay: UnderWay = { drill, phase: 'begins', stop: new AbortController(), over };
    this.#underWay = underWay;
    try {
      const details: JsonObject = { action: 'begun', ...drill };
      await this.#engine.commit([], [this.#engine.system({ kind: 'drill', details })]);
    } catch (error) {
      this.#end(resolve);
      throw error;
    }
    // A disk that fails stops the runtime elsewhere, and says so there; what is thrown is lifted by the next process.
    void this.#engine.dispatcher
      .busy(() => this.#carryOut(underWay, request))
      .catch((error: unknown) => {
        if (!(error instanceof CommitFailed)) throw error;
      })
      .finally(() => this.#end(resolve));
    return { ok: true, drill: { ...drill, phase: underWay.phase } };
  }

  stopDrill(id: string, actor: string, reason: string): ActionResult {
    const now = this.#underWay;
    if (now === undefined || now.drill.id !== id)
      return { ok: false, code: 'DRILL_UNKNOWN', message: `no drill ${id} is under way` };
    now.stoppedBy = `${actor} has stopped it: ${reason}`;
    now.stop.abort();
    return { ok: true };
  }

  /** The process ends: what is under way is stopped, and its switch lifted. */
  async stop(): Promise<void> {
    const now = this.#underWay;
    if (now === undefined) return;
    now.stoppedBy ??= 'the process was stopped';
    now.stop.abort();
    await now.over;
  }

  /** Meanwhile it counts as idle: nothing moves but time. */
  #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { dispatcher } = this.#engine;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const goOn = (): void => {
        signal.removeEventListener('abort', goOn);
        cancel();
        dispatcher.begin();
        resolve();
      };
      const cancel = this.#clock.setTimer(ms, goOn);
      signal.addEventListener('abort', goOn, { once: true });
      dispatcher.end();
    });
  }

  #end(resolve: () => void): void {
    this.#underWay = undefined;
    resolve();
  }

  async #carryOut(underWay: UnderWay, request: LiveDrillRequest): Promise<void> {
    const { drill, stop } = underWay;
    const live: LiveDrill = {
      id: drill.id,
      actor: drill.actor,
      reason: drill.reason,
      engine: this.#engine,
      pause: (ms) => this.#pause(ms, stop.signal),
      signal: stop.signal,
      say: (phase) => {
        underWay.phase = phase;
      },
    };
    const judged = await held(live, request, this.#replays).finally(() => this.#lift(drill));
    const { stoppedBy } = underWay;
    // What was found stands; that nothing was found of a drill that was cut short says nothing.
    const isCut = stoppedBy !== undefined && judged.verdict === 'passed';
    const result: DrillResult = {
      ...drill,
      ...judged,
      verdict: isCut ? 'inconclusive' : judged.verdict,
      findings: [...judged.findings, ...(stoppedBy === undefined ? [] : [stoppedBy])],
      judgedBy: 'runtime',
      endedAtMs: this.#engine.now(),
    };
    await this.#engine.drills.enter(result);
  }

  /** Those of this drill alone: somebody may have put one of their own in their place. */
  async #lift({ id, actor }: Pick<DrillUnderWay, 'id' | 'actor'>): Promise<void> {
    for (const left of this.#engine.board.all)
      if (left.drill === id) await this.#engine.switches.lift(left.id, actor, `drill ${id} is over`);
  }
}

/** A broken invariant ends a drill, and not the process. */
async function held(drill: LiveDrill, request: LiveDrillRequest, replays: Replays): Promise<Judged> {
  try {
    return await heldAs(drill, request, replays);
  } catch (error) {
    if (error instanceof CommitFailed) throw error;
    return {
      verdict: 'inconclusive',
      findings: [`an internal error has ended it: ${internalWords(error)}`],
      figures: {},
    };
  }
}

function heldAs(drill: LiveDrill, request: LiveDrillRequest, replays: Replays): Promise<Judged> {
  switch (request.kind) {
    case 'killSwitch':
      return drillKillSwitch(drill, request);
    case 'flag':
      return drillFlag(drill, request);
    case 'replay':
      return drillReplay(drill, request, replays);
    case 'rotation':
      return drillRotation(drill, request);
  }
}

function whyNotHeld(engine: EmbeddedEngine, request: LiveDrillRequest, actor: string): string | undefined {
  switch (request.kind) {
    case 'killSwitch':
      return whyNoKillSwitchDrill(engine, request);
    case 'flag':
      return whyNoFlagDrill(engine, request, actor);
    case 'replay':
      return undefined;
    case 'rotation':
      return whyNoRotationDrill(engine, request);
  }
}

/** Over which its event is said to come: pipelines read that name. */
function unknownConnection(engine: EmbeddedEngine, request: LiveDrillRequest): string | undefined {
  const connection = 'trial' in request ? request.trial?.connection : undefined;
  if (connection === undefined) return undefined;
  return unknownSubject(engine, { kind: 'kill', scope: { connection }, sparesCompensation: false });
}

function subjectOf(request: LiveDrillRequest): DrillSubject {
  const { kind } = request;
  return request.kind === 'rotation'
    ? { kind, connection: request.connection }
    : { kind, pipeline: request.pipeline };
}

function subjectOfSwitch(left: Switch): DrillSubject {
  const kind: DrillKind = left.kind === 'kill' ? 'killSwitch' : 'flag';
  const subject = left.kind === 'kill' ? left.scope : left;
  return { kind, ...('pipeline' in subject && { pipeline: subject.pipeline }) };
}

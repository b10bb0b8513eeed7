import type { JsonObject } from '@tenon/model';
import { sha256 } from '@tenon/model';

/**
 * What a person has switched. Stored with who did it and why; in force from the moment that it is in memory, which is
 * before the operator hears of it; found again at the next start.
 */
export type Switch = KillSwitch | PauseSwitch | FlagSwitch | RollbackSwitch | ScaleSwitch;

interface SwitchRecord {
  readonly id: string;
  readonly actor: string;
  readonly reason: string;
  readonly sinceMs: number;
  /** Set by a drill, which lifts it: its id. One whose process ended is lifted at the next start. */
  readonly drill?: string;
  /** Tells this setting apart from an earlier one of the same id. */
  readonly revision: string;
}

/** No new effect is sent: by anything, by a pipeline, over a connection, or over any connection of a connector. */
export interface KillSwitch extends SwitchRecord {
  readonly kind: 'kill';
  readonly scope: KillScope;
  /** Undoing goes on: for when what was done is the trouble. */
  readonly sparesCompensation: boolean;
}

export type KillScope =
  | { readonly everything: true }
  | { readonly pipeline: string }
  | { readonly connection: string }
  | { readonly connector: string };

/** A pipeline stands still, events are still taken; or it goes on for some keys alone. */
export interface PauseSwitch extends SwitchRecord {
  readonly kind: 'pause';
  readonly pipeline: string;
  /** Business or order keys for which it goes on; empty: for none. */
  readonly onlyKeys: readonly string[];
}

/** A pipeline is on for a part of its events: those that any of the parts names. Others are kept and start no run. */
export interface FlagSwitch extends SwitchRecord {
  readonly kind: 'flag';
  readonly pipeline: string;
  /** Business keys, order keys, or accounts (`identity.account`). */
  readonly keys: readonly string[];
  /** For which it is off, whatever the other parts say: of a drill. */
  readonly exceptKeys?: readonly string[];
  /** Names of events; `manual` for a run started by hand. */
  readonly events: readonly string[];
  /** Of accounts (else order keys, else business keys), in [0, 1]. A share that grows keeps those it had. */
  readonly share: number;
  /** From then on it is reported until somebody lifts or renews it; what it says stays in force. */
  readonly expiresAtMs: number;
}

/** What comes starts an earlier version of a pipeline than is deployed; runs that have begun go on with theirs. */
export interface RollbackSwitch extends SwitchRecord {
  readonly kind: 'rollback';
  readonly pipeline: string;
  readonly version: number;
  readonly planHash: string;
}

/** A pipeline has other places than its plan says (`limits.concurrency`). */
export interface ScaleSwitch extends SwitchRecord {
  readonly kind: 'scale';
  readonly pipeline: string;
  readonly concurrency: number;
}

/** What keeps something back. */
export type HoldingSetting =
  | Omit<KillSwitch, keyof SwitchRecord>
  | Omit<PauseSwitch, keyof SwitchRecord>
  | Omit<FlagSwitch, keyof SwitchRecord>;

/** A switch as it is put in force; id, actor, reason and time are added. */
export type SwitchSetting =
  | HoldingSetting
  | Omit<ScaleSwitch, keyof SwitchRecord>
  | Omit<RollbackSwitch, keyof SwitchRecord>;

/** What a person asks for. A rollback without a version is to the one before. */
export type SwitchRequest =
  | HoldingSetting
  | Omit<ScaleSwitch, keyof SwitchRecord>
  | { readonly kind: 'rollback'; readonly pipeline: string; readonly version?: number };

/** What a kill looks at of a call, besides whose it is. No connection: it publishes an event, or starts a run. */
export interface CallAt {
  readonly purpose: Purpose;
  readonly connection?: string | undefined;
  readonly connector?: string | undefined;
}

/** What a call is for. A `probe` asks what became of an effect; `emit` publishes an event. */
export type Purpose = 'effect' | 'read' | 'probe' | 'compensation' | 'emit';

/** One switch of a kind for a thing: setting it again replaces it. */
export function switchId(request: SwitchRequest): string {
  switch (request.kind) {
    case 'kill':
      if ('pipeline' in request.scope) return `kill/pipeline/${request.scope.pipeline}`;
      if ('connection' in request.scope) return `kill/connection/${request.scope.connection}`;
      if ('connector' in request.scope) return `kill/connector/${request.scope.connector}`;
      return 'kill/everything';
    case 'pause':
    case 'flag':
    case 'rollback':
    case 'scale':
      return `${request.kind}/${request.pipeline}`;
  }
}

/** Names one setting of a switch: a run that one holds is not kept by a later one that would let it go. */
export function tagOf({ id, revision }: Switch): string {
  return `${id}#${revision}`;
}

export function idOfTag(tag: string): string {
  return tag.includes('#') ? tag.slice(0, tag.lastIndexOf('#')) : tag;
}

/** Details of the ledger entry of a switch. */
export function switchDetails(change: Switch): JsonObject {
  // All members are JSON; the type of a union of interfaces has no index signature.
  return { ...change } as unknown as JsonObject;
}

/**
 * The switches in memory, arranged for the questions that are asked on the way of each run. While nothing is switched
 * each of them is one read of `isQuiet`.
 */
export class SwitchBoard {
  readonly #switches = new Map<string, Switch>();
  #kills: readonly KillSwitch[] = [];
  isQuiet = true;

  get all(): readonly Switch[] {
    return [...this.#switches.values()];
  }

  get(id: string): Switch | undefined {
    return this.#switches.get(id);
  }

  set(change: Switch): void {
    this.#switches.set(change.id, change);
    this.#arrange();
  }

  delete(id: string): void {
    this.#switches.delete(id);
    this.#arrange();
  }

  /** Tags of the kill switches that forbid such a call to a run of these pipelines: its own, and those that it runs for. */
  holdersOf(pipelines: readonly string[], call: CallAt): readonly string[] {
    if (this.isQuiet) return NONE;
    return this.#kills.filter((kill) => forbids(kill, pipelines, call)).map(tagOf);
  }

  isHeld(pipelines: readonly string[], call: CallAt): boolean {
    return !this.isQuiet && this.#kills.some((kill) => forbids(kill, pipelines, call));
  }

  /** Ids of the kill switches that hold what goes over a connection, whosever it is. */
  killsOf(connection: string, connector: string | undefined): readonly string[] {
    const at: CallAt = { purpose: 'effect', connection, connector };
    return this.#kills.filter((kill) => forbids(kill, [], at)).map(({ id }) => id);
  }

  /** May no run of the pipeline be begun? Those begun go on to their next effect, and wait there. */
  isKilled(pipeline: string): boolean {
    if (this.isQuiet) return false;
    return this.#kills.some(({ scope }) => isOfPipeline(scope, pipeline));
  }

  /** Ids of the switches that keep a run from being taken: a pause, and for one that is to begin the kills of its pipeline. */
  keepersOf(pipeline: string, key: string, orderKey: string | null, isNew: boolean): readonly string[] {
    if (this.isQuiet) return NONE;
    const kills = this.#kills.filter(({ scope }) => isNew && isOfPipeline(scope, pipeline));
    const pause = this.isPaused(pipeline, key, orderKey) ? [this.pauseOf(pipeline)!] : [];
    return [...kills, ...pause].map(({ id }) => id);
  }

  /** Does a new run of the pipeline wait on disk, rather than begin? */
  keepsBack(pipeline: string, key: string): boolean {
    return !this.isQuiet && (this.isKilled(pipeline) || this.isPaused(pipeline, key, null));
  }

  pauseOf(pipeline: string): PauseSwitch | undefined {
    if (this.isQuiet) return undefined;
    const found = this.#switches.get(`pause/${pipeline}`);
    return found?.kind === 'pause' ? found : undefined;
  }

  rollbackOf(pipeline: string): RollbackSwitch | undefined {
    const found = this.#switches.get(`rollback/${pipeline}`);
    return found?.kind === 'rollback' ? found : undefined;
  }

  scaleOf(pipeline: string): ScaleSwitch | undefined {
    const found = this.#switches.get(`scale/${pipeline}`);
    return found?.kind === 'scale' ? found : undefined;
  }

  /** Is a run with these keys to stand still? */
  isPaused(pipeline: string, key: string, orderKey: string | null): boolean {
    if (this.isQuiet) return false;
    const pause = this.pauseOf(pipeline);
    if (pause === undefined) return false;
    return !(pause.onlyKeys.includes(key) || (orderKey !== null && pause.onlyKeys.includes(orderKey)));
  }

  /** The flag that keeps a pipeline from taking an event, if one does. */
  flagAgainst(pipeline: string, event: string, names: EventNames): FlagSwitch | undefined {
    if (this.isQuiet) return undefined;
    const flag = this.#switches.get(`flag/${pipeline}`);
    if (flag?.kind !== 'flag') return undefined;
    return isOnFor(flag, event, names) ? undefined : flag;
  }

  expired(nowMs: number): readonly FlagSwitch[] {
    return this.all.filter((each): each is FlagSwitch => each.kind === 'flag' && each.expiresAtMs <= nowMs);
  }

  #arrange(): void {
    this.isQuiet = this.#switches.size === 0;
    this.#kills = this.all.filter((each): each is KillSwitch => each.kind === 'kill');
  }
}

const NONE: readonly string[] = [];

function isOfPipeline(scope: KillScope, pipeline: string): boolean {
  return 'everything' in scope || ('pipeline' in scope && scope.pipeline === pipeline);
}

/**
 * | | effect, emit, read | compensation | probe |
 * |---|---|---|---|
 * | everything, pipeline | held | held, unless spared | goes on: it tells what is true of an effect already sent |
 * | connection, connector | held | held, unless spared | held: nothing goes there |
 *
 * A read is held as well: what is read before a long stop would be stale when it is written.
 */
function forbids(
  { scope, sparesCompensation }: KillSwitch,
  pipelines: readonly string[],
  { purpose, connection, connector }: CallAt,
): boolean {
  if (purpose === 'compensation' && sparesCompensation) return false;
  if ('connection' in scope) return scope.connection === connection;
  if ('connector' in scope) return scope.connector === connector;
  if (purpose === 'probe') return false;
  return 'everything' in scope || pipelines.includes(scope.pipeline);
}

/** What a flag may know an event by. */
interface EventNames {
  readonly key: string;
  readonly orderKey?: string;
  readonly account?: string;
}

function isOnFor(flag: FlagSwitch, event: string, { key, orderKey, account }: EventNames): boolean {
  const isAmong = (keys: readonly string[]): boolean =>
    [key, orderKey, account].some((name) => name !== undefined && keys.includes(name));
  if (isAmong(flag.exceptKeys ?? [])) return false;
  if (isAmong(flag.keys)) return true;
  if (flag.events.includes(event)) return true;
  // An account is on with all of its events, or off.
  return flag.share > 0 && placeOf(flag.pipeline, account ?? orderKey ?? key) < flag.share;
}

/** Where a key stands in [0, 1): the same for ever, and apart for each pipeline. */
function placeOf(pipeline: string, key: string): number {
  const digest = sha256(JSON.stringify([pipeline, key]));
  return Number.parseInt(digest.slice(digest.indexOf(':') + 1).slice(0, 12), 16) / 2 ** 48;
}

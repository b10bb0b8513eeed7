import { canonicalJson, type Failure, type Json, type JsonObject } from '@tenon/model';
import { type EntityVersion, isVersion } from '../../entity-version.ts';
import type { LoadedPlan } from '../../loaded-plan.ts';
import type { IncomingEvent } from '../../runtime.ts';
import type { Noted } from '../file/ledger-rows.ts';
import type { RunRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';
import type { UnreadableValue } from '../file/value-codec.ts';
import type { ChildLink } from '../work/children.ts';
import { connectionOf, publishedOver } from './event-connection.ts';

/** An event on its way in. */
export interface NewEvent {
  readonly event: string;
  /** As it is stored: see `storedEvent`. */
  readonly payload: Json;
  readonly deliveryId: string;
  readonly source: string;
  readonly isListed?: boolean;
  readonly traceparent?: string | undefined;
  /** Of the run that emitted it. */
  readonly correlationId?: string;
}

/** A run to be started by an event: which plan, under which business key, in which order. */
export interface Draft {
  readonly loaded: LoadedPlan;
  readonly key: string;
  readonly orderKey?: string;
  /** Whose event it is, where the plan says so and it can be told. */
  readonly account?: string;
  /** Of the entity that the order key names: an event of an older one than was taken already is left out. */
  readonly version?: EntityVersion;
  /** A person said that it may be taken though the newest version that was taken cannot be read: nobody can tell any more. */
  readonly maySucceedUnread?: boolean;
  /** The event concerns the pipeline, but its condition, key or order could not be computed. */
  readonly failure?: Failure;
  /** A run starts it as its child; `born` says what is written with it. */
  readonly child?: {
    readonly link: ChildLink;
    born(run: RunRow): { readonly writes: readonly Write[]; readonly noted: Noted };
  };
}

export type Drafts =
  | { readonly ok: true; readonly drafts: readonly Draft[]; readonly quarantined?: Failure }
  | { readonly ok: false; readonly failure: Failure };

/**
 * What an event is known by must be texts: an embedder's types say so, and nothing holds it to them when it runs. A number would be kept
 * in another form than it was given, and an empty delivery id would make each event of a source a repetition of the first.
 */
export function wronglyNamed({
  event,
  source,
  deliveryId,
  traceparent,
  cursor,
}: IncomingEvent): Failure | undefined {
  const isPlain = traceparent === undefined && cursor === undefined;
  if (isPlain && isName(event) && isName(source) && isName(deliveryId)) return undefined;
  const needed = Object.entries({ event, source, deliveryId, ...(cursor && { 'cursor.name': cursor.name }) });
  const found =
    needed.find(([, value]) => !isName(value)) ??
    Object.entries({ traceparent: traceparent ?? '', 'cursor.value': cursor?.value ?? '' }).find(
      ([, value]) => typeof value !== 'string',
    );
  if (found === undefined) return undefined;
  const [name, value] = found;
  return {
    class: 'validation',
    code: 'EVENT_NAME_INVALID',
    message: `${name} of an event must be a text, and is ${kindOf(value)}`,
    delivery: 'notSent',
  };
}

/** Who says that a person started it would be no requester of theirs, and under a run's own name what it emits would be a repetition. */
export function ownSource(source: string): Failure | undefined {
  const [own] = OWN_SOURCE.exec(source) ?? [];
  return own === undefined
    ? undefined
    : {
        class: 'validation',
        code: 'EVENT_SOURCE_RESERVED',
        message: `source of an event begins with \`${own}\`, which says that it began here`,
        delivery: 'notSent',
      };
}

const OWN_SOURCE = /^(?:manual|pipeline|quarantine):|^[^/:]*\/manual:/;

/** What is cut in the middle of a character is stored without that half, and would be one name with others. */
function isName(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && value.isWellFormed();
}

function kindOf(value: unknown): string {
  if (value === undefined || value === null) return 'absent';
  if (typeof value === 'string') return value === '' ? 'empty' : 'cut in the middle of a character';
  return Array.isArray(value) ? 'a list' : `of type ${typeof value}`;
}

/** An event as it comes in. */
export type ComingEvent = Pick<IncomingEvent, 'event' | 'payload' | 'headers' | 'deliveryId' | 'source'>;

/**
 * Which runs an event starts; pure. Refused whole when its payload violates its contract (C2). `waiting`: plans that begin nothing, of which
 * runs wait for it, the newest last.
 */
export function draftsFor(
  coming: ComingEvent,
  plans: ReadonlyMap<string, LoadedPlan>,
  invalid: IncomingEvent['invalid'] = 'refuse',
  waiting: readonly LoadedPlan[] = [],
): Drafts {
  const { event, payload, headers, deliveryId } = coming;
  const meant = [...plans.values()].filter((loaded) => isMeant(loaded, coming));
  const held = (failure: Failure): Drafts => quarantined(event, deliveryId, meant, waiting, failure);
  if (typeof invalid === 'object') return held(invalid);
  const refused = (failure: Failure): Drafts =>
    invalid === 'refuse' ? { ok: false, failure } : held(failure);
  const unfit = refusedByAll(event, payload, headers, waiting);
  if (unfit !== undefined) return refused(unfit);
  const drafts: Draft[] = [];
  const seen = seenOf(coming);
  for (const loaded of meant) {
    const { trigger } = loaded.plan;
    // Also where it is only waited for: what violates the contract would never match, and nobody would know.
    const failure = loaded.refusal(event, payload, headers);
    if (failure !== undefined) return refused(failure);
    if ('manual' in trigger || trigger.event !== event) continue;
    const draft = draftFor(loaded, seen, deliveryId, trigger.where);
    if (draft !== undefined) drafts.push(draft);
  }
  return { ok: true, drafts };
}

/** What sends events out over a connection sends none that a pipeline published over another one. */
function isMeant({ plan: { trigger } }: LoadedPlan, { source }: ComingEvent): boolean {
  const over = 'manual' in trigger ? undefined : trigger.over;
  return over === undefined || (publishedOver(source) ?? over) === over;
}

/** What expressions over an event see. Where it came over no connection, there is no such name. */
export function seenOf({
  payload,
  headers = {},
  source,
}: Pick<ComingEvent, 'payload' | 'headers' | 'source'>): Readonly<Record<string, Json>> {
  const connection = connectionOf(source);
  return { event: payload, headers, ...(connection !== undefined && { connection }) };
}

/**
 * Why no run that waits for an event may have it, as the newest plan says. Their contracts may break with each other, and each run hears
 * what fits its own: what fits one of them is somebody's.
 */
function refusedByAll(
  event: string,
  payload: Json,
  headers: JsonObject | undefined,
  waiting: readonly LoadedPlan[],
): Failure | undefined {
  let failure: Failure | undefined;
  for (const loaded of waiting) {
    failure = loaded.refusal(event, payload, headers);
    if (failure === undefined) return undefined;
  }
  return failure;
}

/**
 * One parked run for each pipeline that the event would have started; where none would, for each that waits for it, by the newest of its
 * plans that do.
 */
function quarantined(
  event: string,
  deliveryId: string,
  plans: readonly LoadedPlan[],
  waiting: readonly LoadedPlan[],
  failure: Failure,
): Drafts {
  const speaking = plans.filter(({ plan }) => Object.hasOwn(plan.events, event));
  const started = speaking.filter(({ plan }) => 'event' in plan.trigger && plan.trigger.event === event);
  const listening = new Map([...speaking, ...waiting].map((loaded) => [loaded.plan.pipeline, loaded]));
  if (listening.size === 0) return { ok: false, failure };
  const key = heldKey(deliveryId);
  return {
    ok: true,
    drafts: (started.length > 0 ? started : [...listening.values()]).map((loaded) => ({
      loaded,
      key,
      failure,
    })),
    quarantined: failure,
  };
}

/** Of a run that only says that its event is held. */
export function heldKey(deliveryId: string): string {
  return `delivery:${deliveryId}`;
}

/** Why an event is held whose entity's newest version cannot be read. */
export function unreadFailure({ code, message }: UnreadableValue): Failure {
  return { class: 'permanent', code, message, delivery: 'notSent' };
}

/** The run of one pipeline, or `undefined` when its condition leaves the event out. */
export function draftFor(
  loaded: LoadedPlan,
  given: Readonly<Record<string, Json>>,
  deliveryId: string,
  where?: string,
): Draft | undefined {
  // The delivery itself is no business key: only plans that are made for publishing go by it.
  const scope = { ...given, delivery: deliveryId };
  const draft = keyed(loaded, scope, deliveryId, where);
  const { account } = loaded.plan.identity;
  if (draft === undefined || account === undefined) return draft;
  // Where nobody can tell whose it is, no flag is on for it by its account; the event is none the worse.
  const whose = loaded.template(account, scope);
  const name = whose.ok ? keyText(whose.value) : undefined;
  return name === undefined ? draft : { ...draft, account: name };
}

function keyed(
  loaded: LoadedPlan,
  scope: Readonly<Record<string, Json>>,
  deliveryId: string,
  where: string | undefined,
): Draft | undefined {
  const { identity } = loaded.plan;
  const broken = (failure: Failure): Draft => ({ loaded, key: heldKey(deliveryId), failure });
  if (where !== undefined) {
    const wanted = loaded.condition(where, scope);
    if (!wanted.ok) return broken(wanted.failure);
    if (!wanted.value) return undefined;
  }
  const key = loaded.template(identity.key, scope);
  if (!key.ok) return broken(key.failure);
  const text = keyText(key.value);
  if (text === undefined) return broken(KEY_EMPTY);
  if (text.length > KEY_CHARS_MAX) return broken(keyTooLong('business key', text));
  if (identity.orderBy === undefined) return { loaded, key: text };
  const order = loaded.template(identity.orderBy, scope);
  if (!order.ok) return { ...broken(order.failure), key: text };
  const orderKey = keyText(order.value);
  if (orderKey === undefined) return { loaded, key: text, failure: KEY_EMPTY };
  if (orderKey.length > KEY_CHARS_MAX)
    return { loaded, key: text, failure: keyTooLong('order key', orderKey) };
  if (identity.version === undefined) return { loaded, key: text, orderKey };
  const version = loaded.expression(identity.version, scope);
  if (!version.ok) return { ...broken(version.failure), key: text };
  return isVersion(version.value)
    ? { loaded, key: text, orderKey, version: version.value }
    : { loaded, key: text, orderKey, failure: VERSION_INVALID };
}

/**
 * A key is a text; a number, a whole object, or a text that is cut in the middle of a character (which no file holds) gets its canonical
 * one. Nothing is no key.
 */
export function keyText(value: Json): string | undefined {
  if (value === null || value === '') return undefined;
  return typeof value === 'string' && value.isWellFormed() ? value : canonicalJson(value);
}

/** Each run keeps its keys in several indexes and people ask by them, as the operations API does: no longer than it takes one. */
const KEY_CHARS_MAX = 1_000;

function keyTooLong(which: string, { length }: string): Failure {
  return {
    class: 'validation',
    code: 'IDENTITY_KEY_TOO_LONG',
    message: `the ${which} of the event has ${length} characters, and may have ${KEY_CHARS_MAX}`,
    delivery: 'notSent',
  };
}

const VERSION_INVALID: Failure = {
  class: 'validation',
  code: 'IDENTITY_VERSION_INVALID',
  message:
    'the version of the event is neither a number nor a text: nothing tells which event is the later one',
  delivery: 'notSent',
};

const KEY_EMPTY: Failure = {
  class: 'validation',
  code: 'IDENTITY_KEY_EMPTY',
  message: 'the business key or order key of the event is empty: no two events could be told apart by it',
  delivery: 'notSent',
};

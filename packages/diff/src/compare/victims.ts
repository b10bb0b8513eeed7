import type { ContractUsage } from '@tenon/contract';
import { fromPointer, type Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import type { RuleId } from '../rules/registry.ts';
import { subjectOf } from '../usage.ts';
import type { DirectChange, Position } from './positions.ts';
import type { LocalChange, Pair } from './schemas.ts';

/** Rules that hit whoever sends the object without it, because what is missing now is needed. */
const HITS_SENDERS = new Set(['required-property-added', 'property-became-required']);

/** Rules that hit whoever sends the object and leaves the value out. */
export const HITS_OMITTERS: ReadonlySet<RuleId> = new Set([
  'default-changed',
  'default-added',
  'default-removed',
]);

/** Does a schema of the revision take a value in a request? */
export type Takes = (schema: JsonSchema, value: Json) => boolean;

/** Finds which usages pass through a changed place: by walking each used path down the compared schemas. */
export class SchemaVictims {
  readonly usage: readonly ContractUsage[];
  private readonly takes: Takes;
  /** By place: the object of the message, or `WHOLE` where what is used is not told member by member. */
  private readonly hits = new Map<LocalChange, Map<ContractUsage, Set<string>>>();
  /** Objects of messages in which a step sends what is needed now. */
  private readonly giving = new Map<LocalChange, Set<string>>();

  constructor(usage: readonly ContractUsage[], takes: Takes) {
    this.usage = usage;
    this.takes = takes;
  }

  look(position: Position, pair: Pair): void {
    for (const usage of this.usage) {
      if (usage.isNaming || usage.target.kind !== position.target || subjectOf(usage) !== position.operation)
        continue;
      if (usage.target.kind === 'event' && usage.target.part !== position.part) continue;
      if (!isAnsweredBy(usage.target, position)) continue;
      const tokens = fromPointer(usage.path);
      const shared = Math.min(tokens.length, position.prefix.length);
      if (!position.prefix.slice(0, shared).every((token, i) => token === tokens[i])) continue;
      // Values are those of the place that is used, and of none in it.
      const values = tokens.length < position.prefix.length ? undefined : usage.values;
      this.walk(pair, tokens.slice(position.prefix.length), usage, new Set(), values);
    }
  }

  /** Who sends what is needed now in one object may leave it out in the next: each object is looked at by itself. */
  of(change: LocalChange): readonly ContractUsage[] {
    const giving = this.giving.get(change) ?? NOWHERE;
    return [...(this.hits.get(change) ?? [])]
      .filter(([, places]) => [...places].some((place) => !giving.has(place)))
      .map(([usage]) => usage);
  }

  /** `tokens` empty: the whole value is used, and with it all below. */
  private walk(
    pair: Pair,
    tokens: readonly string[],
    usage: ContractUsage,
    seen: Set<string>,
    values: ContractUsage['values'],
  ): void {
    const key = `${identityOf(pair)}:${tokens.length}`;
    if (seen.has(key)) return;
    seen.add(key);
    const place = tokens.length === 0 ? WHOLE : placeOf(usage, tokens.length);
    for (const change of pair.changes) {
      if (HITS_OMITTERS.has(change.rule)) continue;
      const isOnPath =
        reaches(usage, tokens, change.tail) && !(tokens.length === 0 && this.fits(change, usage, values));
      const isSending = HITS_SENDERS.has(change.rule) && usage.access === 'write';
      if (isOnPath || isSending) this.hit(change, usage, place);
      if (isSending && change.tail.length > 0 && change.tail.every((token, i) => token === tokens[i]))
        this.giving.set(change, (this.giving.get(change) ?? new Set()).add(place));
    }
    if (usage.access === 'write') this.omit(pair, tokens, usage, place);
    for (const edge of pair.below) {
      if (reaches(usage, tokens, edge.tokens))
        this.walk(
          edge.pair,
          tokens.slice(edge.tokens.length),
          usage,
          seen,
          edge.tokens.length > tokens.length ? undefined : values,
        );
    }
  }

  /** Is what is refused now nothing that can be sent? */
  private fits(
    { witness, tail, revision }: LocalChange,
    { target, access }: ContractUsage,
    values: ContractUsage['values'],
  ): boolean {
    if (values === undefined || access !== 'write' || target.kind !== 'request') return false;
    if (witness === undefined || tail.length > 0 || !isSchemaObject(revision)) return false;
    return values.every((value) => this.takes(revision, value));
  }

  /** An object is sent: its members with another default are left out, unless they are sent too. */
  private omit(pair: Pair, tokens: readonly string[], usage: ContractUsage, place: string): void {
    for (const [name, change] of defaultsBelow(pair)) {
      this.hit(change, usage, place);
      if (tokens[0] === name) this.giving.set(change, (this.giving.get(change) ?? new Set()).add(place));
    }
  }

  private hit(change: LocalChange, usage: ContractUsage, place: string): void {
    const known = this.hits.get(change) ?? new Map<ContractUsage, Set<string>>();
    known.set(usage, (known.get(usage) ?? new Set()).add(place));
    this.hits.set(change, known);
  }
}

/** Who takes a refusal as a value reads the responses that describe it, and no other. */
function isAnsweredBy(target: ContractUsage['target'], { status }: Position): boolean {
  const refused = target.kind === 'response' ? target.refused : undefined;
  return refused === undefined || (status !== undefined && refused.includes(status));
}

/** Members of an object of which another default is told. */
function defaultsBelow(pair: Pair): readonly (readonly [string, LocalChange])[] {
  return pair.below.flatMap(({ tokens, pair: member }) => {
    const [name] = tokens;
    if (name === undefined || name === '*' || tokens.length > 1) return [];
    return changesAt(member).flatMap((change) =>
      HITS_OMITTERS.has(change.rule) && change.tail.length === 0 ? [[name, change] as const] : [],
    );
  });
}

/** What is told of a value, also by the parts that its schema is put together from. */
function changesAt(pair: Pair): readonly LocalChange[] {
  const pairs = new Set([pair]);
  for (const { below } of pairs) for (const one of below) if (one.tokens.length === 0) pairs.add(one.pair);
  return [...pairs].flatMap(({ changes }) => changes);
}

/** Does what is used lead to, or hold, what is at `below`? Of a list whose items are not read, no item. */
function reaches(
  { itemsUnread }: ContractUsage,
  tokens: readonly string[],
  below: readonly string[],
): boolean {
  if (itemsUnread && below[tokens.length] === '*') return false;
  return below.every((token, i) => i >= tokens.length || sameToken(token, tokens[i]!));
}

/** Of a value passed on whole nobody knows what it lacks: nothing lifts it. */
const WHOLE = '';

const NOWHERE: ReadonlySet<string> = new Set();

/** The object whose member a usage is, `below` tokens before its end: one of one message of one step. */
function placeOf(usage: ContractUsage, below: number): string {
  const tokens = fromPointer(usage.place ?? usage.path);
  return JSON.stringify([callOf(usage), usage.target, tokens.slice(0, tokens.length - below)]);
}

/** Who uses what a change outside of schemas is about: the operation, or one part of its request or response. */
export function directVictims(
  change: DirectChange,
  usage: readonly ContractUsage[],
): readonly ContractUsage[] {
  const { needed } = change;
  const operations = new Set(operationsOf(change));
  const made = usage.filter((each) => operations.has(subjectOf(each)) && !change.met?.has(subjectOf(each)));
  const given = needed === undefined ? [] : made.filter((each) => isGiving(each, needed));
  const [calls, pipelines] = [new Set(given.map(callOf)), new Set(given.map(({ pipeline }) => pipeline))];
  return made.filter((each) => {
    if (calls.has(callOf(each))) return false;
    // Who reads an answer further down does not make the call; a call that leaves it out is here by itself.
    if (each.target.kind === 'response' && pipelines.has(each.pipeline)) return false;
    if (!change.usedAs) return true;
    if (each.isNaming || each.target.kind !== change.usedAs.target) return false;
    const tokens = fromPointer(each.path);
    return change.usedAs.path.every((token, i) => i >= tokens.length || tokens[i] === token);
  });
}

/** What a change outside of schemas is about: one operation, those that share what changed, or none. */
export function operationsOf({ operation, operations }: DirectChange): readonly string[] {
  return operations ?? (operation === undefined ? [] : [operation]);
}

/** Does it send a value at a place, or something in it? Of a request that is passed on whole nobody knows. */
export function isSaying({ target, access, path, isNaming }: ContractUsage, position: Position): boolean {
  const tokens = fromPointer(path);
  return (
    access === 'write' &&
    !isNaming &&
    target.kind === position.target &&
    position.prefix.every((token, i) => token === tokens[i])
  );
}

/** Does it send what a request needs now? */
function isGiving({ target, access, path }: ContractUsage, needed: string): boolean {
  return target.kind === 'request' && access === 'write' && fromPointer(path)[0] === needed;
}

/** A step is one call, one more where it is undone, and those that its connector makes beside either. */
export function callOf({ pipeline, step, call }: ContractUsage): string {
  return JSON.stringify([pipeline, step, call]);
}

function sameToken(a: string, b: string): boolean {
  return a === b || a === '*' || b === '*';
}

const identities = new WeakMap<Pair, number>();
let identityNext = 1;

function identityOf(pair: Pair): number {
  let id = identities.get(pair);
  if (id === undefined) {
    id = identityNext++;
    identities.set(pair, id);
  }
  return id;
}

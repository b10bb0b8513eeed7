import { fromPointer } from '@tenon/model';
import { type ContractUsage, subjectOf } from '../usage.ts';
import type { DirectChange, Position } from './positions.ts';
import type { LocalChange, Pair } from './schemas.ts';

/** Rules that hit whoever sends the object, because what is missing now is needed. */
const HITS_SENDERS = new Set(['required-property-added', 'property-became-required']);

/** Finds which usages pass through a changed place: by walking each used path down the compared schemas. */
export class SchemaVictims {
  readonly usage: readonly ContractUsage[];
  private readonly hits = new Map<LocalChange, Set<ContractUsage>>();

  constructor(usage: readonly ContractUsage[]) {
    this.usage = usage;
  }

  look(position: Position, pair: Pair): void {
    for (const usage of this.usage) {
      if (usage.target.kind !== position.target || subjectOf(usage) !== position.operation) continue;
      if (usage.target.kind === 'event' && usage.target.part !== position.part) continue;
      const tokens = fromPointer(usage.path);
      const shared = Math.min(tokens.length, position.prefix.length);
      if (!position.prefix.slice(0, shared).every((token, i) => token === tokens[i])) continue;
      this.walk(pair, tokens.slice(position.prefix.length), usage, new Set());
    }
  }

  of(change: LocalChange): readonly ContractUsage[] {
    return [...(this.hits.get(change) ?? [])];
  }

  /** `tokens` empty: the whole value is used, and with it all below. */
  private walk(pair: Pair, tokens: readonly string[], usage: ContractUsage, seen: Set<string>): void {
    const key = `${identityOf(pair)}:${tokens.length}`;
    if (seen.has(key)) return;
    seen.add(key);
    for (const change of pair.changes) {
      const isOnPath = change.tail.every((token, i) => i >= tokens.length || sameToken(token, tokens[i]!));
      if (isOnPath || (HITS_SENDERS.has(change.rule) && usage.access === 'write')) this.hit(change, usage);
    }
    for (const edge of pair.below) {
      const isOnPath = edge.tokens.every((token, i) => i >= tokens.length || sameToken(token, tokens[i]!));
      if (isOnPath) this.walk(edge.pair, tokens.slice(edge.tokens.length), usage, seen);
    }
  }

  private hit(change: LocalChange, usage: ContractUsage): void {
    const known = this.hits.get(change);
    if (known) known.add(usage);
    else this.hits.set(change, new Set([usage]));
  }
}

/** Who uses what a change outside of schemas is about: the operation, or one part of its request or response. */
export function directVictims(
  change: DirectChange,
  usage: readonly ContractUsage[],
): readonly ContractUsage[] {
  if (change.operation === undefined) return [];
  return usage.filter((each) => {
    if (subjectOf(each) !== change.operation) return false;
    if (!change.usedAs) return true;
    if (each.target.kind !== change.usedAs.target) return false;
    const tokens = fromPointer(each.path);
    return change.usedAs.path.every((token, i) => i >= tokens.length || tokens[i] === token);
  });
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

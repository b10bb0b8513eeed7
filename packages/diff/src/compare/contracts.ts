import type { Contract, EventDefinition, Message, Operation, SentCredentials } from '@tenon/contract';
import { canonicalJson } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { DiffOptions } from '../diff.ts';
import { compareAnswers, compareHttp } from './http.ts';
import { compareLifecycle, dateOf, stabilityOf } from './lifecycle.ts';
import { compareMessages } from './messages.ts';
import type { Sink } from './positions.ts';
import { compareSecurity, compareSecuritySchemes } from './security.ts';

/** Walks two contracts in parallel: what is gone, what is new, and what has to be compared in detail. */
export function compareContracts(
  base: Contract,
  revision: Contract,
  { now, usage }: DiffOptions,
  sink: Sink,
): void {
  const { pairs, removed, added } = matchOperations(base, revision);
  const contracts: Contracts = { base, revision, now, credentials: usage?.credentials?.get(base.name) ?? [] };
  for (const [before, after] of pairs) compareOperation(before, after, contracts, sink);
  for (const operation of removed)
    sink.change({
      rule: 'operation-removed',
      ...(isFreeToGo(operation, now) && { severity: 'info' }),
      direction: 'both',
      operation: operation.id,
      base: operation,
      revision: undefined,
      message: `${nameOf(operation)} is gone${operation.deprecated ? ', after it was deprecated' : ''}`,
    });
  for (const operation of added)
    sink.change({
      rule: 'operation-added',
      direction: 'both',
      operation: operation.id,
      base: undefined,
      revision: operation,
      message: `${nameOf(operation)} is new`,
    });
  compareEvents(contracts, sink);
  compareServers(base, revision, sink);
  compareSecurity(pairs, contracts, sink);
  compareSecuritySchemes(contracts, pairs, sink);
}

/** Was it never promised to stay, or announced to be gone by now? */
function isFreeToGo(operation: Operation, now: number | undefined): boolean {
  const level = stabilityOf(operation.extensions);
  if (level === 'draft' || level === 'alpha') return true;
  const end = dateOf(operation.sunset);
  return operation.deprecated && end !== undefined && now !== undefined && end <= now;
}

export interface Contracts {
  readonly base: Contract;
  readonly revision: Contract;
  /** Milliseconds since 1970; left out, dates are not checked. */
  readonly now: number | undefined;
  /** What those that speak it prove themselves with; of none nobody knows. */
  readonly credentials: readonly SentCredentials[];
}

function compareOperation(before: Operation, after: Operation, contracts: Contracts, sink: Sink): void {
  const both = { operation: before.id, base: before, revision: after, direction: 'both' } as const;
  if (addressOf(before) !== addressOf(after))
    sink.change({
      ...both,
      rule: before.kind === 'message' ? 'channel-address-changed' : 'operation-moved',
      message: `${nameOf(before)} is now ${nameOf(after)}`,
    });
  if (before.id !== after.id && !(before.derivedId && after.derivedId))
    sink.change({
      ...both,
      rule: 'operation-id-changed',
      message: `operationId ${before.derivedId ? 'none' : before.id} → ${after.derivedId ? 'none' : after.id}`,
    });
  compareLifecycle(before, after, contracts, sink);
  if (before.kind === 'http' && after.kind === 'http') compareHttp(before, after, contracts, sink);
  else if (before.kind === 'message' && after.kind === 'message') compareMessages(before, after, sink);
}

interface Matched {
  readonly pairs: readonly (readonly [Operation, Operation])[];
  readonly removed: readonly Operation[];
  readonly added: readonly Operation[];
}

/** By address first (the names of path parameters do not matter), then by id: a move. */
export function matchOperations(base: Contract, revision: Contract): Matched {
  const removed = new Set(base.operations.values());
  const added = new Set(revision.operations.values());
  const pairs: [Operation, Operation][] = [];
  const match = (keyOf: (operation: Operation) => string | undefined): void => {
    const byKey = new Map<string, Operation>();
    for (const operation of added) {
      const key = keyOf(operation);
      if (key !== undefined && !byKey.has(key)) byKey.set(key, operation);
    }
    for (const operation of removed) {
      const key = keyOf(operation);
      const other = key === undefined ? undefined : byKey.get(key);
      if (!other || !added.has(other)) continue;
      pairs.push([operation, other]);
      removed.delete(operation);
      added.delete(other);
    }
  };
  match((operation) => `${addressOf(operation)} ${operation.kind === 'message' ? operation.id : ''}`);
  match((operation) => (operation.derivedId ? undefined : `${operation.kind} ${operation.id}`));
  match(onlyOnce([removed, added], (operation) => versionless(operation)));
  return { pairs, removed: [...removed], added: [...added] };
}

/** A path that differs in nothing but a version is the same operation, moved: `/v2/users`, `/2026-03/users`. */
function versionless(operation: Operation): string | undefined {
  if (operation.kind !== 'http') return undefined;
  const parts = addressOf(operation).split('/');
  const without = parts.filter(
    (part) => !/^(v\d+(\.\d+)*|\d{4}-\d{2}(-\d{2})?)(-?(alpha|beta)\d*)?$/i.test(part),
  );
  return without.length === parts.length ? undefined : without.join('/');
}

/** The key, where no two operations of one side share it: a guess must not have two answers. */
function onlyOnce(
  sides: readonly ReadonlySet<Operation>[],
  keyOf: (operation: Operation) => string | undefined,
): (operation: Operation) => string | undefined {
  const repeated = new Set<string>();
  for (const side of sides) {
    const seen = new Set<string>();
    for (const operation of side) {
      const key = keyOf(operation);
      if (key !== undefined && seen.has(key)) repeated.add(key);
      if (key !== undefined) seen.add(key);
    }
  }
  return (operation) => {
    const key = keyOf(operation);
    return key === undefined || repeated.has(key) ? undefined : key;
  };
}

function addressOf(operation: Operation): string {
  return operation.kind === 'http'
    ? `${operation.method} ${operation.path.replaceAll(/\{[^}]*\}/g, '{}')}`
    : (operation.address ?? operation.channel).replaceAll(/\{[^}]*\}/g, '{}');
}

export function nameOf(operation: Operation): string {
  return operation.kind === 'http'
    ? `${operation.method.toUpperCase()} ${operation.path}`
    : `${operation.id} on ${operation.address ?? operation.channel}`;
}

function compareEvents(contracts: Contracts, sink: Sink): void {
  const { base, revision } = contracts;
  const added = new Map(revision.events);
  for (const [id, before] of base.events) {
    const after = added.get(id);
    if (!after) {
      sink.change({
        rule: 'event-removed',
        direction: 'response',
        operation: id,
        base: before,
        revision: undefined,
        message: `event \`${id}\` is gone`,
      });
      continue;
    }
    added.delete(id);
    compareEvent(before, after, contracts, sink);
  }
  for (const [id, after] of added)
    sink.change({
      rule: 'event-added',
      direction: 'response',
      operation: id,
      base: undefined,
      revision: after,
      message: `event \`${id}\` is new`,
    });
}

/** An event comes to us: its payload travels as a response does. */
function compareEvent(
  before: EventDefinition,
  after: EventDefinition,
  contracts: Contracts,
  sink: Sink,
): void {
  const both = { operation: before.id, base: before, revision: after, direction: 'response' } as const;
  if ((before.address ?? before.channel) !== (after.address ?? after.channel))
    sink.change({
      ...both,
      rule: 'channel-address-changed',
      message: `event \`${before.id}\` comes from ${after.address ?? after.channel ?? 'an address given at run time'}`,
    });
  if (before.deprecated !== after.deprecated)
    sink.change({
      ...both,
      rule: after.deprecated ? 'became-deprecated' : 'no-longer-deprecated',
      message: `event \`${before.id}\` is ${after.deprecated ? '' : 'no longer '}deprecated`,
    });
  compareMessage(before.message, after.message, before.id, 'event', sink);
  compareAnswers(before, after, contracts, sink);
}

/** What a message that declares none may have: any, and none in particular. */
const NO_HEADERS: JsonSchema = { type: 'object' };

/** One message of an operation or event; which way it goes follows from what it is. */
export function compareMessage(
  before: Message,
  after: Message,
  operation: string,
  target: 'request' | 'response' | 'event',
  sink: Sink,
): void {
  const direction = target === 'request' ? 'request' : 'response';
  const both = { operation, base: before, revision: after, direction } as const;
  if (before.contentType !== after.contentType)
    sink.change({
      ...both,
      rule: 'message-content-type-changed',
      message: `message \`${before.name}\` is ${after.contentType}, was ${before.contentType}`,
    });
  if (before.correlationId !== after.correlationId)
    sink.change({
      ...both,
      rule: 'correlation-id-changed',
      message: `message \`${before.name}\` is matched by ${after.correlationId ?? 'nothing'}, was ${before.correlationId ?? 'nothing'}`,
    });
  if (canonicalJson(before.bindings) !== canonicalJson(after.bindings))
    sink.change({
      ...both,
      rule: 'bindings-changed',
      message: `the bindings of message \`${before.name}\` differ`,
    });
  const prefix = target === 'request' ? ['body'] : [];
  sink.position({
    direction,
    operation,
    label: `the payload of \`${before.name}\``,
    base: before.payload,
    revision: after.payload,
    target,
    prefix,
  });
  if (before.headers !== undefined || after.headers !== undefined)
    sink.position({
      direction,
      operation,
      label: `the headers of \`${before.name}\``,
      base: before.headers ?? NO_HEADERS,
      revision: after.headers ?? NO_HEADERS,
      target,
      // A pipeline reads the headers of an event beside its payload, and gives those of a message beside its body.
      ...(target === 'event' ? { part: 'headers' as const, prefix: [] } : { prefix: ['headers'] }),
    });
}

function compareServers(base: Contract, revision: Contract, sink: Sink): void {
  const urls = (contract: Contract): Map<string, object> =>
    new Map(contract.servers.map((server) => [server.url.replace(/\/$/, ''), server]));
  const [before, after] = [urls(base), urls(revision)];
  for (const [url, server] of before)
    if (!after.has(url))
      sink.change({
        rule: 'server-removed',
        direction: 'none',
        operation: undefined,
        base: server,
        revision: undefined,
        message: `server ${url} is no longer listed`,
      });
  for (const [url, server] of after)
    if (!before.has(url))
      sink.change({
        rule: 'server-added',
        direction: 'none',
        operation: undefined,
        base: undefined,
        revision: server,
        message: `server ${url} is new`,
      });
}

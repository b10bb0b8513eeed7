import type { Operation, SecurityRequirement, SecurityScheme, SentScheme } from '@tenon/contract';
import { canonicalJson } from '@tenon/model';
import type { Contracts } from './contracts.ts';
import type { Sink } from './positions.ts';

type Pair = readonly [Operation, Operation];

/**
 * Whoever could call before must be able to call now: each old alternative has to satisfy a new one. What a document says of
 * all its operations at once is one finding, and so is what it says of several alike.
 */
export function compareSecurity(pairs: readonly Pair[], contracts: Contracts, sink: Sink): void {
  const changed = pairs.filter(([a, b]) => canonicalJson(a.security) !== canonicalJson(b.security));
  const alike = Map.groupBy(changed, ([a, b]) => canonicalJson([a.security, b.security]));
  for (const same of alike.values()) compareAlike(same, contracts, sink);
}

/** Operations that ask for the same as each other, in either version. */
function compareAlike(pairs: readonly Pair[], contracts: Contracts, sink: Sink): void {
  const [before, after] = pairs[0]!;
  const shut = notEnough(before, after, (held, needed) => isCounterpart(held, needed, contracts));
  const opened = notEnough(after, before, (needed, held) => isCounterpart(held, needed, contracts));
  const operations = pairs.map(([{ id }]) => id);
  // A waiver for some of them is none for more, so how many there are is part of what the finding says.
  const how = pairs.length === 1 ? '' : `, in ${pairs.length} operations`;
  const both = {
    direction: 'request',
    base: before,
    revision: after,
    ...(pairs.length === 1 ? { operation: before.id } : { operation: undefined, operations }),
  } as const;
  if (shut.length > 0) {
    const met = new Set(pairs.flatMap((pair) => (isSentAlready(pair, contracts) ? [pair[0].id] : [])));
    const isMet = met.size === pairs.length;
    sink.change({
      ...both,
      rule: 'security-tightened',
      ...(isMet && { severity: 'info' }),
      met,
      message: `credentials ${textOf(shut)} are no longer enough; needed: ${textOf(alternatives(after))}${how}${isMet ? '; the connector sends them already' : ''}`,
    });
  } else if (opened.length > 0)
    sink.change({
      ...both,
      rule: 'security-loosened',
      message: `${textOf(opened)} is enough now; needed before: ${textOf(alternatives(before))}${how}`,
    });
}

/**
 * A document that begins to tell of credentials which every connector sends all the while changes nothing for them. Where
 * others were asked for before, it may be another token that is meant, in the same place.
 */
function isSentAlready([before, after]: Pair, { revision, credentials }: Contracts): boolean {
  if (!alternatives(before).some((one) => Object.keys(one).length === 0)) return false;
  return (
    credentials.length > 0 &&
    credentials.every(({ schemes, scopesOf }) =>
      alternatives(after).some((needed) =>
        Object.entries(needed).every(([id, scopes]) => {
          const scheme = revision.securitySchemes.get(id);
          const held = scopesOf(after.id);
          return (
            scheme !== undefined &&
            schemes.some((sent) => isSentAs(scheme, sent)) &&
            scopes.every((scope) => held.includes(scope))
          );
        }),
      ),
    )
  );
}

function isSentAs({ type, scheme, in: place, name }: SecurityScheme, sent: SentScheme): boolean {
  if (type === 'apiKey')
    return place === sent.in && (place === 'header' ? isSameHeader(name, sent.name) : name === sent.name);
  const wanted = type === 'http' ? scheme?.toLowerCase() : BEARING.has(type) ? 'bearer' : undefined;
  return wanted !== undefined && wanted === sent.scheme;
}

/** Types whose token stands in an `Authorization: Bearer` header. */
const BEARING: ReadonlySet<string> = new Set(['oauth2', 'openIdConnect']);

function isSameHeader(one: string | undefined, other: string): boolean {
  return one?.toLowerCase() === other.toLowerCase();
}

/** A scheme is one finding, whatever number of operations asks for it: `pairs` are those that both versions have. */
export function compareSecuritySchemes(contracts: Contracts, pairs: readonly Pair[], sink: Sink): void {
  const { base, revision } = contracts;
  const change = { direction: 'request', operation: undefined } as const;
  for (const [id, before] of base.securitySchemes) {
    const after = revision.securitySchemes.get(id);
    if (!after)
      sink.change({
        ...change,
        rule: 'security-scheme-removed',
        base: before,
        revision: undefined,
        message: `security scheme \`${id}\` is gone`,
      });
    else if (canonicalJson(before) !== canonicalJson(after))
      sink.change({
        ...change,
        rule: 'security-scheme-changed',
        operations: isSentAlike(before, after) ? [] : askingFor(id, pairs, contracts),
        base: before,
        revision: after,
        message: `security scheme \`${id}\` differs: ${differences(before, after).join(', ')}`,
      });
  }
  for (const [id, after] of revision.securitySchemes)
    if (!base.securitySchemes.has(id))
      sink.change({
        ...change,
        rule: 'security-scheme-added',
        base: undefined,
        revision: after,
        message: `security scheme \`${id}\` is new`,
      });
}

/** No requirement at all is one alternative that needs nothing. */
function alternatives(operation: Operation): readonly SecurityRequirement[] {
  return operation.security.length === 0 ? [{}] : operation.security;
}

/** Ids of schemes, one of what is held and one of what is needed. */
type Meets = (held: string, needed: string) => boolean;

/** The alternatives of one operation with whose credentials the other cannot be called. */
function notEnough(one: Operation, other: Operation, meets: Meets): readonly SecurityRequirement[] {
  return alternatives(one).filter(
    (held) => !alternatives(other).some((each) => satisfies(held, each, meets)),
  );
}

/** Do the credentials for `held` do for `needed` too? */
function satisfies(held: SecurityRequirement, needed: SecurityRequirement, meets: Meets): boolean {
  return Object.entries(needed).every(([scheme, scopes]) =>
    Object.entries(held).some(
      ([id, own]) => meets(id, scheme) && scopes.every((scope) => own.includes(scope)),
    ),
  );
}

/** Is it the same scheme, or one that only its id tells apart? What is different in a scheme is told of the scheme. */
function isCounterpart(held: string, needed: string, { base, revision }: Contracts): boolean {
  if (held === needed) return true;
  const [before, after] = [base.securitySchemes.get(held), revision.securitySchemes.get(needed)];
  return (
    before !== undefined && after !== undefined && differences(before, { ...after, id: held }).length === 0
  );
}

/** Operations that could be called with the credentials of a scheme as it was, and as it is now only with others. */
function askingFor(scheme: string, pairs: readonly Pair[], contracts: Contracts): readonly string[] {
  const same: Meets = (held, needed) => isCounterpart(held, needed, contracts);
  const unchanged: Meets = (held, needed) => held !== scheme && same(held, needed);
  return pairs.flatMap(([before, after]) =>
    notEnough(before, after, unchanged).length > notEnough(before, after, same).length ? [before.id] : [],
  );
}

/** Does a request carry the same in the same place? Where a token is fetched is no part of it. */
function isSentAlike(before: SecurityScheme, after: SecurityScheme): boolean {
  const sent = ({ type, scheme, in: place, name }: SecurityScheme) =>
    canonicalJson(
      [type, scheme?.toLowerCase(), place, place === 'header' ? name?.toLowerCase() : name].map(
        (part) => part ?? null,
      ),
    );
  return sent(before) === sent(after);
}

function textOf(list: readonly SecurityRequirement[]): string {
  return list
    .map((requirement) => {
      const parts = Object.entries(requirement).map(
        ([scheme, scopes]) => scheme + (scopes.length > 0 ? ` (${scopes.join(' ')})` : ''),
      );
      return parts.length === 0 ? 'none' : parts.join(' and ');
    })
    .join(' or ');
}

function differences(before: object, after: object): string[] {
  const [a, b] = [before as Readonly<Record<string, unknown>>, after as Readonly<Record<string, unknown>>];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter(
    (key) => canonicalJson(a[key] ?? null) !== canonicalJson(b[key] ?? null),
  );
}

import type { Contract, Operation, SecurityRequirement } from '@tenon/contract';
import { canonicalJson } from '@tenon/model';
import type { Contracts } from './contracts.ts';
import type { Sink } from './positions.ts';

/** Whoever could call before must be able to call now: each old alternative has to satisfy a new one. */
export function compareSecurity(
  before: Operation,
  after: Operation,
  _contracts: Contracts,
  sink: Sink,
): void {
  if (canonicalJson(before.security) === canonicalJson(after.security)) return;
  const [old, now] = [alternatives(before), alternatives(after)];
  const both = { operation: before.id, base: before, revision: after, direction: 'request' } as const;
  const shut = old.filter((each) => !now.some((other) => satisfies(each, other)));
  const opened = now.filter((each) => !old.some((other) => satisfies(each, other)));
  if (shut.length > 0)
    sink.change({
      ...both,
      rule: 'security-tightened',
      message: `credentials ${textOf(shut)} are no longer enough; needed: ${textOf(now)}`,
    });
  else if (opened.length > 0)
    sink.change({
      ...both,
      rule: 'security-loosened',
      message: `${textOf(opened)} is enough now; needed before: ${textOf(old)}`,
    });
}

export function compareSecuritySchemes(base: Contract, revision: Contract, sink: Sink): void {
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

/** Do the credentials for `held` do for `needed` too? */
function satisfies(held: SecurityRequirement, needed: SecurityRequirement): boolean {
  return Object.entries(needed).every(([scheme, scopes]) => {
    const own = held[scheme];
    return own !== undefined && scopes.every((scope) => own.includes(scope));
  });
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

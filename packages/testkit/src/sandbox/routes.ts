import type { Contract, HttpOperation } from '@tenon/contract';

export interface Route {
  readonly operation: HttpOperation;
  /** Path parameters as they stood in the URL, decoded. */
  readonly path: Readonly<Record<string, string>>;
}

type Match =
  | { readonly kind: 'found'; readonly route: Route }
  | { readonly kind: 'wrongMethod'; readonly allowed: readonly string[] }
  | { readonly kind: 'notFound' };

export interface Router {
  /**
   * `fits` decides between templates that no path can tell apart (`/files/{id}`, `/files/{name}`), which OpenAPI forbids
   * and real documents have: the first whose parameters fit is taken, else the first.
   */
  match(method: string, pathname: string, fits: (route: Route) => boolean): Match;
}

interface Pattern {
  readonly template: string;
  readonly segments: readonly Segment[];
  readonly operations: Map<string, HttpOperation>;
}

interface Segment {
  readonly names: readonly string[];
  /** Absent for a literal segment. */
  readonly expression?: RegExp;
  readonly literal: string;
}

/** Routes by path template; of several that match, the one with a literal where the other has a parameter wins. */
export function router(contract: Contract): Router {
  const patterns = new Map<string, Pattern>();
  for (const operation of contract.operations.values()) {
    if (operation.kind !== 'http') continue;
    const template = pathOf(operation);
    const known = patterns.get(template) ?? {
      template,
      segments: template.split('/').map(segment),
      operations: new Map(),
    };
    if (!known.operations.has(operation.method)) known.operations.set(operation.method, operation);
    patterns.set(template, known);
  }
  const ordered = [...patterns.values()].sort(moreLiteralFirst);
  return { match: (method, pathname, fits) => match(ordered, method.toLowerCase(), pathname, fits) };
}

/** The template without the query or fragment that some documents append to tell two operations apart. */
export function pathOf(operation: HttpOperation): string {
  return operation.path.replace(/[?#].*$/, '');
}

function match(
  patterns: readonly Pattern[],
  method: string,
  pathname: string,
  fits: (route: Route) => boolean,
): Match {
  const parts = pathname.split('/');
  const allowed = new Set<string>();
  const found: Route[] = [];
  let rank: string | undefined;
  for (const pattern of patterns) {
    if (rank !== undefined && rank !== rankOf(pattern)) break;
    const path = values(pattern, parts);
    if (path === undefined) continue;
    const operation =
      pattern.operations.get(method) ?? pattern.operations.get(method === 'head' ? 'get' : method);
    if (operation === undefined)
      for (const other of pattern.operations.keys()) allowed.add(other.toUpperCase());
    else {
      found.push({ operation, path });
      rank = rankOf(pattern);
    }
  }
  const route = found.find((one) => found.length === 1 || fits(one)) ?? found[0];
  if (route !== undefined) return { kind: 'found', route };
  return allowed.size === 0 ? { kind: 'notFound' } : { kind: 'wrongMethod', allowed: [...allowed] };
}

function values(pattern: Pattern, parts: readonly string[]): Record<string, string> | undefined {
  if (pattern.segments.length !== parts.length) return undefined;
  const found: Record<string, string> = {};
  for (const [index, { literal, expression, names }] of pattern.segments.entries()) {
    const part = decoded(parts[index]!);
    if (expression === undefined) {
      if (part !== literal) return undefined;
      continue;
    }
    const captured = expression.exec(part);
    if (captured === null) return undefined;
    for (const [order, name] of names.entries()) found[name] = captured[order + 1]!;
  }
  return found;
}

function segment(text: string): Segment {
  const names = [...text.matchAll(/\{([^}]+)\}/g)].map((found) => found[1]!);
  if (names.length === 0) return { names, literal: text };
  const source = text
    .split(/\{[^}]+\}/)
    .map((literal) => literal.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('(.+?)');
  return { names, literal: text, expression: new RegExp(`^${source}$`, 's') };
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A stray percent sign: taken as it stands, to be refused by the parameter's schema if that is wrong.
    return part;
  }
}

function moreLiteralFirst(a: Pattern, b: Pattern): number {
  const [left, right] = [rankOf(a), rankOf(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** By segment: 0 literal, 1 literal and parameter, 2 parameter alone. */
function rankOf({ segments }: Pattern): string {
  return segments
    .map(({ expression, names, literal }) =>
      expression === undefined ? 0 : literal === `{${names[0]}}` ? 2 : 1,
    )
    .join('');
}

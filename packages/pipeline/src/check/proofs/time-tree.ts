/**
 * How long steps may take, with a hole for each pipeline that is run: so it can be added up when that one is known, and
 * kept as JSON until then. A number where nothing is run.
 */
export type TimeTree =
  | number
  | { readonly all: readonly TimeTree[] }
  | { readonly most: readonly TimeTree[] }
  | { readonly times: number; readonly of: TimeTree }
  | { readonly run: string };

export function allOf(parts: readonly TimeTree[]): TimeTree {
  return parts.every((part) => typeof part === 'number')
    ? parts.reduce((sum, ms) => sum + ms, 0)
    : { all: parts };
}

export function mostOf(parts: readonly TimeTree[]): TimeTree {
  return parts.every((part) => typeof part === 'number') ? Math.max(0, ...parts) : { most: parts };
}

export function timesOf(times: number, of: TimeTree): TimeTree {
  return typeof of === 'number' ? times * of : { times, of };
}

/** `child`: time of a pipeline by name. One that is not known, or runs itself, adds nothing: it is told as that. */
export function msOf(
  tree: TimeTree,
  child: (pipeline: string) => TimeTree | undefined,
  within: ReadonlySet<string> = new Set(),
): number {
  if (typeof tree === 'number') return tree;
  const ms = (part: TimeTree): number => msOf(part, child, within);
  if ('all' in tree) return tree.all.reduce((sum: number, part) => sum + ms(part), 0);
  if ('most' in tree) return Math.max(0, ...tree.most.map(ms));
  if ('of' in tree) return tree.times * ms(tree.of);
  const own = within.has(tree.run) ? undefined : child(tree.run);
  return own === undefined ? 0 : msOf(own, child, new Set([...within, tree.run]));
}

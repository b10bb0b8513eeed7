import type { Json } from '@tenon/model';
import type { FieldPlan, Tolerance } from '@tenon/pipeline';

/** What is known of one record: what of it is compared, and nothing else. */
export interface RecordRow {
  readonly side: 'source' | 'target';
  /** `null`: it has none, so nothing can be its counterpart. */
  readonly key: string | null;
  /** Its name in its own system, where the reconciliation says what that is. */
  readonly id: string | null;
  readonly changedAtMs: number | null;
  readonly values: readonly Json[];
  readonly totals: readonly (number | null)[];
  /** Of a record of the source: what each repair would start its pipeline with. */
  readonly starts: readonly Json[];
  /** Of a record of the source: what its runs go by in each repair that asks the record for it. */
  readonly entities?: readonly (string | null)[];
}

export const differenceKinds = ['missing', 'extra', 'mismatched', 'duplicate', 'withoutKey'] as const;
/**
 * `missing`: in the source alone; `extra`: in the target alone; `mismatched`: in both, with other values; `duplicate`: more
 * than one record of a key on one side; `withoutKey`: a record that nothing can be compared with.
 */
export type DifferenceKind = (typeof differenceKinds)[number];

export interface Difference {
  readonly kind: DifferenceKind;
  readonly key: string | null;
  /** Ids of the records behind it, the first of each side. */
  readonly ids: { readonly source: readonly string[]; readonly target: readonly string[] };
  /** How many records of the key each side has. */
  readonly records: { readonly source: number; readonly target: number };
  /** What differs, by name. */
  readonly fields: readonly { readonly name: string; readonly source: Json; readonly target: Json }[];
  readonly starts: readonly Json[];
  /** As of the source's record, where there is one. */
  readonly entities?: readonly (string | null)[];
}

/** What one key comes to. */
export interface Outcome {
  readonly differences: readonly Difference[];
  /** A record of it was changed so lately that it may still be on its way: nothing is said of it, and it is not added up. */
  readonly isUnsettled: boolean;
}

export interface Rules {
  readonly compare: readonly FieldPlan[];
  /** Records changed later than this (epoch ms) have not settled. */
  readonly settledBeforeMs: number;
}

const IDS_MAX = 10;

/** Holds all records of one key against each other. Pure. `rows` are never none, and those of one record come in the order they were read. */
export function compareKey(rows: readonly RecordRow[], rules: Rules): Outcome {
  const source = oncePerId(rows.filter(({ side }) => side === 'source'));
  const target = oncePerId(rows.filter(({ side }) => side === 'target'));
  const all = [...source, ...target];
  if (all.some(({ changedAtMs }) => changedAtMs !== null && changedAtMs > rules.settledBeforeMs))
    return { differences: [], isUnsettled: true };
  const { key } = all[0]!;
  const difference = (
    kind: DifferenceKind,
    fields: Difference['fields'] = [],
    starts: readonly Json[] = [],
  ): Difference => ({
    kind,
    key,
    ids: { source: idsOf(source), target: idsOf(target) },
    records: { source: source.length, target: target.length },
    fields,
    starts,
    ...(kind !== 'duplicate' && source[0]?.entities && { entities: source[0].entities }),
  });
  if (key === null) return { differences: [difference('withoutKey')], isUnsettled: false };
  if (source.length > 1 || target.length > 1)
    return { differences: [difference('duplicate')], isUnsettled: false };
  const [left] = source;
  const [right] = target;
  if (right === undefined)
    return { differences: [difference('missing', [], left?.starts)], isUnsettled: false };
  if (left === undefined) return { differences: [difference('extra')], isUnsettled: false };
  const fields = rules.compare.flatMap(({ name, tolerance }, index) => {
    const [a, b] = [left.values[index] ?? null, right.values[index] ?? null];
    return agree(a, b, tolerance) ? [] : [{ name, source: a, target: b }];
  });
  return {
    differences: fields.length === 0 ? [] : [difference('mismatched', fields)],
    isUnsettled: false,
  };
}

/** One record that was seen on two pages, because others came or went meanwhile, counts once, as it was seen last. */
export function oncePerId(rows: readonly RecordRow[]): readonly RecordRow[] {
  const byId = new Map<string, RecordRow>();
  for (const [index, row] of rows.entries()) byId.set(row.id ?? `\0${index}`, row);
  return byId.size === rows.length ? rows : [...byId.values()];
}

function idsOf(rows: readonly RecordRow[]): readonly string[] {
  return rows.slice(0, IDS_MAX).flatMap(({ id }) => id ?? []);
}

/** Are both the same, as far as the tolerance takes it? What is absent is `null`. */
export function agree(a: Json, b: Json, tolerance: Tolerance | undefined): boolean {
  if (a === null || b === null) return a === b;
  if (tolerance === undefined) return isEqual(a, b);
  if ('ms' in tolerance) {
    const [from, to] = [momentOf(a), momentOf(b)];
    if (from === undefined || to === undefined) return isEqual(a, b);
    return Math.abs(from - to) <= tolerance.ms;
  }
  if (typeof a !== 'number' || typeof b !== 'number') return isEqual(a, b);
  const allowed =
    'absolute' in tolerance ? tolerance.absolute : tolerance.share * Math.max(Math.abs(a), Math.abs(b));
  // 0.3 - 0.2 is a little more than 0.1: what is too much by the last digit of a double is not meant.
  return Math.abs(a - b) <= allowed + 4 * Number.EPSILON * Math.max(Math.abs(a), Math.abs(b));
}

/** A moment as milliseconds since the epoch, where it can be read as one. */
export function momentOf(value: Json): number | undefined {
  if (typeof value === 'number') return value;
  const ms = typeof value === 'string' ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

function isEqual(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [left, right] = [Object.entries(a), b as Readonly<Record<string, Json>>];
  return (
    left.length === Object.keys(b).length &&
    left.every(([name, value]) => Object.hasOwn(right, name) && isEqual(value, right[name] as Json))
  );
}

/** Adds up without losing what is small beside the sum (Neumaier): a million amounts in cents are no place for drift. */
export class Sum {
  #sum = 0;
  #lost = 0;

  add(value: number): void {
    const next = this.#sum + value;
    this.#lost +=
      Math.abs(this.#sum) >= Math.abs(value) ? this.#sum - next + value : value - next + this.#sum;
    this.#sum = next;
  }

  get value(): number {
    return this.#sum + this.#lost;
  }
}

/** Do two sums agree? Without a tolerance, to the twelfth digit: they are sums of doubles. */
export function totalsAgree(a: number, b: number, tolerance: Tolerance | undefined): boolean {
  return agree(a, b, tolerance ?? { share: 1e-12 });
}

import { canonicalJson, isObject, type Json } from '@tenon/model';

/** What is expected of systems, by system, then resource: rows, each with the fields that matter. */
export type ExpectedState = Readonly<Record<string, Readonly<Record<string, readonly Json[]>>>>;

/** Something that holds rows: a `Sandbox`, or a state read over its control. */
export type ActualState = Readonly<
  Record<
    string,
    { state(): Readonly<Record<string, readonly unknown[]>> } | Readonly<Record<string, readonly unknown[]>>
  >
>;

export interface StateDifference {
  readonly system: string;
  readonly resource: string;
  readonly expected: string;
  readonly actual: string;
}

export interface StateReport {
  readonly ok: boolean;
  readonly differences: readonly StateDifference[];
  /** All of it as a table: one line per system, resource and row, a mark where it differs. */
  readonly table: string;
}

/**
 * Compares the end state of several systems with what a scenario expects (C122). A row matches when it holds all the
 * fields expected, order aside; each row matches once; a row that nothing expects is a difference too: that is how a
 * doubled effect shows. Resources that are not named are not looked at.
 */
export function compareState(actual: ActualState, expected: ExpectedState): StateReport {
  const lines: (StateDifference & { readonly ok: boolean })[] = [];
  for (const [system, resources] of Object.entries(expected)) {
    const held = rowsOf(actual[system]);
    for (const [resource, wanted] of Object.entries(resources))
      for (const line of matchRows(wanted, held?.[resource] ?? [])) lines.push({ system, resource, ...line });
  }
  const differences = lines.filter((line) => !line.ok).map(({ ok: _ok, ...difference }) => difference);
  return { ok: differences.length === 0, differences, table: tableOf(lines) };
}

/** As `compareState`, and throws an error that shows the table when anything differs. */
export function expectState(actual: ActualState, expected: ExpectedState): void {
  const report = compareState(actual, expected);
  if (!report.ok)
    throw new Error(`${report.differences.length} differences in the final state\n${report.table}`);
}

function rowsOf(
  system: ActualState[string] | undefined,
): Readonly<Record<string, readonly unknown[]>> | undefined {
  if (system === undefined) return undefined;
  const { state } = system;
  // A resource called "state" holds a list; the method of a sandbox is a function.
  return typeof state === 'function'
    ? state.call(system)
    : (system as Readonly<Record<string, readonly unknown[]>>);
}

function matchRows(
  wanted: readonly Json[],
  rows: readonly unknown[],
): { ok: boolean; expected: string; actual: string }[] {
  const left = [...rows];
  const lines = wanted.map((expected) => {
    const index = left.findIndex((row) => holds(row, expected));
    const found = index === -1 ? undefined : left.splice(index, 1)[0];
    return {
      ok: found !== undefined,
      expected: shown(expected),
      actual: found === undefined ? '' : shown(only(found, expected)),
      wanted: expected,
    };
  });
  // What is missing is shown beside the row that comes closest, so that the field at fault can be read off.
  for (const line of lines.filter(({ ok }) => !ok)) {
    const closest = left.toSorted((a, b) => likeness(b, line.wanted) - likeness(a, line.wanted))[0];
    if (closest === undefined) continue;
    left.splice(left.indexOf(closest), 1);
    line.actual = shown(only(closest, line.wanted));
  }
  const extra = left.map((row) => ({ ok: false, expected: '', actual: shown(row) }));
  return [
    ...lines.map(({ wanted: _wanted, ...line }) => ({
      ...line,
      actual: line.actual === '' ? 'missing' : line.actual,
    })),
    ...extra,
  ];
}

/** Does a value hold all that is expected of it? Objects may hold more; lists may not. */
function holds(value: unknown, expected: Json): boolean {
  if (isObject(expected))
    return (
      isObject(value) && Object.entries(expected).every(([name, inner]) => holds(value[name], inner as Json))
    );
  return canonicalJson(value) === canonicalJson(expected);
}

function likeness(value: unknown, expected: Json): number {
  if (!isObject(value) || !isObject(expected)) return holds(value, expected) ? 1 : 0;
  return Object.entries(expected).filter(([name, inner]) => holds(value[name], inner as Json)).length;
}

/** The fields that were asked about. */
function only(value: unknown, expected: Json): unknown {
  if (!isObject(value) || !isObject(expected)) return value;
  return Object.fromEntries(Object.keys(expected).map((name) => [name, value[name] ?? null]));
}

function shown(value: unknown): string {
  if (!isObject(value)) return JSON.stringify(value);
  return Object.entries(value)
    .map(([name, inner]) => `${name}: ${typeof inner === 'string' ? inner : JSON.stringify(inner)}`)
    .join(', ');
}

const COLUMNS = ['system', 'resource', 'expected', 'actual'] as const;

function tableOf(lines: readonly (StateDifference & { readonly ok: boolean })[]): string {
  const cells = [
    ['', ...COLUMNS],
    ...lines.map((line) => [line.ok ? 'ok' : 'DIFFERS', ...COLUMNS.map((column) => line[column])]),
  ];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...cells.map((row) => row[column]!.length)));
  return cells
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column]!))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

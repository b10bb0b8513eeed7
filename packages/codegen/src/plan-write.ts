import { compareText, type Diagnostic, sha256 } from '@tenon/model';
import type { ExistingFiles, Generation } from './generate-workspace.ts';
import { codegenDiagnostic } from './rules.ts';
import { readStamp, type Stamps } from './stamp.ts';

/** What writing a generation would do. Every list is sorted by path. */
export interface WritePlan {
  readonly created: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly unchanged: readonly string[];
  /**
   * For `--check`: one for each file that is missing, edited or left over, and one for a folder of which nothing is there or
   * whose contract or connector has changed since.
   */
  readonly drift: readonly Diagnostic[];
}

/** `known`: stamps of the generation before, which tell what was edited since. */
export function planWrite(
  existing: ExistingFiles,
  generation: Generation,
  known: Stamps = new Map(),
): WritePlan {
  const wanted = new Map(generation.files.map(({ path, text }) => [path, text]));
  const created: string[] = [];
  const changed: string[] = [];
  const unchanged = [...generation.kept];
  for (const [path, text] of wanted) {
    const here = existing.get(path);
    if (here === undefined) created.push(path);
    else (here === text ? unchanged : changed).push(path);
  }
  const removed = [...existing.keys()].filter(
    (path) => isGeneratedPath(path) && !wanted.has(path) && !generation.kept.has(path),
  );
  const drift = [
    ...missing(created, existing),
    ...outdated(changed, existing, known),
    ...removed.map((path) =>
      driftOf('generated-left-over', path, 'belongs to no contract of this workspace'),
    ),
  ];
  for (const list of [created, changed, removed, unchanged]) list.sort(compareText);
  return { created, changed, removed, unchanged, drift };
}

/** A contract that is new would else fill the screen with a finding a file, and hide the others. */
function missing(created: readonly string[], existing: ExistingFiles): Diagnostic[] {
  const begun = new Set([...existing.keys()].filter(isGeneratedPath).map(folderOf));
  const isNew = (path: string): boolean => folderOf(path) !== undefined && !begun.has(folderOf(path));
  const newFolders = new Map(created.filter(isNew).map((path) => [folderOf(path)!, path]));
  return [
    ...[...newFolders].map(([folder, path]) =>
      driftOf('generated-missing', path, 'has not been generated', folder),
    ),
    ...created
      .filter((path) => !isNew(path))
      .map((path) => driftOf('generated-missing', path, 'has not been generated')),
  ];
}

/** `generated/shop` of `generated/shop/types.d.ts`. */
function folderOf(path: string): string | undefined {
  return /^(generated\/[^/]+)\//.exec(path)?.[1];
}

/** Is it ours to write and remove? What tests and package managers leave below `generated/` is not. */
export function isGeneratedPath(path: string): boolean {
  return path.startsWith('generated/') && !NOT_OURS.test(path);
}

const NOT_OURS = /\/(?:node_modules|pacts|dist|logs)\/|\.tsbuildinfo$/;

type DriftCode = Parameters<typeof codegenDiagnostic>[0];

/** One change of a contract makes all of its folder older: it is told once, at the first file. */
function outdated(changed: readonly string[], existing: ExistingFiles, known: Stamps): Diagnostic[] {
  const edited = changed.filter((path) => wasEdited(path, existing, known));
  const older = Map.groupBy(
    changed.filter((path) => !edited.includes(path)),
    (path) => folderOf(path) ?? path,
  );
  return [
    ...edited.map((path) => driftOf('generated-edited', path, 'was edited by hand')),
    ...[...older].map(([folder, paths]) => {
      const [first] = paths.toSorted(compareText);
      const what = 'is not what would be made now';
      return paths.length === 1
        ? driftOf('generated-outdated', first!, what)
        : driftOf('generated-outdated', first!, `${what} (${paths.length} files)`, folder);
    }),
  ];
}

function wasEdited(path: string, existing: ExistingFiles, known: Stamps): boolean {
  const [, contract = '', file = ''] = /^generated\/([^/]+)\/(.+)$/.exec(path) ?? [];
  const stamped = readStamp(known.get(contract))?.files[file];
  return stamped !== undefined && stamped !== sha256(existing.get(path)!);
}

function driftOf(code: DriftCode, path: string, what: string, subject: string = path): Diagnostic {
  const start = { line: 1, column: 1, offset: 0 };
  return codegenDiagnostic(code, {
    message: `${subject} ${what}`,
    at: { file: path, range: { start, end: start } },
    subject,
  });
}

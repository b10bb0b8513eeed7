import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { textRange } from '@tenon/document';
import type { Diagnostic } from '@tenon/model';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { parse } from 'yaml';
import { granted } from './granted.ts';

/** A seeded defect; the folder's README tells the format. */
export interface DefectiveCase {
  readonly group: string;
  readonly title: string;
  readonly edits: readonly Edit[];
  /** Codes of the findings at the marks, in order of the marks; the last one holds for those that follow. */
  readonly codes: readonly string[];
  /** Findings elsewhere than at a mark. */
  readonly also: readonly { readonly code: string; readonly file: string; readonly on?: string }[];
}

export interface Edit {
  readonly file: string;
  readonly find?: string;
  readonly put?: string;
  readonly text?: string;
}

const root = fileURLToPath(new URL('../pipelines/defective', import.meta.url));
export const PIPELINE = 'pipelines/order-placed.pipeline.yaml';
/** Where an `expression` or a `step` of a case is put: a step of the base pipeline that does nothing. */
const SEAT = 'set: { value: nothing }';
/** What reads it goes where it goes. */
const UNREAD: Edit = {
  file: PIPELINE,
  find: "  noted: { when: '${ policy.isNoted(steps.noted) }' }\n",
  put: '',
};

/** The workspace that all cases edit; it has no findings itself. */
export const baseFiles: Readonly<Record<string, string>> = {
  // Cases over a bus have a connector of this name, and a bus is given by code.
  'connectors/news/src/index.ts': 'export default {};\n',
  ...written(),
};

function written(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(join(root, 'workspace'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((file) => [
        relative(join(root, 'workspace'), file).split(sep).join('/'),
        readFileSync(file, 'utf8'),
      ]),
  );
}

/** A case as it is written. */
interface Written extends Edit {
  readonly title: string;
  readonly expression?: string;
  readonly steps?: string;
  readonly edits?: readonly Edit[];
  readonly code?: string | readonly string[];
  readonly also?: readonly { readonly code: string; readonly file?: string; readonly on?: string }[];
}

export function defectiveCases(): DefectiveCase[] {
  return readdirSync(root)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .flatMap((file) => {
      // The format is ours; the test below fails on a case that does not have it.
      const written = parse(readFileSync(join(root, file), 'utf8')) as readonly Written[];
      return written.map((one) => ({
        group: file.replace('.yaml', ''),
        title: one.title,
        edits: editsOf(one),
        codes: [one.code ?? []].flat(),
        also: (one.also ?? []).map((other) => ({ file: PIPELINE, ...other })),
      }));
    });
}

function editsOf(one: Written): readonly Edit[] {
  const at = { file: one.file ?? PIPELINE };
  const own: Edit[] = [];
  if (one.expression !== undefined)
    own.push({ ...at, find: SEAT, put: `set: { value: "\${ ${one.expression} }" }` });
  if (one.steps !== undefined)
    own.push({ ...at, find: `  - id: noted\n    ${SEAT}\n`, put: indented(one.steps) }, UNREAD);
  if (one.find !== undefined) own.push({ ...at, find: one.find, put: one.put ?? '' });
  if (one.text !== undefined) own.push({ ...at, text: one.text });
  return [...own, ...(one.edits ?? []).map((edit) => ({ ...edit, file: edit.file ?? PIPELINE }))];
}

function indented(steps: string): string {
  return `${steps.trimEnd().replaceAll(/^(?=.)/gm, '  ')}\n`;
}

/** The files of a case without its marks, and what is to be found at them. */
export function editedFiles(one: DefectiveCase): {
  readonly texts: Record<string, string>;
  readonly wanted: string[];
  readonly marks: number;
} {
  const texts: Record<string, string> = { ...baseFiles };
  for (const { file, find, put, text } of one.edits) {
    const before = texts[file] ?? '';
    if (text !== undefined) texts[file] = text;
    else if (find !== undefined) {
      if (before.split(find).length !== 2)
        throw new Error(`${one.title}: \`${find}\` must occur exactly once in ${file}`);
      texts[file] = before.replace(find, () => put ?? '');
    }
  }
  const wanted: string[] = [];
  let marks = 0;
  for (const [file, marked] of Object.entries(texts)) {
    const { text, ranges } = unmarked(marked);
    texts[file] = text;
    for (const [start, end] of ranges) {
      const code = one.codes[Math.min(marks++, one.codes.length - 1)];
      wanted.push(line(code ?? 'a mark without a code', file, textRange(text, start, end)));
    }
  }
  return { texts, wanted, marks };
}

/** What a case must find and what is found, as lines `code file:line:column-line:column`, sorted. */
export async function examine(one: DefectiveCase): Promise<{
  readonly wanted: readonly string[];
  readonly found: readonly string[];
  readonly said: readonly string[];
}> {
  const { texts, wanted, marks } = editedFiles(one);
  if (marks < one.codes.length) throw new Error(`${one.title}: more codes than marks`);
  for (const { code, file, on } of one.also) {
    if (on === undefined) {
      wanted.push(line(code, file, undefined));
      continue;
    }
    const text = texts[file] ?? '';
    if (text.split(on).length !== 2) throw new Error(`${one.title}: \`${on}\` must occur once in ${file}`);
    const start = text.indexOf(on);
    wanted.push(line(code, file, textRange(text, start, start + on.length)));
  }
  // Most cases are not about grants, and a call that they add is granted like any other.
  const isAboutGrants = one.edits.some(({ put }) => put?.includes('operations: [') === true);
  const files = isAboutGrants ? texts : await granted(texts);
  const loaded = await loadWorkspaceFiles('/corpus', memoryWorkspaceFiles(files));
  if (!loaded.value) throw new Error(`${one.title}: the workspace does not load`);
  const all = [...loaded.diagnostics, ...checkWorkspace(loaded.value).diagnostics];
  return {
    wanted: wanted.sort(),
    found: all.map(({ code, file, range }) => line(code, file ?? '-', range)).sort(),
    said: all.map(({ code, message, fix }) => `${code}: ${message} | ${fix ?? ''}`),
  };
}

function line(code: string, file: string, range: Diagnostic['range']): string {
  if (!range) return `${code} ${file}`;
  const { start, end } = range;
  return `${code} ${file}:${start.line}:${start.column}-${end.line}:${end.column}`;
}

/** The text without its marks `⟦ … ⟧`, and the ranges that they stood around. */
function unmarked(marked: string): { text: string; ranges: readonly (readonly [number, number])[] } {
  const ranges: (readonly [number, number])[] = [];
  const open: number[] = [];
  let text = '';
  for (const character of marked) {
    if (character === '⟦') open.push(text.length);
    else if (character === '⟧') ranges.push([open.pop() ?? 0, text.length]);
    else text += character;
  }
  return { text, ranges };
}

import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Diagnostic, TextEdit } from '@tenon/model';

/**
 * Makes the edits that diagnostics carry. Of two that overlap the first is made, the other is left to the next look at
 * the file, whose places have moved by then. Gives the number made, by file.
 */
export async function applyEdits(
  root: string,
  diagnostics: readonly Diagnostic[],
): Promise<ReadonlyMap<string, number>> {
  const byFile = new Map<string, TextEdit[]>();
  for (const { file, edit } of diagnostics) {
    if (file === undefined || !edit) continue;
    const edits = byFile.get(file) ?? [];
    edits.push(edit);
    byFile.set(file, edits);
  }
  const made = new Map<string, number>();
  for (const [file, edits] of byFile) {
    const path = join(root, file);
    const { text, count } = applyTo(await readFile(path, 'utf8'), edits);
    if (count === 0) continue;
    await writeFile(path, text);
    made.set(file, count);
  }
  return made;
}

function applyTo(
  text: string,
  edits: readonly TextEdit[],
): { readonly text: string; readonly count: number } {
  const sorted = [...edits].sort((a, b) => a.range.start.offset - b.range.start.offset);
  let result = '';
  let at = 0;
  let count = 0;
  for (const { range, text: replacement } of sorted) {
    if (range.start.offset < at) continue;
    result += text.slice(at, range.start.offset) + replacement;
    at = range.end.offset;
    count += 1;
  }
  return { text: result + text.slice(at), count };
}

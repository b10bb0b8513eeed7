import type { Diagnostic } from '@tenon/model';
import { BYTE_ORDER_MARK, countKeys, duplicateKeys, offsetPastDepth } from './json-source.ts';
import { jsonFault } from './json-syntax.ts';
import { finding, type Parsed, placeOf } from './parsed.ts';
import { DEPTH_MAX } from './yaml-source.ts';

/** Parses a JSON text with `JSON.parse`; what is wrong with it is looked for only where something is. */
export function parseJson(file: string, text: string): Parsed {
  if (text.trim() === '')
    return unreadable(
      finding('document-empty', { message: 'the file is empty', at: placeOf(file, text, 0, 0), subject: '' }),
    );
  let value: unknown;
  try {
    value = JSON.parse(text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text);
  } catch (caught) {
    return unreadable(syntaxFinding(file, text, caught));
  }
  const members = countMembers(value, DEPTH_MAX);
  if (members === undefined) return unreadable(depthFinding(file, text));
  // One count of the text against one of the value: 30 ms for GitHub's 13 MB, where looking into each object takes 300.
  const diagnostics = countKeys(text) === members ? [] : duplicateFindings(file, text);
  return { isReadable: true, value, diagnostics };
}

function unreadable(diagnostic: Diagnostic): Parsed {
  return { isReadable: false, diagnostics: [diagnostic] };
}

function syntaxFinding(file: string, text: string, caught: unknown): Diagnostic {
  const fault = jsonFault(text);
  // The grammar walk disagrees with V8 only past its own depth bound; then V8's sentence has to do.
  if (!fault)
    return finding('document-syntax', {
      message: caught instanceof Error ? caught.message : 'not JSON',
      at: placeOf(file, text, 0, 0),
    });
  return finding('document-syntax', {
    message: fault.message,
    at: placeOf(file, text, fault.start, fault.end),
    fix: fault.fix,
  });
}

function depthFinding(file: string, text: string): Diagnostic {
  const at = offsetPastDepth(text, DEPTH_MAX) ?? 0;
  return finding('document-too-deep', {
    message: `nested more than ${DEPTH_MAX} deep`,
    at: placeOf(file, text, at, at + 1),
    subject: 'depth',
  });
}

/** Members of all objects in a value; `undefined` when it nests past `depthLeft`. */
function countMembers(value: unknown, depthLeft: number): number | undefined {
  if (typeof value !== 'object' || value === null) return 0;
  if (depthLeft === 0) return undefined;
  const children = Array.isArray(value) ? value : Object.values(value);
  let count = Array.isArray(value) ? 0 : children.length;
  for (const child of children) {
    if (typeof child !== 'object') continue;
    const below = countMembers(child, depthLeft - 1);
    if (below === undefined) return undefined;
    count += below;
  }
  return count;
}

/** More would say the same thing again. */
const DUPLICATES_MAX = 50;

function duplicateFindings(file: string, text: string): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const { key, first, again } of duplicateKeys(text)) {
    if (found.length === DUPLICATES_MAX) break;
    found.push(
      finding('document-duplicate-key', {
        message: `the key ${JSON.stringify(key)} is given twice in this object; the last one counts`,
        at: placeOf(file, text, again.keyStart, again.keyEnd),
        related: [{ message: 'first given here', ...placeOf(file, text, first.keyStart, first.keyEnd) }],
      }),
    );
  }
  return found;
}

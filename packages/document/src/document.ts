import { type Checked, fromPointer, type Location, type Range } from '@tenon/model';
import { parseJson } from './json-parse.ts';
import { jsonSource } from './json-source.ts';
import type { ScalarStyle, SourceChild, SourceNode } from './source-node.ts';
import { textRange } from './text.ts';
import { parseYaml } from './yaml-parse.ts';
import { yamlSource } from './yaml-source.ts';

export type DocumentFormat = 'json' | 'yaml';

/**
 * A parsed YAML or JSON text that still knows where each value stood. Positions are found only when asked for:
 * parsing a large document costs what its parser costs, and a diagnostic pays for the walk to its pointer.
 */
export interface PositionedDocument {
  /** Name for diagnostics: relative to the workspace root where there is one. */
  readonly file: string;
  readonly format: DocumentFormat;
  readonly text: string;
  readonly value: unknown;
  /** Where the value at a JSON Pointer stands; the nearest enclosing value when the pointer names nothing. */
  locate(pointer: string): Location;
  /** Where the key of the member at a JSON Pointer stands; the value itself for a list item. */
  locateKey(pointer: string): Location;
  /**
   * How the scalar at a JSON Pointer is written: its raw text, quotes and block header included, and where that
   * stands. `undefined` for an object, a list, an alias of one, or a pointer that names nothing.
   */
  locateScalar(pointer: string): LocatedScalar | undefined;
}

export interface LocatedScalar {
  readonly range: Range;
  /** The text between the range's ends. */
  readonly source: string;
  readonly style: ScalarStyle;
}

export interface ParseOptions {
  readonly format?: DocumentFormat;
}

/**
 * Parses one YAML 1.2 or JSON document. The format follows the file's ending, else its first character.
 * Syntax errors, duplicate keys, aliases past their bound and more than one document are diagnostics
 * (`document-syntax`, `document-duplicate-key`, …), with `value` absent where nothing can be read.
 * A key given twice keeps its last value. Keys such as `__proto__` are own properties like any other.
 */
export function parseDocument(
  file: string,
  text: string,
  options: ParseOptions = {},
): Checked<PositionedDocument> {
  const format = options.format ?? formatOf(file, text);
  const parsed = format === 'json' ? parseJson(file, text) : parseYaml(file, text);
  if (!parsed.isReadable) return { diagnostics: parsed.diagnostics };
  return { value: positioned(file, format, text, parsed.value), diagnostics: parsed.diagnostics };
}

function formatOf(file: string, text: string): DocumentFormat {
  if (/\.json$/i.test(file)) return 'json';
  if (/\.ya?ml$/i.test(file)) return 'yaml';
  return /^\ufeff?\s*[{[]/.test(text) ? 'json' : 'yaml';
}

function positioned(file: string, format: DocumentFormat, text: string, value: unknown): PositionedDocument {
  let root: SourceNode | undefined;
  const find = (pointer: string): Found => {
    root ??= format === 'json' ? jsonSource(text) : yamlSource(text);
    return walk(root, pointer);
  };
  const at = (span: readonly [number, number]): Location => ({ file, range: textRange(text, ...span) });
  return {
    file,
    format,
    text,
    value,
    locate: (pointer) => at(find(pointer).child.value.span()),
    locateKey: (pointer) => {
      const { child } = find(pointer);
      return at(child.key ?? child.value.span());
    },
    locateScalar: (pointer) => {
      const { child, isExact } = find(pointer);
      if (!isExact || child.value.style === undefined) return undefined;
      const [start, end] = child.value.span();
      return { range: textRange(text, start, end), source: text.slice(start, end), style: child.value.style };
    },
  };
}

interface Found {
  readonly child: SourceChild;
  /** False when the pointer names nothing and `child` is the nearest enclosing value. */
  readonly isExact: boolean;
}

function walk(root: SourceNode, pointer: string): Found {
  let child: SourceChild = { value: root };
  for (const token of fromPointer(pointer)) {
    const next = child.value.children().get(token);
    if (!next) return { child, isExact: false };
    child = next;
  }
  return { child, isExact: true };
}

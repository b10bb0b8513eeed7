import type { Checked, Location } from '@tenon/model';

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
}

export interface ParseOptions {
  readonly format?: DocumentFormat;
}

/**
 * Parses one YAML 1.2 or JSON document. The format follows the file's ending, else its first character.
 * Syntax errors, duplicate keys, aliases past their bound and more than one document are diagnostics
 * (`document-syntax`, `document-duplicate-key`, …), with `value` absent where nothing can be read.
 */
export declare function parseDocument(
  file: string,
  text: string,
  options?: ParseOptions,
): Checked<PositionedDocument>;

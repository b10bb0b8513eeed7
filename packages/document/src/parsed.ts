import { type Diagnostic, diagnosticMaker, type Location } from '@tenon/model';
import { documentRules } from './rules.ts';
import { textRange } from './text.ts';

/** What a parser of this package hands back. */
export interface Parsed {
  readonly isReadable: boolean;
  readonly value?: unknown;
  readonly diagnostics: readonly Diagnostic[];
}

export const finding = diagnosticMaker(documentRules);

export function placeOf(file: string, text: string, start: number, end: number): Location {
  return { file, range: textRange(text, start, end) };
}

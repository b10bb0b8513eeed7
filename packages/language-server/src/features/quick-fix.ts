import type { Diagnostic, Location } from '@tenon/model';
import type { Snapshot } from '../snapshot.ts';

/** A change of the text that mends a finding. */
export interface QuickFix {
  readonly title: string;
  readonly diagnostic: Diagnostic;
  readonly edits: readonly { readonly at: Location; readonly text: string }[];
  /** Can it only be meant so? Editors offer these first, and apply them to a whole file. */
  readonly isPreferred: boolean;
}

/** Fixes for the findings that touch a part of a file. */
export function quickFixesAt(
  snapshot: Snapshot,
  file: string,
  start: number,
  end: number,
): readonly QuickFix[] {
  const text = snapshot.text(file);
  if (text === undefined) return [];
  return (snapshot.diagnostics.get(file) ?? []).flatMap((diagnostic): readonly QuickFix[] => {
    const { range, edit } = diagnostic;
    if (!range || range.end.offset < start || range.start.offset > end) return [];
    if (edit) {
      const edits = [{ at: { file, range: edit.range }, text: edit.text }];
      return [{ title: `Change to ${edit.text}`, diagnostic, edits, isPreferred: true }];
    }
    const written = text.slice(range.start.offset, range.end.offset);
    const fix = MAKERS.map((make) => make(diagnostic, written)).find((one) => one !== undefined);
    if (!fix) return [];
    return [
      {
        title: fix.title,
        diagnostic,
        edits: [{ at: { file, range }, text: fix.text }],
        isPreferred: true,
      },
    ];
  });
}

type Maker = (
  diagnostic: Diagnostic,
  written: string,
) => { readonly title: string; readonly text: string } | undefined;

/** Findings that carry no edit say what to do in words; these are the words that are a change of exactly the place they point at. */
const MAKERS: readonly Maker[] = [
  ({ fix }, written) => {
    const meant = /^did you mean ([`'"])(.+)\1\?$/.exec(fix)?.[2];
    if (meant === undefined) return undefined;
    return { title: `Change to ${meant}`, text: inPlaceOf(written, meant) };
  },
  ({ code, fix }, written) =>
    code === 'expression-expected' && fix === `write ${asExpression(written)}`
      ? { title: `Write ${asExpression(written)}`, text: asExpression(written) }
      : undefined,
  ({ code }, written) => {
    const isCut =
      code === 'yaml-expression-unquoted' ||
      code === 'yaml-comment-in-expression' ||
      code === 'yaml-reserved-start';
    return isCut ? { title: 'Put it in quotes', text: quoted(written) } : undefined;
  },
];

/** Keeps quotes around the text, and the part before the last dot when only the last is meant. */
function inPlaceOf(written: string, meant: string): string {
  const quote = /^(["']).*\1$/s.exec(written)?.[1] ?? '';
  if (quote !== '' && !meant.startsWith(quote)) return `${quote}${meant}${quote}`;
  return meant;
}

/** In quotes, since between braces it must be. */
function asExpression(written: string): string {
  return JSON.stringify(`\${ ${written} }`);
}

function quoted(written: string): string {
  return `"${written.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

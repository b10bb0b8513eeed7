import type { Diagnostic } from '@tenon/model';
import { finding, placeOf } from './parsed.ts';

/** `# tenon: allow <code> because <reason>`, which allows a finding of a pipeline or a reconciliation. */
export interface AllowComment {
  readonly code: string;
  readonly reason: string | undefined;
  /** Index of its line, and of its first character there. */
  readonly line: number;
  readonly column: number;
  /** Offsets in the text. */
  readonly start: number;
  readonly end: number;
}

const COMMENT = /(^|\s)#\s*tenon:\s*allow\b[ \t]*([^\s]*)[ \t]*(?:because[ \t]+(.*\S))?/;

export function allowComments(text: string): readonly AllowComment[] {
  if (!text.includes('tenon:')) return [];
  let offset = 0;
  return text.split('\n').flatMap((written, line): AllowComment[] => {
    const from = offset;
    offset += written.length + 1;
    const match = COMMENT.exec(written);
    if (!match) return [];
    const column = match.index + match[1]!.length;
    const [start, end] = [from + column, from + written.trimEnd().length];
    return [{ code: match[2]!, reason: match[3], line, column, start, end }];
  });
}

/** Comments that allow something in a file where nothing can be allowed. `isText`: does the offset stand within a value? */
export function ignoredAllowances(
  file: string,
  text: string,
  isText: (offset: number) => boolean = () => false,
): readonly Diagnostic[] {
  return allowComments(text).flatMap(({ code, start, end }) =>
    isText(start)
      ? []
      : finding('document-allow-ignored', {
          message: `nothing is allowed here: \`${code}\` is told all the same`,
          at: placeOf(file, text, start, end),
          subject: code,
        }),
  );
}

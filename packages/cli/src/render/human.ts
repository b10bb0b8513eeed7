import type { Diagnostic, Range, RelatedLocation } from '@tenon/model';
import { printable } from '../text/printable.ts';
import { checkedWords, countBySeverity, plural, type RenderContext, type Report } from './report.ts';

const STYLES = { error: '1;31', warning: '1;33', info: '1;36', dim: '2', bold: '1', good: '1;32' } as const;
/** Characters of a source line shown: a minified document is one line of megabytes. */
const LINE_SHOWN_MAX = 110;
/** The text under these codes is what must not be shown. */
const MASKED_CODES: ReadonlySet<string> = new Set(['secret-literal', 'manifest-secret-literal']);

/** Code frames for people, as DESIGN §10 draws them. */
export function renderHuman(report: Report, given: RenderContext): string {
  const paint = painter(given.color);
  const context = { ...given, readText: showableText(report, given) };
  const blocks = report.diagnostics.map((diagnostic) => diagnosticBlock(diagnostic, context, paint));
  return `${[...blocks, closingLine(report, paint)].join('\n')}\n`;
}

/**
 * Source texts as they may be shown: a secret that any finding is about is covered in the frames of all of them, for
 * two can stand on one line. Lengths stay, so that marks stand where they should.
 */
function showableText(report: Report, { readText }: RenderContext): RenderContext['readText'] {
  const secrets = report.diagnostics.filter(({ code }) => MASKED_CODES.has(code));
  return (file) => {
    let text = readText(file);
    for (const { file: of, range } of secrets) {
      if (of !== file || range === undefined || text === undefined) continue;
      const { start, end } = range;
      const covered = text.slice(start.offset, end.offset).replaceAll(/[^\r\n]/g, '•');
      text = text.slice(0, start.offset) + covered + text.slice(end.offset);
    }
    return text;
  };
}

/** `0 findings in 2 pipelines, 9 steps`. */
function closingLine(report: Report, paint: Paint): string {
  const { errors, warnings, infos } = countBySeverity(report.diagnostics);
  const parts = [
    errors > 0 && paint('error', plural(errors, 'errors')),
    warnings > 0 && paint('warning', plural(warnings, 'warnings')),
    infos > 0 && paint('info', plural(infos, 'notes')),
  ].filter(Boolean);
  const found = parts.length > 0 ? parts.join(', ') : paint('good', '0 findings');
  const checked = checkedWords(report.checked);
  // Where there is no workspace, nothing was looked at.
  return checked === '' ? found : `${found} in ${checked}`;
}

function diagnosticBlock(diagnostic: Diagnostic, context: RenderContext, paint: Paint): string {
  const lines = [
    `${paint(diagnostic.severity, diagnostic.severity)} ${paint('bold', diagnostic.code)}  ${printable(diagnostic.message)}`,
  ];
  lines.push(...frames(diagnostic, context, paint));
  for (const [label, text] of [
    ['why', diagnostic.why],
    ['fix', diagnostic.fix],
    ['owner', diagnostic.owner],
    ['see', `tenon explain ${diagnostic.code}`],
  ]) {
    if (text) lines.push(`  ${paint('dim', label!)}  ${printable(text).replaceAll('\n', '\n       ')}`);
  }
  return `${lines.join('\n')}\n`;
}

interface Mark {
  readonly range: Range;
  readonly sign: '^' | '-';
  readonly label: string;
}

/** One frame a file: the place itself, with related places of the same file in it, then those of other files. */
function frames(diagnostic: Diagnostic, context: RenderContext, paint: Paint): string[] {
  const byFile = new Map<string, Mark[]>();
  const add = (file: string, mark: Mark): void => {
    const marks = byFile.get(file) ?? [];
    marks.push(mark);
    byFile.set(file, marks);
  };
  if (diagnostic.file !== undefined && diagnostic.range)
    add(diagnostic.file, { range: diagnostic.range, sign: '^', label: '' });
  const loose: RelatedLocation[] = [];
  for (const related of diagnostic.related) {
    if (related.file !== undefined && related.range)
      add(related.file, { range: related.range, sign: '-', label: printable(related.message) });
    else loose.push(related);
  }
  const lines: string[] = [];
  for (const [file, marks] of byFile) {
    lines.push(...frame(file, marks, context.readText(file), paint));
  }
  for (const { message } of loose) lines.push(`  ${paint('dim', 'note')}  ${printable(message)}`);
  return lines;
}

function frame(file: string, marks: readonly Mark[], text: string | undefined, paint: Paint): string[] {
  const first = marks[0]!.range.start;
  const sorted = [...marks].sort((a, b) => a.range.start.offset - b.range.start.offset);
  const gutter = Math.max(2, String(sorted.at(-1)!.range.start.line).length);
  const space = ' '.repeat(gutter);
  const lines = [`${space}${paint('dim', '┌─')} ${file}:${first.line}:${first.column}`];
  if (text === undefined) return lines;
  let shown = -1;
  for (const mark of sorted) {
    const { line, column } = mark.range.start;
    const whole = printable(lineAt(text, mark.range.start));
    const length =
      mark.range.end.line === line
        ? Math.max(1, mark.range.end.column - column)
        : Math.max(1, whole.length - column + 1);
    const view = window(whole, column, length);
    if (line !== shown) lines.push(`${paint('dim', `${String(line).padStart(gutter)}│`)} ${view.text}`);
    shown = line;
    const signs = paint(mark.sign === '^' ? 'error' : 'info', mark.sign.repeat(view.length));
    lines.push(`${paint('dim', `${space}│`)} ${view.indent}${signs}${mark.label ? ` ${mark.label}` : ''}`);
  }
  return lines;
}

/** The line that a place is in, found from the place: contracts have lines by the hundred thousand. */
function lineAt(text: string, { offset, column }: Range['start']): string {
  const start = Math.max(0, offset - column + 1);
  LINE_END.lastIndex = start;
  return text.slice(start, LINE_END.exec(text)?.index ?? text.length);
}

const LINE_END = /[\r\n]/g;

/** The part of a line that holds the mark, with tabs kept so that the signs stand under it. */
function window(
  line: string,
  column: number,
  length: number,
): { text: string; indent: string; length: number } {
  let from = 0;
  let text = line;
  if (line.length > LINE_SHOWN_MAX) {
    from = Math.max(0, Math.min(column - 1 - Math.floor(LINE_SHOWN_MAX / 3), line.length - LINE_SHOWN_MAX));
    text = line.slice(from, from + LINE_SHOWN_MAX);
  }
  const before = line.slice(from, column - 1).replaceAll(/[^\t]/g, ' ');
  const cutLeft = from > 0 ? '…' : '';
  const cutRight = from + LINE_SHOWN_MAX < line.length ? '…' : '';
  return {
    text: `${cutLeft}${text}${cutRight}`,
    indent: `${cutLeft ? ' ' : ''}${before}`,
    length: Math.max(1, Math.min(length, from + text.length - column + 1)),
  };
}

export type Paint = (style: keyof typeof STYLES, text: string) => string;

export function painter(color: boolean): Paint {
  return (style, text) => (color ? `\u001b[${STYLES[style]}m${text}\u001b[0m` : text);
}

import type { Diagnostic, DiagnosticRules } from '@tenon/model';

/** What a checking command found, and what it looked at: the input of every output format. */
export interface Report {
  /** In the order of `compareDiagnostics`. */
  readonly diagnostics: readonly Diagnostic[];
  /** What was looked at: `{ pipelines: 2, steps: 9 }`. Zero counts are said too. */
  readonly checked: Readonly<Record<string, number>>;
}

export interface RenderContext {
  readonly color: boolean;
  /** Text of a file named by a diagnostic, for code frames. */
  readText(file: string): string | undefined;
  readonly rules: DiagnosticRules;
  readonly toolVersion: string;
}

export function countBySeverity(diagnostics: readonly Diagnostic[]): {
  errors: number;
  warnings: number;
  infos: number;
} {
  const counts = { errors: 0, warnings: 0, infos: 0 };
  for (const { severity } of diagnostics) {
    if (severity === 'error') counts.errors++;
    else if (severity === 'warning') counts.warnings++;
    else counts.infos++;
  }
  return counts;
}

/** `14 operations, 2 pipelines`. */
export function checkedWords(checked: Report['checked']): string {
  return Object.entries(checked)
    .map(([what, count]) => plural(count, what))
    .join(', ');
}

/** `1 step`, `2 steps`: names are given in the plural. */
export function plural(count: number, names: string): string {
  return `${count} ${count === 1 ? singular(names) : names}`;
}

function singular(names: string): string {
  if (names.endsWith('ies')) return `${names.slice(0, -3)}y`;
  return names.replace(/(x)es$|s$/, '$1');
}

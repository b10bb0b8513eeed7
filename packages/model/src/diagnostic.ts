import { digestOf } from './json.ts';

/** A place in a text. `line` and `column` count from 1, in UTF-16 code units; `offset` from 0. */
export interface Position {
  readonly line: number;
  readonly column: number;
  readonly offset: number;
}

/** From `start` up to, not including, `end`. */
export interface Range {
  readonly start: Position;
  readonly end: Position;
}

/** A range in a file. `file` is relative to the workspace root where there is one, with `/` between its parts. */
export interface Location {
  readonly file: string;
  readonly range: Range;
}

export type Severity = 'error' | 'warning' | 'info';

/** What is known of a diagnostic code before it fires: `tenon explain` and the docs are made of these. */
export interface DiagnosticRule {
  readonly severity: Severity;
  /** One line: the condition, in general. */
  readonly title: string;
  /** Why it matters, a sentence or two. */
  readonly why: string;
  /** What to do about it in general. */
  readonly fix: string;
  readonly example?: { readonly bad: string; readonly good: string };
}

/** A package's diagnostic codes. Names explain themselves (`effect-can-repeat`); a retired one is never reused. */
export type DiagnosticRules = Readonly<Record<string, DiagnosticRule>>;

export interface RelatedLocation extends Partial<Location> {
  readonly message: string;
}

/** One thing that is wrong, where, and what to do: the one model behind every output format. */
export interface Diagnostic {
  readonly code: string;
  readonly severity: Severity;
  /** What happened here, in particular, and what was expected. Holds no secret and no personal datum. */
  readonly message: string;
  readonly file?: string;
  readonly range?: Range;
  readonly related: readonly RelatedLocation[];
  readonly why: string;
  readonly fix: string;
  readonly owner?: string;
  /** A change that mends it and can be made without asking: `tenon check --fix` and editors make it. */
  readonly edit?: TextEdit;
  /** Stable across runs and line moves: code + file + subject. */
  readonly fingerprint: string;
}

/** `text` in place of a range of the diagnostic's file. */
export interface TextEdit {
  readonly range: Range;
  readonly text: string;
}

/** A value, where one could be made, and all that was found on the way. */
export interface Checked<T> {
  readonly value?: T;
  readonly diagnostics: readonly Diagnostic[];
}

export interface DiagnosticInput {
  readonly message: string;
  readonly at?: Location | undefined;
  /** What the finding is about, for the fingerprint (a pointer, a step id); default: the message. */
  readonly subject?: string;
  readonly related?: readonly RelatedLocation[];
  /** Replaces the rule's general fix by one for this case. */
  readonly fix?: string | undefined;
  readonly why?: string;
  readonly owner?: string | undefined;
  readonly severity?: Severity;
  /** A misspelt name at `at`, and the one that was meant, where one is near: becomes the fix and the edit. */
  readonly misspelt?: { readonly name: string; readonly meant: string | undefined };
  readonly edit?: TextEdit | undefined;
}

/** The maker of a package's diagnostics, bound to its table, so that an unknown code does not compile. */
export type DiagnosticMaker<Code extends string> = (code: Code, input: DiagnosticInput) => Diagnostic;

export function diagnosticMaker<const Rules extends DiagnosticRules>(
  rules: Rules,
): DiagnosticMaker<keyof Rules & string> {
  return (code, input) => {
    const rule = rules[code]!;
    const meant = input.misspelt?.meant;
    const edit = input.edit ?? editOf(input);
    return {
      code,
      severity: input.severity ?? rule.severity,
      message: input.message,
      ...(input.at && { file: input.at.file, range: input.at.range }),
      related: input.related ?? [],
      why: input.why ?? rule.why,
      fix: meant === undefined ? (input.fix ?? rule.fix) : `did you mean \`${meant}\`?`,
      ...(edit && { edit }),
      ...(input.owner !== undefined && { owner: input.owner }),
      fingerprint: fingerprintOf(code, input.at?.file, input.subject ?? input.message),
    };
  };
}

/** Only where the place is the name itself, in quotes or not: a wider one would lose what stands beside it. */
function editOf({ at, misspelt }: DiagnosticInput): TextEdit | undefined {
  if (at === undefined || misspelt?.meant === undefined) return undefined;
  const length = at.range.end.offset - at.range.start.offset;
  const isName = length === misspelt.name.length || length === misspelt.name.length + 2;
  return isName ? { range: at.range, text: misspelt.meant } : undefined;
}

/** Identity of a finding: what it is, in which file, about what. 16 hexadecimal digits. */
export function fingerprintOf(code: string, file: string | undefined, subject: string): string {
  return digestOf([code, file ?? '', subject]).slice('sha256:'.length, 'sha256:'.length + 16);
}

/** Order of output: file, place, code; the same on every run. */
export function compareDiagnostics(a: Diagnostic, b: Diagnostic): number {
  return (
    compareText(a.file ?? '', b.file ?? '') ||
    (a.range?.start.offset ?? 0) - (b.range?.start.offset ?? 0) ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  );
}

/** Order by UTF-16 code unit, the same on every machine (unlike `localeCompare`). */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

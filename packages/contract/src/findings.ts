import { type Diagnostic, diagnosticMaker, type Severity } from '@tenon/model';
import type { Part } from './part.ts';
import type { Place } from './place.ts';
import { contractRules } from './rules.ts';
import type { Sources } from './sources.ts';

const finding = diagnosticMaker(contractRules);

export type ContractCode = keyof typeof contractRules;

export interface Noted {
  readonly message: string;
  /** The key of the member is what is wrong, not its value. */
  readonly onKey?: boolean;
  readonly fix?: string | undefined;
  readonly severity?: Severity;
  readonly related?: readonly { readonly message: string; readonly at: Part | Place }[];
}

/** Errors of one code that are shown one by one; warnings and notes are summed up sooner. */
const ERRORS_MAX = 50;
const WARNINGS_MAX = 5;

interface Pending extends Noted {
  readonly code: ContractCode;
  readonly place: Place;
  readonly severity: Severity;
}

/** Of which finding, by its place, is only the number told; what stops anything never is. */
export type IsAside = (place: Place) => boolean;

/**
 * Collects what is wrong with a contract. A vendor's document repeats one sloppiness hundreds of times: past a few of a
 * code the rest is one line that counts them, and only what is shown is located.
 */
export class Findings {
  readonly #sources: Sources;
  readonly #placeless: Diagnostic[] = [];
  readonly #found: Pending[] = [];

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  add(code: ContractCode, at: Part | Place, noted: Noted): void {
    this.#found.push({
      code,
      place: placeOf(at),
      ...noted,
      severity: noted.severity ?? contractRules[code].severity,
    });
  }

  /** A file that was named from outside of any document, so there is no place to point to. */
  addMissingFile(file: string): void {
    this.#placeless.push(
      finding('contract-file-missing', { message: `there is no file ${file}`, subject: file }),
    );
  }

  hasErrors(): boolean {
    return this.#placeless.length > 0 || this.#found.some(({ severity }) => severity === 'error');
  }

  diagnostics(isAside?: IsAside): Diagnostic[] {
    const [aside, told] = [true, false].map((wanted) =>
      this.#found.filter(
        ({ severity, place }) => (severity !== 'error' && isAside?.(place) === true) === wanted,
      ),
    );
    const groups = Map.groupBy(told!, ({ code, severity, place }) => `${code} ${severity} ${place.file}`);
    return [
      ...this.#placeless,
      ...[...groups.values()].flatMap(summedUp).map((pending) => this.#diagnostic(pending)),
      ...(aside!.length > 0 ? [asideLine(aside!)] : []),
    ];
  }

  #diagnostic({ code, place, message, onKey, fix, severity, related = [] }: Pending): Diagnostic {
    return finding(code, {
      message,
      at: onKey ? this.#sources.locateKey(place) : this.#sources.locate(place),
      fix,
      severity,
      related: related.map(({ message: said, at }) => ({
        message: said,
        ...this.#sources.locate(placeOf(at)),
      })),
    });
  }
}

/** The first few of a kind, and the number of the rest in the line after them. */
function summedUp(group: readonly Pending[]): readonly Pending[] {
  const max = group[0]!.severity === 'error' ? ERRORS_MAX : WARNINGS_MAX;
  const next = group[max];
  if (next === undefined) return group;
  const count = group.length - max - 1;
  const more = count === 0 ? '' : ` (and ${count} more like this in the file)`;
  return [...group.slice(0, max), { ...next, message: `${next.message}${more}` }];
}

function asideLine(aside: readonly Pending[]): Diagnostic {
  const { file } = aside[0]!.place;
  const codes = [...Map.groupBy(aside, ({ code }) => code)].map(([code, { length }]) => `${code} ${length}`);
  const line = finding('contract-findings-aside', {
    message: `${aside.length} ${aside.length === 1 ? 'finding' : 'findings'} in ${file} about what no connector names: ${codes.sort().join(', ')}`,
    subject: file,
  });
  return { ...line, file };
}

function placeOf(at: Part | Place): Place {
  return 'place' in at ? at.place : at;
}

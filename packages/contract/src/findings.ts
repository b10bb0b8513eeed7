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
}

/**
 * Collects what is wrong with a contract. A vendor's document repeats one sloppiness hundreds of times: past a few of a
 * code the rest is one line that counts them, and only what is shown is located.
 */
export class Findings {
  readonly #sources: Sources;
  readonly #placeless: Diagnostic[] = [];
  readonly #shown: Pending[] = [];
  readonly #counts = new Map<string, number>();
  readonly #rest = new Map<string, { first: Pending; count: number }>();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  add(code: ContractCode, at: Part | Place, noted: Noted): void {
    const pending: Pending = { code, place: placeOf(at), ...noted };
    const severity = noted.severity ?? contractRules[code].severity;
    const group = `${code} ${severity} ${pending.place.file}`;
    const count = (this.#counts.get(group) ?? 0) + 1;
    this.#counts.set(group, count);
    if (count <= (severity === 'error' ? ERRORS_MAX : WARNINGS_MAX)) {
      this.#shown.push(pending);
      return;
    }
    const rest = this.#rest.get(group);
    if (rest) rest.count++;
    else this.#rest.set(group, { first: pending, count: 1 });
  }

  /** A file that was named from outside of any document, so there is no place to point to. */
  addMissingFile(file: string): void {
    this.#placeless.push(
      finding('contract-file-missing', { message: `there is no file ${file}`, subject: file }),
    );
  }

  hasErrors(): boolean {
    return (
      this.#placeless.length > 0 ||
      this.#shown.some(({ code, severity }) => (severity ?? contractRules[code].severity) === 'error')
    );
  }

  diagnostics(): Diagnostic[] {
    const rest = [...this.#rest.values()].map(({ first, count }): Pending => {
      const more = count === 1 ? '' : ` (and ${count - 1} more like this in the file)`;
      return { ...first, message: `${first.message}${more}` };
    });
    return [...this.#placeless, ...[...this.#shown, ...rest].map((pending) => this.#diagnostic(pending))];
  }

  #diagnostic({ code, place, message, onKey, fix, severity, related = [] }: Pending): Diagnostic {
    return finding(code, {
      message,
      at: onKey ? this.#sources.locateKey(place) : this.#sources.locate(place),
      fix,
      ...(severity && { severity }),
      related: related.map(({ message: said, at }) => ({
        message: said,
        ...this.#sources.locate(placeOf(at)),
      })),
    });
  }
}

function placeOf(at: Part | Place): Place {
  return 'place' in at ? at.place : at;
}

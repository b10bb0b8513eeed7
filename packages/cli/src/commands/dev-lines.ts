import type { Clock, JsonObject } from '@tenon/model';
import type { LedgerEntry } from '@tenon/runtime';
import { plural } from '../render/index.ts';
import { oneLine } from '../text/printable.ts';

/** How long uses of secrets are gathered before they are told in one line. */
const GATHERED_MS = 10_000;
const DETAILS_SHOWN = 160;

/**
 * A line for each entry of the ledger, for a person who looks on. Every call uses a secret, so their uses would be a fifth
 * of all lines: they are gathered, and told together. One whose secret was not found is told at once. All are in the
 * ledger.
 */
export class DevLines {
  readonly #out: (text: string) => void;
  readonly #clock: Clock;
  /** By reference and connection. */
  readonly #uses = new Map<string, number>();
  #cancel: (() => void) | undefined;

  constructor(out: (text: string) => void, clock: Clock) {
    this.#out = out;
    this.#clock = clock;
  }

  show(entry: LedgerEntry): void {
    const uses = entry.kind === 'secretUse' ? usesOf(entry) : undefined;
    if (uses === undefined || uses.some(({ found }) => found === false)) {
      // JSON escapes less than a terminal heeds.
      this.#out(`${oneLine(entryLine(entry))}\n`);
      return;
    }
    for (const { reference, connection, count } of uses) {
      const name =
        connection === undefined ? String(reference) : `${String(reference)} by ${String(connection)}`;
      this.#uses.set(name, (this.#uses.get(name) ?? 0) + (typeof count === 'number' ? count : 1));
    }
    this.#cancel ??= this.#clock.setTimer(GATHERED_MS, () => this.flush());
  }

  /** Tells what is gathered. */
  flush(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#uses.size === 0) return;
    const told = [...this.#uses].map(([name, count]) => `${name} ${plural(count, 'times')}`);
    this.#uses.clear();
    this.#out(timedLine(`secrets used: ${told.join(', ')}`, this.#clock));
  }
}

/** A line of `tenon dev` itself, as those of the ledger are: among them one looks for when. */
export function timedLine(text: string, clock: Clock): string {
  return `${timeOf(clock.now())} ${text}\n`;
}

/** `undefined` for an entry of another shape, as of a later version: it is shown as it is. */
function usesOf({ details }: LedgerEntry): readonly JsonObject[] | undefined {
  const { uses } = details;
  return Array.isArray(uses) ? (uses as readonly JsonObject[]) : undefined;
}

function entryLine(entry: LedgerEntry): string {
  const step = entry.step === undefined ? '' : ` ${entry.step}`;
  const attempt = entry.attempt === undefined ? '' : ` attempt ${entry.attempt}`;
  const told = Object.keys(entry.details).length > 0 ? ` ${JSON.stringify(entry.details)}` : '';
  // The whole of it is in the ledger: `tenon runs trace`.
  const details = told.length > DETAILS_SHOWN ? `${told.slice(0, DETAILS_SHOWN)}…` : told;
  // One of no run, such as that a pipeline was taken, has neither.
  const of = [entry.runId, entry.pipeline].filter((name) => name !== '').map((name) => `${name} `);
  return `${timeOf(entry.at)} ${of.join('')}${entry.kind}${step}${attempt}${details}`;
}

function timeOf(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 23);
}

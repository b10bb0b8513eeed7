import type { Failure } from '@tenon/model';
import type { Opening } from '../../engine.ts';
import type { OpeningRow } from '../file/run-row.ts';
import type { Write } from '../file/statements.ts';

/** What an active run has open, by key. */
export class RunOpenings {
  #rows: Map<string, OpeningRow> | undefined;
  /** Something may be open under its name. */
  hasWaited: boolean;

  constructor(rows: readonly OpeningRow[]) {
    if (rows.length > 0) this.#rows = new Map(rows.map((row) => [row.key, row]));
    this.hasWaited = rows.length > 0;
  }

  has(key: string): boolean {
    return this.#rows?.has(key) ?? false;
  }

  /** Up to which event a wait for one has looked. */
  scannedTo(key: string): number | undefined {
    return this.#rows?.get(key)?.scanned_to ?? undefined;
  }

  /** Its row is closed by the writes of whoever says so. Was it open? */
  forget(key: string): boolean {
    return this.#rows?.delete(key) ?? false;
  }

  /** Keeps it, as a strand may come back to it within this activation; gives what stores it. */
  put(row: OpeningRow): Write {
    this.#rows ??= new Map();
    this.#rows.set(row.key, row);
    this.hasWaited = true;
    return putOpening(row);
  }
}

/** What the interpreter has open, as a row. */
export function openingRow(
  runSeq: number,
  { key, kind, step, owner, detail }: Opening,
  since: number,
  expiresAtMs?: number,
): OpeningRow {
  return {
    run_seq: runSeq,
    key,
    kind,
    step,
    owner,
    since,
    expires_at: expiresAtMs ?? null,
    event: null,
    scanned_to: null,
    detail: JSON.stringify(detail),
    ...letterColumns(kind, detail),
  };
}

export function putOpening(row: OpeningRow): Write {
  return [
    'putOpening',
    row.run_seq,
    row.key,
    row.kind,
    row.step,
    row.owner,
    row.since,
    row.expires_at,
    row.event,
    row.scanned_to,
    row.detail,
    row.letter_queue,
    row.letter_class,
  ];
}

/** What dead letters are counted by, beside a detail that may be encrypted. */
function letterColumns(
  kind: Opening['kind'],
  detail: Opening['detail'],
): Pick<OpeningRow, 'letter_queue' | 'letter_class'> {
  if (kind !== 'deadLetter') return { letter_queue: null, letter_class: null };
  // Whoever opens a dead letter puts these members there.
  const { queue, failure } = detail as unknown as { readonly queue: string; readonly failure: Failure };
  return { letter_queue: queue, letter_class: failure.class };
}

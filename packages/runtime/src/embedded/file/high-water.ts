import { closeSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { TreeHead } from '../../ledger/checkpoint.ts';

/** Digits of each number in the file, so that a mark always replaces the whole of the one before. */
const DIGITS = 16;

/**
 * How far the ledger was, in a file beside the database: written after each commit and not synced, so it costs a
 * microsecond or two, survives a killed process, and after a power cut is at most behind. A WAL that was cut or deleted
 * takes the database back to before its mark, which SQLite by itself takes for an ordinary crash.
 */
export class HighWaterMark {
  readonly #handle: number | undefined;

  constructor(file: string) {
    try {
      closeSync(openSync(pathOf(file), 'a'));
      this.#handle = openSync(pathOf(file), 'r+');
    } catch {
      // A disk that takes no mark will take no commit either, which is said there.
    }
  }

  write({ size, lastSequence }: Pick<TreeHead, 'size' | 'lastSequence'>): void {
    if (this.#handle === undefined) return;
    try {
      writeSync(this.#handle, `${digits(size)} ${digits(lastSequence)}\n`, 0);
    } catch {
      // The mark is then behind, and says less than is true.
    }
  }

  close(): void {
    if (this.#handle !== undefined) closeSync(this.#handle);
  }
}

export function readHighWaterMark(
  file: string,
): { readonly size: number; readonly lastSequence: number } | undefined {
  let text: string;
  try {
    text = readFileSync(pathOf(file), 'utf8');
  } catch {
    return undefined;
  }
  const match = /^(\d{16}) (\d{16})\n$/.exec(text);
  return match === null ? undefined : { size: Number(match[1]), lastSequence: Number(match[2]) };
}

function pathOf(file: string): string {
  return `${file}.mark`;
}

function digits(value: number): string {
  return String(value).padStart(DIGITS, '0');
}

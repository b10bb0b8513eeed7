import { accessSync, constants, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { migrate } from '../embedded/file/schema.ts';

/** Where there is one, a disk in memory: what is simulated waits for no real one. A run of tests has a folder of its own there. */
export function memoryFolder(): string {
  const ofRun = process.env['TENON_MEMORY_FOLDER'];
  if (ofRun !== undefined) return ofRun;
  try {
    accessSync('/dev/shm', constants.W_OK);
    return '/dev/shm';
  } catch {
    return tmpdir();
  }
}

/**
 * Bytes of a file with this version's schema and nothing in it, made once. A simulation begins with a copy: making the
 * schema anew took a tenth of its time. Its pages are small, so that a commit and a crash copy less, and a crash has
 * more of them to tear.
 */
export function emptyFile(): Buffer {
  made ??= makeEmptyFile();
  return made;
}

export const PAGE_BYTES: number = 1_024;

let made: Buffer | undefined;

function makeEmptyFile(): Buffer {
  const folder = mkdtempSync(join(memoryFolder(), 'tenon-empty-'));
  try {
    const file = join(folder, 'empty.db');
    const db = new DatabaseSync(file);
    db.exec(`PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL`);
    migrate(db, file);
    db.close();
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CheckCache } from '@tenon/contract';
import { isObject } from '@tenon/model';

/** Results kept; a workspace has few documents that need them, and each of its edits makes one. */
const ENTRIES_MAX = 64;

/**
 * Remembers, in `.tenon/cache/`, what `@asyncapi/parser` said of a document by the document's digest: loading that
 * parser takes most of a second. A cache that cannot be read or written is only slow.
 */
export function fileCheckCache(root: string): CheckCache {
  const file = join(root, '.tenon', 'cache', 'contract-checks.json');
  let entries: Map<string, string> | undefined;
  const load = (): Map<string, string> => {
    entries ??= read(file);
    return entries;
  };
  return {
    get: (key) => load().get(key),
    set: (key, value) => {
      const all = load();
      all.delete(key);
      all.set(key, value);
      for (const oldest of [...all.keys()].slice(0, Math.max(0, all.size - ENTRIES_MAX))) all.delete(oldest);
      write(file, all);
    },
  };
}

function read(file: string): Map<string, string> {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    return new Map(
      Object.entries(isObject(value) ? value : {}).flatMap(([key, text]) =>
        typeof text === 'string' ? [[key, text]] : [],
      ),
    );
  } catch {
    return new Map();
  }
}

/** By a rename, so that a process that is killed, or two at once, leave a whole file. */
function write(file: string, entries: ReadonlyMap<string, string>): void {
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, JSON.stringify(Object.fromEntries(entries)));
    renameSync(temporary, file);
  } catch {
    // A read-only workspace: every load pays for the parser.
  }
}

import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CheckStore, KeptCheck } from '@tenon/pipeline';
import { toolIdentity } from './tool-identity.ts';

/** More than this is not kept: some thirty thousand pipelines. */
const BYTES_MAX = 256 * 1024 * 1024;

/**
 * Keeps the last check of a workspace in `.tenon/cache/check`: a line with who wrote it and the digest of the rest, then
 * the two parts, a line each. Anything but what the same tool wrote whole is taken for nothing, so a file that was cut
 * off, changed, or copied from elsewhere costs one full check and no more. One check's worth is kept, no history.
 */
export function fileCheckStore(root: string): CheckStore {
  const file = join(root, '.tenon', 'cache', 'check');
  let identity: string | undefined;
  const tool = (): string => {
    identity ??= toolIdentity();
    return identity;
  };
  return {
    read() {
      const [header, summary, details] = lines(file);
      if (header === undefined || summary === undefined || details === undefined) return undefined;
      if (header !== headerOf(tool(), summary, details)) return undefined;
      // By its digest it is what `write` below wrote.
      return {
        summary: JSON.parse(summary) as KeptCheck['summary'],
        details: () => JSON.parse(details) as KeptCheck['details'],
      };
    },
    write(kept) {
      const summary = JSON.stringify(kept.summary);
      const details = JSON.stringify(kept.details);
      const text = `${headerOf(tool(), summary, details)}\n${summary}\n${details}\n`;
      if (text.length <= BYTES_MAX) write(file, text);
    },
  };
}

function headerOf(tool: string, summary: string, details: string): string {
  const digest = createHash('sha256').update(summary).update('\n').update(details).digest('hex');
  return `tenon-check ${tool} ${digest}`;
}

function lines(file: string): readonly string[] {
  try {
    const parts = readFileSync(file, 'utf8').split('\n');
    return parts.length === 4 && parts[3] === '' ? parts : [];
  } catch {
    return [];
  }
}

/** By a rename, so that a process that is killed, or two at once, leave a whole file. */
function write(file: string, text: string): void {
  const temporary = `${file}.${process.pid}`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(temporary, text);
    renameSync(temporary, file);
  } catch {
    // A read-only workspace or a full disk: the next check does all of the work again.
    rmSync(temporary, { force: true });
  }
}

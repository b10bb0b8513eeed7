import { accessSync, chmodSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk in memory, where there is one. */
const MEMORY = '/dev/shm';

/**
 * For a run of tests: one folder in place of the machine's temporary one, and one for what is simulated in memory. What tests leave in
 * them goes with them, also where a test has failed or was cut off before it had removed it.
 */
export default function setUp(): () => void {
  const folders = [madeIn(tmpdir())];
  // `os.tmpdir` goes by the first, and on Windows by the second.
  for (const name of ['TMPDIR', 'TEMP']) process.env[name] = folders[0];
  if (isWritable(MEMORY)) {
    folders.push(madeIn(MEMORY));
    process.env['TENON_MEMORY_FOLDER'] = folders[1];
  }
  return () => {
    // A process that is about to end may still write there.
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  };
}

function madeIn(parent: string): string {
  const folder = mkdtempSync(join(parent, 'tenon-tests-'));
  // A server that refuses root runs as somebody else, in a folder of its own below this one.
  chmodSync(folder, 0o711);
  return folder;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

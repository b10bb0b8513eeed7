import { accessSync, chmodSync, constants, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A disk in memory, where there is one. */
const MEMORY = '/dev/shm';
const NAME = 'tenon-tests-';
/** No run of tests takes so long: a folder that was not touched since is one whose run was killed. */
const GONE_AFTER_MS = 86_400_000;

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
    for (const folder of folders) takeAway(folder);
  };
}

function madeIn(parent: string): string {
  const goneBefore = Date.now() - GONE_AFTER_MS;
  for (const name of readdirSync(parent))
    if (name.startsWith(NAME) && ownTouchedAt(join(parent, name)) < goneBefore) takeAway(join(parent, name));
  const folder = mkdtempSync(join(parent, NAME));
  // A server that refuses root runs as somebody else, in a folder of its own below this one.
  chmodSync(folder, 0o711);
  return folder;
}

/** What cannot be taken away keeps no test from running: it may have been mounted by one that was killed. */
function takeAway(folder: string): void {
  try {
    // A process that is about to end may still write there.
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  } catch (error) {
    console.warn(`${folder} is left behind: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** Never, of one that is somebody else's, or that another run has just taken away. */
function ownTouchedAt(folder: string): number {
  const found = statSync(folder, { throwIfNoEntry: false });
  const isOwn = found !== undefined && (process.getuid === undefined || found.uid === process.getuid());
  return isOwn ? found.mtimeMs : Number.POSITIVE_INFINITY;
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

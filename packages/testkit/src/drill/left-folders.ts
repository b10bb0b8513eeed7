import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Begins the name of a trial's folder; the process follows. */
const PREFIX = 'tenon-drill-';
const NAME = /^tenon-drill-(\d+)-/;
/** A trial ends in far less, or its process is no more; and what seems gone may be a process that is not seen from here. */
const UNTOUCHED_MS = 60_000;

/** What the folder of a trial of this process is called, to which something of its own is added. */
export function folderName(): string {
  return `${PREFIX}${process.pid}-`;
}

/** Removes the folders of trials of which the process was killed, a minute before `own` was made or longer. */
export function sweepLeftFolders(folder: string, own: string): void {
  const nowMs = statSync(own).mtimeMs;
  for (const name of readdirSync(folder)) {
    const pid = Number(NAME.exec(name)?.[1]);
    const path = join(folder, name);
    if (!Number.isInteger(pid) || isThere(pid) || nowMs - touchedMs(path) < UNTOUCHED_MS) continue;
    rmSync(path, { recursive: true, force: true });
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Any other refusal comes from one that is there, and another user's.
    return !(error instanceof Error && 'code' in error && error.code === 'ESRCH');
  }
}

/** Without end where another drill has taken it away meanwhile. */
function touchedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
}

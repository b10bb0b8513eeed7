import { closeSync, fsyncSync, openSync } from 'node:fs';

/** What was written into the file is on the disk. */
export function syncFile(file: string): void {
  sync(file, 'r+');
}

/**
 * Names that were given, changed or taken away in the folder are on the disk: syncing the files does not see to it. Where a file system
 * cannot be asked for that (Windows, CIFS and other mounts), names are as safe as it makes them; a disk that fails throws.
 */
export function syncFolder(folder: string): void {
  try {
    sync(folder, 'r');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && UNSUPPORTED.has(String(error.code)))) throw error;
  }
}

/** Said of a folder that cannot be opened as a file, or of a sync that there is not. */
const UNSUPPORTED: ReadonlySet<string> = new Set(['EINVAL', 'ENOTSUP', 'EBADF', 'EISDIR', 'EACCES', 'EPERM']);

function sync(path: string, flags: 'r' | 'r+'): void {
  const handle = openSync(path, flags);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

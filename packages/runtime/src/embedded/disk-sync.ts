import { closeSync, fsyncSync, openSync } from 'node:fs';

/** What was written into the file is on the disk. */
export function syncFile(file: string): void {
  sync(file, 'r+');
}

/** Names that were given, changed or taken away in the folder are on the disk: syncing the files does not see to it. */
export function syncFolder(folder: string): void {
  sync(folder, 'r');
}

function sync(path: string, flags: 'r' | 'r+'): void {
  const handle = openSync(path, flags);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

import { closeSync, openSync } from 'node:fs';

/**
 * Makes a file that its owner alone may read, as keys and tokens are: what runs carry is somebody's. SQLite gives its log the mode of the
 * database. One that is there stays as it is: whoever let a group read it had a reason.
 */
export function makeOwn(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
}

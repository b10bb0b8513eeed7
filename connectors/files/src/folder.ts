/** A file as a listing shows it. */
export interface FileSeen {
  readonly name: string;
  readonly bytes: number;
  readonly modifiedMs: number;
}

/** What is asked of a place with files, here or on another machine. Paths are relative to its base, parted by `/`. */
export interface Folder {
  /** The plain files of a folder, by name. */
  list(path: string): Promise<readonly FileSeen[]>;
  read(path: string): AsyncIterable<Uint8Array>;
  /** A whole file, on disk when it resolves where the other side can say so; takes the place of what was there. */
  write(path: string, bytes: Uint8Array): Promise<void>;
  /** In one step; takes the place of what was there. Rejects with `Gone` when `from` is not there. */
  replace(from: string, to: string): Promise<void>;
  /** Only where nothing is: `false` where something is. Never half of it, but for a moment there may be both. */
  place(from: string, to: string): Promise<boolean>;
  /** `false`: it was not there. */
  remove(path: string): Promise<boolean>;
  makeFolder(path: string): Promise<void>;
  /** Resolves when the connection has ended by itself. */
  readonly ended: Promise<void>;
  close(): Promise<void>;
}

/** The file is not there, or not any more. */
export class Gone extends Error {
  readonly code = 'ENOENT';
}

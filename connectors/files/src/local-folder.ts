import { createReadStream } from 'node:fs';
import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileSeen, type Folder, Gone } from './folder.ts';

/** A folder of this machine, or of a share that is mounted here. */
export function localFolder(base: string): Folder {
  const at = (path: string): string => join(base, path);
  return {
    list: async (path) => {
      const entries = await readdir(at(path), { withFileTypes: true }).catch(goneOr);
      const seen: FileSeen[] = [];
      for (const entry of entries) {
        if (!entry.isFile()) continue;
        const { size, mtimeMs } = await stat(at(`${path}/${entry.name}`));
        seen.push({ name: entry.name, bytes: size, modifiedMs: Math.floor(mtimeMs) });
      }
      return seen.sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: (path) => createReadStream(at(path)),
    write: async (path, bytes) => {
      // Made anew: what lies there, of an attempt before or a link that another user of the share put there, is not written through.
      await unlink(at(path)).catch((error: unknown) => {
        if (codeOf(error) !== 'ENOENT') throw error;
      });
      const file = await open(at(path), 'wx', 0o640).catch(goneOr);
      try {
        await file.writeFile(bytes);
        await file.sync();
      } finally {
        await file.close();
      }
    },
    replace: (from, to) => rename(at(from), at(to)).catch(goneOr),
    place: async (from, to) => {
      // A link is made only where nothing is; `rename` would take its place.
      const isPlaced = await link(at(from), at(to)).then(
        () => true,
        (error: unknown) => (codeOf(error) === 'EEXIST' ? false : goneOr(error)),
      );
      if (isPlaced) await unlink(at(from));
      return isPlaced;
    },
    remove: (path) =>
      unlink(at(path)).then(
        () => true,
        (error: unknown) => {
          if (codeOf(error) === 'ENOENT') return false;
          throw error;
        },
      ),
    makeFolder: (path) =>
      mkdir(at(path)).catch((error: unknown) => {
        if (codeOf(error) !== 'EEXIST') goneOr(error);
      }),
    ended: new Promise(() => {}),
    close: async () => {},
  };
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

function goneOr(error: unknown): never {
  throw codeOf(error) === 'ENOENT' ? new Gone() : error;
}

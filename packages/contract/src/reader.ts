import { readFile, realpath } from 'node:fs/promises';
import { isAbsolute, relative, resolve, sep } from 'node:path';

/** Reads a file of the workspace; never the network. `undefined` when there is no such file. */
export interface FileReader {
  read(file: string): Promise<string | undefined>;
}

/** Reads below `root` only: a path that leads out of it, by `..` or by a symbolic link, is not found. */
export function nodeFileReader(root: string): FileReader {
  return {
    read: async (file) => {
      const path = resolve(root, file);
      if (!isBelow(resolve(root), path)) return undefined;
      try {
        const [realRoot, realPath] = await Promise.all([realpath(root), realpath(path)]);
        if (!isBelow(realRoot, realPath)) return undefined;
        return await readFile(realPath, 'utf8');
      } catch (caught) {
        if (isMissing(caught)) return undefined;
        throw caught;
      }
    },
  };
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** No such file, a folder where a file was meant, or a name that no file can have. */
export function isMissing(caught: unknown): boolean {
  const code = caught instanceof Error && 'code' in caught ? caught.code : undefined;
  return typeof code === 'string' && MISSING.has(code);
}

const MISSING: ReadonlySet<string> = new Set([
  'ENOENT',
  'EISDIR',
  'ENOTDIR',
  'ENAMETOOLONG',
  'ELOOP',
  // A zero byte in it.
  'ERR_INVALID_ARG_VALUE',
]);

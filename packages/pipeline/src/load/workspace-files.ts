import { type Dirent, promises as fs } from 'node:fs';
import path from 'node:path';
import { type FileReader, isMissing } from '@tenon/contract';
import { compareText } from '@tenon/model';

/** A workspace's files: on disk, in memory (tests), or on disk under an editor's unsaved texts (language server). */
export interface WorkspaceFiles extends FileReader {
  /** Names of the files (not folders) in a folder, sorted; none when there is no such folder. */
  files(folder: string): Promise<readonly string[]>;
  /** Names of the folders in a folder, sorted. */
  folders(folder: string): Promise<readonly string[]>;
}

/**
 * Files below `root`; a name that leads out of it is not found, whether by `..`, an absolute path or a link. Below
 * `node_modules` links are followed: they are how installers put packages there.
 */
export function nodeWorkspaceFiles(root: string): WorkspaceFiles {
  const base = path.resolve(root);
  const resolve = async (name: string): Promise<string | undefined> => {
    const full = path.resolve(base, name);
    if (!isBelow(full, base)) return undefined;
    if (isBelow(full, path.join(base, 'node_modules'))) return full;
    const [real, realBase] = await Promise.all([fs.realpath(full), fs.realpath(base)]);
    return isBelow(real, realBase) ? real : undefined;
  };
  const reading = async <T>(name: string, read: (full: string) => Promise<T>): Promise<T | undefined> => {
    try {
      const full = await resolve(name);
      return full === undefined ? undefined : await read(full);
    } catch (thrown) {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    }
  };
  const listing = async (folder: string, wanted: (item: Dirent) => boolean): Promise<readonly string[]> => {
    const items = await reading(folder, (full) => fs.readdir(full, { withFileTypes: true }));
    return (items ?? [])
      .filter(wanted)
      .map((item) => item.name)
      .sort(compareText);
  };
  return {
    read: (file) => reading(file, (full) => fs.readFile(full, 'utf8')),
    files: (folder) => listing(folder, (item) => item.isFile()),
    folders: (folder) => listing(folder, (item) => item.isDirectory() || item.isSymbolicLink()),
  };
}

function isBelow(full: string, base: string): boolean {
  return full === base || full.startsWith(base + path.sep);
}

/** Files held in memory, by path with `/` between its parts. */
export function memoryWorkspaceFiles(texts: Readonly<Record<string, string>>): WorkspaceFiles {
  const names = Object.keys(texts);
  const below = (folder: string): string[] => {
    const prefix = folder === '' || folder === '.' ? '' : `${folder}/`;
    return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
  };
  return {
    read: async (file) => (Object.hasOwn(texts, file) ? texts[file] : undefined),
    files: async (folder) =>
      below(folder)
        .filter((name) => !name.includes('/'))
        .sort(compareText),
    folders: async (folder) =>
      [...new Set(below(folder).flatMap((name) => (name.includes('/') ? name.split('/')[0]! : [])))].sort(
        compareText,
      ),
  };
}

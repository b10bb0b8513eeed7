import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, dirname, isAbsolute, join, posix, relative, resolve, sep } from 'node:path';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import {
  type Contract,
  type ContractSource,
  type FileReader,
  loadContract,
  nodeFileReader,
} from '@tenon/contract';
import type { Checked, Diagnostic } from '@tenon/model';
import { cliDiagnostic } from '../cli-rules.ts';

const run = promisify(execFile);
const unzip = promisify(gunzip);
/** Largest contract document read out of git, or unpacked. */
const DOCUMENT_BYTES_MAX = 256 * 1024 * 1024;
const DOCUMENT = /(^|\/)(openapi|asyncapi)\.(ya?ml|json)$/;

/** Contracts as they stood somewhere else: in a git ref or in another folder. */
export interface ContractBase {
  /** What it is, for the report: `origin/main`, `../before`. */
  readonly name: string;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly diagnostics: readonly Diagnostic[];
  /** Any other file as it stood there, by its path in the workspace. */
  read(path: string): Promise<string | undefined>;
  /** Files in a folder and below that may have stood there otherwise than here, by their paths in the workspace. */
  changedIn(folder: string): Promise<readonly string[]>;
}

/** Texts read, by the name they go by in diagnostics: the base of a comparison is not where its file name says. */
export type ReadTexts = Map<string, string>;

/** Loads one document alone; `.gz` is unpacked. References beside it are followed, `contract.yaml` beside it is read. */
export async function loadFile(
  path: string,
  name: string,
  cwd: string,
  texts: ReadTexts,
): Promise<Checked<Contract>> {
  const folder = dirname(resolve(cwd, path));
  const shown = posix.dirname(path.replaceAll('\\', '/'));
  const names: readonly string[] = await readdir(folder).catch(() => []);
  const as = (file: string): string => (shown === '.' ? file : `${shown}/${file}`);
  const source = {
    name,
    document: as(basename(path)),
    ...(names.includes('contract.yaml') && { policy: as('contract.yaml') }),
    ...(names.includes('overlay.yaml') && { overlay: as('overlay.yaml') }),
  };
  return loadContract(source, {
    // The document itself was named by whoever asks, and may be a link to anywhere; what it refers to may not.
    read: (file) =>
      file === source.document
        ? rememberIfThere(texts, file, readText(resolve(cwd, file)))
        : readNamed(file, resolve(cwd, file), folder, texts),
  });
}

/**
 * Loads one document as it stands in a git ref, with what it refers to and what stands beside it there. `undefined`
 * where `ref` names no commit of the repository around `cwd`.
 */
export async function loadFileOfRef(
  ref: string,
  path: string,
  name: string,
  cwd: string,
  texts: ReadTexts,
): Promise<Checked<Contract> | undefined> {
  const way = relative(cwd, resolve(cwd, path)).replaceAll('\\', '/');
  const folder = posix.dirname(way);
  const git = await gitFiles(ref, cwd, folder);
  if (!git) return undefined;
  if (!git.files.includes(way)) return { diagnostics: [baseLacks(ref, way)] };
  const as = (file: string): string => `${ref}:${posix.join(folder, file)}`;
  const beside = (file: string): string | undefined =>
    git.files.includes(posix.join(folder, file)) ? as(file) : undefined;
  const [policy, overlay] = [beside('contract.yaml'), beside('overlay.yaml')];
  return loadContract(
    { name, document: as(posix.basename(way)), ...(policy && { policy }), ...(overlay && { overlay }) },
    {
      read: async (file) => {
        const within = file.startsWith(`${ref}:`) ? file.slice(ref.length + 1) : undefined;
        return within === undefined ? undefined : remember(texts, file, await git.read(within));
      },
    },
  );
}

/** A contract of the workspace as it stands; `prefix` goes before the names of its files, whose texts are kept. */
export function loadUnder(
  prefix: string,
  name: string,
  document: string,
  root: string,
  texts: ReadTexts,
): Promise<Checked<Contract>> {
  const read = (file: string) => readNamed(`${prefix}${file}`, join(root, file), root, texts);
  return loadContract(sourceOf(name, document, root, prefix), {
    read: async (file) => (file.startsWith(prefix) ? read(file.slice(prefix.length)) : undefined),
  });
}

/** A contract of the workspace as it would be with some of its files changed, or there at all. */
export function loadChanged(
  name: string,
  document: string,
  root: string,
  changed: ReadonlyMap<string, string>,
): Promise<Checked<Contract>> {
  const files = nodeFileReader(root);
  return loadContract(sourceOf(name, document, root, '', changed), {
    read: async (file) => changed.get(file) ?? files.read(file),
  });
}

function sourceOf(
  name: string,
  document: string,
  root: string,
  prefix: string,
  changed: ReadonlyMap<string, string> = new Map(),
): ContractSource {
  const folder = posix.dirname(document);
  const isThere = (path: string): boolean => changed.has(path) || existsSync(join(root, path));
  const beside = (file: string): string | undefined =>
    isThere(`${folder}/${file}`) ? `${prefix}${folder}/${file}` : undefined;
  const [policy, overlay] = [beside('contract.yaml'), beside('overlay.yaml')];
  return { name, document: `${prefix}${document}`, ...(policy && { policy }), ...(overlay && { overlay }) };
}

/** The text of a document; one that ends in `.gz` is unpacked. */
export async function readText(path: string): Promise<string> {
  const bytes = await readFile(path);
  if (!path.endsWith('.gz')) return bytes.toString('utf8');
  return (await unzip(bytes, { maxOutputLength: DOCUMENT_BYTES_MAX })).toString('utf8');
}

async function rememberIfThere(
  texts: ReadTexts,
  name: string,
  reading: Promise<string>,
): Promise<string | undefined> {
  return remember(texts, name, await reading.catch(() => undefined));
}

/** Reads below `root` only: a way out of it, by `..` or by a symbolic link, is not found. */
async function readNamed(
  name: string,
  path: string,
  root: string,
  texts: ReadTexts,
): Promise<string | undefined> {
  if (!isBelow(root, path)) return undefined;
  try {
    const [realRoot, realPath] = await Promise.all([realpath(root), realpath(path)]);
    if (!isBelow(realRoot, realPath)) return undefined;
    return await rememberIfThere(texts, name, readText(realPath));
  } catch {
    return undefined;
  }
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path);
  return way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** Loads `contracts/` of a folder (a workspace) or of a git ref of the repository around `root`. */
export async function loadBase(
  against: string,
  root: string,
  cwd: string,
  texts: ReadTexts,
): Promise<ContractBase> {
  const path = resolve(cwd, against);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) {
    const shown = against.replaceAll('\\', '/').replace(/\/$/, '');
    const read = (file: string) => readNamed(`${shown}/${file}`, join(path, file), path, texts);
    const changedIn = (folder: string) => filesBelow(path, folder);
    return {
      ...(await loadFolders(against, await filesBelow(path, 'contracts'), read, `${shown}/`)),
      read,
      changedIn,
    };
  }
  const git = await gitFiles(against, root);
  if (git) {
    const read = async (file: string) => remember(texts, `${against}:${file}`, await git.read(file));
    const { changedIn } = git;
    return { ...(await loadFolders(against, git.files, read, `${against}:`)), read, changedIn };
  }
  return {
    name: against,
    contracts: new Map(),
    read: async () => undefined,
    changedIn: async () => [],
    diagnostics: [baseUnreadable(against)],
  };
}

export function baseLacks(against: string, document: string): Diagnostic {
  return cliDiagnostic('diff-base-lacks-document', {
    message: `${document} is not in ${against}: nothing was compared`,
    subject: document,
  });
}

export function baseUnreadable(against: string): Diagnostic {
  return cliDiagnostic('diff-base-unreadable', {
    message: `${against} is no file, no folder and no git ref here`,
  });
}

/** `prefix` goes before every file name, so that a place in the base is not taken for one in the workspace. */
async function loadFolders(
  name: string,
  files: readonly string[],
  read: (file: string) => Promise<string | undefined>,
  prefix: string,
): Promise<Omit<ContractBase, 'read' | 'changedIn'>> {
  const reader: FileReader = {
    read: async (file) => (file.startsWith(prefix) ? read(file.slice(prefix.length)) : undefined),
  };
  const loaded = await Promise.all(
    files
      .filter((file) => DOCUMENT.test(file))
      .map(async (document) => {
        const folder = posix.dirname(document);
        const beside = (file: string): string | undefined =>
          files.includes(`${folder}/${file}`) ? `${prefix}${folder}/${file}` : undefined;
        const overlay = beside('overlay.yaml');
        const policy = beside('contract.yaml');
        const contract = posix.basename(folder);
        const result = await loadContract(
          {
            name: contract,
            document: `${prefix}${document}`,
            ...(overlay && { overlay }),
            ...(policy && { policy }),
          },
          reader,
        );
        return [contract, result] as const;
      }),
  );
  const contracts = new Map<string, Contract>();
  for (const [contract, { value }] of loaded) if (value) contracts.set(contract, value);
  // What was wrong with the version before is not this change's doing; only what could not be read at all is said.
  const unreadable = loaded.filter(([, { value }]) => !value).flatMap(([, { diagnostics }]) => diagnostics);
  return { name, contracts, diagnostics: unreadable };
}

async function filesBelow(root: string, folder: string): Promise<string[]> {
  const entries = await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

/** Files of a folder in a git ref, read through git: the work tree is not touched. */
async function gitFiles(
  ref: string,
  root: string,
  folder = 'contracts',
): Promise<({ readonly files: string[] } & Pick<ContractBase, 'read' | 'changedIn'>) | undefined> {
  // A ref never begins with a dash, and git must not take one for an option.
  if (ref.startsWith('-')) return undefined;
  const git = (...args: string[]) => run('git', args, { cwd: root, maxBuffer: DOCUMENT_BYTES_MAX });
  try {
    await git('rev-parse', '--verify', '--quiet', `${ref}^{commit}`);
    const { stdout } = await git('ls-tree', '-r', '-z', '--name-only', ref, '--', `${folder}/`);
    const files = stdout.split('\0').filter(Boolean).sort();
    const read = async (file: string) => {
      // Listed are contracts alone; of anything else git itself says that it is not there.
      if (file.startsWith('contracts/') && !files.includes(file)) return undefined;
      const shown = await git('show', `${ref}:./${file}`).catch(() => undefined);
      return shown?.stdout;
    };
    // One process tells of all of them, where to read each takes one.
    const changedIn = async (within: string) => {
      const names = [
        'diff',
        '--name-only',
        '--no-ext-diff',
        '--no-renames',
        '--relative',
        '-z',
        ref,
        '--',
        `${within}/`,
      ];
      return (await git(...names)).stdout.split('\0').filter(Boolean);
    };
    return { files, read, changedIn };
  } catch {
    return undefined;
  }
}

function remember(texts: ReadTexts, name: string, text: string | undefined): string | undefined {
  if (text !== undefined) texts.set(name, text);
  return text;
}

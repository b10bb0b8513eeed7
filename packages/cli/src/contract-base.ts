import { execFile } from 'node:child_process';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { type Contract, type FileReader, loadContract, nodeFileReader } from '@tenon/contract';
import type { Checked, Diagnostic } from '@tenon/model';
import { cliDiagnostic } from './rules.ts';

const run = promisify(execFile);
/** Largest contract document read out of git. */
const GIT_FILE_BYTES_MAX = 256 * 1024 * 1024;
const DOCUMENTS = [
  'openapi.yaml',
  'openapi.yml',
  'openapi.json',
  'asyncapi.yaml',
  'asyncapi.yml',
  'asyncapi.json',
];

/** Contracts as they stood somewhere else: in a git ref, in another folder, or in one file. */
export interface ContractBase {
  /** What it is, for the report: `origin/main`, `../before`. */
  readonly name: string;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly diagnostics: readonly Diagnostic[];
}

/** Loads one document alone. */
export async function loadFile(path: string, name: string, cwd: string): Promise<Checked<Contract>> {
  const file = resolve(cwd, path);
  const folder = dirname(file);
  return loadContract({ name, document: basename(file) }, nodeFileReader(folder));
}

/** Loads `contracts/` of a folder (a workspace, or its `contracts` folder) or of a git ref of the repository around `root`. */
export async function loadBase(against: string, root: string, cwd: string): Promise<ContractBase> {
  const path = resolve(cwd, against);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory()) return loadFolders(against, await folderFiles(path), nodeFileReader(path));
  const git = await gitReader(against, root);
  if (git) return loadFolders(against, git.files, git.reader);
  return {
    name: against,
    contracts: new Map(),
    diagnostics: [
      cliDiagnostic('diff-base-unreadable', { message: `${against} is neither a folder nor a git ref here` }),
    ],
  };
}

async function loadFolders(
  name: string,
  files: readonly string[],
  reader: FileReader,
): Promise<ContractBase> {
  const loaded = await Promise.all(
    files
      .filter((file) => DOCUMENTS.includes(basename(file)))
      .map(async (document) => {
        const folder = dirname(document);
        const beside = (file: string): string | undefined =>
          files.includes(`${folder}/${file}`) ? `${folder}/${file}` : undefined;
        const overlay = beside('overlay.yaml');
        const policy = beside('contract.yaml');
        const contract = basename(folder);
        const result = await loadContract(
          { name: contract, document, ...(overlay && { overlay }), ...(policy && { policy }) },
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

async function folderFiles(root: string): Promise<string[]> {
  const entries = await readdir(join(root, 'contracts'), { recursive: true, withFileTypes: true }).catch(
    () => [],
  );
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
    .sort();
}

/** Files of `contracts/` in a git ref, read through git: the work tree is not touched. */
async function gitReader(
  ref: string,
  root: string,
): Promise<{ files: string[]; reader: FileReader } | undefined> {
  // A ref never begins with a dash, and git must not take one for an option.
  if (ref.startsWith('-')) return undefined;
  try {
    const { stdout } = await run('git', ['ls-tree', '-r', '-z', '--name-only', ref, '--', 'contracts'], {
      cwd: root,
      maxBuffer: GIT_FILE_BYTES_MAX,
    });
    const files = stdout.split('\0').filter(Boolean).sort();
    const reader: FileReader = {
      read: async (file) => {
        if (!files.includes(file)) return undefined;
        const shown = await run('git', ['show', `${ref}:./${file}`], {
          cwd: root,
          maxBuffer: GIT_FILE_BYTES_MAX,
        });
        return shown.stdout;
      },
    };
    return { files, reader };
  } catch {
    return undefined;
  }
}

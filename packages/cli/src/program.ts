import { basename, delimiter, join, sep } from 'node:path';

/** How this process was started, as far as it tells how to start the next. */
export interface Start {
  readonly execPath: string;
  readonly execArgv: readonly string[];
  /** The script. */
  readonly script: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  isFile(path: string): boolean;
}

/**
 * What a shell takes for `tenon`, the way it was started: most who begin have none on their PATH, and a package manager puts
 * its own there only for as long as it runs.
 */
export function programOf({ execPath, execArgv, script, env, isFile }: Start): string {
  const manager = managerOf(env);
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  // A package manager that npx has fetched stays on the PATH for as long as it runs.
  const ofShell = folders.filter((folder) => !folder.endsWith(BIN));
  const pnpm = (): string =>
    ofShell.some((folder) => isFile(join(folder, 'pnpm'))) ? 'pnpm' : `npx --yes ${pnpmOf(env)}`;
  if (env['npm_command'] === 'dlx') return `${pnpm()} dlx tenon`;
  if (manager === 'pnpm') return `${pnpm()} tenon`;
  if (manager === 'yarn') return isYarnDlx(env) ? 'yarn dlx tenon' : 'yarn tenon';
  if (env['npm_command'] === 'exec' || env['npm_lifecycle_event'] === 'npx') return 'npx tenon';
  const isManaged = manager !== undefined || env['npm_lifecycle_event'] !== undefined;
  const lasting = isManaged ? ofShell : folders;
  if (lasting.some((folder) => isFile(join(folder, 'tenon')))) return 'tenon';
  if (script.endsWith(join(BIN, 'tenon'))) return isManaged ? 'npx tenon' : quoted(script);
  // pnpm starts the file itself, deep in its store of packages; what it is meant to be started by is short, and stays.
  const own = script.slice(0, script.indexOf(`${sep}node_modules${sep}`) + 1);
  if (own !== '' && isFile(join(own, BIN, 'tenon')))
    return isManaged ? 'npx tenon' : quoted(join(own, BIN, 'tenon'));
  const node = lasting.some((folder) => join(folder, basename(execPath)) === execPath) ? 'node' : execPath;
  return [node, ...execArgv, script].map(quoted).join(' ');
}

/** Yarn says it by nothing but the project that it makes for it. */
function isYarnDlx(env: Start['env']): boolean {
  return /[\\/]dlx-\d+$/.test(env['PROJECT_CWD'] ?? '');
}

/** Of a script of a package, too: its folder has the package manager's commands. */
function managerOf(env: Start['env']): string | undefined {
  return env['npm_config_user_agent']?.match(/^[^/]+/)?.[0];
}

/** Of the version that runs, as a registry names it. */
function pnpmOf(env: Start['env']): string {
  const major = env['npm_config_user_agent']?.match(/^pnpm\/(\d+)/)?.[1];
  return major === undefined ? 'pnpm' : `pnpm@${major}`;
}

/** Is that a command of a package, which is found from its folder alone? */
export function isOfPackage(program: string): boolean {
  return /^(npx|pnpm|yarn) /.test(program);
}

const BIN = join('node_modules', '.bin');

/** As one word of a shell. */
export function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

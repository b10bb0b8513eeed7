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
  if (env['npm_command'] === 'dlx') return 'pnpm dlx tenon';
  if (manager === 'pnpm' || manager === 'yarn') return `${manager} tenon`;
  if (env['npm_command'] === 'exec' || env['npm_lifecycle_event'] === 'npx') return 'npx tenon';
  const isManaged = manager !== undefined || env['npm_lifecycle_event'] !== undefined;
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const lasting = isManaged ? folders.filter((folder) => !folder.endsWith(BIN)) : folders;
  if (lasting.some((folder) => isFile(join(folder, 'tenon')))) return 'tenon';
  if (script.endsWith(join(BIN, 'tenon'))) return isManaged ? 'npx tenon' : quoted(script);
  // pnpm starts the file itself, deep in its store of packages; what it is meant to be started by is short, and stays.
  const own = script.slice(0, script.indexOf(`${sep}node_modules${sep}`) + 1);
  if (own !== '' && isFile(join(own, BIN, 'tenon')))
    return isManaged ? 'npx tenon' : quoted(join(own, BIN, 'tenon'));
  const node = lasting.some((folder) => join(folder, basename(execPath)) === execPath) ? 'node' : execPath;
  return [node, ...execArgv, script].map(quoted).join(' ');
}

/** Of a script of a package, too: its folder has the package manager's commands. */
function managerOf(env: Start['env']): string | undefined {
  return env['npm_config_user_agent']?.match(/^[^/]+/)?.[0];
}

const BIN = join('node_modules', '.bin');

/** As one word of a shell. */
export function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

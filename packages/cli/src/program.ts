import { basename, delimiter, join } from 'node:path';

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
  const isManaged = env['npm_lifecycle_event'] !== undefined || env['npm_command'] !== undefined;
  if (env['npm_command'] === 'exec' || env['npm_lifecycle_event'] === 'npx')
    return env['npm_config_user_agent']?.startsWith('pnpm/') ? 'pnpm exec tenon' : 'npx tenon';
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const lasting = isManaged ? folders.filter((folder) => !folder.endsWith(BIN)) : folders;
  if (lasting.some((folder) => isFile(join(folder, 'tenon')))) return 'tenon';
  if (script.endsWith(join(BIN, 'tenon'))) return quoted(script);
  const node = lasting.some((folder) => join(folder, basename(execPath)) === execPath) ? 'node' : execPath;
  return [node, ...execArgv, script].map(quoted).join(' ');
}

const BIN = join('node_modules', '.bin');

/** As one word of a shell. */
export function quoted(word: string): string {
  return /^[\w./:=@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

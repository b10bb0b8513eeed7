import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TOKEN_FILE } from '../client/operations-client.ts';

const MAIN = join(import.meta.dirname, '../main.ts');
export const SHOP_ENV: Readonly<Record<string, string>> = {
  SHOP_URL: 'http://127.0.0.1:9',
  SHOP_KEY: 'k',
  SHOP_WEBHOOK_SECRET: 'whsec_c2VjcmV0',
};

export interface ServeProcess {
  readonly url: string;
  readonly token: string;
  /** Lines of its log. */
  readonly lines: readonly string[];
  stop(signal?: NodeJS.Signals): Promise<void>;
}

/** A `tenon serve` of its own, as an operator starts it. */
export async function serveProcess(
  folder: string,
  env: Readonly<Record<string, string>> = SHOP_ENV,
): Promise<ServeProcess> {
  const child = spawn(process.execPath, ['--conditions=source', MAIN, 'serve', '--port', '0'], {
    cwd: folder,
    // So that it does not begin anew with another young generation.
    env: { ...process.env, NODE_OPTIONS: '--max-semi-space-size=16', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  child.stderr.on('data', (text) => lines.push(String(text)));
  const ended = once(child, 'exit');
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      const said: { readonly kind?: string; readonly url?: string } = JSON.parse(line);
      if (said.kind === 'serving') resolve(String(said.url));
    });
    void ended.then(() => reject(new Error(lines.join('\n'))));
  });
  const token = (await readFile(join(folder, TOKEN_FILE), 'utf8')).trim();
  return {
    url,
    token,
    lines,
    stop: async (signal = 'SIGTERM') => {
      child.kill(signal);
      await ended;
    },
  };
}

import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export const repoRoot: string = join(import.meta.dirname, '../../../..');

/** One line of `tenon serve`: a ledger entry, or a line of the server's own. */
export interface LogLine {
  readonly kind?: string;
  readonly code?: string;
  readonly message?: string;
  readonly url?: string;
  readonly runId?: string;
  readonly pipeline?: string;
  readonly step?: string;
  readonly connection?: string;
  readonly attempt?: number;
  readonly details?: Readonly<Record<string, unknown>>;
}

const WAIT_MS = 20_000;
const START_MS = 30_000;

/** A real `tenon serve` process: started, watched through its log, killed, started again on the same database. */
export class TenonProcess {
  readonly #env: Readonly<Record<string, string>>;
  readonly engineFile: string;
  readonly #root: string;
  readonly #listeners = new Set<(line: LogLine) => void>();
  #child: ChildProcess | undefined;
  #stderr = '';
  readonly lines: LogLine[] = [];
  url = '';

  /** `root` is the workspace that it serves: this repository, or one of a test's own. */
  constructor(engineFile: string, env: Readonly<Record<string, string>>, root: string = repoRoot) {
    this.engineFile = engineFile;
    this.#root = root;
    this.#env = env;
  }

  get pid(): number | undefined {
    return this.#child?.pid;
  }

  onLine(listener: (line: LogLine) => void): void {
    this.#listeners.add(listener);
  }

  async start(): Promise<void> {
    const args = [
      '--conditions=source',
      join(repoRoot, 'packages/cli/src/main.ts'),
      'serve',
      '--port',
      '0',
      '--engine-file',
      this.engineFile,
    ];
    const child = spawn(process.execPath, args, {
      cwd: this.#root,
      env: { ...process.env, ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#stderr = '';
    child.stderr.on('data', (chunk: Buffer) => {
      this.#stderr += chunk.toString();
    });
    createInterface({ input: child.stdout }).on('line', (text) => {
      const line = JSON.parse(text) as LogLine;
      this.lines.push(line);
      for (const listener of this.#listeners) listener(line);
    });
    const serving = this.waitFor((line) => line.kind === 'serving', 'tenon serve to come up', START_MS);
    const died = new Promise<never>((_, reject) => {
      child.once('exit', (code) => reject(new Error(`tenon serve ended with ${code}:\n${this.#stderr}`)));
    });
    died.catch(() => {});
    this.url = (await Promise.race([serving, died])).url ?? '';
  }

  /** The next line (or one seen since `since`) that fits. */
  waitFor(
    fits: (line: LogLine) => boolean,
    what: string,
    withinMs: number = WAIT_MS,
    since: number = this.lines.length,
  ): Promise<LogLine> {
    const seen = this.lines.slice(since).find(fits);
    if (seen) return Promise.resolve(seen);
    return new Promise((resolve, reject) => {
      const listener = (line: LogLine): void => {
        if (!fits(line)) return;
        clearTimeout(timer);
        this.#listeners.delete(listener);
        resolve(line);
      };
      const timer = setTimeout(() => {
        this.#listeners.delete(listener);
        reject(new Error(`waited ${withinMs / 1000} s in vain for ${what}\n${this.#stderr}`));
      }, withinMs);
      this.#listeners.add(listener);
    });
  }

  /** SIGKILL: nothing of the process gets to say goodbye. */
  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    await ended;
  }
}

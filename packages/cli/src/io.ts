import type { Random, SteadyClock } from '@tenon/model';

/** All that a command may touch of the process it runs in; tests hand in their own. */
export interface Io {
  /** Data: what a pipe or a script reads. */
  out(text: string): void;
  /** Everything else: progress, summaries, advice. */
  err(text: string): void;
  readonly cwd: string;
  /** Where the shell is, when `--in` has led elsewhere. */
  readonly startedIn?: string;
  /** What a shell takes to start this again; `tenon` where it is not said. */
  readonly program?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Colour on standard output and error; off for `NO_COLOR`, pipes and CI logs. */
  readonly color: boolean;
  /** Columns of the terminal that is standard output; absent where that is none. */
  readonly width?: number;
  readonly clock: SteadyClock;
  readonly random: Random;
  /** The standard streams themselves, for a protocol over them; absent where there are none. */
  readonly streams?: { readonly input: NodeJS.ReadableStream; readonly output: NodeJS.WritableStream };
  /** Resolves at the first SIGINT or SIGTERM. */
  interrupted(): Promise<void>;
}

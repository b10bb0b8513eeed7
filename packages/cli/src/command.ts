import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { didYouMean } from '@tenon/model';
import { CommandError } from './command-error.ts';
import { type ExitCode, exit, exitCodeWords } from './exit.ts';
import type { Io } from './io.ts';
import { answeredAsJson, type Ended } from './json-answer.ts';
import { printable } from './text/printable.ts';
import type { UsageCode } from './usage-rules.ts';
import { toolVersion } from './version.ts';

export interface OptionSpec {
  readonly type: 'string' | 'boolean';
  readonly short?: string;
  readonly multiple?: boolean;
  /** Placeholder in the help text: `<file>`. */
  readonly value?: string;
  readonly help: string;
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  /** One or two words: `check`, `runs ls`. */
  readonly name: string;
  readonly summary: string;
  /** Names of the positional arguments: `<run>` needed, `[dir]` not. */
  readonly positionals?: readonly string[];
  readonly options?: Readonly<Record<string, OptionSpec>>;
  /** It lists by itself, where others have a word for that (`runs ls`). */
  readonly isList?: true;
  /** It runs until it is stopped: what it prints is a log, and what `--format` is of goes to stderr. */
  readonly isLog?: true;
  /** Lines of the help text's "Examples". */
  readonly examples?: readonly string[];
  readonly run: (args: Args, io: Io) => Promise<ExitCode>;
}

export interface Args {
  readonly positionals: readonly string[];
  text(option: string): string | undefined;
  texts(option: string): readonly string[];
  flag(option: string): boolean;
}

/** A mistake in how the command was called: exit code 2, with the sentence and no stack. */
export class UsageError extends Error {
  readonly code: UsageCode;

  constructor(code: UsageCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** As it is said: its code last, where that of an answer of a Tenon stands too. */
function usageWords(code: UsageCode, message: string): string {
  return `${message} (${code})\n`;
}

/** Parses what follows the command's name against its table; throws `UsageError` with a suggestion. */
export function parseCommandArgs(
  command: CommandSpec,
  argv: readonly string[],
  beside: readonly string[] = [],
): Args {
  const options = command.options ?? {};
  let parsed: ReturnType<typeof parseArgs>;
  try {
    parsed = parseArgs({
      args: [...argv],
      allowPositionals: true,
      strict: true,
      options: Object.fromEntries(
        Object.entries(options).map(([name, { type, short, multiple }]) => [
          name,
          { type, ...(short !== undefined && { short }), ...(multiple !== undefined && { multiple }) },
        ]),
      ),
    });
  } catch (error) {
    throw usageErrorOf(error, command);
  }
  for (const [name, spec] of Object.entries(options)) {
    const value = parsed.values[name];
    if (spec.choices && typeof value === 'string' && !spec.choices.includes(value)) {
      const near = didYouMean(value, spec.choices);
      const meant = near === undefined ? '' : `; did you mean ${near}?`;
      throw new UsageError(
        'argument-invalid',
        `--${name} must be one of ${spec.choices.join(', ')}; got ${value}${meant}`,
      );
    }
  }
  checkPositionals(command, parsed.positionals, beside);
  return {
    positionals: parsed.positionals,
    text: (option) => {
      const value = parsed.values[option];
      return typeof value === 'string' ? value : undefined;
    },
    texts: (option) => {
      const value = parsed.values[option];
      return Array.isArray(value) ? value.map(String) : typeof value === 'string' ? [value] : [];
    },
    flag: (option) => parsed.values[option] === true,
  };
}

function usageErrorOf(error: unknown, command: CommandSpec): UsageError {
  const { options = {}, name } = command;
  const message = error instanceof Error ? error.message : String(error);
  const unknown = /Unknown option '(--?[^'=]+)/.exec(message)?.[1];
  if (unknown !== undefined) {
    const isJson = unknown === '--json' && options['format']?.choices?.includes('json');
    const near = isJson ? 'format json' : didYouMean(unknown.replace(/^--?/, ''), Object.keys(options));
    return new UsageError(
      'option-unknown',
      `\`tenon ${name}\` has no option ${unknown}${near ? `; did you mean --${near}?` : ''}`,
    );
  }
  // Of a short name too, which Node says in front of the long one.
  const [, option = '', what] =
    /^Option '(?:-\w, )?--([\w-]+)[^']*' (argument missing|argument is ambiguous|does not take)/.exec(
      message,
    ) ?? [];
  const value = options[option]?.value ?? '<text>';
  switch (what) {
    case 'argument missing':
      return new UsageError('argument-missing', `--${option} needs a value: --${option} ${value}`);
    case 'argument is ambiguous':
      return new UsageError(
        'argument-missing',
        `--${option} needs a value, and what follows is an option; a value that begins with a dash is given as --${option}=-…`,
      );
    case 'does not take':
      return new UsageError('argument-invalid', `--${option} takes no value`);
    default:
      return new UsageError('argument-invalid', message.split('. ')[0]!);
  }
}

/** `beside`: second words of the commands that begin with this one. */
function checkPositionals(command: CommandSpec, given: readonly string[], beside: readonly string[]): void {
  const names = command.positionals ?? [];
  const needed = names.filter((name) => name.startsWith('<'));
  if (given.length < needed.length) {
    throw new UsageError('argument-missing', `\`tenon ${command.name}\` needs ${names[given.length]}`);
  }
  const isOpen = names.at(-1)?.includes('...') ?? false;
  if (!isOpen && given.length > names.length) {
    const word = given[names.length]!;
    const near = didYouMean(word, beside);
    const hint =
      command.isList && LIST_WORDS.has(word)
        ? `: \`tenon ${command.name}\` alone lists`
        : near === undefined
          ? ''
          : `; did you mean \`tenon ${command.name} ${near}\`?`;
    throw new UsageError('argument-unexpected', `\`tenon ${command.name}\` does not take "${word}"${hint}`);
  }
}

/** Of `tenon` itself, before a command. */
const OWN_OPTIONS: readonly string[] = ['--in', '--help', '--version'];

const IN_USAGE = 'usage: tenon [--in <folder>] <command> [options]\n';

const LIST_WORDS: ReadonlySet<string> = new Set(['ls', 'list']);

/** Finds the command that `argv` starts with; the longest name wins. */
export function findCommand(
  commands: readonly CommandSpec[],
  argv: readonly string[],
): { readonly command: CommandSpec; readonly rest: readonly string[] } | undefined {
  for (const words of [2, 1]) {
    const name = argv.slice(0, words).join(' ');
    const command = commands.find((candidate) => candidate.name === name);
    if (command) return { command, rest: argv.slice(words) };
  }
  return undefined;
}

/** Runs one command line and gives its exit code; what was called wrongly is said in one line with what to do. */
export async function runCommandLine(
  commands: readonly CommandSpec[],
  argv: readonly string[],
  io: Io,
): Promise<ExitCode> {
  if (argv[0] === '--in') {
    if (argv[1] === undefined) {
      io.err(`${usageWords('argument-missing', '--in needs a folder')}${IN_USAGE}`);
      return exit.usage;
    }
    const cwd = resolve(io.cwd, argv[1]);
    // A mistyped folder inside a workspace would be looked for upwards, and the command carried out in the wrong one.
    if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) {
      io.err(`${usageWords('argument-unknown', `--in: there is no folder ${argv[1]}`)}${IN_USAGE}`);
      return exit.usage;
    }
    return runCommandLine(commands, argv.slice(2), { ...io, cwd, startedIn: io.startedIn ?? io.cwd });
  }
  if (argv[0] === '--version' || argv[0] === 'version') {
    io.out(`${toolVersion}\n`);
    return exit.clean;
  }
  if (argv.length === 0 || argv[0] === 'help' || argv[0] === '--help' || argv[0] === '-h') {
    const asked = argv.slice(1);
    const named = findCommand(commands, asked);
    const group = groupOf(commands, asked[0]);
    // What there is not is said as where it is called.
    const unknown = asked[group.length > 0 ? 1 : 0];
    if (!named && unknown !== undefined && !unknown.startsWith('-'))
      return runCommandLine(commands, asked, io);
    io.out(
      named
        ? commandHelp(named.command, commands)
        : group.length > 0
          ? groupHelp(asked[0]!, group)
          : overview(commands),
    );
    return exit.clean;
  }
  const found = findCommand(commands, argv);
  if (!found) {
    const group = groupOf(commands, argv[0]);
    if (group.length > 0) {
      if (asksForHelp(argv.slice(1))) {
        io.out(groupHelp(argv[0]!, group));
        return exit.clean;
      }
      const words = secondWords(group);
      const given = argv[1] === undefined || argv[1].startsWith('-') ? undefined : argv[1];
      const near = given === undefined ? undefined : didYouMean(given, words);
      const said =
        given === undefined
          ? `tenon ${argv[0]} needs one of: ${words.join(', ')}`
          : `\`tenon ${argv[0]}\` has no command "${given}"; ${near === undefined ? `one of: ${words.join(', ')}` : `did you mean \`tenon ${argv[0]} ${near}\`?`}`;
      const code = given === undefined ? 'argument-missing' : 'command-unknown';
      io.err(`${usageWords(code, said)}run \`tenon ${argv[0]} --help\` for what each does\n`);
      return exit.usage;
    }
    const isOption = argv[0]!.startsWith('-');
    const near = didYouMean(
      argv[0]!,
      isOption ? OWN_OPTIONS : commands.map((command) => command.name.split(' ')[0]!),
    );
    const what = isOption ? `option ${argv[0]}` : `command "${argv[0]}"`;
    io.err(
      `${usageWords(isOption ? 'option-unknown' : 'command-unknown', `tenon has no ${what}${near ? `; did you mean "${near}"?` : ''}`)}run \`tenon help\` for the list\n`,
    );
    return exit.usage;
  }
  if (asksForHelp(found.rest)) {
    io.out(commandHelp(found.command, commands));
    return exit.clean;
  }
  const { command, rest } = found;
  const beside = secondWords(groupOf(commands, command.name));
  const run = (told: Io): Promise<Ended> => called(command, rest, beside, told);
  return asksForJson(command, rest) ? answeredAsJson(io, run) : (await run(io)).exitCode;
}

/** What is a mistake of the call, or was refused by whom it asked, is said and no failure of the tool. */
async function called(
  command: CommandSpec,
  argv: readonly string[],
  beside: readonly string[],
  io: Io,
): Promise<Ended> {
  try {
    return { exitCode: await command.run(parseCommandArgs(command, argv, beside), io) };
  } catch (error) {
    if (error instanceof UsageError) {
      const { code, message } = error;
      io.err(`${usageWords(code, message)}usage: ${usageOf(command)}; with --help: what each is\n`);
      return { exitCode: exit.usage, error };
    }
    if (!(error instanceof CommandError)) throw error;
    // What is refused may name what others have called so.
    const message = printable(error.message);
    io.err(`${message}\n`);
    return { exitCode: error.exitCode, error: { code: error.code, message } };
  }
}

/** Also of a call that cannot be read otherwise. */
function asksForJson({ options = {}, isLog }: CommandSpec, argv: readonly string[]): boolean {
  if (isLog || !options['format']?.choices?.includes('json')) return false;
  return (
    argv.includes('--format=json') ||
    argv.some((word, nth) => word === '--format' && argv[nth + 1] === 'json') ||
    (options['json'] !== undefined && argv.includes('--json'))
  );
}

/** The commands of two words that begin with this one. */
function groupOf(commands: readonly CommandSpec[], word: string | undefined): readonly CommandSpec[] {
  return commands.filter((command) => command.name.startsWith(`${word} `));
}

function secondWords(group: readonly CommandSpec[]): readonly string[] {
  return group.map(({ name }) => name.split(' ')[1]!);
}

function usageOf({ name, positionals = [], options = {} }: CommandSpec): string {
  const rest = Object.keys(options).length > 0 ? ['[options]'] : [];
  return ['tenon', name, ...positionals, ...rest].join(' ');
}

function asksForHelp(rest: readonly string[]): boolean {
  return rest.includes('--help') || rest.includes('-h');
}

/** A line each, with what it takes. */
function listed(commands: readonly CommandSpec[]): string {
  const calls = commands.map(({ name, positionals = [] }) => [name, ...positionals].join(' '));
  const width = Math.max(...calls.map((call) => call.length)) + 2;
  return commands.map(({ summary }, index) => `  ${calls[index]!.padEnd(width)}${summary}`).join('\n');
}

function groupHelp(word: string, group: readonly CommandSpec[]): string {
  return `Usage: tenon ${word} <command> [options]\n\n${listed(group)}\n\n\`tenon <command> --help\` says what each takes.\n`;
}

function overview(commands: readonly CommandSpec[]): string {
  const width = Math.max(...commands.map((command) => command.name.length)) + 2;
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}${command.summary}`);
  return `tenon: integration as code\n\nUsage: tenon [--in <folder>] <command> [options]\n\n--in goes to that folder first: every other path is relative to it. --version says which Tenon this is.\n\n${lines.join('\n')}\n\n\`tenon <command> --help\` says what each takes.\n\nExit codes: ${exitCodeWords()}\n`;
}

function commandHelp(command: CommandSpec, commands: readonly CommandSpec[]): string {
  const beside = groupOf(commands, command.name);
  const options = Object.entries(command.options ?? {});
  const flags = options.map(([name, spec]) => {
    const short = spec.short ? `-${spec.short}, ` : '';
    const value = spec.type === 'string' ? ` ${spec.value ?? '<text>'}` : '';
    return {
      flag: `${short}--${name}${value}`,
      help: spec.choices ? `${spec.help} (${spec.choices.join(', ')})` : spec.help,
    };
  });
  const width = Math.max(0, ...flags.map(({ flag }) => flag.length)) + 2;
  const parts = [
    command.summary,
    `Usage: ${usageOf(command)}`,
    flags.length > 0 &&
      `Options:\n${flags.map(({ flag, help }) => `  ${flag.padEnd(width)}${help}`).join('\n')}`,
    command.examples && `Examples:\n${command.examples.map((line) => `  ${line}`).join('\n')}`,
    beside.length > 0 && `See also:\n${listed(beside)}`,
  ];
  return `${parts.filter(Boolean).join('\n\n')}\n`;
}

import { systemClock, systemRandom } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { type Args, type CommandSpec, runCommandLine } from './command.ts';
import { exit } from './exit.ts';
import type { Io } from './io.ts';

const calls: Args[] = [];
const commands: CommandSpec[] = [
  {
    name: 'runs ls',
    summary: 'List',
    options: {
      state: { type: 'string', value: '<state>', help: 'in this state', choices: ['failed', 'waiting'] },
      format: { type: 'string', help: 'output', choices: ['human', 'json'] },
      verbose: { type: 'boolean', help: 'more' },
    },
    run: async (args) => {
      calls.push(args);
      return exit.clean;
    },
  },
  { name: 'runs show', summary: 'One of them', positionals: ['<run>'], run: async () => exit.clean },
  { name: 'letters', summary: 'List', isList: true, run: async () => exit.clean },
  { name: 'letters resume', summary: 'Go on', positionals: ['[run]'], run: async () => exit.clean },
  { name: 'explain', summary: 'Explain', positionals: ['<code>'], run: async () => exit.clean },
  { name: 'explain all', summary: 'Explain everything', run: async () => exit.clean },
];

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' };
  const io: Io = {
    out: (text) => {
      said.out += text;
    },
    err: (text) => {
      said.err += text;
    },
    cwd: '/',
    env: {},
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  };
  return { code: await runCommandLine(commands, argv, io), ...said };
}

describe('the command line', () => {
  it('finds commands of two words and hands over their options', async () => {
    expect(await run('runs', 'ls', '--state', 'failed', '--verbose')).toMatchObject({ code: 0, err: '' });
    expect(calls.at(-1)!.text('state')).toBe('failed');
    expect(calls.at(-1)!.flag('verbose')).toBe(true);
  });

  it('tells whoever gives a list a word for listing that it lists without', async () => {
    expect((await run('letters', 'ls')).err).toMatch(
      /^`tenon letters` does not take "ls": `tenon letters` alone lists \(argument-unexpected\)\n/,
    );
    expect((await run('letters', 'all')).err).toMatch(
      /^`tenon letters` does not take "all" \(argument-unexpected\)\n/,
    );
    expect((await run('explain', 'X', 'ls')).err).toMatch(
      /^`tenon explain` does not take "ls" \(argument-unexpected\)\n/,
    );
  });

  it('refuses a folder that is not there instead of looking above it', async () => {
    expect(await run('--in', '/no/such/folder', 'runs', 'ls')).toEqual({
      code: exit.usage,
      out: '',
      err: '--in: there is no folder /no/such/folder (argument-unknown)\nusage: tenon [--in <folder>] <command> [options]\n',
    });
    expect((await run('--in', '/', 'runs', 'ls')).code).toBe(exit.clean);
  });

  it.each([
    [['explian'], 'did you mean "explain"? (command-unknown)\n'],
    [['help', 'explian'], 'did you mean "explain"?'],
    [['help', 'runs', 'lst'], 'did you mean `tenon runs ls`?'],
    [['--in'], '--in needs a folder (argument-missing)\nusage: tenon [--in <folder>] <command>'],
    [['runs'], 'tenon runs needs one of: ls, show (argument-missing)\nrun `tenon runs --help`'],
    [['runs', 'lst'], '`tenon runs` has no command "lst"; did you mean `tenon runs ls`? (command-unknown)\n'],
    [
      ['runs', 'frobnicate'],
      '`tenon runs` has no command "frobnicate"; one of: ls, show (command-unknown)\n',
    ],
    [
      ['letters', 'resum', 'r1'],
      '`tenon letters` does not take "resum"; did you mean `tenon letters resume`?',
    ],
    [['--inn', '/', 'runs', 'ls'], 'tenon has no option --inn; did you mean "--in"? (option-unknown)\n'],
    [['runs', 'ls', '--stat', 'x'], 'has no option --stat; did you mean --state? (option-unknown)\n'],
    [['runs', 'ls', '-x'], 'has no option -x (option-unknown)\n'],
    [['runs', 'ls', '--json'], 'has no option --json; did you mean --format json?'],
    [
      ['runs', 'ls', '--state', 'lost'],
      '--state must be one of failed, waiting; got lost (argument-invalid)\n',
    ],
    [['runs', 'ls', '--state', 'faild'], '; got faild; did you mean failed? (argument-invalid)\n'],
    [['runs', 'ls', '--state'], '--state needs a value: --state <state> (argument-missing)\n'],
    [
      ['runs', 'ls', '--state', '--verbose'],
      '--state needs a value, and what follows is an option; a value that begins with a dash is given as --state=-… (argument-missing)\n',
    ],
    [['runs', 'ls', '--verbose=1'], '--verbose takes no value (argument-invalid)\n'],
    [
      ['runs', 'show'],
      '`tenon runs show` needs <run> (argument-missing)\nusage: tenon runs show <run>; with --help: what each is\n',
    ],
    [['explain'], 'needs <code>'],
    [['explain', 'a', 'b'], 'does not take "b" (argument-unexpected)\n'],
  ])('%j is a usage error that says what to do', async (argv, said) => {
    const result = await run(...argv);
    expect(result.code).toBe(exit.usage);
    expect(result.out).toBe('');
    expect(result.err).toContain(said);
    expect(result.err).not.toContain('    at ');
    expect(result.err.trimEnd().split('\n')).toHaveLength(2);
  });

  it('--in runs a command as if in another folder', async () => {
    expect(await run('--in', 'tmp', 'runs', 'ls')).toMatchObject({ code: 0 });
    expect(await run('--in')).toMatchObject({ code: exit.usage });
  });

  it.each([[['runs', '--help']], [['runs', '-h']], [['help', 'runs']]])(
    '%j lists what a group has, a line each',
    async (argv) => {
      const { code, out, err } = await run(...argv);
      expect({ code, err }).toEqual({ code: exit.clean, err: '' });
      expect(out).toContain('Usage: tenon runs <command> [options]\n');
      expect(out).toContain('  runs ls          List\n  runs show <run>  One of them\n');
      expect(out).not.toContain('explain');
    },
  );

  it('names in the help of a command those of two words that begin with it', async () => {
    expect((await run('explain', '--help')).out).toContain('See also:\n  explain all  Explain everything\n');
    expect((await run('runs', 'ls', '--help')).out).not.toContain('See also');
  });

  it.each(['--version', 'version'])('%s says which Tenon it is', async (word) => {
    const { code, out, err } = await run(word);
    expect({ code, err }).toEqual({ code: exit.clean, err: '' });
    expect(out).toMatch(/^\d+\.\d+\.\d+\S*\n$/);
  });

  it('prints help to stdout and exits clean', async () => {
    expect((await run()).out).toContain('runs ls');
    expect((await run('runs', 'ls', '--help')).out).toContain('--state <state>');
    expect((await run('help', 'explain')).out).toContain('Usage: tenon explain <code>');
    expect((await run('help', 'runs')).out).toContain('Usage: tenon runs <command>');
    expect((await run('--help', '--verbose')).out).toContain('runs ls');
  });
});

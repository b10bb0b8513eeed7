import type { CommandSpec } from '../command.ts';
import { UsageError } from '../command.ts';
import { exit } from '../exit.ts';

/** Shell completion from the command table, so that it can never be behind it. */
export function completionCommand(commands: () => readonly CommandSpec[]): CommandSpec {
  return {
    name: 'completion',
    summary: 'Print a completion script for bash or zsh',
    positionals: ['<shell>'],
    examples: ['source <(tenon completion bash)'],
    run: async (args, io) => {
      const shell = args.positionals[0]!;
      if (shell !== 'bash' && shell !== 'zsh')
        throw new UsageError('argument-invalid', 'completion is for bash or zsh');
      const script = bashScript(commands());
      io.out(shell === 'zsh' ? `autoload -U +X bashcompinit && bashcompinit\n${script}` : script);
      return exit.clean;
    },
  };
}

function bashScript(commands: readonly CommandSpec[]): string {
  const first = [...new Set(commands.map((command) => command.name.split(' ')[0]!))];
  const cases = first.map((word) => {
    const second = commands
      .filter((command) => command.name.startsWith(`${word} `))
      .map((command) => command.name.split(' ')[1]!);
    const flags = commands
      .filter((command) => command.name.split(' ')[0] === word)
      .flatMap((command) => Object.keys(command.options ?? {}).map((name) => `--${name}`));
    return `    ${word}) words="${[...second, ...new Set(flags)].join(' ')}" ;;`;
  });
  return `_tenon() {
  local words
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
    *) words="${first.join(' ')}" ;;
  esac
  [ "$COMP_CWORD" -eq 1 ] && words="${first.join(' ')}"
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _tenon tenon
`;
}

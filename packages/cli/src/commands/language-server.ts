import { type CommandSpec, UsageError } from '../command.ts';
import { exit } from '../exit.ts';

export const languageServerCommand: CommandSpec = {
  name: 'language-server',
  summary: 'Speak the Language Server Protocol over stdin and stdout, for editors',
  options: {
    stdio: {
      type: 'boolean',
      help: 'What editors pass to say where they speak; it is the only way there is',
    },
  },
  run: async (_args, io) => {
    if (!io.streams)
      throw new UsageError(
        'argument-missing',
        'the language server speaks over standard input and output; there are none here',
      );
    const { startLanguageServer } = await import('@tenon/language-server');
    await startLanguageServer(io.streams.input, io.streams.output, io.clock);
    return exit.clean;
  },
};

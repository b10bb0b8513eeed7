import type { CommandSpec } from '../command.ts';

/** First word → the commands that begin with it. A command line loads what its own command needs and no more. */
const loaders: Readonly<Record<string, () => Promise<readonly CommandSpec[]>>> = {
  init: async () => [(await import('./init.ts')).initCommand],
  add: async () => (await import('./add.ts')).addCommands,
  generate: async () => [(await import('./generate.ts')).generateCommand],
  check: async () => [(await import('./check.ts')).checkCommand],
  diff: async () => [(await import('./diff.ts')).diffCommand],
  test: async () => [
    (await import('./test.ts')).testCommand,
    (await import('./test-connector.ts')).testConnectorCommand,
  ],
  drill: async () => [
    (await import('./drill.ts')).drillCommand,
    ...(await import('./drills.ts')).drillsCommands,
  ],
  ci: async () => [(await import('./ci.ts')).ciCommand],
  dev: async () => [(await import('./serve.ts')).devCommand],
  serve: async () => [(await import('./serve.ts')).serveCommand],
  sandbox: async () => (await import('./sandbox.ts')).sandboxCommands,
  deliver: async () => (await import('./sandbox.ts')).sandboxCommands,
  grants: async () => [(await import('./grants.ts')).grantsCommand],
  graph: async () => (await import('./graph.ts')).graphCommands,
  catalog: async () => (await import('./graph.ts')).graphCommands,
  'language-server': async () => [(await import('./language-server.ts')).languageServerCommand],
  reconcile: async () => (await import('./reconcile.ts')).reconcileCommands,
  explain: async () => [(await import('./explain.ts')).explainCommand],
  data: async () => (await import('./data.ts')).dataCommands,
  secrets: async () => [(await import('./secrets.ts')).secretsCommand],
  health: async () => [(await import('./health.ts')).healthCommand],
  doctor: async () => [(await import('./doctor.ts')).doctorCommand],
  quarantine: async () => (await import('./quarantine.ts')).quarantineCommands,
};

const controlling = ['flow', 'kill', 'pause', 'resume', 'rollback', 'scale', 'switches'];
const operating = ['runs', 'in-doubt', 'fixes', 'approvals'];
const replaying = ['dead-letters', 'replay'];

/** The commands that a command line may mean: those of its first word, or all of them for help and for what is unknown. */
export async function commandsFor(argv: readonly string[]): Promise<readonly CommandSpec[]> {
  const word = argv[0] === '--in' ? argv[2] : argv[0];
  const load = word !== undefined && Object.hasOwn(loaders, word) ? loaders[word] : undefined;
  if (load) return load();
  if (word !== undefined && operating.includes(word)) return (await import('./operate.ts')).operateCommands;
  if (word !== undefined && replaying.includes(word)) return (await import('./replay.ts')).replayCommands;
  if (word !== undefined && controlling.includes(word)) return (await import('./control.ts')).controlCommands;
  return (await import('./index.ts')).commands;
}

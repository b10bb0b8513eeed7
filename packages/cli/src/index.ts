export { type CommandSpec, runCommandLine } from './command.ts';
export { commands } from './commands/index.ts';
export { type ExitCode, exit, exitMeanings } from './exit.ts';
export type { Io } from './io.ts';
export { allRules } from './rules.ts';
export { addConnection, scaffoldConnector } from './scaffold/connector.ts';

import type { CommandSpec } from '../command.ts';
import { addCommands } from './add.ts';
import { auditCommands } from './audit.ts';
import { backupCommand } from './backup.ts';
import { checkCommand } from './check.ts';
import { ciCommand } from './ci.ts';
import { completionCommand } from './completion.ts';
import { controlCommands } from './control.ts';
import { dataCommands } from './data.ts';
import { diffCommand } from './diff.ts';
import { doctorCommand } from './doctor.ts';
import { drillCommand } from './drill.ts';
import { drillsCommands } from './drills.ts';
import { eraseCommand } from './erase.ts';
import { explainCommand } from './explain.ts';
import { generateCommand } from './generate.ts';
import { grantsCommand } from './grants.ts';
import { graphCommands } from './graph.ts';
import { healthCommand } from './health.ts';
import { initCommand } from './init.ts';
import { languageServerCommand } from './language-server.ts';
import { operateCommands } from './operate.ts';
import { quarantineCommands } from './quarantine.ts';
import { reconcileCommands } from './reconcile.ts';
import { replayCommands } from './replay.ts';
import { sandboxCommands } from './sandbox.ts';
import { secretsCommand } from './secrets.ts';
import { devCommand, serveCommand } from './serve.ts';
import { testCommand } from './test.ts';
import { testConnectorCommand } from './test-connector.ts';

/** Every command of `tenon`, in the order of the help text: the way a newcomer meets them. */
export const commands: readonly CommandSpec[] = [
  initCommand,
  ...addCommands,
  generateCommand,
  checkCommand,
  diffCommand,
  testCommand,
  testConnectorCommand,
  drillCommand,
  ...drillsCommands,
  ciCommand,
  devCommand,
  serveCommand,
  ...sandboxCommands,
  ...operateCommands,
  ...replayCommands,
  ...reconcileCommands,
  ...quarantineCommands,
  ...controlCommands,
  ...auditCommands,
  backupCommand,
  eraseCommand,
  ...dataCommands,
  secretsCommand,
  ...graphCommands,
  grantsCommand,
  explainCommand,
  healthCommand,
  doctorCommand,
  languageServerCommand,
  completionCommand(() => commands),
];

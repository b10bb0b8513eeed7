import type { CommandSpec } from '../command.ts';
import { approvalsCommands } from './approvals.ts';
import { fixesCommands } from './fixes.ts';
import { inDoubtCommands } from './in-doubt.ts';
import { runsCommands } from './runs.ts';

/** Commands on single runs, and on what those leave to people. */
export const operateCommands: readonly CommandSpec[] = [
  ...runsCommands,
  ...inDoubtCommands,
  ...fixesCommands,
  ...approvalsCommands,
];

/** Exit codes of every command (DESIGN §10); scripts may rely on them. */
export const exit = {
  clean: 0,
  /** The tool itself failed; what it says is about Tenon or the machine, not about the workspace. */
  failed: 1,
  usage: 2,
  findings: 3,
  notAuthorised: 4,
  changesPending: 5,
  partlyDone: 6,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

/** Exit codes of every command (DESIGN §10); scripts may rely on them. */
export const exit = {
  clean: 0,
  failed: 1,
  usage: 2,
  findings: 3,
  notAuthorised: 4,
  changesPending: 5,
  partlyDone: 6,
} as const;

export type ExitCode = (typeof exit)[keyof typeof exit];

/** What each says, for the help and the docs. */
export const exitMeanings = {
  clean: {
    name: 'clean',
    meaning:
      'done, or nothing to find fault with. A dry run that has nothing to do. A run that was told something and needs no other word: it has ended, goes on by itself, or waits for a switch to be lifted',
  },
  failed: {
    name: 'failed',
    meaning:
      'not done: no Tenon answers, it refused because of how things stand (a run that has ended), something stored cannot be read, or the tool itself failed',
  },
  usage: {
    name: 'usage',
    meaning: 'called wrongly, or where there is no workspace: nothing was sent or written',
  },
  findings: {
    name: 'findings',
    meaning:
      'what was looked at is not as it should be: a workspace, a contract, two systems, a connection, a copy, the ledger',
  },
  notAuthorised: {
    name: 'not authorised',
    meaning:
      'whoever asks is not known or may not ask that, or a system is not one that may be called so: nothing was done',
  },
  changesPending: {
    name: 'changes pending',
    meaning: 'a dry run has something to do, or what is checked is not as it would be written',
  },
  partlyDone: {
    name: 'partly done',
    meaning:
      'done, and a person has to look at what is left: a run that is parked again or in doubt, data that was kept, a check that could not be carried out',
  },
} as const satisfies Record<keyof typeof exit, { readonly name: string; readonly meaning: string }>;

/** `0 clean, 1 failed, …`. */
export function exitCodeWords(): string {
  return Object.entries(exitMeanings)
    .map(([key, { name }]) => `${exit[key as keyof typeof exit]} ${name}`)
    .join(', ');
}

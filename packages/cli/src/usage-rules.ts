import type { DiagnosticRules } from '@tenon/model';

/** How a command can be called wrongly; each ends with 2, before anything is sent or written. */
export const usageRules = {
  'command-unknown': {
    severity: 'error',
    title: 'There is no such command',
    why: 'A word that is misspelt is not guessed at: the command that was meant may stop or send something.',
    fix: '`tenon help` lists the commands; where one is near, the message names it',
  },
  'option-unknown': {
    severity: 'error',
    title: 'The command has no such option',
    why: 'An option that is misspelt and let pass would do without what it was to say: a filter that is none, a dry run that is not dry.',
    fix: 'the command with `--help` lists its options; where one is near, the message names it',
  },
  'argument-missing': {
    severity: 'error',
    title: 'Something that the command needs is not given',
    why: 'A command asks nothing while it runs, so that it works in a script. What it cannot do without, a reason that is kept in the ledger among it, stands in the call.',
    fix: 'give what the message names; `--help` shows how the command is called',
  },
  'argument-invalid': {
    severity: 'error',
    title: 'A value is none that the command takes',
    why: 'A number, a time or a result that is read otherwise than it was meant would be acted on; it is refused before anything is sent or written.',
    fix: 'give a value as the message says',
  },
  'argument-unexpected': {
    severity: 'error',
    title: 'The command does not take such a word',
    why: 'A word too many is mostly a misspelt second word of a command, or a value that has lost its option; let pass, it would be done without.',
    fix: 'leave it out, or call the command that the message names',
  },
  'arguments-contradict': {
    severity: 'error',
    title: 'Two things are given of which one is to be',
    why: 'Which of them was meant nobody can tell, and each would do something else.',
    fix: 'give one of them',
  },
  'argument-unknown': {
    severity: 'error',
    title: 'What is named is not there',
    why: 'A contract, a connection, a file or a code is named that is not in the workspace or on the disk.',
    fix: 'name one that is there; the message lists them, or the nearest',
  },
  'rows-unfit': {
    severity: 'error',
    title: 'Rows for a sandbox do not fit its contract',
    why: '`tenon sandbox --rows` says what there is to begin with. A row that the real system could not hold would let a pipeline pass that fails there.',
    fix: 'correct the file as the message says, or start without `--rows`',
  },
} as const satisfies DiagnosticRules;

export type UsageCode = keyof typeof usageRules | 'workspace-not-found';

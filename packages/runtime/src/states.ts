import type { RunState } from './runtime.ts';

/**
 * The state machine of a run, as data: state → states it may move to. The code reads it, the database holds a copy
 * and refuses any other move (C19), and `DESIGN.md` draws it. Only a run that another one started as its child is
 * taken back after it has succeeded; the database holds that too.
 */
export const transitions = {
  accepted: ['running', 'compensating', 'cancelled', 'failed'],
  running: ['waiting', 'inDoubt', 'compensating', 'succeeded', 'failed', 'cancelled'],
  waiting: ['running', 'compensating', 'cancelled', 'failed'],
  inDoubt: ['running', 'compensating'],
  compensating: ['waiting', 'inDoubt', 'failed', 'compensated', 'cancelled'],
  failed: ['running', 'compensating', 'cancelled'],
  succeeded: ['compensating'],
  compensated: [],
  cancelled: [],
} as const satisfies Record<RunState, readonly RunState[]>;

export const runStates = Object.keys(transitions) as readonly RunState[];

/** No step of a run in such a state is under way; `failed` may be resumed by a person, the others are final. */
export const terminalStates: ReadonlySet<RunState> = new Set([
  'succeeded',
  'compensated',
  'failed',
  'cancelled',
]);

/** Nothing follows them, save that a child may be taken back. `failed` may still be resumed. */
export const finalStates: ReadonlySet<string> = new Set<RunState>(['succeeded', 'compensated', 'cancelled']);

/** Those that a run may be in that has not ended: parked in one of them it may be, and goes on by a person's word. */
export const openStates: readonly RunState[] = runStates.filter((state) => !finalStates.has(state));

/** As SQL lists them. */
export function listed(states: Iterable<string>): string {
  return [...states].map((state) => `'${state}'`).join(', ');
}

export function mayMove(from: RunState, to: RunState): boolean {
  return (transitions[from] as readonly RunState[]).includes(to);
}

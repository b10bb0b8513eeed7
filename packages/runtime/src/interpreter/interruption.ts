import type { Failure } from '@tenon/model';
import type { Cancellation, Interruption } from '../engine.ts';

/** What an interruption makes of a step. */
export function interruptionEnd(interruption: Interruption): {
  readonly failure: Failure;
  readonly cancelled?: Cancellation;
} {
  if (interruption.kind === 'deadline')
    return { failure: interruption.step === undefined ? DEADLINE : stepDeadline(interruption.step) };
  if (interruption.kind === 'stopped') return { failure: stoppedBy(interruption.by) };
  const { actor, reason } = interruption;
  return { failure: CANCELLED, cancelled: { actor, reason } };
}

/** Code of a strand that ended because another had failed: never the cause of a block's failure. */
export const STOPPED = 'RUN_BRANCH_STOPPED';

function stoppedBy(name: string): Failure {
  return {
    class: 'permanent',
    code: STOPPED,
    message: `${name} failed, so what goes on beside it was stopped`,
    delivery: 'notSent',
  };
}

const DEADLINE: Failure = {
  class: 'timeout',
  code: 'RUN_DEADLINE_EXCEEDED',
  message: 'the run did not end within its deadline',
  delivery: 'notSent',
};

function stepDeadline(step: string): Failure {
  return {
    class: 'timeout',
    code: 'STEP_DEADLINE_EXCEEDED',
    message: `${step} did not end within its own deadline`,
    delivery: 'notSent',
  };
}

const CANCELLED: Failure = {
  class: 'permanent',
  code: 'RUN_CANCELLED',
  message: 'the run was cancelled',
  delivery: 'notSent',
};

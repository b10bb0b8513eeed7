import type { Args } from '../command.ts';

export interface StepPlace {
  readonly runId: string;
  readonly stepId: string;
}

/** Of a command whose positionals are `<run> <step>`. */
export function placeGiven({ positionals: [runId, stepId] }: Args): StepPlace {
  return { runId: runId!, stepId: stepId! };
}

export function wayOf({ runId, stepId }: StepPlace): string {
  return `${encodeURIComponent(runId)}/${encodeURIComponent(stepId)}`;
}

import type { Json, JsonObject } from '@tenon/model';
import type { CallStep, PlanStep } from '@tenon/pipeline';
import { allSteps, stepIdOf } from '../loaded-plan.ts';
import { confirm } from './call-step.ts';
import type { Progress } from './interpret.ts';
import { saltedDigest } from './salted-digest.ts';
import type { StepEnd } from './steps.ts';

/** A person's word that they did the effect of a step themselves, as it is journaled: under the key that the run was parked with. */
export interface DoneWord {
  readonly verdict: 'done';
  readonly actor: string;
  readonly reason: string;
  /** The step's place in the run. */
  readonly step: string;
  readonly result?: Json;
}

/** What of a run's journal says that a step was done by hand, behind the step's own name. */
export const BY_HAND = '/byHand';

/** The value of that row. */
export interface DoneByHand {
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  readonly result: Json;
}

/** Takes an effect for confirmed that a person did: it is not sent again, and is undone with the others. */
export async function doneByHand(
  progress: Progress,
  step: CallStep,
  { actor, reason, result = null }: DoneWord,
  attempts: number,
): Promise<Extract<StepEnd, { as: 'done' }>> {
  const { ctx, loaded } = progress;
  const operation = loaded.plan.operations[step.operation];
  if (operation === undefined) throw new Error(`the plan holds no operation ${step.operation}`);
  const digest = saltedDigest(ctx.run.salt, result);
  const recorded: JsonObject = await ctx.step(step.id + BY_HAND, () => ({
    value: { actor, reason, atMs: ctx.now(), result } satisfies DoneByHand & JsonObject,
    facts: [
      {
        kind: 'stepDone',
        step: progress.place + step.id,
        details: { operation: operation.name, attempts, byHand: true, actor, reason, result: digest },
      },
    ],
    numbered: true,
  }));
  const { nth } = recorded;
  confirm(progress, step, operation, typeof nth === 'number' ? nth : undefined);
  return { as: 'done', value: result };
}

/** Is what was done by hand at, or inside of, this step? */
export function isOnTheWay({ place }: Progress, step: PlanStep, word: DoneWord): boolean {
  return word.step.startsWith(place) && allSteps([step]).some(({ id }) => id === stepIdOf(word.step));
}

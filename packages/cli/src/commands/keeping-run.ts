import type { RunDetail, RunState } from '@tenon/runtime';
import { causeOf, isAtUndoing, placeOf, settleCommand, showCommand, undoingAdvice } from './run-words.ts';

/** Runs that start each other in a row, at most, as the runtime bounds them. */
const HOPS_MAX = 16;
/** States in which a child is not undone yet, those first that a person has to do with. */
const BY_CONCERN: readonly RunState[] = ['failed', 'inDoubt', 'waiting', 'compensating'];

/**
 * The run that keeps the undoing of one above it: a child that is being undone, or one of its own, and does not go on by itself. Whatever
 * waits for it can only say for whom.
 */
export async function keepingRun(
  run: RunDetail,
  read: (runId: string) => Promise<RunDetail>,
): Promise<RunDetail | undefined> {
  let above = run;
  for (let hops = 0; hops < HOPS_MAX; hops++) {
    const children = childrenUndone(above);
    const below = BY_CONCERN.flatMap((state) => children.filter((child) => child.state === state))[0];
    if (below === undefined) return undefined;
    const child = await read(below.runId);
    if (child.state === 'inDoubt') return child;
    if (child.state !== 'compensating')
      // One that was parked or waited before heeds the word a moment later.
      return isAtUndoing(child) && BY_CONCERN.includes(child.state) ? child : undefined;
    above = child;
  }
  return undefined;
}

/** Children that it is undoing: by where it is, and in lists that undo beside each other by the rows of their steps. */
function childrenUndone({ step, steps, children }: RunDetail): NonNullable<RunDetail['children']> {
  if (children === undefined) return [];
  const places = new Set([step, ...steps.flatMap(({ id, state }) => (state === 'waiting' ? [id] : []))]);
  return children.filter((child) => places.has(`compensate:${child.step}`));
}

/** After `waits for`: which run that is, and what it needs. */
export function keepingWords(run: RunDetail): string {
  const { runId, pipeline, state, step } = run;
  const named = `run ${runId} (${pipeline})`;
  if (state === 'failed') return `${named}, whose undoing failed${causeOf(run)}; ${undoingAdvice(run)}`;
  if (state === 'inDoubt')
    return `${named}, which is in doubt${placeOf(run)}: ${settleCommand(runId, step ?? '<step>')}`;
  return `${named}, which waits${placeOf(run)}: ${showCommand(runId)}`;
}

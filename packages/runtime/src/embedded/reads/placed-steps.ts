import type { PlanStep } from '@tenon/pipeline';
import type { JournalRow } from '../file/run-row.ts';
import { StepRows } from '../work/step-rows.ts';

/** A step where it was carried out: those of a list's items are there once for each item that was begun. */
export interface PlacedStep {
  readonly step: PlanStep;
  /** Its id in the whole run: `lines[7].book`. */
  readonly place: string;
  /** What its journal keys begin with. */
  readonly key: string;
}

/** Items of one list that are named, of those that were not begun. */
const UNBEGUN_NAMED_MAX = 100;

/**
 * All steps of a run where they were carried out, or would be. Of a list those of items that were not begun are there too, as its last
 * joining names them; of too many, or while nobody knows which there will be, once for all of them, by the name of the step.
 */
export function placedSteps(
  steps: readonly PlanStep[],
  journal: readonly JournalRow[],
): readonly PlacedStep[] {
  const rows = new StepRows(journal);
  return stepsAt(steps, rows, (block) => {
    const items = rows.itemsOf(block);
    const unbegun = rows.unbegunOf(block);
    return unbegun === undefined || unbegun.length > UNBEGUN_NAMED_MAX
      ? [...items, UNNAMED]
      : [...new Set([...items, ...unbegun])];
  });
}

/** Stands for all items of a list that have no name yet. */
const UNNAMED = '';

export function stepsAt(
  steps: readonly PlanStep[],
  rows: StepRows,
  itemsOf: (block: string) => readonly string[] = (block) => rows.itemsOf(block),
  place = '',
  prefix = '',
): readonly PlacedStep[] {
  return steps.flatMap((step): readonly PlacedStep[] => {
    const own: PlacedStep = { step, place: place + step.id, key: prefix + step.id };
    switch (step.kind) {
      case 'choose':
        return [
          own,
          ...step.branches.flatMap((branch) => stepsAt(branch.steps, rows, itemsOf, place, prefix)),
        ];
      case 'parallel':
        return [
          own,
          ...step.branches.flatMap((branch) =>
            stepsAt(branch.steps, rows, itemsOf, place, `${own.key}.${branch.name}|`),
          ),
        ];
      case 'forEach': {
        return [
          own,
          ...itemsOf(own.key).flatMap((item) =>
            stepsAt(
              step.steps,
              rows,
              itemsOf,
              item === UNNAMED ? place : `${place}${item}.`,
              `${prefix}${item}|`,
            ),
          ),
        ];
      }
      default:
        return [own];
    }
  });
}

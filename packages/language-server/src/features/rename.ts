import { references } from '@tenon/expression';
import type { Location } from '@tenon/model';
import { allSteps, expressionsIn, type StepSpec } from '@tenon/pipeline';
import type { Snapshot } from '../snapshot.ts';
import { targetAt } from './target.ts';

/** Every place that names the step under the cursor, its `id` first. */
export function referencesAt(snapshot: Snapshot, file: string, offset: number): readonly Location[] {
  const target = targetAt(snapshot, file, offset);
  return target?.kind === 'step' ? placesOf(snapshot, file, target.step) : [];
}

function placesOf(snapshot: Snapshot, file: string, step: StepSpec): readonly Location[] {
  const spec = snapshot.pipeline(file)?.model?.spec;
  if (!spec) return [];
  const read = expressionsIn(spec).flatMap((expression) =>
    references(expression.parsed.ast).flatMap(({ root, path: [first] }) =>
      root === 'steps' && first?.name === step.id.value ? [expression.locate(first)] : [],
    ),
  );
  const distinct = new Map([step.id.at, ...read].map((at) => [at.range.start.offset, at]));
  return [...distinct.values()];
}

export type Rename =
  | { readonly places: readonly { readonly at: Location; readonly text: string }[] }
  | { readonly refused: string };

/** The name under the cursor, when it is one that can be changed. */
export function renameRange(snapshot: Snapshot, file: string, offset: number): Location | undefined {
  const target = targetAt(snapshot, file, offset);
  return target?.kind === 'step' ? target.at : undefined;
}

/** Gives a step another name wherever its pipeline names it. */
export function renameAt(snapshot: Snapshot, file: string, offset: number, name: string): Rename {
  const target = targetAt(snapshot, file, offset);
  if (target?.kind !== 'step') return { refused: 'only steps can be renamed' };
  if (!/^[a-z][A-Za-z0-9]*$/.test(name))
    return { refused: 'the name of a step is letters and digits and starts with a small letter' };
  const spec = snapshot.pipeline(file)?.model?.spec;
  const taken = allSteps(spec?.steps ?? []).some((one) => one !== target.step && one.id.value === name);
  if (taken) return { refused: `there is a step \`${name}\` already` };
  const text = snapshot.text(file) ?? '';
  return {
    places: placesOf(snapshot, file, target.step).map((at) => {
      const { start, end } = at.range;
      const written = text.slice(start.offset, end.offset);
      // A name in quotes, as in `steps['order']` or `id: "order"`, keeps them.
      return { at, text: written.replace(target.step.id.value, () => name) };
    }),
  };
}

import { references } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import { allSteps, type ForEachSpec, innerSteps, type StepSpec } from '../spec/pipeline-spec.ts';
import { expressionsOf } from '../spec/template.ts';
import type { PipelineModel } from './model.ts';

/** Names that expressions have already. */
const TAKEN: ReadonlySet<string> = new Set(['event', 'headers', 'input', 'steps', 'signal', 'policy']);

/** Effects of a list's items are told apart by a key of the item, which has a name of its own (C36, C40). */
export function checkLists(model: PipelineModel): Diagnostic[] {
  const found: Diagnostic[] = [];
  visit(model.spec.steps, new Set());
  return found;

  function visit(steps: readonly StepSpec[], outer: ReadonlySet<string>): void {
    for (const step of steps) {
      if (step.kind === 'forEach') found.push(...checkName(step, outer), ...checkKey(model, step));
      const names = step.kind === 'forEach' ? new Set([...outer, step.as.value]) : outer;
      for (const inner of innerSteps(step)) visit(inner, names);
    }
  }
}

function checkName({ id, as }: ForEachSpec, outer: ReadonlySet<string>): Diagnostic[] {
  if (!TAKEN.has(as.value) && !outer.has(as.value)) return [];
  const why = TAKEN.has(as.value) ? 'has a meaning already' : 'is an item of the list around this one';
  return [
    diagnostic('item-name-taken', {
      message: `\`${as.value}\` ${why}`,
      at: as.at,
      subject: `${id.value} ${as.value}`,
      fix: 'give the item another name with `as`',
    }),
  ];
}

function checkKey(model: PipelineModel, step: ForEachSpec): Diagnostic[] {
  const { id, as, key } = step;
  if (!key) {
    const effect = allSteps(step.steps).find((one) => hasEffect(model, one));
    if (!effect) return [];
    return [
      diagnostic('item-key-missing', {
        message: `\`${effect.id.value}\` has an effect for each item, and nothing tells the items apart`,
        at: step.forEach,
        subject: id.value,
        related: [{ ...effect.id.at, message: 'has an effect' }],
        fix: `add \`key\`: text over \`${as.value}\` that no other item of the list has`,
      }),
    ];
  }
  const expressions = expressionsOf(key);
  // What cannot be read is reported as that.
  if (expressions.some(({ parsed }) => parsed.errors.length > 0)) return [];
  if (expressions.some(({ parsed }) => references(parsed.ast).some(({ root }) => root === as.value)))
    return [];
  return [
    diagnostic('item-key-constant', {
      message: `the key is the same for every item: it does not read \`${as.value}\``,
      at: model.spec.document.at(key.node),
      subject: id.value,
    }),
  ];
}

function hasEffect(model: PipelineModel, step: StepSpec): boolean {
  if (step.kind === 'emit' || step.kind === 'run') return true;
  const call = step.kind === 'call' ? model.calls.get(step)?.call : undefined;
  return call !== undefined && call.declared.effect !== 'read';
}

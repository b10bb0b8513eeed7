import { compileTemplate, constantEvaluation, references } from '@tenon/expression';
import { canonicalJson, type Diagnostic, type Json } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { allSteps, type ForEachSpec, innerSteps, type StepSpec } from '../../spec/pipeline-spec.ts';
import { expressionsOf, type Template, valueTemplate } from '../../spec/template.ts';
import type { DataCheck } from '../data/data.ts';
import { tellingOf, together } from '../data/tells-apart.ts';
import type { PipelineModel } from '../model.ts';
import type { Checked } from './masters.ts';

/** Names that expressions have already. */
const TAKEN: ReadonlySet<string> = new Set(['event', 'headers', 'input', 'steps', 'signal', 'policy']);

/** Effects of a list's items are told apart by a key of the item, which has a name of its own (C36, C40). */
export function checkLists({ model, data }: Checked): Diagnostic[] {
  const found: Diagnostic[] = [];
  visit(model.spec.steps, new Set());
  return found;

  function visit(steps: readonly StepSpec[], outer: ReadonlySet<string>): void {
    for (const step of steps) {
      if (step.kind === 'forEach')
        found.push(...checkName(step, outer), ...checkLength(step, data), ...checkKey(model, data, step));
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

/** What is written out, or promised by the contract, is known before the run. */
function checkLength({ id, in: list, max }: ForEachSpec, { types }: DataCheck): Diagnostic[] {
  const type = list && types.get(list);
  if (!list || !max || type?.kind !== 'list' || type.itemsMin <= max.value) return [];
  return [
    diagnostic('list-longer-than-max', {
      message: `the list never has less than ${type.itemsMin} items, and \`max\` takes ${max.value}`,
      at: max.at,
      subject: id.value,
      related: [{ ...list.at, message: `${type.itemsMin} items at least` }],
      fix: `raise \`max\` to ${type.itemsMin}, or shorten the list`,
    }),
  ];
}

function checkKey(model: PipelineModel, data: DataCheck, step: ForEachSpec): Diagnostic[] {
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
  const at = model.spec.document.at(key.node);
  if (expressions.some(({ parsed }) => references(parsed.ast).some(({ root }) => root === as.value))) {
    const why = whyShared(step, key, data);
    return why === undefined ? [] : [diagnostic('item-key-shared', { message: why, at, subject: id.value })];
  }
  return [
    diagnostic('item-key-constant', {
      message: `the key is the same for every item: it does not read \`${as.value}\``,
      at,
      subject: id.value,
    }),
  ];
}

/** How it comes that two items have one key, where that can be told before the run. */
function whyShared({ in: list, as, max }: ForEachSpec, key: Template, data: DataCheck): string | undefined {
  const written = list && constantEvaluation(list.parsed.ast);
  if (written?.ok && Array.isArray(written.value)) return sharedByWritten(written.value, as.value, key);
  const expressions = expressionsOf(key);
  const telling = together(
    expressions.map((one) => {
      const environment = data.environments.get(one);
      return environment
        ? tellingOf(one.parsed.ast, environment, (root) => root !== as.value)
        : { kind: 'anything' };
    }),
  );
  // One value alone may be that of a list which a step made of one item.
  if (telling.kind !== 'few' || telling.count === 1 || !max || telling.count >= max.value) return undefined;
  return `the key has ${telling.count} values at most, and the list may have ${max.value} items: two of one key hold it`;
}

function sharedByWritten(items: readonly Json[], as: string, key: Template): string | undefined {
  if (expressionsOf(key).some(({ parsed }) => references(parsed.ast).some(({ root }) => root !== as)))
    return undefined;
  const { evaluate } = compileTemplate(valueTemplate(key));
  const seen = new Map<string, number>();
  for (const [index, item] of items.entries()) {
    const made = evaluate({ [as]: item }, BUDGET);
    // Why it cannot be made is the type check's to say.
    if (!made.ok) return undefined;
    const name = canonicalJson(made.value);
    const earlier = seen.get(name);
    if (earlier !== undefined)
      return `items ${earlier + 1} and ${index + 1} of the list have one key, ${name}, which holds it`;
    seen.set(name, index);
  }
  return undefined;
}

/** Checking is done at each key that an author types. */
const BUDGET = { stepsMax: 1_000, outputMax: 10_000 };

function hasEffect(model: PipelineModel, step: StepSpec): boolean {
  if (step.kind === 'emit' || step.kind === 'run') return true;
  const call = step.kind === 'call' ? model.calls.get(step)?.call : undefined;
  return call !== undefined && call.declared.effect !== 'read';
}

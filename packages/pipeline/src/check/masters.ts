import type { Diagnostic, Location } from '@tenon/model';
import { diagnostic } from '../rules.ts';
import type { Template } from '../spec/template.ts';
import type { UsageEntry } from '../usage.ts';
import type { ResolvedCall } from './catalog.ts';
import { recordPointers } from './classes.ts';
import type { DataCheck } from './data.ts';
import { type CallMeaning, effectsOf, ownerOf, type PipelineModel } from './model.ts';
import { resultSource } from './payloads.ts';
import { originsAt } from './pointers.ts';

/** A pipeline with what its data check found. */
export interface Checked {
  readonly model: PipelineModel;
  readonly data: DataCheck;
}

/** Every shared field has one system of record and one writer (C30). */
export function checkMasters(pipelines: readonly Checked[]): Diagnostic[] {
  return [...twoWriters(pipelines.map(({ model }) => model)), ...pipelines.flatMap(twoMasters)];
}

interface Write {
  readonly model: PipelineModel;
  readonly step: CallMeaning;
  readonly field: string;
  readonly at: Location;
}

/**
 * Two pipelines that set the same field of what is there already undo each other's work; which one wins is chance.
 * Making something new (`create`, `send`) is no such write, and a compensation only puts back.
 */
function twoWriters(models: readonly PipelineModel[]): Diagnostic[] {
  const first = new Map<string, Write>();
  const found: Diagnostic[] = [];
  for (const model of models)
    for (const step of effectsOf(model)) {
      if (step.call.declared.effect !== 'update') continue;
      // The answer of an update is the thing updated: its fields are the same ones whichever operation writes them.
      const answer = resultSource(step.call.operation);
      for (const { path, at } of bodyLeaves(model, step)) {
        const [origin] = originsAt(step.call.contract, answer, path).toSorted();
        const key = `${step.call.contract.name} ${origin ?? `${step.call.operation.id} ${path}`}`;
        const earlier = first.get(key);
        if (!earlier) first.set(key, { model, step, field: path, at });
        else if (earlier.model !== model)
          found.push(
            diagnostic('field-has-two-writers', {
              message: `\`${fieldName(step.call, path)}\` is written by \`${earlier.model.spec.name.value}\` too`,
              at,
              subject: key,
              owner: ownerOf(model),
              related: [{ ...earlier.at, message: `written by \`${earlier.model.spec.name.value}\` here` }],
            }),
          );
      }
    }
  return found;
}

/** A field that its own system is the record of is overwritten with another record's value: two masters. */
function twoMasters({ model, data }: Checked): Diagnostic[] {
  return effectsOf(model).flatMap((step) => {
    const { call } = step;
    if (call.declared.effect !== 'update') return [];
    const owned = recordPointers(call.contract, resultSource(call.operation));
    return bodyLeaves(model, step).flatMap(({ path, at, template }): Diagnostic[] => {
      // The answer of an update is the thing updated: what is sent as `/body/plan` comes back as `/plan`.
      if (!owned.has(path) || template.kind !== 'expression') return [];
      const master = (data.reads.get(template.expression) ?? []).find((read) =>
        isForeignRecord(model, call, read),
      );
      if (!master) return [];
      return [
        diagnostic('field-has-two-masters', {
          message: `\`${fieldName(call, path)}\` is \`${call.contract.name}\`'s own record, and is overwritten with \`${master.source.contract}\`'s \`${master.path.slice(1)}\``,
          at,
          subject: `${call.plan.name} ${path}`,
        }),
      ];
    });
  });
}

function isForeignRecord(
  model: PipelineModel,
  call: ResolvedCall,
  read: { source: { contract: string; target: UsageEntry['target'] }; path: string },
): boolean {
  const { contract: name, target } = read.source;
  if (name === call.contract.name) return false;
  const contract = model.catalog.workspace.contracts.get(name);
  if (!contract) return false;
  if (target.kind === 'event') {
    const payload = contract.events.get(target.event)?.message.payload;
    return payload !== undefined && recordPointers(contract, payload).has(read.path);
  }
  const source = [...model.calls.values()].find(
    (one) => one.call.contract === contract && one.call.plan.operation === target.operation,
  );
  return source !== undefined && recordPointers(contract, resultSource(source.call.operation)).has(read.path);
}

interface Leaf {
  /** Pointer below the body. */
  readonly path: string;
  readonly at: Location;
  readonly template: Template;
}

function bodyLeaves(model: PipelineModel, { step }: CallMeaning): readonly Leaf[] {
  const body =
    step.with?.kind === 'object' ? step.with.entries.find(({ name }) => name === 'body') : undefined;
  const found: Leaf[] = [];
  const visit = (template: Template, path: string, at: Location): void => {
    if (template.kind !== 'object') {
      found.push({ path, at, template });
      return;
    }
    for (const { name, key, value } of template.entries)
      visit(value, `${path}/${name}`, model.spec.document.at(key));
  };
  if (body) visit(body.value, '', model.spec.document.at(body.key));
  return found;
}

function fieldName(call: ResolvedCall, path: string): string {
  return `${call.plan.name}${path.replaceAll('/', '.')}`;
}

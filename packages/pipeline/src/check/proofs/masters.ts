import type { Diagnostic, Location } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Template } from '../../spec/template.ts';
import type { ResolvedCall } from '../catalog.ts';
import { recordPointers } from '../data/classes.ts';
import type { DataCheck } from '../data/data.ts';
import { resultSource } from '../data/payloads.ts';
import { originsAt } from '../data/pointers.ts';
import type { UsageTarget } from '../data/scope.ts';
import { type CallMeaning, effectsOf, type PipelineModel } from '../model.ts';
import type { PipelineFacts } from './facts.ts';

/** A pipeline with what its data check found. */
export interface Checked {
  readonly model: PipelineModel;
  readonly data: DataCheck;
}

/** A field of what is there already that a pipeline sets. */
export interface FieldWrite {
  /** The same for one field, whichever operation writes it. */
  readonly field: string;
  /** `shop.updateOrder.note`. */
  readonly name: string;
  readonly at: Location;
}

/**
 * The fields that a pipeline sets. Making something new (`create`, `send`) is no such write, and a compensation only
 * puts back.
 */
export function fieldWrites(model: PipelineModel): readonly FieldWrite[] {
  return effectsOf(model).flatMap((step) => {
    const { call } = step;
    if (call.declared.effect !== 'update') return [];
    // The answer of an update is the thing updated: its fields are the same ones whichever operation writes them.
    const answer = resultSource(call.operation);
    return bodyLeaves(model, step).map(({ path, at }) => {
      const [origin] = originsAt(call.contract, answer, path).toSorted();
      const field = `${call.contract.name} ${origin ?? `${call.operation.id} ${path}`}`;
      return { field, name: fieldName(call, path), at };
    });
  });
}

/** Two pipelines that set the same field undo each other's work; which one wins is chance (C30). */
export function checkWriters(pipelines: readonly PipelineFacts[]): Diagnostic[] {
  const first = new Map<string, { readonly by: PipelineFacts; readonly write: FieldWrite }>();
  const found: Diagnostic[] = [];
  for (const by of pipelines)
    for (const write of by.writes) {
      const earlier = first.get(write.field);
      if (!earlier) first.set(write.field, { by, write });
      else if (earlier.by !== by)
        found.push(
          diagnostic('field-has-two-writers', {
            message: `\`${write.name}\` is written by \`${earlier.by.pipeline}\` too`,
            at: write.at,
            subject: write.field,
            owner: by.owner,
            related: [{ ...earlier.write.at, message: `written by \`${earlier.by.pipeline}\` here` }],
          }),
        );
    }
  return found;
}

/** A field that its own system is the record of is overwritten with another record's value: two masters (C30). */
export function checkMasters({ model, data }: Checked): Diagnostic[] {
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
  read: { source: UsageTarget; path: string },
): boolean {
  const { contract: name, target } = read.source;
  if (name === call.contract.name) return false;
  const contract = model.catalog.workspace.contracts.get(name);
  if (!contract) return false;
  if (target.kind === 'event') {
    if (target.part === 'headers') return false;
    const payload = contract.events.get(target.event)?.message.payload;
    return payload !== undefined && recordPointers(contract, payload).has(read.path);
  }
  // What says no is no record of anything.
  if (target.kind === 'response' && target.refused !== undefined) return false;
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

import { references } from '@tenon/expression';
import { type Diagnostic, fromPointer, type Location } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { allSteps, type CallSpec, innerSteps, type StepSpec } from '../../spec/pipeline-spec.ts';
import { expressionsOf, type SpecExpression, type Template } from '../../spec/template.ts';
import type { ResolvedCall } from '../catalog.ts';
import { expressionsOfStep } from '../data/policies.ts';
import type { PipelineModel } from '../model.ts';

/** No write overwrites what was changed since its values were read (C50). */
export function checkBasedOn(model: PipelineModel): Diagnostic[] {
  return listsOf(model.spec.steps).flatMap((list) =>
    list.flatMap((step): Diagnostic[] => {
      const call = step.kind === 'call' ? model.calls.get(step)?.call : undefined;
      if (step.kind !== 'call' || !call) return [];
      if (!step.basedOn) return lostUpdate(model, list, step, call);
      return [...basisProblems(model, list, step, call), ...outdated(list, step)];
    }),
  );
}

/** Steps of the same list after the read that a write is based on, and before the write. */
export function betweenReadAndWrite(list: readonly StepSpec[], write: CallSpec): readonly StepSpec[] {
  const read = list.findIndex(({ id }) => id.value === write.basedOn?.read?.value);
  return read < 0 ? [] : list.slice(read + 1, list.indexOf(write));
}

function listsOf(steps: readonly StepSpec[]): readonly (readonly StepSpec[])[] {
  return [steps, ...steps.flatMap((step) => innerSteps(step).flatMap(listsOf))];
}

/** Values that were read with a version are written back without it. */
function lostUpdate(
  model: PipelineModel,
  list: readonly StepSpec[],
  step: CallSpec,
  call: ResolvedCall,
): Diagnostic[] {
  if (call.declared.effect === 'read' || call.declared.concurrency === undefined || !step.with) return [];
  // What names the object stays what it is; what is written into it was read.
  const body =
    step.with.kind === 'object' ? step.with.entries.find(({ name }) => name === 'body') : undefined;
  const written = body ? expressionsOf(body.value) : [];
  const read = written.flatMap((one) => stepsRead(one));
  if (read.length === 0) return [];
  const readers = new Set<string>();
  for (const one of model.calls.values()) if (isVersioned(one.call, call)) readers.add(one.step.id.value);
  const taken = read.find(({ id }) => readers.has(id));
  if (!taken) return [];
  const isBeside = list.some(({ id }) => id.value === taken.id);
  return [
    diagnostic('update-can-be-lost', {
      message: `\`${step.id.value}\` writes what \`${taken.id}\` read without its version: a change made in between is overwritten`,
      at: taken.at,
      subject: `${step.id.value} ${taken.id}`,
      fix: isBeside
        ? `add \`basedOn: { read: ${taken.id} }\` to \`${step.id.value}\``
        : `read it beside \`${step.id.value}\`, in the same list of steps, and add \`basedOn\``,
    }),
  ];
}

/** A read of the same connector that gives a version of the kind that the write takes. */
function isVersioned(read: ResolvedCall, write: ResolvedCall): boolean {
  return (
    read.declared.effect === 'read' &&
    read.manifest === write.manifest &&
    read.connection === write.connection &&
    read.over === write.over &&
    JSON.stringify(read.declared.concurrency) === JSON.stringify(write.declared.concurrency)
  );
}

function basisProblems(
  model: PipelineModel,
  list: readonly StepSpec[],
  step: CallSpec,
  call: ResolvedCall,
): Diagnostic[] {
  const { basedOn } = step;
  const named = basedOn?.read;
  if (!basedOn || !named) return [];
  const wrong = (message: string, at: Location, fix?: string): Diagnostic[] => [
    diagnostic('based-on-wrong', {
      message,
      at,
      subject: `${step.id.value} ${named.value}`,
      ...(fix !== undefined && { fix }),
    }),
  ];
  const { concurrency } = call.declared;
  if (call.declared.effect === 'read') return wrong(`\`${step.call.value}\` only reads`, basedOn.at);
  if (concurrency === undefined)
    return wrong(
      `\`${step.call.value}\` does not look at versions: its connector declares no \`concurrency\``,
      basedOn.at,
    );
  const read = list.slice(0, list.indexOf(step)).find(({ id }) => id.value === named.value);
  const reading = read?.kind === 'call' ? model.calls.get(read)?.call : undefined;
  if (!read) return wrong(`no step before it in the same list is named \`${named.value}\``, named.at);
  if (read.kind !== 'call' || (reading && reading.declared.effect !== 'read'))
    return wrong(`\`${named.value}\` reads nothing`, named.at);
  if (!reading) return [];
  if (!isVersioned(reading, call))
    return wrong(
      `\`${read.call.value}\` gives no version that \`${step.call.value}\` takes`,
      named.at,
      'declare the same `concurrency` for both in the connector, and call both over one connection',
    );
  if (read.pages)
    return wrong(
      `\`${named.value}\` reads all pages of a listing, and each of them has a version of its own`,
      named.at,
    );
  if (read.when && read.when.source !== step.when?.source)
    return wrong(`\`${named.value}\` may be skipped, and there is no version then`, named.at);
  if (concurrency === 'etag' || carries(step.with, concurrency.field, named.value)) return [];
  return wrong(
    `the body does not carry the version: \`${concurrency.field}\` must come from \`steps.${named.value}\``,
    named.at,
    `write \`${fromPointer(concurrency.field).at(-1)}: "\${ steps.${named.value}${concurrency.field.replaceAll('/', '.')} }"\` in \`with.body\``,
  );
}

/** Does the body hold, at the pointer, something that the read gave? */
function carries(template: Template | undefined, pointer: string, read: string): boolean {
  let here = template;
  for (const name of ['body', ...fromPointer(pointer)]) {
    if (here?.kind !== 'object') return here?.kind === 'expression';
    here = here.entries.find((entry) => entry.name === name)?.value;
  }
  return (
    here !== undefined && expressionsOf(here).some((one) => stepsRead(one).some(({ id }) => id === read))
  );
}

/**
 * After a conflict the read, the values set and the checks made of it, and the mapping are made again. Whatever else
 * took something from the read was decided or done on a version that is no longer current.
 */
function outdated(list: readonly StepSpec[], step: CallSpec): Diagnostic[] {
  const read = step.basedOn?.read?.value;
  if (read === undefined) return [];
  const derived = new Set([read]);
  const found: Diagnostic[] = [];
  for (const between of betweenReadAndWrite(list, step)) {
    const inside = allSteps([between]).flatMap((one) => expressionsOfStep(one));
    const taken = inside.flatMap(stepsRead).find(({ id }) => derived.has(id));
    if (!taken || between.kind === 'check') continue;
    if (between.kind === 'set') {
      derived.add(between.id.value);
      continue;
    }
    found.push(
      diagnostic('based-on-outdated', {
        message: `\`${between.id.value}\` goes by what \`${read}\` read first, and stays as it is when \`${step.id.value}\` is based on a later version`,
        at: taken.at,
        subject: `${step.id.value} ${between.id.value}`,
        fix: `move \`${between.id.value}\` before \`${read}\` or after \`${step.id.value}\``,
      }),
    );
  }
  return found;
}

function stepsRead(expression: SpecExpression): readonly { readonly id: string; readonly at: Location }[] {
  return references(expression.parsed.ast).flatMap(({ root, path, span }) => {
    const [id] = path;
    return root === 'steps' && id ? [{ id: id.name, at: expression.locate(span) }] : [];
  });
}

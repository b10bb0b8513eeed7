import type { Contract } from '@tenon/contract';
import type { Location } from '@tenon/model';
import {
  allSteps,
  inputSource,
  listRead,
  type PipelineInspection,
  type StepSpec,
  stepResultSource,
} from '@tenon/pipeline';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

type ForEachSpec = Extract<StepSpec, { readonly kind: 'forEach' }>;

/** Data that a contract describes: which contract, and the schema of the whole. */
export interface DataSource {
  readonly contract: Contract;
  readonly schema: JsonSchema;
  /** `event crm.subscriptionUpgraded`, `result of billing.getSubscription`. */
  readonly what: string;
}

/** What a root of expressions holds: `event` and its `headers`, `signal` in a `wait`, the result of a step. */
export function sourceOf(
  { model }: PipelineInspection,
  root: string,
  step: StepSpec | undefined,
): DataSource | undefined {
  if (!model) return undefined;
  const headers = root === 'headers' ? model.trigger?.definition.message.headers : undefined;
  if (model.trigger && headers !== undefined)
    return {
      contract: model.trigger.contract,
      schema: headers,
      what: `headers of event ${model.trigger.name}`,
    };
  const event =
    root === 'event' ? model.trigger : root === 'signal' && step ? model.events.get(step) : undefined;
  if (!event) return undefined;
  return {
    contract: event.contract,
    schema: event.definition.message.payload,
    what: `event ${event.name}`,
  };
}

/** Part of a contract's data. */
export interface DataPart {
  readonly source: DataSource;
  readonly path: readonly string[];
}

/** What a name of an expression in a step holds: a root of all expressions, or the item of a list around the step. */
export function partOf(
  inspection: PipelineInspection,
  root: string,
  step: StepSpec | undefined,
): DataPart | undefined {
  const source = sourceOf(inspection, root, step);
  if (source) return { source, path: [] };
  const list = step && listAround(inspection, root, step);
  if (list?.records) {
    const { step: id, path } = list.records;
    const read = allSteps(inspection.model?.spec.steps ?? []).find((one) => one.id.value === id);
    const result = read && resultOf(inspection, read);
    return result && { source: result, path: [...path, '*'] };
  }
  const read = list?.in && listRead(list.in.parsed.ast);
  if (!list || !read) return undefined;
  const names = read.path.map(({ name }) => name);
  if (read.root !== 'steps') {
    const outer = partOf(inspection, read.root, list === step ? undefined : list);
    return outer && { source: outer.source, path: [...outer.path, ...names, '*'] };
  }
  const named = allSteps(inspection.model?.spec.steps ?? []).find(({ id }) => id.value === names[0]);
  const result = named && resultOf(inspection, named);
  return result && { source: result, path: [...names.slice(1), '*'] };
}

/** The list whose item has this name in a step. */
function listAround({ model }: PipelineInspection, name: string, step: StepSpec): ForEachSpec | undefined {
  const lists = allSteps(model?.spec.steps ?? []).filter((one): one is ForEachSpec => one.kind === 'forEach');
  return lists.findLast(
    (list) => list.as.value === name && (list === step || allSteps(list.steps).includes(step)),
  );
}

export function resultOf({ model }: PipelineInspection, step: StepSpec): DataSource | undefined {
  if (step.kind === 'call') {
    const call = model?.calls.get(step)?.call;
    return (
      call && {
        contract: call.contract,
        schema: stepResultSource(step, call),
        what: `result of ${step.call.value}`,
      }
    );
  }
  const event = model?.events.get(step);
  return (
    event && {
      contract: event.contract,
      schema: event.definition.message.payload,
      what: `event ${event.name}`,
    }
  );
}

/** The request of a call, or the payload of an `emit`; `compensate`: of the call that undoes it. */
export function inputOf(
  inspection: PipelineInspection,
  step: StepSpec,
  part: 'with' | 'compensate',
): DataSource | undefined {
  if (step.kind === 'emit') return resultOf(inspection, step);
  if (step.kind === 'forEach' && step.records) {
    const id = step.records.step;
    const read = allSteps(inspection.model?.spec.steps ?? []).find((one) => one.id.value === id);
    return read && inputOf(inspection, read, part);
  }
  const meaning = step.kind === 'call' ? inspection.model?.calls.get(step) : undefined;
  const call = part === 'with' ? meaning?.call : meaning?.compensation;
  if (!call) return undefined;
  return {
    contract: call.contract,
    schema: inputSource(call.operation),
    what: `request of ${call.connection}.${call.operation.id}`,
  };
}

/** References followed from one schema at most: a definition may name itself. */
const DEPTH_MAX = 32;

/** Every schema that says something of the value at a path; names are properties or indexes, `*` an item. */
export function schemasAt(
  { contract, schema }: DataSource,
  path: readonly string[],
): readonly SchemaObject[] {
  let here = variants(contract, schema, 0);
  for (const name of path) {
    here = here.flatMap((one) => {
      const isItem = name === '*' || /^\d+$/.test(name);
      const property =
        one.properties && Object.hasOwn(one.properties, name) ? one.properties[name] : undefined;
      const next =
        property ?? (isItem && one.items !== undefined ? one.items : undefined) ?? one.additionalProperties;
      return next === undefined ? [] : variants(contract, next, 0);
    });
  }
  return here;
}

function variants(contract: Contract, schema: JsonSchema, depth: number): readonly SchemaObject[] {
  if (!isSchemaObject(schema) || depth > DEPTH_MAX) return [];
  const name = definitionName(schema);
  const target = name === undefined ? undefined : contract.definitions[name];
  const parts = [...(schema.allOf ?? []), ...(schema.anyOf ?? []), ...(schema.oneOf ?? [])];
  return [schema, ...(target === undefined ? [] : [target]), ...parts].flatMap((one, index) => {
    if (index === 0) return name === undefined || Object.keys(schema).length > 1 ? [schema] : [];
    return variants(contract, one, depth + 1);
  });
}

/** Where the value at a path is described. */
export function placesAt(source: DataSource, path: readonly string[]): readonly Location[] {
  const found = new Map<string, Location>();
  for (const schema of schemasAt(source, path)) {
    const at = source.contract.locate(schema);
    if (at) found.set(`${at.file} ${at.range.start.offset}`, at);
  }
  return [...found.values()];
}

import type { OperationPlan } from '@tenon/connector';
import { isObject, type Json, type JsonObject, seededRandom } from '@tenon/model';
import { compileValidator, isSchemaObject, sample, type Validator } from '@tenon/schema';
import { definitionsOf } from '../plan-definitions.ts';
import type { BenchOperation } from './bench.ts';
import type { Subject } from './subject.ts';

/** Seed of what is made up; any will do, so long as it stays. */
const SEED = 7;

/**
 * Input for one call: the fixture's, else the contract's own example with what is required beside it, else a sample. The
 * `n`-th differs from the others in every text, date and number of its body that the contract lets differ, so that two are two things.
 */
export function exampleInput(subject: Subject, operation: BenchOperation, n: number): JsonObject {
  const fits = inputValidator(operation.plan);
  const given = subject.fixtures.inputs[operation.name];
  const base = given ?? fromContract(operation, fits) ?? sampled(operation.plan) ?? {};
  if (n === 0 || !isObject(base['body'])) return base;
  // A body that is an object of JSON stays one.
  return varied(base, n, fits);
}

/** What is required, with the contract's own example as its body. */
function fromContract({ operation, plan }: BenchOperation, fits: Validator): JsonObject | undefined {
  const written =
    operation.kind === 'http'
      ? (operation.body?.content.flatMap(({ examples }) => Object.values(examples)) ?? [])
      : operation.messages.flatMap(({ examples }) => examples.map(({ payload }) => payload));
  const around = sampled(plan, 'body');
  if (around === undefined) return undefined;
  // Examples of a contract are JSON, as the document is.
  const bodies = written.filter((example) => example !== undefined) as Json[];
  return bodies.map((body): JsonObject => ({ ...around, body })).find((input) => fits(input).length === 0);
}

function sampled(plan: OperationPlan, without?: string): JsonObject | undefined {
  const { input } = plan;
  if (!isSchemaObject(input)) return {};
  const schema =
    without === undefined
      ? input
      : {
          ...input,
          required: (input.required ?? []).filter((name) => name !== without),
        };
  const value = sample(schema, {
    random: seededRandom(SEED),
    optional: 0,
    definitions: definitionsOf(input),
  });
  return isObject(value) ? (value as JsonObject) : undefined;
}

const validators = new WeakMap<OperationPlan, Validator>();

/** The kit's own judge of an operation's input, apart from whatever the transport does. */
export function inputValidator(plan: OperationPlan): Validator {
  const known = validators.get(plan);
  if (known !== undefined) return known;
  const made = compileValidator(plan.input);
  validators.set(plan, made);
  return made;
}

function varied(base: JsonObject, n: number, fits: Validator): JsonObject {
  return withLeaves(base, fits, (leaf) => others(leaf, n));
}

/** What may stand in the place of a value, the likeliest first. */
function others(leaf: Json, n: number): readonly Json[] {
  if (typeof leaf === 'number') return [leaf + n, leaf - n];
  if (typeof leaf !== 'string') return [];
  const day = /^\d{4}-\d{2}-\d{2}/.exec(leaf)?.[0];
  const later = day === undefined ? [] : [leaf.replace(day, dayAfter(day, n))];
  // The last digits of an id in a form of its own.
  const counted = leaf.replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + n) % 10));
  return [`${leaf}-${n}`, ...later, counted].filter((other) => other !== leaf);
}

function dayAfter(day: string, n: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return day;
  date.setUTCDate(date.getUTCDate() + n);
  return date.toISOString().slice(0, 'YYYY-MM-DD'.length);
}

/**
 * The input with every text of its body changed, each as far as the contract allows: a text that would no longer fit
 * stays as it was.
 */
export function withTexts(input: JsonObject, fits: Validator, change: (text: string) => string): JsonObject {
  return withLeaves(input, fits, (leaf) => (typeof leaf === 'string' ? [change(leaf)] : []));
}

function withLeaves(input: JsonObject, fits: Validator, change: (leaf: Json) => readonly Json[]): JsonObject {
  let result = input;
  for (const { path, leaf } of leaves(input['body'] ?? null, ['body'])) {
    const next = change(leaf)
      .map((other) => put(result, path, other))
      .find((changed) => fits(changed).length === 0);
    if (next !== undefined) result = next;
  }
  return result;
}

function* leaves(
  value: Json,
  path: readonly (string | number)[],
): Generator<{ readonly path: readonly (string | number)[]; readonly leaf: Json }> {
  if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* leaves(item, [...path, index]);
  else if (isObject(value))
    for (const [key, item] of Object.entries(value as JsonObject)) yield* leaves(item, [...path, key]);
  else yield { path, leaf: value };
}

function put(value: JsonObject, path: readonly (string | number)[], next: Json): JsonObject {
  // The path was read off this very value, so the way is there and ends in what it began with: an object.
  return changed(value, path, next) as JsonObject;
}

function changed(value: Json, [token, ...rest]: readonly (string | number)[], next: Json): Json {
  if (token === undefined) return next;
  if (Array.isArray(value))
    return (value as readonly Json[]).map((item, index) =>
      index === token ? changed(item, rest, next) : item,
    );
  const object = value as JsonObject;
  return { ...object, [token]: changed(object[token]!, rest, next) };
}

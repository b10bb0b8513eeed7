import type { OperationPlan } from '@tenon/connector';
import { isObject, type Json, type JsonObject, seededRandom } from '@tenon/model';
import { compileValidator, isSchemaObject, sample, type Validator } from '@tenon/schema';
import type { BenchOperation } from './bench.ts';
import type { Subject } from './subject.ts';

/** Seed of what is made up; any will do, so long as it stays. */
const SEED = 7;

/**
 * Input for one call: the fixture's, else the contract's own example with what is required beside it, else a sample. The
 * `n`-th differs from the others in every text of its body that the contract lets differ, so that two are two things.
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
  const { $defs } = input;
  const value = sample(schema, {
    random: seededRandom(SEED),
    optional: 0,
    // `$defs` of a plan hold schemas, as every plan's do.
    ...(isObject($defs) && { definitions: $defs as Parameters<typeof sample>[1]['definitions'] & object }),
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
  return withTexts(base, fits, (text) => `${text}-${n}`);
}

/**
 * The input with every text of its body changed, each as far as the contract allows: a text that would no longer fit
 * stays as it was.
 */
export function withTexts(input: JsonObject, fits: Validator, change: (text: string) => string): JsonObject {
  let result = input;
  for (const { path, text } of texts(input['body'] ?? null, ['body'])) {
    const next = put(result, path, change(text));
    if (fits(next).length === 0) result = next;
  }
  return result;
}

function* texts(
  value: Json,
  path: readonly (string | number)[],
): Generator<{ readonly path: readonly (string | number)[]; readonly text: string }> {
  if (typeof value === 'string') yield { path, text: value };
  else if (Array.isArray(value))
    for (const [index, item] of value.entries()) yield* texts(item, [...path, index]);
  else if (isObject(value))
    for (const [key, item] of Object.entries(value as JsonObject)) yield* texts(item, [...path, key]);
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

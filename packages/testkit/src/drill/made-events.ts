import { type Expr, formatExpression, parseExpression, type ValueTemplate } from '@tenon/expression';
import { isObject, type Json, type JsonObject, seededRandom } from '@tenon/model';
import type { Plan, WaitStep } from '@tenon/pipeline';
import type { RunDetail } from '@tenon/runtime';
import type { LoadedPlan } from '@tenon/runtime/drill';
import {
  definitionName,
  isSchemaObject,
  type JsonSchema,
  type SchemaObject,
  sample,
  schemaOfProperty,
} from '@tenon/schema';
import { definitionsOf } from '../plan-definitions.ts';
import { merge } from '../sandbox/make-row.ts';
import { type KnownOf, put, type Wish, wishesOf } from '../wishes.ts';

/** Wishes at most that are tried for one condition: each `||` doubles them. */
const WISHES_MAX = 16;

/** A payload of an event, as its contract has it, the same for the same seed; `undefined` where none can be made. */
export function madePayload(schema: JsonSchema, seed: number): Json | undefined {
  return sample(schema, { random: seededRandom(seed), definitions: definitionsOf(schema) });
}

/** A value that fits at a place of what an operation takes; `undefined` where its schema says nothing of the place. */
export function sampleAt(schema: JsonSchema, tokens: readonly string[], seed = 1): Json | undefined {
  const definitions = definitionsOf(schema);
  let at: JsonSchema = schema;
  for (const token of tokens) {
    const said = partsOf(at, definitions).flatMap((here) => saidOf(here, token));
    if (said.length === 0) return undefined;
    at = said.length === 1 ? said[0]! : { allOf: said };
  }
  return sample(at, { random: seededRandom(seed), definitions });
}

/** A schema and those that it is put together of; of alternatives each. */
function partsOf(
  schema: JsonSchema,
  definitions: Readonly<Record<string, JsonSchema>>,
  depth = 0,
): readonly SchemaObject[] {
  const here = referred(schema, definitions);
  if (!isSchemaObject(here) || depth > PARTS_DEEP) return [];
  const inner = [...(here.allOf ?? []), ...(here.anyOf ?? []), ...(here.oneOf ?? [])];
  return [here, ...inner.flatMap((part) => partsOf(part, definitions, depth + 1))];
}

const PARTS_DEEP = 8;

function saidOf(schema: SchemaObject, token: string): readonly JsonSchema[] {
  if (schema.items !== undefined && !Array.isArray(schema.prefixItems)) return [schema.items];
  const said = schemaOfProperty(schema, token);
  return said === true ? [] : [said];
}

function referred(schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const name = definitionName(schema);
  return (name === undefined ? undefined : definitions[name]) ?? schema;
}

/** What a step waits for, where that is an event. */
export type Awaited = Extract<WaitStep['for'], { readonly event: string }>;

/** The payload of an event that a run waits for; `given`: a part of it that is so in any case. `undefined`: there is none. */
export function signalFor(
  loaded: LoadedPlan,
  { event, match }: Awaited,
  run: RunDetail,
  { connection, given }: { readonly connection?: string; readonly given?: Json } = {},
): Json | undefined {
  const schema = loaded.plan.events[event]?.payload;
  const payload = schema && madePayload(schema, 1);
  if (payload === undefined) return undefined;
  const scope = scopeOf(run, connection);
  for (const wishes of waysTo(loaded, match, true, scope)) {
    const made = withGiven(withWishes(payload, 'signal', wishes), given);
    const matches = loaded.condition(match, { ...scope, signal: made });
    if (matches.ok && matches.value && loaded.refusal(event, made) === undefined) return made;
  }
  return undefined;
}

/** A payload with a part of it given. */
export function withGiven(payload: Json, given: Json | undefined): Json {
  if (given === undefined) return payload;
  // Objects of JSON.
  return isObject(payload) && isObject(given) ? merge(payload as JsonObject, given as JsonObject) : given;
}

/** What expressions of a run may read, as far as it has come; `connection`: over which its event came. */
export function scopeOf(
  { input, headers, steps }: RunDetail,
  connection?: string,
): Readonly<Record<string, Json>> {
  const results = steps.flatMap(({ id, result }) => (result === undefined ? [] : [[id, result] as const]));
  return {
    event: input,
    input,
    steps: Object.fromEntries(results),
    headers: headers ?? {},
    ...(connection !== undefined && { connection }),
  };
}

/** Ways in which a condition may come to be so: what must stand at which places, where something is known of the rest. */
export function waysTo(
  loaded: LoadedPlan,
  condition: string,
  wanted: boolean,
  scope: Readonly<Record<string, Json>>,
): readonly (readonly Wish[])[] {
  const { ast, errors } = parseExpression(condition);
  if (errors.length > 0) return [];
  const knownOf: KnownOf = (expression) => {
    if (expression.kind === 'literal') return { value: expression.value };
    const known = loaded.expression(formatExpression(expression), scope);
    return known.ok ? { value: known.value } : undefined;
  };
  return wishesOf(inlined(ast, loaded), wanted, knownOf).slice(0, WISHES_MAX);
}

/** With named conditions replaced by what they say, and what `set` steps give by what it was made of. */
function inlined(expression: Expr, loaded: LoadedPlan): Expr {
  const said = saidBy(expression, loaded);
  if (said !== undefined) return inlined(said, loaded);
  switch (expression.kind) {
    case 'binary':
      return {
        ...expression,
        left: inlined(expression.left, loaded),
        right: inlined(expression.right, loaded),
      };
    case 'unary':
      return { ...expression, operand: inlined(expression.operand, loaded) };
    default:
      return expression;
  }
}

/** What an expression stands for, where that is another one. */
function saidBy(expression: Expr, { plan, steps }: LoadedPlan): Expr | undefined {
  if (expression.kind === 'call') {
    const named = policyOf(expression, plan.policies);
    const said = named && parsed(named.expression);
    const values = new Map(named?.parameters.map((name, index) => [name, expression.args[index]]));
    return said && mapped(said, (one) => (one.kind === 'identifier' ? values.get(one.name) : undefined));
  }
  const [root, id, ...rest] = namesOf(expression) ?? [];
  const step = root === 'steps' && id !== undefined ? steps.get(id) : undefined;
  const text = step?.kind === 'set' ? expressionAt(step.value, rest) : undefined;
  return text === undefined ? undefined : parsed(text);
}

export function parsed(text: string): Expr | undefined {
  const { ast, errors } = parseExpression(text);
  return errors.length > 0 ? undefined : ast;
}

/** `steps.facts.open` as names. */
function namesOf(expression: Expr): readonly string[] | undefined {
  if (expression.kind === 'identifier') return [expression.name];
  if (expression.kind !== 'member') return undefined;
  const above = namesOf(expression.object);
  return above && [...above, expression.name];
}

/** The expression that stands at a place of a value. */
export function expressionAt(value: ValueTemplate, [name, ...rest]: readonly string[]): string | undefined {
  if ('expression' in value) return name === undefined ? value.expression : undefined;
  if (name === undefined) return undefined;
  const inner =
    'object' in value && Object.hasOwn(value.object, name)
      ? value.object[name]
      : 'array' in value
        ? value.array[Number(name)]
        : undefined;
  return inner && expressionAt(inner, rest);
}

function policyOf(
  { name, target }: Extract<Expr, { kind: 'call' }>,
  policies: Plan['policies'],
): Plan['policies'][string] | undefined {
  if (target?.kind !== 'identifier' || target.name !== 'policy') return undefined;
  return Object.hasOwn(policies, name) ? policies[name] : undefined;
}

/** With parts replaced; of a condition, as far as wishes are made of it. */
function mapped(expression: Expr, replace: (one: Expr) => Expr | undefined): Expr {
  const replaced = replace(expression);
  if (replaced !== undefined) return replaced;
  const map = (one: Expr): Expr => mapped(one, replace);
  switch (expression.kind) {
    case 'binary':
      return { ...expression, left: map(expression.left), right: map(expression.right) };
    case 'unary':
      return { ...expression, operand: map(expression.operand) };
    case 'member':
      return { ...expression, object: map(expression.object) };
    case 'index':
      return { ...expression, object: map(expression.object), index: map(expression.index) };
    case 'call':
      return {
        ...expression,
        args: expression.args.map(map),
        ...(expression.target && { target: map(expression.target) }),
      };
    case 'conditional':
      return { ...expression, test: map(expression.test), yes: map(expression.yes), no: map(expression.no) };
    default:
      return expression;
  }
}

/** A value that an event is made of: see `put`. */
export function withWishes(value: Json, root: string, wishes: readonly Wish[]): Json {
  return wishes.reduce((made, { path, value: wished }) => {
    const [first, ...rest] = path;
    return first === root ? put(made, rest, wished) : made;
  }, value);
}

import { type Expr, formatExpression, parseExpression } from '@tenon/expression';
import { isObject, type Json, seededRandom } from '@tenon/model';
import type { Plan, WaitStep } from '@tenon/pipeline';
import type { RunDetail } from '@tenon/runtime';
import type { LoadedPlan } from '@tenon/runtime/drill';
import { isSchemaObject, type JsonSchema, sample } from '@tenon/schema';
import { type KnownOf, put, type Wish, wishesOf } from '../wishes.ts';

/** Wishes at most that are tried for one condition: each `||` doubles them. */
const WISHES_MAX = 16;

/** A payload of an event, as its contract has it, the same for the same seed; `undefined` where none can be made. */
export function madePayload(schema: JsonSchema, seed: number): Json | undefined {
  const definitions = isSchemaObject(schema) && isObject(schema.$defs) ? schema.$defs : {};
  return sample(schema, {
    random: seededRandom(seed),
    // `$defs` of a plan hold schemas, as every plan's do.
    definitions: definitions as Readonly<Record<string, JsonSchema>>,
  });
}

/** The payload of an event that a run waits for. */
export function signalFor(
  loaded: LoadedPlan,
  { event, match }: Extract<WaitStep['for'], { readonly event: string }>,
  run: RunDetail,
  connection?: string,
): Json | undefined {
  const schema = loaded.plan.events[event]?.payload;
  const payload = schema && madePayload(schema, 1);
  if (payload === undefined) return undefined;
  const scope = scopeOf(run, connection);
  for (const wishes of waysTo(loaded, match, true, scope)) {
    const made = wishes.reduce(
      (made, { path: [root, ...rest], value }) => (root === 'signal' ? put(made, rest, value) : made),
      payload,
    );
    const matches = loaded.condition(match, { ...scope, signal: made });
    if (matches.ok && matches.value && loaded.refusal(event, made) === undefined) return made;
  }
  return undefined;
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
  return wishesOf(inlined(ast, loaded.plan.policies), wanted, knownOf).slice(0, WISHES_MAX);
}

/** With named conditions replaced by what they say. */
function inlined(expression: Expr, policies: Plan['policies']): Expr {
  const named = expression.kind === 'call' ? policyOf(expression, policies) : undefined;
  if (expression.kind === 'call' && named !== undefined) {
    const values = new Map(named.parameters.map((name, index) => [name, expression.args[index]]));
    const { ast, errors } = parseExpression(named.expression);
    if (errors.length > 0) return expression;
    return inlined(
      mapped(ast, (one) => (one.kind === 'identifier' ? values.get(one.name) : undefined)),
      policies,
    );
  }
  if (expression.kind === 'binary')
    return {
      ...expression,
      left: inlined(expression.left, policies),
      right: inlined(expression.right, policies),
    };
  if (expression.kind === 'unary') return { ...expression, operand: inlined(expression.operand, policies) };
  return expression;
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

import { compileExpression, compileTemplate, type EvaluationErrorCode, type Scope } from '@tenon/expression';
import { type Json, type Random, seededRandom } from '@tenon/model';
import type { Plan, PlanStep } from '@tenon/pipeline';
import { type JsonSchema, sample } from '@tenon/schema';

/** What evaluating every expression of plans over data that fits their contracts came to. */
export interface Soundness {
  readonly runs: number;
  readonly evaluations: number;
  /** Failures by code. A type error is a fault of the checker; a division by zero or a text that is no number is data's. */
  readonly failures: ReadonlyMap<EvaluationErrorCode, number>;
  /** The first few, to mend them by. */
  readonly examples: readonly string[];
}

/** Failures that a checked pipeline cannot have on data that fits its contracts. */
export const TYPE_ERRORS = [
  'EXPRESSION_TYPE_MISMATCH',
  'EXPRESSION_FIELD_ABSENT',
  'EXPRESSION_NAME_UNKNOWN',
  'EXPRESSION_FUNCTION_UNKNOWN',
] as const satisfies readonly EvaluationErrorCode[];

/** Samples of one schema that inputs are drawn from. */
const POOL = 48;
const EXAMPLES_MAX = 20;

/** Carries plans out over drawn data, as the interpreter does, with every answer drawn from its contract. */
export class SoundnessRun {
  #runs = 0;
  #evaluations = 0;
  readonly #failures = new Map<EvaluationErrorCode, number>();
  readonly #examples: string[] = [];
  readonly #random: Random;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  get result(): Soundness {
    return {
      runs: this.#runs,
      evaluations: this.#evaluations,
      failures: this.#failures,
      examples: this.#examples,
    };
  }

  /** A function that makes one run of the plan; `undefined` when no data can be made for it. */
  prepare(plan: Plan): (() => void) | undefined {
    const pools = new Map<JsonSchema, readonly Json[]>();
    const draw = (schema: JsonSchema): Json => {
      const pool = pools.get(schema) ?? poolOf(schema, this.#random);
      pools.set(schema, pool);
      return pool[Math.floor(this.#random.next() * pool.length)] ?? null;
    };
    const payload = 'event' in plan.trigger ? plan.events[plan.trigger.event]?.payload : plan.trigger.input;
    if (payload === undefined || poolOf(payload, this.#random).length === 0) return undefined;
    const options = { policies: plan.policies };
    const expressions = new Map<string, ReturnType<typeof compileExpression>>();
    const templates = new Map<object, ReturnType<typeof compileTemplate>>();
    type Outcome = { readonly value: Json } | undefined;
    const noted = (evaluation: ReturnType<ReturnType<typeof compileExpression>['evaluate']>): Outcome => {
      this.#evaluations++;
      if (evaluation.ok) return { value: evaluation.value };
      const { code, message, source } = evaluation.error;
      this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
      const example = `${plan.pipeline}: ${code} ${message} in ${source}`;
      if (this.#examples.length < EXAMPLES_MAX && !this.#examples.includes(example))
        this.#examples.push(example);
      return undefined;
    };
    const expression = (source: string, scope: Scope): Outcome => {
      const compiled = expressions.get(source) ?? compileExpression(source, options);
      expressions.set(source, compiled);
      return noted(compiled.evaluate(scope));
    };
    const template = (one: Parameters<typeof compileTemplate>[0], scope: Scope): Outcome => {
      const compiled = templates.get(one) ?? compileTemplate(one, options);
      templates.set(one, compiled);
      return noted(compiled.evaluate(scope));
    };

    return () => {
      this.#runs++;
      const event = draw(payload);
      const steps: Record<string, Json> = Object.create(null);
      const names: Record<string, Json> = { event, input: event, steps };
      const scope: Scope = names;
      if ('event' in plan.trigger && plan.trigger.where !== undefined) {
        if (expression(plan.trigger.where, scope)?.value !== true) return;
      }
      template(plan.identity.key, scope);
      if (plan.identity.orderBy) template(plan.identity.orderBy, scope);
      if (!carryOut(plan.steps)) return;
      if (plan.success !== undefined) expression(plan.success, scope);
      for (const { when, value } of Object.values(plan.metrics)) {
        if (when !== undefined && expression(when, scope)?.value !== true) continue;
        if (value !== undefined) expression(value, scope);
      }

      /** False when the run ends here. */
      function carryOut(list: readonly PlanStep[]): boolean {
        return list.every((step) => {
          if (step.when !== undefined) {
            const held = expression(step.when, scope);
            if (!held) return false;
            if (held.value !== true) return true;
          }
          return one(step);
        });
      }

      function one(step: PlanStep): boolean {
        switch (step.kind) {
          case 'call': {
            if (!template(step.with, scope)) return false;
            steps[step.id] = draw(plan.operations[step.operation]!.result);
            return !step.compensate || template(step.compensate.with, scope) !== undefined;
          }
          case 'emit': {
            const sent = template(step.with, scope);
            if (sent) steps[step.id] = sent.value;
            return sent !== undefined;
          }
          case 'approve':
            steps[step.id] = { decision: 'approved', actor: 'ann', reason: '' };
            return template(step.show, scope) !== undefined;
          case 'run': {
            if (step.result !== undefined) steps[step.id] = draw(step.result);
            return template(step.with, scope) !== undefined;
          }
          case 'set': {
            const value = template(step.value, scope);
            if (value) steps[step.id] = value.value;
            return value !== undefined;
          }
          case 'check':
            return step.that.every(({ condition }) => expression(condition, scope)?.value === true);
          case 'parallel':
            return step.branches.every((branch) => carryOut(branch.steps));
          case 'forEach': {
            const list = expression(step.in, scope);
            if (!list || !Array.isArray(list.value)) return false;
            const before = { ...steps };
            const outcomes = list.value.slice(0, ITEMS_MAX).flatMap((item, index): Json[] => {
              names[step.as] = item;
              const key = step.key === undefined ? { value: index } : template(step.key, scope);
              const isGood = (step.check?.that ?? []).every(
                ({ condition }) => expression(condition, scope)?.value === true,
              );
              if (!key || !isGood || !carryOut(step.steps)) return [];
              const result = step.result && template(step.result, scope);
              return [
                { key: String(key.value), outcome: 'succeeded', ...(result && { result: result.value }) },
              ];
            });
            for (const inside of Object.keys(steps)) if (!(inside in before)) delete steps[inside];
            delete names[step.as];
            steps[step.id] = outcomes;
            return true;
          }
          case 'choose':
            for (const { when, steps: inside } of step.branches) {
              const held = when === undefined ? { value: true } : expression(when, scope);
              if (!held) return false;
              if (held.value === true) return carryOut(inside);
            }
            return true;
          case 'wait': {
            const target = step.for;
            if ('until' in target) return expression(target.until, scope) !== undefined;
            if ('durationMs' in target) return true;
            const signal = draw(plan.events[target.event]!.payload);
            if (!expression(target.match, { ...scope, signal })) return false;
            steps[step.id] = target.onExpiry === 'continue' && signal === null ? null : signal;
            return true;
          }
        }
      }
    };
  }
}

/** Items of a list that are gone through. */
const ITEMS_MAX = 3;

function poolOf(schema: JsonSchema, random: Random): readonly Json[] {
  const definitions = typeof schema === 'object' ? (schema.$defs ?? {}) : {};
  const pool: Json[] = [];
  for (let index = 0; index < POOL; index++) {
    // From everything filled in to nothing but what is required.
    const value = sample(schema, { random, definitions, optional: (index % 5) / 4 });
    if (value !== undefined) pool.push(value);
    else if (index > 8 && pool.length === 0) break;
  }
  return pool;
}

/** Drawn manifests of manual pipelines over drawn schemas: guards, reads and sums of a few names, right and wrong. */
export function drawnPipelines(count: number, seed: number): Record<string, string> {
  const random = seededRandom(seed);
  const files: Record<string, string> = {
    'tenon.config.yaml': 'apiVersion: tenon/v1\nkind: Workspace\nconnections: {}\n',
  };
  for (let index = 0; index < count; index++) {
    const schema = drawnObject(random, 0);
    const paths: Path[] = [];
    pathsOf(schema, 'event', 0, paths);
    const steps = Array.from(
      { length: 1 + Math.floor(random.next() * 3) },
      (_, number) =>
        `  - { id: s${number}, ${random.next() < 0.25 ? `when: "\${ ${condition(random, paths, 0)} }", ` : ''}set: { value: "\${ ${value(random, paths, number, 0)} }" } }`,
    );
    files[`pipelines/p${index}.pipeline.yaml`] = `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: p${index}, version: 1, description: drawn }
owner: { team: a, backup: b, escalation: c, respond: 1h, recover: 1h }
tier: low
trigger: { manual: { input: ${JSON.stringify(schema)} } }
identity: { key: "\${ event.key }", retain: 30d }
limits: { deadline: 15m }
steps:
${steps.join('\n')}
onFailure: hold
`;
  }
  return files;
}

type Schema = Record<string, Json>;
interface Path {
  readonly text: string;
  readonly schema: Schema;
}

function pick<T>(random: Random, list: readonly T[]): T {
  return list[Math.floor(random.next() * list.length)]!;
}

const NAMES = ['a', 'b', 'n', 'items', 'kind'] as const;

function drawnObject(random: Random, depth: number): Schema {
  const properties: Record<string, Schema> = {};
  for (const name of NAMES) if (random.next() < 0.6) properties[name] = drawn(random, depth + 1);
  const required = Object.keys(properties).filter(() => random.next() < 0.5);
  if (depth > 0) return { type: 'object', properties, required };
  return {
    type: 'object',
    properties: { ...properties, key: { type: 'string' } },
    required: [...required, 'key'],
  };
}

function drawn(random: Random, depth: number): Schema {
  const choice = random.next();
  if (depth > 3 || choice < 0.45)
    return pick<Schema>(random, [
      { type: 'string' },
      { type: 'integer' },
      { type: 'number' },
      { type: 'boolean' },
      { enum: ['a', 'b', 'c'] },
      { type: ['string', 'null'] },
      { type: ['integer', 'string'] },
      { enum: [1, 2, null] },
    ]);
  if (choice < 0.65) return drawnObject(random, depth);
  if (choice < 0.8)
    return { type: 'array', items: drawn(random, depth + 1), ...(random.next() < 0.3 && { minItems: 1 }) };
  if (choice < 0.9) return { anyOf: [drawn(random, depth + 1), { type: 'null' }] };
  const variant = (kind: string): Schema => {
    const { properties, required } = drawnObject(random, depth + 2) as {
      properties: Record<string, Json>;
      required: string[];
    };
    return {
      type: 'object',
      properties: { ...properties, kind: { const: kind } },
      required: [...required.filter((name) => name !== 'kind'), 'kind'],
    };
  };
  return { oneOf: [variant('x'), variant('y')] };
}

function pathsOf(schema: Schema, text: string, depth: number, found: Path[]): void {
  if (depth > 4) return;
  for (const one of (schema['anyOf'] ?? schema['oneOf'] ?? []) as Schema[]) pathsOf(one, text, depth, found);
  for (const [name, inner] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>)) {
    found.push({ text: `${text}.${name}`, schema: inner });
    pathsOf(inner, `${text}.${name}`, depth + 1, found);
  }
}

const LITERALS = ["'a'", "'x'", '1', '2.5', 'null', 'true', "''"] as const;

function condition(random: Random, paths: readonly Path[], depth: number): string {
  const { text } = pick(random, paths);
  const choice = Math.floor(random.next() * (depth > 2 ? 6 : 9));
  const inner = (): string => condition(random, paths, depth + 1);
  switch (choice) {
    case 0:
    case 1:
      return `has(${text})`;
    case 2:
      return `${text} ${pick(random, ['==', '!='])} ${pick(random, LITERALS)}`;
    case 3:
      return `default(${text}, ${pick(random, LITERALS)}) == ${pick(random, LITERALS)}`;
    case 4:
      return `size(${text}) > ${pick(random, ['0', '1'])}`;
    case 5:
      return `has(${text}) && ${text} ${pick(random, ['==', '!=', '>', '<='])} ${pick(random, LITERALS)}`;
    case 6:
      return `(${inner()} ${pick(random, ['&&', '||'])} ${inner()})`;
    case 7:
      return `!(${inner()})`;
    default:
      return `${text}.${pick(random, ['all', 'exists'])}(x, has(x.${pick(random, NAMES)}))`;
  }
}

function value(random: Random, paths: readonly Path[], step: number, depth: number): string {
  const { text } = pick(random, paths);
  const other = pick(random, paths).text;
  const inner = (): string => value(random, paths, step, depth + 1);
  const earlier = step > 0 ? `steps.s${Math.floor(random.next() * step)}.value` : text;
  switch (Math.floor(random.next() * (depth > 2 ? 8 : 15))) {
    case 0:
      return text;
    case 1:
      return `default(${text}, ${pick(random, LITERALS)})`;
    case 2:
      return `has(${text}) ? ${text} : ${pick(random, LITERALS)}`;
    case 3:
      return `has(${text}) && ${condition(random, paths, 2)} ? ${text} : ${pick(random, LITERALS)}`;
    case 4:
      return `${text.replace(/\.(\w+)$/, '.?$1')}.orValue(${pick(random, LITERALS)})`;
    case 5:
      return `string(${text})`;
    case 6:
      return `size(${text})`;
    case 7:
      return earlier;
    case 8:
      return `(${condition(random, paths, 1)} ? ${inner()} : ${inner()})`;
    case 9:
      return `(${inner()} ${pick(random, ['+', '-', '*'])} ${inner()})`;
    case 10:
      return `${text}.map(x, ${pick(random, ['x', `x.${pick(random, NAMES)}`, `default(x.${pick(random, NAMES)}, 1)`, 'string(x)'])})`;
    case 11:
      return `${text}.filter(x, has(x.${pick(random, NAMES)})).map(x, x.${pick(random, NAMES)})`;
    case 12:
      return `[${inner()}, ${other}]`;
    case 13:
      return `(${text} == null ? ${pick(random, LITERALS)} : ${text} == ${pick(random, LITERALS)} ? ${inner()} : ${text})`;
    default:
      return `(has(${text}) && ${text}.kind == 'x' ? ${text}.${pick(random, NAMES)} : ${pick(random, LITERALS)})`;
  }
}

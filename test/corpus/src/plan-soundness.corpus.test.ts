import { fileURLToPath } from 'node:url';
import {
  compileExpression,
  compileTemplate,
  type Evaluation,
  type Expr,
  formatExpression,
  parseExpression,
  type ValueTemplate,
} from '@tenon/expression';
import { type Json, type JsonObject, type Random, seededRandom } from '@tenon/model';
import { checkWorkspace, loadWorkspace, type Plan, type PlanStep } from '@tenon/pipeline';
import { compileValidator, isSchemaObject, type JsonSchema, sample, type Validator } from '@tenon/schema';
import { describe, expect, it } from 'vitest';

/**
 * What `tenon check` promises, tried: plans of checked pipelines are carried out, without any system, over events and
 * answers made from the contracts. No expression fails, and every request has the members and types that its contract
 * wants. Formats, patterns and lengths are not the checker's to know. `TENON_FUZZ_RUNS=…` for a long run.
 */
const RUNS = Number(process.env['TENON_FUZZ_RUNS'] ?? 200);
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** Keywords of a schema that a type stands for. */
const TYPED = new Set([
  'type',
  'required',
  'enum',
  'const',
  'additionalProperties',
  'unevaluatedProperties',
  'anyOf',
  'oneOf',
]);

const loaded = await loadWorkspace(root);
const check = checkWorkspace(loaded.value!);

describe('plans of this workspace', () => {
  it('are made without findings', () => {
    expect([...loaded.diagnostics, ...check.diagnostics].filter((one) => one.severity === 'error')).toEqual(
      [],
    );
    expect(check.plans.size).toBeGreaterThan(0);
  });

  it.each([...check.plans.values()].map((plan) => [plan.pipeline, plan] as const))(
    '%s meets no type error over generated events and answers',
    (_name, plan) => {
      let evaluations = 0;
      for (let seed = 1; seed <= RUNS; seed++) evaluations += new Rehearsal(plan, seed).run();
      expect(evaluations).toBeGreaterThan(RUNS);
      if (process.env['TENON_FUZZ_RUNS'] !== undefined)
        console.log(`${plan.pipeline}: ${evaluations} evaluations`);
    },
    600_000,
  );
});

/** One run of a plan with made-up events and answers. */
class Rehearsal {
  readonly #plan: Plan;
  readonly #seed: number;
  readonly #random: Random;
  readonly #steps: Record<string, Json> = {};
  readonly #names: Record<string, Json> = {};
  #event: Json = {};
  #evaluations = 0;

  constructor(plan: Plan, seed: number) {
    this.#plan = plan;
    this.#seed = seed;
    this.#random = seededRandom(seed);
  }

  /** Number of expressions and templates evaluated. */
  run(): number {
    const { trigger, identity, success } = this.#plan;
    const schema = 'event' in trigger ? this.#plan.events[trigger.event]!.payload : trigger.input;
    const event = this.#make(schema);
    if (event === undefined) return 0;
    this.#event = event;
    if ('event' in trigger && trigger.where !== undefined && this.#value(trigger.where) !== true)
      return this.#evaluations;
    this.#template(identity.key);
    if (identity.orderBy) this.#template(identity.orderBy);
    if (!this.#walk(this.#plan.steps)) return this.#evaluations;
    if (success !== undefined) this.#value(success);
    for (const metric of Object.values(this.#plan.metrics)) {
      if (metric.when !== undefined) this.#value(metric.when);
      if (metric.value !== undefined) this.#value(metric.value);
    }
    return this.#evaluations;
  }

  /** Gives false where the run ends early. */
  #walk(steps: readonly PlanStep[]): boolean {
    return steps.every((step) => {
      if (step.when !== undefined && this.#value(step.when) !== true) return true;
      return this.#step(step);
    });
  }

  #step(step: PlanStep): boolean {
    switch (step.kind) {
      case 'call': {
        const operation = this.#plan.operations[step.operation]!;
        this.#request(step.operation, operation.input, this.#template(step.with));
        const result = this.#make(operation.result);
        if (result === undefined) return false;
        this.#steps[step.id] = result;
        if (step.compensate) {
          const back = this.#plan.operations[step.compensate.operation]!;
          this.#request(step.compensate.operation, back.input, this.#template(step.compensate.with));
        }
        return true;
      }
      case 'emit': {
        const payload = this.#template(step.with);
        this.#request(step.event, this.#plan.events[step.event]!.payload, payload);
        this.#steps[step.id] = payload;
        return true;
      }
      case 'approve':
        this.#template(step.show);
        this.#steps[step.id] = { decision: 'approved', actor: 'someone', reason: '' };
        return true;
      case 'wait':
        return this.#wait(step);
      case 'run': {
        this.#template(step.with);
        const result = step.result === undefined ? undefined : this.#make(step.result);
        if (result !== undefined) this.#steps[step.id] = result;
        return true;
      }
      case 'set':
        this.#steps[step.id] = this.#template(step.value);
        return true;
      case 'check':
        return step.that.every(({ condition }) => this.#satisfy(condition));
      case 'parallel':
        return step.branches.every((branch) => this.#walk(branch.steps));
      case 'forEach': {
        const list = this.#value(step.in);
        if (!Array.isArray(list)) return false;
        const before = { ...this.#steps };
        const outcomes = list.slice(0, 3).flatMap((item, index): Json[] => {
          this.#names[step.as] = item;
          const key = step.key === undefined ? index : this.#template(step.key);
          const isGood = (step.check?.that ?? []).every(({ condition }) => this.#satisfy(condition));
          if (!isGood || !this.#walk(step.steps)) return [];
          const result = step.result && { result: this.#template(step.result) };
          return [{ key: String(key), outcome: 'succeeded', ...result }];
        });
        for (const id of Object.keys(this.#steps)) if (!(id in before)) delete this.#steps[id];
        delete this.#names[step.as];
        this.#steps[step.id] = outcomes;
        return true;
      }
      case 'choose': {
        const branch = step.branches.find(({ when }) => when === undefined || this.#value(when) === true);
        return branch === undefined || this.#walk(branch.steps);
      }
    }
  }

  #wait(step: Extract<PlanStep, { kind: 'wait' }>): boolean {
    if ('until' in step.for) this.#value(step.for.until);
    if (!('event' in step.for)) return true;
    const signal = this.#make(this.#plan.events[step.for.event]!.payload);
    if (signal === undefined) return false;
    this.#value(step.for.match, { signal });
    this.#steps[step.id] = signal;
    return true;
  }

  /**
   * Is the condition true, or can it be made so? Later steps may rely on it, and made-up ids are never equal by chance:
   * where two fields must be equal, one is given the value of the other.
   */
  #satisfy(condition: string): boolean {
    if (this.#value(condition) === true) return true;
    const { ast } = parseExpression(condition);
    if (ast.kind !== 'binary' || ast.operator !== '==') return false;
    const path = pathOf(ast.left);
    if (path?.[0] !== 'steps') return false;
    const value = this.#value(formatExpression(ast.right));
    this.#steps[path[1]!] = withValue(this.#steps[path[1]!]!, path.slice(2), value);
    return this.#value(condition) === true;
  }

  #make(schema: JsonSchema): Json | undefined {
    // What a contract leaves open is never read.
    if (!isSchemaObject(schema)) return {};
    return sample(schema, {
      random: this.#random,
      definitions: schema.$defs ?? {},
      optional: [0, 0.5, 1][this.#seed % 3]!,
    });
  }

  #value(source: string, extra: JsonObject = {}): Json {
    const { policies } = this.#plan;
    return this.#settled(
      source,
      compileExpression(source, { policies }).evaluate({ ...this.#scope(), ...extra }),
    );
  }

  #template(template: ValueTemplate): Json {
    const { policies } = this.#plan;
    return this.#settled(
      JSON.stringify(template),
      compileTemplate(template, { policies }).evaluate(this.#scope()),
    );
  }

  #scope(): JsonObject {
    return { event: this.#event, input: this.#event, steps: this.#steps, ...this.#names };
  }

  #settled(what: string, result: Evaluation): Json {
    this.#evaluations += 1;
    if (result.ok) return result.value;
    throw new Error(
      `seed ${this.#seed}: ${result.error.code} ${result.error.message}\n${what}\n${JSON.stringify(this.#scope())}`,
    );
  }

  #request(name: string, schema: JsonSchema, request: Json): void {
    const wrong = validatorOf(schema)(request).filter((issue) => TYPED.has(issue.keyword));
    expect(wrong, `seed ${this.#seed}: ${name}\n${JSON.stringify(request)}`).toEqual([]);
  }
}

function pathOf(node: Expr): string[] | undefined {
  if (node.kind === 'identifier') return [node.name];
  const object = node.kind === 'member' ? pathOf(node.object) : undefined;
  return node.kind === 'member' && object ? [...object, node.name] : undefined;
}

function withValue(target: Json, [name, ...rest]: readonly string[], value: Json): Json {
  if (name === undefined) return value;
  const object = target as JsonObject;
  return { ...object, [name]: withValue(object[name] ?? {}, rest, value) };
}

const validators = new Map<JsonSchema, Validator>();

function validatorOf(schema: JsonSchema): Validator {
  const known = validators.get(schema);
  if (known) return known;
  const definitions = isSchemaObject(schema) ? (schema.$defs ?? {}) : {};
  const made = compileValidator(schema, { definitions });
  validators.set(schema, made);
  return made;
}

import {
  compileExpression,
  compileTemplate,
  type Evaluation,
  type Scope,
  type ValueTemplate,
} from '@tenon/expression';
import { isObject, type Json, seededRandom } from '@tenon/model';
import { compileValidator, type JsonSchema, sample, type Validator } from '@tenon/schema';
import { expect, test } from 'vitest';
import { checkWorkspace } from './check-workspace.ts';
import type { CallStep, ForEachStep, Plan, PlanStep } from './plan.ts';
import { CONFIG, PIPELINE, swap, swaps, testWorkspace } from './test-workspace.ts';
import { loadWorkspace } from './workspace.ts';

const REPO = new URL('../../..', import.meta.url).pathname;
const RUNS = 400;
/** Limits on values (`minLength`, `pattern`) are no types: a check does not promise them of computed values. */
const TYPE_KEYWORDS: ReadonlySet<string> = new Set([
  'type',
  'required',
  'enum',
  'const',
  'additionalProperties',
]);

test('what passes the check makes no type error over data that fits the contracts', async () => {
  const own = (await testWorkspace({ [PIPELINE]: swap('  - id: approval\n', `${BLOCKS}  - id: approval\n`) }))
    .check.plans;
  const loaded = await loadWorkspace(REPO);
  const repo = checkWorkspace(loaded.value!).plans;
  const plans = [...own.values(), ...(await ofTwoAccounts()), ...repo.values()];
  expect(plans.length).toBeGreaterThan(3);
  let evaluated = 0;
  for (const plan of plans) {
    const dry = new DryRun(plan);
    for (let seed = 0; seed < RUNS; seed++) evaluated += dry.run(seed);
    expect(dry.problems).toEqual([]);
  }
  expect(evaluated).toBeGreaterThan(RUNS * 20);
});

/** Calls that choose by the event, by its connection, and where only one of them is left. */
async function ofTwoAccounts(): Promise<readonly Plan[]> {
  const call = (operation: string, over: string) =>
    [`call: shop.${operation}\n`, `call: shop.${operation}\n    over: "\${ ${over} }"\n`] as const;
  const { check, diagnostics } = await testWorkspace({
    [CONFIG]: swap(
      'connections:\n',
      `connections:
  shop-us:
    connector: shop
    baseUrl: env:SHOP_US_URL
    credentials: { key: { token: env:SHOP_US_KEY } }
    webhookSecrets: [env:SHOP_US_WEBHOOK_SECRET]
`,
    ),
    [PIPELINE]: swaps(
      ['key: ${ event', 'key: ${ connection }:${ event'],
      call('getOrder', "event.currency == 'EUR' ? 'shop' : connection"),
      call('createCharge', 'connection'),
      call('createParcel', 'connection'),
      ['wait: { event: shop.orderPaid,', "wait: { event: shop.orderPaid, over: '${ connection }',"],
      [
        '  - id: paid\n',
        `  - id: us
    when: \${ connection == 'shop-us' }
    call: shop.getCharge
    with: { chargeId: '\${ connection }' }
    over: \${ connection }
  - id: paid
`,
      ],
      ['metrics:\n', "metrics:\n  us: { when: '${ default(steps.us.amount, 0) > 0 }' }\n"],
    ),
  });
  expect(diagnostics).toEqual([]);
  return [...check.plans.values()];
}

/** A list whose items may lack things, what comes of it, and two branches. */
const BLOCKS = `  - id: lines
    forEach:
      in: \${ steps.order.lines }
      as: line
      key: \${ line.sku }
      max: 4
      concurrency: 4
      check: { that: [{ condition: "\${ line.quantity > 0 }", message: no quantity }], otherwise: split }
      onItemFailure: collect
      steps:
        - { id: many, when: "\${ line.quantity > 1 }", set: '\${ line.quantity }' }
      result: { sku: '\${ line.sku }', many: '\${ steps.?many }' }
  - id: both
    parallel:
      left:
        - id: done
          set: "\${ steps.lines.filter(one, one.outcome == 'succeeded').map(one, one.result.sku) }"
      right:
        - { id: bad, set: "\${ steps.lines.filter(one, one.outcome != 'succeeded').map(one, one.failure.code) }" }
  - { id: told, set: '\${ size(steps.done) + size(steps.bad) }' }
`;

const FAILURE = { class: 'validation', code: 'X', message: 'x' };

/** Carries a plan out over made-up data, without any engine: every expression is evaluated, every request validated. */
class DryRun {
  readonly problems: string[] = [];
  readonly #plan: Plan;
  readonly #compiled = new Map<string, (scope: Scope) => Evaluation>();
  readonly #validators = new Map<string, Validator>();
  #random = seededRandom(1);
  #evaluated = 0;
  #event: Json = null;
  #connection = '';
  #steps: Record<string, Json> = {};
  #names: Record<string, Json> = {};

  constructor(plan: Plan) {
    this.#plan = plan;
  }

  run(seed: number): number {
    this.#random = seededRandom(seed);
    this.#evaluated = 0;
    this.#steps = {};
    this.#names = {};
    const { trigger, identity, success, metrics } = this.#plan;
    const schema = 'manual' in trigger ? trigger.input : this.#plan.events[trigger.event]!.payload;
    this.#event = this.#made(schema);
    this.#connection = seed % 2 === 0 ? 'shop' : 'shop-us';
    if (
      !('manual' in trigger) &&
      trigger.where !== undefined &&
      this.#condition('where', trigger.where) !== true
    )
      return this.#evaluated;
    this.#template('key', identity.key);
    if (identity.orderBy) this.#template('orderBy', identity.orderBy);
    if (!this.#all(this.#plan.steps)) return this.#evaluated;
    if (success !== undefined) this.#condition('success', success);
    for (const [name, { when, value }] of Object.entries(metrics)) {
      if (when !== undefined) this.#condition(name, when);
      if (value !== undefined) this.#expression(name, value);
    }
    return this.#evaluated;
  }

  /** `false` when a check stops the run, which is what it is for. */
  #all(steps: readonly PlanStep[]): boolean {
    return steps.every((step) => {
      if (step.when !== undefined && this.#condition(step.id, step.when) !== true) return true;
      return this.#step(step);
    });
  }

  #step(step: PlanStep): boolean {
    switch (step.kind) {
      case 'call':
        this.#call(step);
        return true;
      case 'emit': {
        if (step.over !== undefined) this.#expression(step.id, step.over.over);
        const payload = this.#template(step.id, step.with);
        this.#validate(`${step.id} payload`, this.#plan.events[step.event]!.payload, payload);
        this.#steps[step.id] = payload ?? null;
        return true;
      }
      case 'approve':
        this.#template(step.id, step.show);
        this.#steps[step.id] = { decision: 'approved', actor: 'a', reason: 'b' };
        return true;
      case 'wait': {
        if ('until' in step.for) this.#expression(step.id, step.for.until);
        if (!('event' in step.for)) return true;
        const signal = this.#made(this.#plan.events[step.for.event]!.payload);
        if (step.for.over !== undefined) this.#expression(step.id, step.for.over);
        this.#condition(step.id, step.for.match, { signal });
        const isLate = step.for.onExpiry === 'continue' && this.#random.next() < 0.5;
        this.#steps[step.id] = isLate ? null : signal;
        return true;
      }
      case 'run':
        this.#template(step.id, step.with);
        if (step.result !== undefined) this.#steps[step.id] = this.#made(step.result);
        return true;
      case 'set':
        this.#steps[step.id] = this.#template(step.id, step.value) ?? null;
        return true;
      case 'check':
        return step.that.every(({ condition }) => {
          this.#satisfy(condition);
          return this.#condition(step.id, condition) === true;
        });
      case 'choose': {
        const taken = step.branches.find(
          ({ when }) => when === undefined || this.#condition(step.id, when) === true,
        );
        return taken === undefined || this.#all(taken.steps);
      }
      case 'parallel':
        return step.branches.every(({ steps }) => this.#all(steps));
      case 'forEach':
        return this.#forEach(step);
    }
  }

  /** Each item in turn, over what was there before the list; what its steps leave is gone after it. */
  #forEach(step: ForEachStep): boolean {
    const list = this.#expression(step.id, step.in);
    if (!Array.isArray(list)) return list === undefined;
    const before = { ...this.#steps };
    const outcomes: Json[] = [];
    for (const [index, item] of list.slice(0, 3).entries()) {
      this.#names = { ...this.#names, [step.as]: item };
      this.#steps = { ...before };
      const key = step.key === undefined ? index : this.#template(step.id, step.key);
      const isGood = (step.check?.that ?? []).every(
        ({ condition }) => this.#condition(step.id, condition) === true,
      );
      const isDone = isGood && this.#all(step.steps);
      const result = isDone && step.result ? this.#template(step.id, step.result) : undefined;
      outcomes.push({
        key: String(key),
        outcome: isDone ? 'succeeded' : isGood ? 'failed' : 'quarantined',
        ...(isDone ? result !== undefined && { result } : { failure: FAILURE }),
      });
    }
    delete this.#names[step.as];
    this.#steps = { ...before, [step.id]: outcomes };
    return true;
  }

  #call(step: CallStep): void {
    const { input, result } = this.#plan.operations[step.operation]!;
    if (typeof step.connection !== 'string') {
      const name = this.#expression(step.id, step.connection.over);
      if (!step.connection.among.some((one) => one === name))
        this.#problem(step.id, `${JSON.stringify(name)} is not among ${step.connection.among.join(', ')}`);
    }
    this.#validate(step.id, input, this.#template(step.id, step.with));
    this.#steps[step.id] = this.#made(result);
    if (!step.compensate) return;
    const { operation, with: undo } = step.compensate;
    this.#validate(
      `${step.id} compensation`,
      this.#plan.operations[operation]!.input,
      this.#template(step.id, undo),
    );
  }

  /** Made-up data hardly ever passes a check of equality; helped along, runs get past it. */
  #satisfy(condition: string): void {
    const [, left, right] = /^((?:event|steps)(?:\.\w+)+) == (.+)$/.exec(condition) ?? [];
    if (left === undefined || right === undefined) return;
    const value = this.#expression('satisfied', right);
    const names = left.split('.');
    const last = names.pop()!;
    const scope: Json = { event: this.#event, steps: this.#steps };
    const holder = names.reduce<Json | undefined>(
      (here, name) => (isObject(here) ? (here[name] as Json) : undefined),
      scope,
    );
    // Made here a moment ago, so nobody else holds it.
    if (isObject(holder) && value !== undefined) (holder as Record<string, Json>)[last] = value;
  }

  #made(schema: JsonSchema): Json {
    // Now and then without what may be left out: that is where unguarded reads fail.
    const definitions = typeof schema === 'object' ? (schema.$defs ?? {}) : {};
    const optional = this.#random.next() < 0.5 ? 0.5 : 0.1;
    const value = sample(schema, { random: this.#random, definitions, optional });
    if (value === undefined) throw new Error(`no sample for ${JSON.stringify(schema).slice(0, 200)}`);
    return value;
  }

  #validate(where: string, schema: JsonSchema, value: Json | undefined): void {
    const validator = this.#validators.get(where) ?? compileValidator(schema);
    this.#validators.set(where, validator);
    for (const { keyword, pointer, message } of validator(value))
      if (TYPE_KEYWORDS.has(keyword)) this.#problem(where, `${pointer} ${message}`);
  }

  #condition(where: string, source: string, more: Scope = {}): Json | undefined {
    const value = this.#expression(where, source, more);
    if (value !== undefined && typeof value !== 'boolean') this.#problem(where, `${source} is no boolean`);
    return value;
  }

  #expression(where: string, source: string, more: Scope = {}): Json | undefined {
    return this.#evaluate(
      where,
      source,
      () => {
        const compiled = compileExpression(source, { policies: this.#plan.policies });
        return (scope) => compiled.evaluate(scope);
      },
      more,
    );
  }

  #template(where: string, template: ValueTemplate): Json | undefined {
    return this.#evaluate(where, JSON.stringify(template), () => {
      const compiled = compileTemplate(template, { policies: this.#plan.policies });
      return (scope) => compiled.evaluate(scope);
    });
  }

  #evaluate(
    where: string,
    key: string,
    compile: () => (scope: Scope) => Evaluation,
    more: Scope = {},
  ): Json | undefined {
    const evaluate = this.#compiled.get(key) ?? compile();
    this.#compiled.set(key, evaluate);
    this.#evaluated++;
    const result = evaluate({
      event: this.#event,
      input: this.#event,
      connection: this.#connection,
      steps: this.#steps,
      ...this.#names,
      ...more,
    });
    if (result.ok) return result.value;
    this.#problem(where, `${result.error.code} ${result.error.message} in ${result.error.source}`);
    return undefined;
  }

  #problem(where: string, what: string): void {
    const text = `${this.#plan.pipeline} ${where}: ${what}`;
    if (!this.problems.includes(text)) this.problems.push(text);
  }
}

import {
  type CompiledExpression,
  type CompiledTemplate,
  compileExpression,
  compileTemplate,
  type Scope,
  type ValueTemplate,
} from '@tenon/expression';
import type { Failure, Json, JsonObject } from '@tenon/model';
import type { CallStep, Plan, PlanStep } from '@tenon/pipeline';
import { compileValidator, type JsonSchema, type Validator } from '@tenon/schema';

export type Evaluated =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly failure: Failure };

/** A plan with its expressions compiled and its event schemas ready; both are made when first used, then kept. */
export interface LoadedPlan {
  readonly plan: Plan;
  /** All steps, those inside branches included, by id. */
  readonly steps: ReadonlyMap<string, PlanStep>;
  expression(source: string, scope: Scope): Evaluated;
  template(template: ValueTemplate, scope: Scope): Evaluated;
  /** `expression` whose value must be a boolean. */
  condition(
    source: string,
    scope: Scope,
  ): { readonly ok: true; readonly value: boolean } | { readonly ok: false; readonly failure: Failure };
  /** Why `payload`, or `headers` where the plan reads them, is not a valid `event`, or `undefined`. Default: it has none. */
  refusal(event: string, payload: Json, headers?: JsonObject | 'unread'): Failure | undefined;
  inputRefusal(input: Json): Failure | undefined;
  /** Why `output` is not what the plan says it gives. */
  outputRefusal(output: Json): Failure | undefined;
}

export function loadPlan(plan: Plan): LoadedPlan {
  const expressions = new Map<string, CompiledExpression>();
  const templates = new Map<ValueTemplate, CompiledTemplate>();
  const validators = new Map<string, Validator>();

  const loaded: LoadedPlan = {
    plan,
    steps: new Map(allSteps(plan.steps).map((step) => [step.id, step])),
    expression: (source, scope) => {
      let compiled = expressions.get(source);
      if (compiled === undefined) {
        compiled = compileExpression(source, { policies: plan.policies });
        expressions.set(source, compiled);
      }
      return evaluated(compiled.evaluate(scope));
    },
    template: (template, scope) => {
      let compiled = templates.get(template);
      if (compiled === undefined) {
        compiled = compileTemplate(template, { policies: plan.policies });
        templates.set(template, compiled);
      }
      return evaluated(compiled.evaluate(scope));
    },
    condition: (source, scope) => {
      const result = loaded.expression(source, scope);
      if (!result.ok || typeof result.value === 'boolean')
        return result as ReturnType<LoadedPlan['condition']>;
      return { ok: false, failure: notBoolean(source) };
    },
    refusal: (event, payload, headers = {}) => {
      let validator = validators.get(event);
      const schema = plan.events[event]?.payload;
      if (validator === undefined && schema !== undefined) {
        validator = validatorOf(schema);
        validators.set(event, validator);
      }
      const refusal = validator && refusalOf(validator, payload, 'EVENT_PAYLOAD_INVALID', `event ${event}`);
      const ofHeaders = plan.events[event]?.headers;
      if (refusal !== undefined || ofHeaders === undefined || headers === 'unread') return refusal;
      const key = `${event}#headers`;
      const headersValidator = validators.get(key) ?? validatorOf(ofHeaders);
      validators.set(key, headersValidator);
      return refusalOf(headersValidator, headers, 'EVENT_HEADERS_INVALID', `headers of event ${event}`);
    },
    inputRefusal: (input) => {
      if (!('manual' in plan.trigger)) return undefined;
      const validator = validators.get('') ?? validatorOf(plan.trigger.input);
      validators.set('', validator);
      return refusalOf(validator, input, 'TRIGGER_INPUT_INVALID', `input of ${plan.pipeline}`);
    },
    outputRefusal: (output) => {
      if (plan.output === undefined) return undefined;
      const validator = validators.get('>') ?? validatorOf(plan.output.schema);
      validators.set('>', validator);
      return refusalOf(validator, output, 'RUN_OUTPUT_INVALID', `output of ${plan.pipeline}`);
    },
  };
  return loaded;
}

/** Compiled schemas kept at hand. */
const VALIDATORS_MAX = 256;

/** By their text: the pipelines of one event share its validator, and so do the versions of a plan. */
const validatorsByText = new Map<string, Validator>();

function validatorOf(schema: JsonSchema): Validator {
  const text = JSON.stringify(schema);
  const known = validatorsByText.get(text);
  if (known !== undefined) return known;
  if (validatorsByText.size >= VALIDATORS_MAX) validatorsByText.clear();
  const validator = compileValidator(schema, { hidesNames: true });
  validatorsByText.set(text, validator);
  return validator;
}

/** The lists of steps inside a step: the branches of a choice, what is done with each item of a list. */
export function innerSteps(step: PlanStep): readonly (readonly PlanStep[])[] {
  switch (step.kind) {
    case 'choose':
    case 'parallel':
      return step.branches.map(({ steps }) => steps);
    case 'forEach':
      return [step.steps];
    default:
      return [];
  }
}

/** Every step of a plan in the order written, those inside others included. */
export function allSteps(steps: readonly PlanStep[]): readonly PlanStep[] {
  return steps.flatMap((step) => [step, ...innerSteps(step).flatMap(allSteps)]);
}

/** An operation, as a key into `Plan.operations`, over a connection. */
export interface PlannedCall {
  readonly connection: string;
  readonly operation: string;
}

/** All that a plan may call: to do, to find out, and to undo. */
export function callsOf({ steps }: Plan): readonly PlannedCall[] {
  return allSteps(steps).flatMap((step) => {
    if (step.kind !== 'call') return [];
    const { compensate } = step;
    return [
      ...withProbe(step),
      ...(compensate ? withProbe(compensate) : []),
      ...(compensate?.guard ? withProbe(compensate.guard) : []),
    ];
  });
}

/** Over each of the connections that it may choose. */
function withProbe({
  connection: choice,
  operation,
  probe,
}: Pick<CallStep, 'connection' | 'operation' | 'probe'>): readonly PlannedCall[] {
  return (typeof choice === 'string' ? [choice] : choice.among).flatMap((connection) => [
    { connection, operation },
    ...(probe ? [{ connection, operation: probe.operation }] : []),
  ]);
}

/** The id of the step that was carried out at a place: `book` of `lines[7].book`. */
export function stepIdOf(place: string): string {
  return place.slice(place.lastIndexOf('].') + 1).replace(/^\./, '');
}

function evaluated(result: ReturnType<CompiledExpression['evaluate']>): Evaluated {
  if (result.ok) return result;
  const { code, message } = result.error;
  return { ok: false, failure: { class: 'validation', code, message, delivery: 'notSent' } };
}

function notBoolean(source: string): Failure {
  return {
    class: 'validation',
    code: 'EXPRESSION_TYPE_MISMATCH',
    message: `the condition "${source}" gave something other than true or false`,
    delivery: 'notSent',
  };
}

function refusalOf(validator: Validator, value: Json, code: string, what: string): Failure | undefined {
  const [first, ...rest] = validator(value);
  if (first === undefined) return undefined;
  const more = rest.length > 0 ? ` (and ${rest.length} more)` : '';
  return {
    class: 'contract',
    code,
    message: `${what}: ${first.pointer || 'the whole'} ${first.message}${more}`,
    delivery: 'notSent',
    pointer: first.pointer,
  };
}

/** The connections over which these plans call anything, their compensations included. */
export function connectionsOf(...plans: readonly Plan[]): ReadonlySet<string> {
  return new Set(plans.flatMap((plan) => callsOf(plan).map(({ connection }) => connection)));
}

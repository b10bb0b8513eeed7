import type { Plan, PlanStep } from '@tenon/pipeline';
import { allSteps } from '../../loaded-plan.ts';
import type { Statements } from './statements.ts';

/**
 * What is not shown of the data of runs: what their own plan says, and what the contracts say now. A field that was classed after a run
 * is told by the plans in force, by where its data comes from: the same event, operation or child in any of them counts.
 */
export class Redactions {
  readonly #read: Statements;
  /** By where data comes from; read anew when other plans are in force. */
  #now: { readonly of: string; readonly pointers: ReadonlyMap<string, readonly string[]> } | undefined;

  constructor(read: Statements) {
    this.#read = read;
  }

  of(plan: Plan): Plan['redact'] {
    const now = this.#inForce();
    if (now.size === 0) return plan.redact;
    const names = [
      'event',
      'headers',
      ...allSteps(plan.steps).flatMap(({ id }) => [`steps.${id}`, `shown.${id}`]),
    ];
    const added = names.flatMap((name): (readonly [string, readonly string[]])[] => {
      const source = sourceOf(plan, name);
      const pointers = source === undefined ? undefined : now.get(source);
      return pointers === undefined
        ? []
        : [[name, [...new Set([...(plan.redact[name] ?? []), ...pointers])]]];
    });
    return { ...plan.redact, ...Object.fromEntries(added) };
  }

  #inForce(): ReadonlyMap<string, readonly string[]> {
    const of = JSON.stringify(this.#read.of('SELECT plan_hash FROM pipelines').all());
    if (this.#now?.of === of) return this.#now.pointers;
    const pointers = new Map<string, readonly string[]>();
    for (const { plan: text } of this.#read.of(CLASSED).all()) {
      // Stored as one.
      const plan = JSON.parse(String(text)) as Plan;
      for (const [name, added] of Object.entries(plan.redact)) {
        const source = sourceOf(plan, name);
        if (source !== undefined) pointers.set(source, [...(pointers.get(source) ?? []), ...added]);
      }
    }
    this.#now = { of, pointers };
    return pointers;
  }
}

/**
 * Of each pipeline the plan in force, and the newest: somebody may have gone back to one that knows less. One that is damaged says nothing, and
 * keeps nobody from reading the others.
 */
const CLASSED = `SELECT plan FROM plans WHERE json_valid(plan) AND plan -> '$.redact' <> '{}' AND (hash IN (SELECT plan_hash FROM pipelines)
  OR (pipeline, stored_at) IN (SELECT pipeline, max(stored_at) FROM plans GROUP BY pipeline))`;

/** Where the data comes from that a name of `Plan.redact` stands for; absent where it is made in the pipeline. */
function sourceOf({ pipeline, trigger, steps, operations, events }: Plan, name: string): string | undefined {
  if (name === 'event' || name === 'headers') {
    if ('manual' in trigger) return `input ${pipeline}`;
    const event = events[trigger.event];
    return `${name} ${event === undefined ? trigger.event : `${event.contract.name}.${event.event}`}`;
  }
  const dot = name.indexOf('.');
  const id = name.slice(dot + 1);
  if (name.slice(0, dot) === 'shown') return `shown ${pipeline}.${id}`;
  const step = allSteps(steps).find((one) => one.id === id);
  return step && resultSource(step, operations);
}

function resultSource(step: PlanStep, operations: Plan['operations']): string | undefined {
  if (step.kind === 'run') return `output ${step.pipeline}`;
  const operation = step.kind === 'call' ? operations[step.operation] : undefined;
  return operation && `result ${operation.contract.name}.${operation.operation}`;
}

import type { ValueTemplate } from '@tenon/expression';
import type { Random } from '@tenon/model';
import type { Plan, PlanStep } from '@tenon/pipeline';
import type { RunSummary } from '../../runtime.ts';
import { childPlan, run } from '../plan.ts';
import type { History } from './history.ts';

/** A step that runs a random pipeline of its own, once for each place and item that it is carried out at. */
export function randomRun(
  random: Random,
  id: string,
  /** Names of the lists' items around it, which tell its children apart. */
  items: readonly string[],
  inner: (name: string) => PlanStep,
): PlanStep {
  const count = 1 + Math.floor(random.next() * 3);
  const steps = Array.from({ length: count }, (_, index) => inner(`c${index}`));
  const onFailure = (['compensate', 'compensate', 'hold', 'forward'] as const)[
    Math.floor(random.next() * 4)
  ]!;
  const child = childPlan({
    pipeline: `child-${id}`,
    steps,
    onFailure,
    limits: { concurrency: 1 + Math.floor(random.next() * 3), deadlineMs: 600_000 },
    output: { schema: { type: 'string' }, value: { expression: 'event.order' } },
  });
  children.set(child.hash, child);
  return run(id, child, inputFor(id, items));
}

/** By hash: a plan names its children by it. */
const children = new Map<string, Plan>();

/** The children of a random plan. */
export function childrenOf(plan: Plan): readonly Plan[] {
  const found = stepsOf(plan.steps).flatMap((step) =>
    step.kind === 'run' ? (children.get(step.plan) ?? []) : [],
  );
  children.clear();
  return found;
}

function stepsOf(steps: readonly PlanStep[]): readonly PlanStep[] {
  return steps.flatMap((step) => [
    step,
    ...(step.kind === 'choose' || step.kind === 'parallel'
      ? step.branches.flatMap((branch) => stepsOf(branch.steps))
      : []),
    ...(step.kind === 'forEach' ? stepsOf(step.steps) : []),
  ]);
}

function inputFor(id: string, items: readonly string[]): ValueTemplate {
  const skus = items.flatMap((item) => ['/', { expression: `${item}.sku` }]);
  const key = [{ expression: 'event.id' }, `/${id}`, ...skus];
  return {
    object: {
      id: { text: key },
      order: { expression: 'event.id' },
      amount: { expression: 'event.amount' },
      account: { expression: 'event.account' },
      lines: { expression: 'event.lines' },
    },
  };
}

/** What a run and those that it started promise together. */
export function judgeFamilies(history: History): readonly string[] {
  return history.runs.flatMap(({ runId, key, state }) => {
    const { children = [], failure } = history.detail(runId);
    const steps = children.map(({ step }) => step);
    return [
      ...(new Set(steps).size === steps.length ? [] : [`${key} started a child twice: ${steps.join(', ')}`]),
      ...(failure?.code === 'RUN_CHILD_KEY_TAKEN'
        ? [`${key} met a child that it did not know as its own`]
        : []),
      ...(history.isClosed(runId)
        ? []
        : children.flatMap((child) => judgeChild(history, { key, state }, child))),
    ];
  });
}

function judgeChild(
  history: History,
  parent: { readonly key: string; readonly state: RunSummary['state'] },
  {
    runId,
    step,
    state,
  }: { readonly runId: string; readonly step: string; readonly state: RunSummary['state'] },
): readonly string[] {
  const isUndone = parent.state === 'compensated' || parent.state === 'cancelled';
  if (!isUndone || state === 'compensated' || state === 'cancelled') return [];
  const made = history.trace(runId).filter(({ kind }) => kind === 'intent');
  if (state === 'succeeded' && made.length === 0) return [];
  return [`${parent.key} is ${parent.state}, and its child at ${step} is ${state}`];
}

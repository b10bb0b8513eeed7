import { pagesMayMove } from '@tenon/connector';
import { type Diagnostic, formatDuration, type Location } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import { allSteps, type CallSpec, type ForEachSpec, type StepSpec } from '../../spec/pipeline-spec.ts';
import type { ResolvedCall } from '../catalog.ts';
import type { PipelineModel } from '../model.ts';
import { describeRetry, retryPlan, worstCaseMs } from './retry.ts';
import { allOf, mostOf, type TimeTree, timesOf } from './time-tree.ts';

/** How long steps may take, with what they run left open. */
export function timeOf(model: PipelineModel, steps: readonly StepSpec[] = model.spec.steps): TimeTree {
  return allOf(steps.map((step) => timeOfStep(model, step)));
}

function timeOfStep(model: PipelineModel, step: StepSpec): TimeTree {
  switch (step.kind) {
    case 'run':
      return { run: step.pipeline.value };
    case 'choose':
    case 'parallel':
      return mostOf(step.branches.map((branch) => timeOf(model, branch.steps)));
    case 'forEach':
      return timesOf(rounds(step), timeOf(model, step.steps));
    default:
      return worstCaseOf(model, [step]).totalMs;
  }
}

/** So many items, so many at a time. */
function rounds({ max, concurrency }: ForEachSpec): number {
  // A concurrency that is none is told as such.
  return Math.ceil((max?.value ?? 1) / Math.max(1, concurrency ?? 1));
}

/** The longest working time of a pipeline's steps, and the step that takes the most of it. */
export interface WorstCase {
  readonly totalMs: number;
  readonly longest?: Longest;
}

interface Longest {
  readonly step: CallSpec;
  /** Of all its rounds. */
  readonly ms: number;
  /** How often it is made one after the other: once, but in a list. */
  readonly rounds: number;
}

/**
 * Adds up what every call may take with all its attempts; of branches, the slowest; of a list, as many items as there may be. What
 * pipelines take that are run is not in it. Waiting for people and events is not work: the runtime stops the deadline's clock meanwhile.
 */
export function worstCaseOf(model: PipelineModel, steps: readonly StepSpec[] = model.spec.steps): WorstCase {
  let totalMs = 0;
  let longest: WorstCase['longest'];
  for (const step of steps) {
    if (step.kind === 'call') {
      const call = model.calls.get(step)?.call;
      if (!call) continue;
      const ms =
        worstCaseMs(retryPlan(step.retry, call.plan), call.plan.timeoutMs, settlingMs(model, call)) +
        furtherPages(step, call) * call.plan.timeoutMs;
      totalMs += ms;
      if (!longest || ms > longest.ms) longest = { step, ms, rounds: 1 };
    }
    if (step.kind === 'choose' || step.kind === 'parallel') {
      const branches = step.branches.map((branch) => worstCaseOf(model, branch.steps));
      const slowest = branches.toSorted((a, b) => b.totalMs - a.totalMs)[0];
      totalMs += slowest?.totalMs ?? 0;
      if (slowest?.longest && (!longest || slowest.longest.ms > longest.ms)) longest = slowest.longest;
    }
    if (step.kind === 'forEach') {
      // Each as slow as can be.
      const each = worstCaseOf(model, step.steps);
      const times = rounds(step);
      totalMs += each.totalMs * times;
      const inAll = each.longest && {
        ...each.longest,
        ms: each.longest.ms * times,
        rounds: each.longest.rounds * times,
      };
      if (inAll && (!longest || inAll.ms > longest.ms)) longest = inAll;
    }
  }
  return { totalMs, ...(longest && { longest }) };
}

/**
 * A step's own deadline: it is on work, shorter than the run's, and long enough for all that is retried in it. What steps
 * may take that run other pipelines is known with those: see runs.ts.
 */
function checkStepDeadlines(model: PipelineModel): Diagnostic[] {
  const run = model.spec.limits?.deadline;
  return allSteps(model.spec.steps).flatMap((step): Diagnostic[] => {
    const { deadline } = step;
    if (!deadline) return [];
    const subject = `${step.id.value} deadline`;
    const why = WITHOUT_WORK[step.kind];
    if (why !== undefined)
      return [
        diagnostic('step-deadline-misplaced', {
          message: `\`${step.id.value}\` ${why}`,
          at: deadline.at,
          subject,
        }),
      ];
    if (run && deadline.value >= run.value)
      return [
        diagnostic('step-deadline-without-effect', {
          message: `the run ends after ${formatDuration(run.value)}, so a step never comes to ${formatDuration(deadline.value)}`,
          at: deadline.at,
          subject,
          related: [{ ...run.at, message: 'the deadline of the run' }],
        }),
      ];
    if (runsOf(step).length > 0) return [];
    const { totalMs, longest } = worstCaseOf(model, [step]);
    if (totalMs <= deadline.value) return [];
    return [
      diagnostic('deadline-too-short', {
        message: `\`${step.id.value}\` can take ${formatDuration(totalMs)}; its deadline says ${formatDuration(deadline.value)}`,
        at: deadline.at,
        subject,
        fix: 'raise its `deadline`, lower retries, or let a list have fewer items (`max`) or more at a time (`concurrency`)',
        related: longest
          ? [
              {
                ...longest.step.call.at,
                message: `up to ${formatDuration(longest.ms)}: ${describe(model, longest)}`,
              },
            ]
          : [],
      }),
    ];
  });
}

/** Pipelines that a step runs, whatever it holds them in. */
function runsOf(step: StepSpec): readonly string[] {
  return allSteps([step]).flatMap((one) => (one.kind === 'run' ? one.pipeline.value : []));
}

/** Deadlines of steps in which other pipelines are run, with what they may take besides. */
export function openDeadlinesOf(model: PipelineModel): readonly OpenDeadline[] {
  return allSteps(model.spec.steps).flatMap((step): OpenDeadline[] =>
    step.deadline && WITHOUT_WORK[step.kind] === undefined && runsOf(step).length > 0
      ? [
          {
            step: step.id.value,
            ms: step.deadline.value,
            at: step.deadline.at,
            time: timeOfStep(model, step),
          },
        ]
      : [],
  );
}

export interface OpenDeadline {
  readonly step: string;
  readonly ms: number;
  readonly at: Location;
  readonly time: TimeTree;
}

/** Kinds of step that work on nothing, and what ends them instead. */
const WITHOUT_WORK: Readonly<Partial<Record<StepSpec['kind'], string>>> = {
  wait: 'waits, which is no work: it ends by `within`, `for` or `until`',
  approve: 'waits for a person, which is no work: it ends by `within`',
  set: 'only makes a value: it takes no time',
  check: 'only looks at data: it takes no time',
  emit: 'is stored with the run: it takes no time; sending is the connector’s, with its own timeout',
};

/** Calls for pages after the first: where pages may move, each but the last is read once more. All share one budget. */
function furtherPages({ pages }: CallSpec, { declared: { pagination } }: ResolvedCall): number {
  if (!pages?.atMost || !pagination) return 0;
  return (pages.atMost.value - 1) * (pagesMayMove(pagination) ? 2 : 1);
}

/** A lost answer of an effect that cannot be repeated is settled first: a while to settle, then a read. */
function settlingMs(model: PipelineModel, { manifest, declared }: ResolvedCall): number {
  const { probe, idempotency } = declared;
  const isProbed = idempotency.mode === 'none' || idempotency.mode === 'checkFirst';
  if (declared.effect === 'read' || !probe || !isProbed) return 0;
  return probe.settleMs + (model.catalog.operation(manifest, probe.operation)?.timeoutMs ?? 0);
}

/** Retries fit the run's deadline and the promise made to users (C55, C57). */
export function checkTime(model: PipelineModel): Diagnostic[] {
  const { limits, slo } = model.spec;
  const worst = worstCaseOf(model);
  const found: Diagnostic[] = [];
  const took = worst.longest && {
    ...worst.longest.step.call.at,
    message: `up to ${formatDuration(worst.longest.ms)}: ${describe(model, worst.longest)}`,
  };
  const related = took ? [took] : [];
  const deadline = limits?.deadline;
  // With what it runs it is looked at when all pipelines are: see runs.ts.
  const isAlone = model.runs.size === 0;
  if (isAlone && deadline && worst.totalMs > deadline.value)
    found.push(
      diagnostic('deadline-too-short', {
        message: `the steps can take ${formatDuration(worst.totalMs)}; the deadline says ${formatDuration(deadline.value)}`,
        at: deadline.at,
        subject: 'limits.deadline',
        related,
      }),
    );
  const within = slo?.within;
  if (isAlone && within && worst.totalMs > within.value)
    found.push(
      diagnostic('slo-cannot-hold', {
        message: `can take ${formatDuration(worst.totalMs)}; SLO says ${formatDuration(within.value)}`,
        at: within.at,
        subject: 'slo.within',
        related,
      }),
    );
  found.push(...checkStepDeadlines(model));
  for (const step of allSteps(model.spec.steps)) {
    if (step.kind !== 'call' || !step.retry || step.retry.none) continue;
    const call = model.calls.get(step)?.call;
    const { attempts, within: budget } = step.retry;
    if (!call || !attempts || !budget || attempts.value < 2 || budget.value >= call.plan.timeoutMs) continue;
    found.push(
      diagnostic('retry-budget-too-short', {
        message: `${attempts.value} attempts cannot fit in ${formatDuration(budget.value)}: one may take ${formatDuration(call.plan.timeoutMs)}`,
        at: budget.at,
        subject: step.id.value,
      }),
    );
  }
  return found;
}

function describe(model: PipelineModel, { step, rounds: times }: Longest): string {
  const call = model.calls.get(step)?.call;
  if (!call) return step.call.value;
  const pages = furtherPages(step, call);
  const calls = pages === 0 ? '' : `${1 + pages} calls for its pages, and `;
  const round = times === 1 ? '' : `${times} rounds of a list (\`max\` by \`concurrency\`), in each `;
  return `${round}${calls}${describeRetry(retryPlan(step.retry, call.plan))}, ${formatDuration(call.plan.timeoutMs)} each`;
}

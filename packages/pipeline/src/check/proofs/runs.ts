import { type Diagnostic, formatDuration } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Tier } from '../../spec/pipeline-spec.ts';
import type { PipelineFacts, RunUse } from './facts.ts';
import { msOf } from './time-tree.ts';

/**
 * What holds of a pipeline together with those that it runs: time, tier, ways back and approvals (C57, C70, C105, C152).
 * Circles are told elsewhere; here a pipeline is looked into once on each way.
 */
export function checkRuns(pipelines: readonly PipelineFacts[]): Diagnostic[] {
  const byName = new Map(pipelines.toReversed().map((one) => [one.pipeline, one]));
  return pipelines.flatMap((one) =>
    one.runs.length === 0
      ? []
      : [...checkTimes(one, byName), ...one.runs.flatMap((use) => checkUse(one, use, byName))],
  );
}

type ByName = ReadonlyMap<string, PipelineFacts>;

const RANK: Readonly<Record<Tier, number>> = { low: 0, medium: 1, high: 2 };

function checkTimes(one: PipelineFacts, byName: ByName): Diagnostic[] {
  const child = (name: string): PipelineFacts['time'] | undefined => byName.get(name)?.time;
  const totalMs = msOf(one.time, child);
  const related = one.runs.map(({ pipeline, at }) => ({
    ...at,
    message: `\`${pipeline}\` can take ${formatDuration(msOf({ run: pipeline }, child))}`,
  }));
  const { deadline, within } = one;
  return [
    ...one.openDeadlines.flatMap(({ step, ms, at, time }) => {
      const stepMs = msOf(time, child);
      return stepMs > ms
        ? [
            diagnostic('deadline-too-short', {
              message: `\`${step}\` can take ${formatDuration(stepMs)}, what it runs included; its deadline says ${formatDuration(ms)}`,
              at,
              subject: `${step} deadline`,
              owner: one.owner,
              fix: 'raise its `deadline`, or lower retries',
              related,
            }),
          ]
        : [];
    }),
    ...(deadline && totalMs > deadline.ms
      ? [
          diagnostic('deadline-too-short', {
            message: `the steps can take ${formatDuration(totalMs)}, those of the pipelines that it runs included; the deadline says ${formatDuration(deadline.ms)}`,
            at: deadline.at,
            subject: 'limits.deadline',
            owner: one.owner,
            related,
          }),
        ]
      : []),
    ...(within && totalMs > within.ms
      ? [
          diagnostic('slo-cannot-hold', {
            message: `can take ${formatDuration(totalMs)}, with the pipelines that it runs; SLO says ${formatDuration(within.ms)}`,
            at: within.at,
            subject: 'slo.within',
            owner: one.owner,
            related,
          }),
        ]
      : []),
  ];
}

function checkUse(one: PipelineFacts, use: RunUse, byName: ByName): Diagnostic[] {
  const child = byName.get(use.pipeline);
  if (!child || one.tier === undefined) return [];
  const found: Diagnostic[] = [];
  if (child.tier !== undefined && RANK[child.tier] > RANK[one.tier])
    found.push(
      diagnostic('tier-too-low', {
        message: `tier is \`${one.tier}\`, and \`${use.pipeline}\`, which it runs, is \`${child.tier}\``,
        at: use.at,
        subject: `${one.pipeline} ${use.pipeline}`,
        owner: one.owner,
        fix: `make it \`${child.tier}\``,
      }),
    );
  const open = one.tier === 'low' ? undefined : firstBelow(child, byName, ({ open: effects }) => effects);
  if (open)
    found.push(
      diagnostic('effect-without-way-back', {
        message: `\`${use.pipeline}\` calls \`${open.what}\`, which nothing undoes: when a later step fails, running it cannot be undone`,
        at: use.at,
        subject: `${use.step} ${open.what}`,
        owner: one.owner,
        related: [{ ...open.at, message: 'has neither `compensate` nor `irreversible`' }],
        fix: `give it a way back in \`${use.pipeline}\``,
      }),
    );
  const unapproved =
    one.tier === 'high' && !use.isApproved
      ? firstBelow(child, byName, ({ unapproved: effects }) => effects)
      : undefined;
  if (unapproved)
    found.push(
      diagnostic('approval-missing', {
        message: `\`${use.pipeline}\` calls \`${unapproved.what}\`, and nobody approves it before`,
        at: use.at,
        subject: `${use.step} ${unapproved.what}`,
        owner: one.owner,
        related: [{ ...unapproved.at, message: 'is called without an approval before it' }],
      }),
    );
  return found;
}

/** The first of what a pipeline has, or one that it runs. */
function firstBelow<T>(
  from: PipelineFacts,
  byName: ByName,
  of: (one: PipelineFacts) => readonly T[],
): T | undefined {
  const reached = new Set([from]);
  for (const one of reached) {
    const [first] = of(one);
    if (first !== undefined) return first;
    for (const { pipeline } of one.runs) {
      const next = byName.get(pipeline);
      if (next) reached.add(next);
    }
  }
  return undefined;
}

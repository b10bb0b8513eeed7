import type { Diagnostic, Location } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Cause, EventUse, PipelineFacts } from './facts.ts';

/** No chain of pipelines starts itself again, and none waits for itself (C31, C32, C62). */
export function checkLoops(pipelines: readonly PipelineFacts[]): Diagnostic[] {
  return [...triggerCycles(pipelines), ...waitCycles(pipelines)];
}

/** One pipeline starts another. */
interface Start {
  readonly from: PipelineFacts;
  readonly cause: Pick<Cause, 'what' | 'at'>;
  readonly to: PipelineFacts;
}

/**
 * For each start, the shortest way back to where it came from. Not every circle there is: in a thicket those are more
 * than anyone can count, and once each start is on a told circle, none is left when those are broken.
 */
function triggerCycles(pipelines: readonly PipelineFacts[]): Diagnostic[] {
  const startedBy = Map.groupBy(
    pipelines.filter(({ trigger }) => trigger),
    ({ trigger }) => trigger!.event,
  );
  const named = Map.groupBy(pipelines, ({ pipeline }) => pipeline);
  const starts = new Map(
    pipelines.map((from) => [
      from,
      [
        ...from.causes.flatMap((cause): Start[] =>
          (startedBy.get(cause.event) ?? []).map((to) => ({ from, cause, to })),
        ),
        ...from.runs.flatMap(({ pipeline, at }): Start[] =>
          (named.get(pipeline) ?? []).map((to) => ({ from, cause: { what: `runs ${pipeline}`, at }, to })),
        ),
      ],
    ]),
  );
  const found = new Map<string, Diagnostic>();
  for (const [to, arriving] of Map.groupBy([...starts.values()].flat(), (start) => start.to)) {
    const lastSteps = waysFrom(to);
    for (const first of arriving) tell(first, lastSteps);
  }
  return [...found.values()];

  /** Of every pipeline that this one comes to start, the last start on the shortest way there. */
  function waysFrom(from: PipelineFacts): ReadonlyMap<PipelineFacts, Start | undefined> {
    const lastSteps = new Map<PipelineFacts, Start | undefined>([[from, undefined]]);
    for (const here of lastSteps.keys())
      for (const start of starts.get(here) ?? [])
        if (!lastSteps.has(start.to)) lastSteps.set(start.to, start);
    return lastSteps;
  }

  function tell(first: Start, lastSteps: ReadonlyMap<PipelineFacts, Start | undefined>): void {
    if (!lastSteps.has(first.from)) return;
    const back: Start[] = [];
    for (let last = lastSteps.get(first.from); last; last = lastSteps.get(last.from)) back.unshift(last);
    report([first, ...back]);
  }

  function report(cycle: readonly Start[]): void {
    const names = cycle.map(({ from }) => from.pipeline);
    const sorted = names.toSorted();
    const key = sorted.join(' ');
    if (found.has(key)) return;
    // The same circle is found from each of its members; it is told from the first by name.
    const first = names.indexOf(sorted[0]!);
    const told = [...cycle.slice(first), ...cycle.slice(0, first)];
    const text = told.map(({ from, cause }) => `${from.pipeline} → ${cause.what}`).join(' → ');
    found.set(
      key,
      diagnostic('trigger-cycle', {
        message: `${text} → ${told[0]!.from.pipeline}`,
        at: told[0]!.cause.at,
        subject: key,
        related: told.slice(1).map(({ cause }) => ({ ...cause.at, message: cause.what })),
      }),
    );
  }
}

/** Something that happens only after an event: a `wait` step, or all of a pipeline after its trigger. */
interface Blocker {
  readonly pipeline: PipelineFacts;
  readonly name: string;
  readonly event: string;
  readonly at: Location;
  /** Causes of its pipeline with a higher place come after it. */
  readonly order: number;
  /** Save those at these places, in branches beside it. */
  readonly beside: readonly number[];
  readonly isWait: boolean;
}

const BEFORE_ALL_STEPS = -1;

/**
 * Waits whose event only comes after another wait, round in a circle: none of them ever ends by its event. A wait is
 * stuck when everything that could send its event is behind something stuck; one free source is enough to end it.
 */
function waitCycles(pipelines: readonly PipelineFacts[]): Diagnostic[] {
  const byName = new Map(pipelines.toReversed().map((one) => [one.pipeline, one]));
  const blockers = pipelines.flatMap((one) => [...blockersOf(one), ...waitsWithin(one, byName)]);
  const causesOf = Map.groupBy(
    pipelines.flatMap((pipeline) => pipeline.causes.map((cause) => ({ pipeline, cause }))),
    ({ cause }) => cause.event,
  );
  const before = new Map(
    blockers.map((blocker) => [
      blocker,
      (causesOf.get(blocker.event) ?? []).map(({ pipeline, cause }) =>
        blockers.filter(
          (other) =>
            other.pipeline === pipeline && other.order < cause.order && !other.beside.includes(cause.order),
        ),
      ),
    ]),
  );
  const stuck = new Set(blockers.filter((one) => before.get(one)!.length > 0));
  for (let isShrinking = true; isShrinking; ) {
    isShrinking = false;
    for (const one of stuck)
      if (before.get(one)!.some((list) => !list.some((other) => stuck.has(other))))
        isShrinking = stuck.delete(one);
  }
  const found = new Map<string, Diagnostic>();
  for (const one of stuck) {
    const cycle = circleFrom(one);
    if (cycle) report(cycle);
  }
  return [...found.values()];

  /** The shortest way from a stuck wait back to itself, over what it is stuck behind. */
  function circleFrom(start: Blocker): readonly Blocker[] | undefined {
    const behind = (one: Blocker): readonly Blocker[] =>
      before
        .get(one)!
        .flat()
        .filter((other) => stuck.has(other));
    const reached = new Map<Blocker, readonly Blocker[]>(behind(start).map((one) => [one, [start]]));
    for (const [here, way] of reached) {
      if (here === start) return way;
      for (const next of behind(here)) if (!reached.has(next)) reached.set(next, [...way, here]);
    }
    return undefined;
  }

  function report(cycle: readonly Blocker[]): void {
    const waits = cycle.filter(({ isWait }) => isWait);
    // Pipelines that only start each other are told as that.
    if (waits.length === 0) return;
    const key = waits
      .map(({ name }) => name)
      .toSorted()
      .join(' ');
    if (found.has(key)) return;
    const first = cycle.findIndex(({ isWait }) => isWait);
    const told = [...cycle.slice(first), ...cycle.slice(0, first)];
    const text = told
      .map(({ name, event, isWait }) =>
        isWait
          ? `${name} waits for ${event}, which comes after`
          : `${name}, which ${event} starts, which comes after`,
      )
      .join(' ');
    found.set(
      key,
      diagnostic('wait-cycle', {
        message: `${text} ${told[0]!.name}`,
        at: told[0]!.at,
        subject: key,
        related: told.slice(1).map(({ at }) => ({ ...at, message: 'part of the circle' })),
      }),
    );
  }
}

/** Waits of the pipelines that it runs, at any depth: what comes after the step comes after them. */
function waitsWithin(
  pipeline: PipelineFacts,
  byName: ReadonlyMap<string, PipelineFacts>,
): readonly Blocker[] {
  return pipeline.runs.flatMap(({ pipeline: first, step, order, beside, at }) => {
    const reached = new Set([first]);
    for (const name of reached) for (const run of byName.get(name)?.runs ?? []) reached.add(run.pipeline);
    return [...reached].flatMap((name): readonly Blocker[] =>
      (byName.get(name)?.waits ?? []).flatMap(({ event, step: wait, isFromOutside }) =>
        isFromOutside
          ? []
          : {
              pipeline,
              name: `${pipeline.pipeline}.${step} (${name}.${wait})`,
              event,
              at,
              order,
              beside,
              isWait: true,
            },
      ),
    );
  });
}

/** What comes from outside too may come whatever we do. */
function blockersOf(pipeline: PipelineFacts): readonly Blocker[] {
  const { trigger, waits, pipeline: name } = pipeline;
  const blocker = ({ event, at }: EventUse) => ({ pipeline, event, at });
  return [
    ...(trigger && !trigger.isFromOutside
      ? [{ ...blocker(trigger), name, order: BEFORE_ALL_STEPS, beside: [], isWait: false }]
      : []),
    ...waits.flatMap((wait) =>
      wait.isFromOutside
        ? []
        : [
            {
              ...blocker(wait),
              name: `${name}.${wait.step}`,
              order: wait.order,
              beside: wait.beside,
              isWait: true,
            },
          ],
    ),
  ];
}

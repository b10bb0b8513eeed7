import type { Plan } from '@tenon/pipeline';
import type { FlowReport } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { intakeRefusal } from '../intake/backpressure.ts';

/** How work flows at this moment, and what holds it up. */
export function flowReport(engine: EmbeddedEngine): FlowReport {
  const { admission, alarms, board, calls, checkpoints, counts, dispatcher, plans } = engine;
  const now = engine.now();
  const refusal = intakeRefusal(engine);
  return {
    atMs: now,
    alarms: alarms.flow(),
    ...(checkpoints !== undefined && { checkpoints: checkpoints.flow() }),
    intake: {
      ...(refusal !== undefined && { refusal }),
      backlog: counts.backlog,
      writesWaiting: engine.writesWaiting,
      bytesWaiting: admission.bytesWaiting,
      refused: counts.refusals,
    },
    pipelines: shownPlans(engine).map((plan) => {
      const { pipeline, version, tier } = plan;
      return {
        pipeline,
        version,
        ...(!plans.active.has(pipeline) && { isRetired: true }),
        tier,
        backlog: counts.backlogOf(pipeline),
        lagMs: lagMs(engine, pipeline),
        active: dispatcher.activeOf(pipeline),
        concurrency: plans.limitsOf(plan).concurrency,
        switches: board.all
          .filter((one) =>
            one.kind === 'kill'
              ? 'everything' in one.scope || ('pipeline' in one.scope && one.scope.pipeline === pipeline)
              : one.pipeline === pipeline,
          )
          .map(({ id }) => id),
      };
    }),
    connections: calls.flow(),
    drills: engine.drills.due(),
    reconciliations: engine.reconciliations?.flow() ?? [],
    counts: counts.counts,
    ...counts.stored(engine.read, now),
  };
}

/** For how long the run of a pipeline that is due first has been due. */
export function lagMs(engine: EmbeddedEngine, pipeline: string): number {
  const row = engine.read
    .of('SELECT min(due_at) AS at FROM runs WHERE pipeline = ? AND due_at IS NOT NULL')
    .get(pipeline);
  return row === undefined || row['at'] === null ? 0 : Math.max(0, engine.now() - Number(row['at']));
}

/** Those in force, and of pipelines that were retired those that have something to do yet. */
function shownPlans({ counts, dispatcher, plans }: EmbeddedEngine): readonly Plan[] {
  const left = [...counts.backlogged(), ...dispatcher.atWork()];
  const retired = new Set(left.filter((pipeline) => !plans.active.has(pipeline)));
  return [
    ...[...plans.active.values()].map(({ plan }) => plan),
    ...[...retired].map((pipeline) => plans.last(pipeline)),
  ];
}

import { didYouMean } from '@tenon/model';
import type { Plan, ReconciliationPlan } from '@tenon/pipeline';
import { allSteps } from '../loaded-plan.ts';
import type { SwitchRequest } from '../switches.ts';
import type { EmbeddedEngine } from './engine.ts';

/**
 * Why a request names nothing that could be switched, or `undefined`: whoever kills a misspelt pipeline would believe
 * that it stands still.
 */
export function unknownSubject(engine: EmbeddedEngine, request: SwitchRequest): string | undefined {
  const subject = request.kind === 'kill' ? request.scope : request;
  const pipeline = 'pipeline' in subject ? subject.pipeline : undefined;
  const connection = 'connection' in subject ? subject.connection : undefined;
  const plans = (): Plan[] =>
    engine.read
      .of('SELECT plan FROM plans')
      .all()
      .map((row) => JSON.parse(String(row['plan'])));
  // A reconciliation has calls, and no runs: it can be killed, and there is nothing to pause.
  const compared = (): ReconciliationPlan[] =>
    engine.read
      .of('SELECT plan FROM reconciliation_plans')
      .all()
      .map((row) => JSON.parse(String(row['plan'])));
  if (pipeline !== undefined)
    return engine.activePlans.has(pipeline)
      ? undefined
      : unless(
          'pipeline',
          pipeline,
          new Set([
            ...plans().map((plan) => plan.pipeline),
            ...(request.kind === 'kill' ? compared().map(({ name }) => name) : []),
          ]),
        );
  if (connection === undefined) return undefined;
  const active = connectionsOf([...engine.activePlans.values()].map(({ plan }) => plan));
  return active.has(connection)
    ? undefined
    : unless(
        'connection',
        connection,
        new Set([
          ...connectionsOf(plans()),
          ...compared().flatMap(({ sides }) => [sides.source.connection, sides.target.connection]),
        ]),
      );
}

function unless(what: string, name: string, known: ReadonlySet<string>): string | undefined {
  if (known.has(name)) return undefined;
  const near = didYouMean(name, [...known]);
  return `no ${what} is called ${name}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

function connectionsOf(plans: readonly Plan[]): Set<string> {
  return new Set(
    plans.flatMap(({ steps }) =>
      allSteps(steps).flatMap((step) =>
        step.kind === 'call'
          ? [step.connection, ...(step.compensate === undefined ? [] : [step.compensate.connection])]
          : [],
      ),
    ),
  );
}

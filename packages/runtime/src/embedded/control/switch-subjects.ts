import { didYouMean } from '@tenon/model';
import type { Plan, ReconciliationPlan } from '@tenon/pipeline';
import { callsOf } from '../../loaded-plan.ts';
import type { SwitchRequest } from '../../switches.ts';
import type { EmbeddedEngine } from '../engine.ts';

/**
 * Why a request names nothing that could be switched, or `undefined`: whoever kills a misspelt pipeline would believe
 * that it stands still.
 */
export function unknownSubject(engine: EmbeddedEngine, request: SwitchRequest): string | undefined {
  const subject = request.kind === 'kill' ? request.scope : request;
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
  const begins = (): Plan[] => [...engine.inForce.begins.values()].map(({ plan }) => plan);
  if ('pipeline' in subject)
    return engine.inForce.begins.has(subject.pipeline)
      ? unknownEvent(engine, request)
      : unless('pipeline', subject.pipeline, [
          ...plans().map(({ pipeline }) => pipeline),
          ...(request.kind === 'kill' ? compared().map(({ name }) => name) : []),
        ]);
  // Most are of a plan in force: others need not be read.
  const looked = (
    what: string,
    name: string,
    configured: readonly string[],
    of: (plan: Plan | ReconciliationPlan) => readonly string[],
  ) =>
    configured.includes(name) || begins().flatMap(of).includes(name)
      ? undefined
      : unless(what, name, [...configured, ...[...plans(), ...compared()].flatMap(of)]);
  const { connections } = engine;
  if ('connection' in subject)
    return looked('connection', subject.connection, Object.keys(connections), (plan) =>
      callsMade(plan).map((one) => one.connection),
    );
  if ('connector' in subject)
    return looked('connector', subject.connector, Object.values(connections), (plan) =>
      callsMade(plan).map((one) => one.connector),
    );
  return undefined;
}

/** A flag for an event that nothing of the pipeline begins with would let none of them in. */
function unknownEvent(engine: EmbeddedEngine, request: SwitchRequest): string | undefined {
  if (request.kind !== 'flag') return undefined;
  const begun = new Set(
    engine.inForce
      .plansOf(request.pipeline)
      .map(({ trigger }) => ('event' in trigger ? trigger.event : 'manual')),
  );
  const strange = request.events.find((event) => !begun.has(event));
  if (strange === undefined) return undefined;
  const near = didYouMean(strange, [...begun]);
  return `${request.pipeline} is not begun by ${strange}${near === undefined ? `, but by ${[...begun].join(' and ')}` : `; did you mean ${near}?`}`;
}

interface CallMade {
  readonly connection: string;
  readonly connector: string;
}

function callsMade(plan: Plan | ReconciliationPlan): readonly CallMade[] {
  if (plan.kind === 'ReconciliationPlan')
    return Object.values(plan.sides).map(({ connection, operation }) => ({
      connection,
      connector: operation.connector,
    }));
  return callsOf(plan).flatMap(({ connection, operation }) => {
    const { connector } = plan.operations[operation] ?? {};
    return connector === undefined ? [] : [{ connection, connector }];
  });
}

function unless(what: string, name: string, all: readonly string[]): string | undefined {
  const known = new Set(all);
  if (known.has(name)) return undefined;
  const near = didYouMean(name, [...known]);
  return `no ${what} is called ${name}${near === undefined ? '' : `; did you mean ${near}?`}`;
}

/** Kinds of switches whose id goes on with the name of a pipeline. */
const PIPELINE_KINDS: ReadonlySet<string | undefined> = new Set(['pause', 'flag', 'rollback', 'scale']);

/** Switches named at most of those in force. */
const NAMED_MAX = 10;

/** Why an id names no switch, with what is in force instead, and what may have been meant. */
export function notSwitched(engine: EmbeddedEngine, id: string): string {
  const ids = engine.board.all.map((one) => one.id).toSorted();
  const [kind, name = ''] = id.split('/');
  const isUnknown = PIPELINE_KINDS.has(kind) && !ids.includes(id) && unknownPipeline(engine, name);
  const near = id === 'kill/all' ? 'kill/everything' : didYouMean(id, ids);
  const meant = near !== undefined && ids.includes(near) ? `; did you mean ${near}?` : '';
  const more = ids.length > NAMED_MAX ? ` and ${ids.length - NAMED_MAX} more` : '';
  const force = ids.slice(0, NAMED_MAX).join(', ') + more;
  return `nothing is switched under ${id}; ${ids.length === 0 ? 'nothing is in force' : `in force: ${force}`}${meant}${isUnknown ? `; ${isUnknown}` : ''}`;
}

function unknownPipeline(engine: EmbeddedEngine, pipeline: string): string | undefined {
  return unknownSubject(engine, { kind: 'pause', pipeline, onlyKeys: [] });
}

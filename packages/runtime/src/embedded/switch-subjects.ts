import { didYouMean } from '@tenon/model';
import type { Plan, ReconciliationPlan } from '@tenon/pipeline';
import { connectionsOf } from '../loaded-plan.ts';
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
    return engine.inForce.begins.has(pipeline)
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
  const active = connectionsOf(...[...engine.inForce.begins.values()].map(({ plan }) => plan));
  return active.has(connection)
    ? undefined
    : unless(
        'connection',
        connection,
        new Set([
          ...connectionsOf(...plans()),
          ...compared().flatMap(({ sides }) => [sides.source.connection, sides.target.connection]),
        ]),
      );
}

function unless(what: string, name: string, known: ReadonlySet<string>): string | undefined {
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

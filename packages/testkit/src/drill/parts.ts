import type { ConnectorModule, OperationDefaults } from '@tenon/connector';
import { type Json, type JsonObject, seededRandom } from '@tenon/model';
import { incomingOver, type Plan, type Workspace } from '@tenon/pipeline';
import { allSteps, connectionsOf, type LoadedPlan, loadPlan } from '@tenon/runtime/drill';
import type { Rows } from '../sandbox/rows.ts';
import { DrillClock } from './drill-clock.ts';
import { HttpPeer } from './http-peer.ts';
import { MadeUpPeer } from './made-up-peer.ts';
import type { Peer } from './peer.ts';

/** What a trial begins with: the event, and what the systems hold. */
export interface Start {
  readonly event: Json;
  readonly headers?: JsonObject;
  /** Over which it comes; absent where it comes over none. */
  readonly connection?: string;
  /** By connection; what is asked for and not there is made up. */
  readonly rows: Readonly<Record<string, Rows>>;
  /**
   * What awaited events bring, by the step that waits: a part of it, to which what it is matched by is made up. `null`: it does not come. Absent: made up
   * whole.
   */
  readonly signals?: Readonly<Record<string, Json>>;
  /** What is so of what operations make, by connection and operation, where it is not sent otherwise. Absent: made up whole. */
  readonly made?: Readonly<Record<string, Readonly<Record<string, JsonObject>>>>;
  /** By the author: the event stays as it is, whatever the pipeline asks of it. */
  readonly isGiven?: true;
}

/** A pipeline with the systems that it calls, ready to be tried. */
export interface DrillParts {
  readonly loaded: LoadedPlan;
  /** Its plan first, then those of the pipelines that it runs. */
  readonly plans: readonly LoadedPlan[];
  readonly peers: ReadonlyMap<string, Peer>;
  /** Connections to systems that are made up from their contract alone, and keep nothing. */
  readonly madeUp: readonly string[];
  readonly policies: ReadonlyMap<string, OperationDefaults>;
  readonly clock: DrillClock;
  regionOf(connection: string): string | undefined;
  /** Connections over which an event may come. */
  incoming(event: string): readonly string[];
}

export interface DrillSource {
  readonly workspace: Workspace;
  readonly plans: ReadonlyMap<string, Plan>;
  /** The code of connectors, by name. */
  readonly code: ReadonlyMap<string, ConnectorModule>;
}

/** `seed`: of what the systems make up. */
export function partsOf({ workspace, plans, code }: DrillSource, plan: Plan, seed: number): DrillParts {
  const all = [plan, ...childrenOf(plan, plans)].map(loadPlan);
  const clock = new DrillClock();
  const peers = new Map<string, Peer>();
  const policies = new Map<string, OperationDefaults>();
  const madeUp: string[] = [];
  for (const connection of [...connectionsOf(...all.map((one) => one.plan))].sort()) {
    const name = workspace.config.connections[connection]?.connector ?? connection;
    const manifest = workspace.connectors.get(name);
    const contract = manifest && workspace.contracts.get(manifest.contract);
    if (manifest === undefined || contract === undefined) continue;
    policies.set(connection, manifest.defaults);
    if (manifest.transport === 'http')
      peers.set(
        connection,
        new HttpPeer({
          connection,
          contract,
          manifest,
          module: code.get(name) ?? {},
          clock,
          random: seededRandom(seed),
          seed,
        }),
      );
    else {
      madeUp.push(connection);
      peers.set(connection, new MadeUpPeer(connection, clock, seed));
    }
  }
  return {
    loaded: all[0]!,
    plans: all,
    peers,
    madeUp,
    policies,
    clock,
    regionOf: (connection) => workspace.config.connections[connection]?.region,
    incoming: (event) => incomingTo(workspace, event),
  };
}

/** Connections over which an event, `<contract>.<event>`, may come. */
export function incomingTo(workspace: Workspace, event: string): readonly string[] {
  const dot = event.indexOf('.');
  const contract = workspace.contracts.get(event.slice(0, dot));
  const definition = contract?.events.get(event.slice(dot + 1));
  return contract && definition ? incomingOver({ contract, definition }, workspace) : [];
}

function childrenOf(plan: Plan, plans: ReadonlyMap<string, Plan>): readonly Plan[] {
  const found = new Map<string, Plan>();
  const visit = ({ steps }: Plan): void => {
    for (const step of allSteps(steps)) {
      const child = step.kind === 'run' ? plans.get(step.pipeline) : undefined;
      if (child === undefined || found.has(child.pipeline)) continue;
      found.set(child.pipeline, child);
      visit(child);
    }
  };
  visit(plan);
  return [...found.values()];
}

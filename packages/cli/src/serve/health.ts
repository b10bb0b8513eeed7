import type { ConnectionConfig, OperationPlan, Transport } from '@tenon/connector';
import { type Clock, type Failure, type JsonObject, sleep } from '@tenon/model';
import { planOperation, type Workspace } from '@tenon/pipeline';

/** What the health call of one connection came to. */
export interface Health {
  readonly connection: string;
  /** Absent where nothing could be asked. */
  readonly operation?: string;
  readonly ok: boolean;
  readonly tookMs: number;
  /** Why nothing was asked, where that is no failure. */
  readonly skipped?: string;
  /** Class and code of a failure; its message holds no data. */
  readonly failure?: Pick<Failure, 'class' | 'code' | 'message'>;
}

/** A connection whose connector declares a health call, with that call. */
export interface HealthCall {
  readonly connection: ConnectionConfig;
  readonly operation: OperationPlan;
  readonly input: JsonObject;
}

/** The connections that can be asked, allowed their health call and nothing else, whatever they are granted (C91). */
export function healthCalls(
  workspace: Workspace,
  connections: readonly ConnectionConfig[],
): readonly HealthCall[] {
  return connections.flatMap((connection): HealthCall[] => {
    const manifest = workspace.connectors.get(connection.connector);
    const contract = manifest && workspace.contracts.get(manifest.contract);
    if (!manifest?.health || !contract || connection.baseUrl === '') return [];
    const operation = planOperation(contract, manifest, manifest.health.operation);
    if (!operation) return [];
    const { scopes, egress } = operation;
    const grants = { health: { operations: [operation.operation], scopes, hosts: egress } };
    return [{ connection: { ...connection, grants }, operation, input: manifest.health.with }];
  });
}

/** The connections that have no health call: listed, so that nobody takes them for well. */
export function withoutHealth(
  workspace: Workspace,
  connections: readonly ConnectionConfig[],
): readonly Health[] {
  return connections.flatMap(({ name, connector, baseUrl }): Health[] => {
    const manifest = workspace.connectors.get(connector);
    if (!manifest || (manifest.health && baseUrl !== '')) return [];
    const skipped = manifest.health
      ? 'it has no `baseUrl`: nothing is called over it'
      : manifest.health === false
        ? 'its connector says that there is no health call'
        : 'its connector declares no health call';
    return [{ connection: name, ok: true, tookMs: 0, skipped }];
  });
}

/** Asks one connection once; a failure is an answer. */
export async function askHealth(
  { connection, operation, input }: HealthCall,
  transport: Transport,
  clock: Clock,
): Promise<Health> {
  const startedAtMs = clock.now();
  const result = await transport.call({ operation, input });
  const asked = {
    connection: connection.name,
    operation: operation.operation,
    tookMs: clock.now() - startedAtMs,
  };
  if (result.ok) return { ...asked, ok: true };
  const { class: kind, code, message } = result.failure;
  return { ...asked, ok: false, failure: { class: kind, code, message } };
}

/** The health of a connection that cannot be asked as it stands. */
export function notAsked(connection: string, code: string, message: string): Health {
  return { connection, ok: false, tookMs: 0, failure: { class: 'validation', code, message } };
}

const EVERY_MS = 5 * 60_000;

/** Asks every connection every five minutes, until the signal is given; `tell` hears of the first answer and of changes. */
export async function watchHealth(
  calls: readonly HealthCall[],
  transports: ReadonlyMap<string, Transport>,
  clock: Clock,
  signal: AbortSignal,
  tell: (health: Health) => void,
): Promise<void> {
  const known = new Map<string, boolean>();
  for (;;) {
    await sleep(clock, EVERY_MS, signal);
    if (signal.aborted) return;
    for (const call of calls) {
      const transport = transports.get(call.connection.name);
      if (!transport || signal.aborted) continue;
      const health = await askHealth(call, transport, clock);
      if (signal.aborted || known.get(health.connection) === health.ok) continue;
      known.set(health.connection, health.ok);
      tell(health);
    }
  }
}

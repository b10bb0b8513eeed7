import {
  type ConnectionConfig,
  grantedBefore,
  type SourceContext,
  type SourcePlan,
  type Transport,
} from '@tenon/connector';
import type { SecretStore } from '@tenon/model';
import type { Runtime } from '@tenon/runtime';
import { type Consumer, consume } from '@tenon/server';
import type { ComposeOptions } from './compose.ts';
import { sourceMaker } from './connector-code.ts';
import { heldByKills } from './held-by-kills.ts';
import { isForEarlierPlans, sourcePlansOf } from './source-plans.ts';

/** One consumer for each place from which an event comes that some plan listens to, over each connection that takes it. */
export async function startConsumers(
  { workspace, check, code, io, log }: ComposeOptions,
  connections: readonly ConnectionConfig[],
  secrets: SecretStore,
  runtime: Runtime,
  transports: ReadonlyMap<string, Transport>,
): Promise<readonly Consumer[]> {
  const awaited = runtime.awaitedEvents();
  const starts = connections.map(async (connection): Promise<readonly (() => Consumer)[]> => {
    const manifest = workspace.connectors.get(connection.connector);
    const module = code.get(connection.connector);
    const { sources = undefined } = workspace.config.connections[connection.name] ?? {};
    const plans = sourcePlansOf({ ...connection, ...(sources && { sources }) }, workspace, check, awaited);
    if (!manifest || !module || plans.length === 0) return [];
    const make = sourceMaker(manifest, module, plans);
    const transport = transports.get(connection.name);
    const context = { connection, secrets, clock: io.clock, random: io.random };
    const over = (plan: SourcePlan): Pick<SourceContext, 'transport'> => {
      if (transport === undefined) return {};
      const held = heldByKills(transport, io.clock, () =>
        runtime.killsOf(connection.name, connection.connector),
      );
      return { transport: isForEarlierPlans(plan, check) ? grantedBefore(held) : held };
    };
    return plans.map(
      (plan) => () =>
        consume({
          connection: connection.name,
          plan,
          runtime,
          clock: io.clock,
          random: io.random,
          source: (given) => make(plan)({ ...context, ...over(plan), ...given }),
          log: (event) => log({ kind: 'source', ...event }),
        }),
    );
  });
  // None begins before all are known to be right.
  return (await Promise.all(starts)).flat().map((start) => start());
}

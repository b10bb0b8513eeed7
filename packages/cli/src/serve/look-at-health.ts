import type { ComposeOptions } from './compose.ts';
import { resolveConnection } from './connection-addresses.ts';
import { loadModules } from './connector-code.ts';
import { askHealth, type Health, healthCalls, notAsked, withoutHealth } from './health.ts';
import { readersTokens } from './kept-tokens.ts';
import { makeTransports } from './make-transports.ts';
import { openSecrets } from './secret-managers.ts';

/** Every connection's health call, asked once over a transport that may make nothing else. */
export async function lookAtHealth(
  options: Pick<ComposeOptions, 'root' | 'workspace' | 'check' | 'io'>,
): Promise<readonly Health[]> {
  const { root, workspace, io } = options;
  const unanswered: Health[] = [];
  const connections = Object.values(workspace.config.connections).flatMap((connection) => {
    const resolved = resolveConnection(connection, io);
    if (!('missing' in resolved)) return [resolved];
    const message = `set the environment variable ${resolved.missing} to ${resolved.what}`;
    unanswered.push(notAsked(connection.name, 'CONNECTION_ADDRESS_UNSET', message));
    return [];
  });
  const code = await loadModules(workspace, connections, root);
  const calls = healthCalls(workspace, connections);
  const secrets = openSecrets(workspace.config.secrets, root, io);
  const transports = makeTransports(
    calls.map(({ connection }) => connection),
    { ...options, code, secrets: secrets.store, tokens: await readersTokens(root, io), log: () => {} },
  );
  const asked = calls.flatMap((call) => {
    const transport = transports.get(call.connection.name);
    return transport ? [askHealth(call, transport, io.clock)] : [];
  });
  try {
    return [...(await Promise.all(asked)), ...unanswered, ...withoutHealth(workspace, connections)];
  } finally {
    await Promise.all([...transports.values()].map((transport) => transport.close()));
    await secrets.close();
  }
}

import { createHmac, randomBytes } from 'node:crypto';
import type { ConnectionConfig } from '@tenon/connector';
import type { Clock, SecretReference } from '@tenon/model';
import type { CredentialPort } from '@tenon/runtime';
import { askHealth, type HealthCall } from './health.ts';
import { makeTransports, type TransportParts } from './make-transports.ts';

/**
 * What a drill asks of the credentials of connections: only of those that have one which use does not change, and a health call that shows whether it works. Each health call goes
 * over a transport of its own, which holds nothing from before.
 */
export function credentialsOf(
  calls: readonly HealthCall[],
  parts: TransportParts,
  clock: Clock,
): (connection: string) => CredentialPort | undefined {
  // A mark that is seen, as in a core dump, is worth nothing without it, and is another one after a restart.
  const salt = randomBytes(32);
  return (name) => {
    const call = calls.find(({ connection }) => connection.name === name);
    const references = call === undefined ? [] : referencesOf(call.connection);
    if (call === undefined || isSpentByUse(call.connection)) return undefined;
    // What stands in the environment alone is the same until a restart; so is what there is none of.
    if (references.every((reference) => reference.startsWith('env:'))) return undefined;
    return {
      mark: async () => {
        const purpose = { connection: name, use: 'drill' };
        const secrets = await Promise.all(
          references.map((reference) => parts.secrets.resolve(reference, purpose, { isFresh: true })),
        );
        const mark = createHmac('sha256', salt);
        for (const secret of secrets) mark.update(JSON.stringify(secret.reveal()));
        return mark.digest('hex');
      },
      healthRefusal: async () => {
        const transport = makeTransports([call.connection], parts).get(name);
        if (transport === undefined) return 'TRANSPORT_MISSING';
        try {
          return (await askHealth(call, transport, clock)).failure?.code;
        } finally {
          await transport.close();
        }
      },
    };
  };
}

/** A second transport that refreshes beside the first may send a token that is spent, for which a server may revoke all of them. */
function isSpentByUse({ credentials }: ConnectionConfig): boolean {
  return Object.values(credentials).some((fields) => 'refreshToken' in fields);
}

function referencesOf({ credentials }: ConnectionConfig): readonly SecretReference[] {
  return Object.values(credentials).flatMap((fields) => Object.values(fields));
}

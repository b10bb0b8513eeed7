import { type ConnectionConfig, httpTransport, inSandbox, withOwnTokens } from '@tenon/connector';
import { planOperation } from '@tenon/pipeline';
import { UsageError } from '../command.ts';
import type { Io } from '../io.ts';
import { resolveTokenUrls } from '../serve/connection-addresses.ts';
import { readersTokens } from '../serve/kept-tokens.ts';
import { openSecrets } from '../serve/secret-managers.ts';
import type { Session } from '../workspace/session.ts';
import { guardTarget } from './real-target.ts';

/** The headers, or why there are none, in one sentence. */
export type ProviderCredentials =
  | { readonly headers: Readonly<Record<string, string>> }
  | { readonly refused: string };

/**
 * The headers by which calls of a connection are proven, for a provider that is held against the contract: with the scopes of all that its
 * identity may do, since one set goes with every request. Only to where the kit would call too, since the tests send what pipelines send.
 */
export async function providerCredentials(
  { workspace, root }: Session,
  contract: string,
  wanted: { readonly connection: string; readonly url: string; readonly option: string },
  io: Io,
): Promise<ProviderCredentials> {
  const speaking = Object.values(workspace.config.connections).filter(
    ({ connector }) => workspace.connectors.get(connector)?.contract === contract,
  );
  const connection = speaking.find(({ name }) => name === wanted.connection);
  const manifest = connection && workspace.connectors.get(connection.connector);
  const spoken = workspace.contracts.get(contract);
  if (connection === undefined || manifest === undefined || spoken === undefined)
    throw new UsageError(
      'argument-unknown',
      `contract ${contract} has no connection ${wanted.connection}; it has: ${speaking.map(({ name }) => name).join(', ') || 'none'}`,
    );
  const { isHere } = guardTarget(manifest, wanted.url, wanted.option, true);
  const scopes = connection.identity === undefined ? undefined : manifest.identities[connection.identity];
  const plans = Object.keys(manifest.operations).flatMap(
    (name) => planOperation(spoken, manifest, name) ?? [],
  );
  const [first] = plans.filter(({ auth }) => auth.length > 0);
  if (first === undefined) return { headers: {} };
  const operation = {
    ...first,
    scopes: scopes ?? [...new Set(plans.flatMap((plan) => plan.scopes))],
    egress: [...new Set(plans.flatMap((plan) => plan.egress))],
  };
  const given: ConnectionConfig = {
    ...connection,
    baseUrl: wanted.url,
    ...(connection.tokenUrls && { tokenUrls: resolveTokenUrls(connection.tokenUrls, io) }),
  };
  const secrets = openSecrets(workspace.config.secrets, root, io);
  const transport = httpTransport({
    connection: isHere ? withOwnTokens(given) : given,
    secrets: secrets.store,
    clock: io.clock,
    random: io.random,
    tokens: await readersTokens(root, io),
  });
  try {
    const proof = await transport.proofOf(isHere ? inSandbox(operation) : operation);
    if ('failure' in proof) return { refused: `${proof.failure.message} (${proof.failure.code})` };
    if (proof.headers !== undefined) return { headers: proof.headers };
    return {
      refused: `connection ${connection.name} proves each request by itself, not by a header that all carry; \`tenon test connector --target\` makes such calls`,
    };
  } finally {
    await transport.close();
    await secrets.close();
  }
}

import { generateKeyPairSync } from 'node:crypto';
import {
  type AuthScheme,
  type ConnectionConfig,
  type ConnectorManifest,
  credentialFields,
  type TransportContext,
} from '@tenon/connector';
import { Secret } from '@tenon/model';

/** Marks every secret that a trial hands out, so that one found anywhere is known for what it is. */
export const SECRET_CANARY = 'canary-secret';

/** A connection to a sandbox, with credentials that are made up. `scheme`: how it proves itself; default: as the connector prefers. */
export function trialConnection(
  manifest: ConnectorManifest,
  baseUrl: string,
  scheme: AuthScheme | undefined = withoutCertificates(manifest.auth)[0],
): ConnectionConfig {
  return {
    name: manifest.name,
    connector: manifest.name,
    baseUrl,
    credentials: {
      // With a client's own besides, so that a strayed token request would have something to give away.
      [scheme?.id ?? 'stray']: Object.fromEntries(
        [...(scheme ? credentialFields(scheme).required : []), 'clientId', 'clientSecret'].map((field) => [
          field,
          `env:${field}` as const,
        ]),
      ),
    },
    webhookSecrets: [],
  };
}

/** A sandbox has no TLS, without which no certificate can be shown. */
export function withoutCertificates(schemes: readonly AuthScheme[]): readonly AuthScheme[] {
  return schemes.filter(({ type }) => type !== 'mtls');
}

let signingKey: string | undefined;

/** Every secret is a canary of its own; a private key must be one that signs. */
export const canarySecrets: TransportContext['secrets'] = {
  resolve: async (reference) => {
    const field = reference.slice('env:'.length);
    if (field !== 'privateKey') return new Secret(reference, `${SECRET_CANARY}-${field}`);
    signingKey ??= generateKeyPairSync('rsa', { modulusLength: 2048 })
      .privateKey.export({ type: 'pkcs8', format: 'pem' })
      .toString();
    return new Secret(reference, signingKey);
  },
};

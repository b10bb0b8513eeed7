import type { AuthScheme } from '../manifest.ts';

/** What the credentials of a scheme are made of, by name. */
export interface CredentialFields {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/** Fields that a connection gives for a scheme of its connector's manifest, each a secret reference. */
export function credentialFields(scheme: AuthScheme): CredentialFields {
  if (scheme.type !== 'oauth2') return { required: STATIC[scheme.type], optional: [] };
  const proof = { basic: ['clientSecret'], body: ['clientSecret'], privateKeyJwt: ['privateKey'], none: [] }[
    scheme.clientAuth
  ];
  const flow = FLOWS[scheme.flow];
  return { required: [...new Set(['clientId', ...proof, ...flow.required])], optional: flow.optional };
}

const STATIC: Readonly<Record<Exclude<AuthScheme['type'], 'oauth2'>, readonly string[]>> = {
  apiKey: ['value'],
  bearer: ['token'],
  basic: ['username', 'password'],
};

const FLOWS = {
  clientCredentials: { required: [], optional: ['scope'] },
  refreshToken: { required: ['refreshToken'], optional: [] },
  jwtBearer: { required: ['privateKey'], optional: ['subject', 'scope'] },
} as const;

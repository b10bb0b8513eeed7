import type { AuthScheme } from '../manifest.ts';
import { namesKeyId } from './hmac-signature.ts';

/** What the credentials of a scheme are made of, by name. */
export interface CredentialFields {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/** Fields that a connection gives for a scheme of its connector's manifest, each a secret reference. */
export function credentialFields(scheme: AuthScheme): CredentialFields {
  switch (scheme.type) {
    case 'apiKey':
      return fields(['value']);
    case 'bearer':
      return fields(['token']);
    case 'basic':
      return fields(['username', 'password']);
    case 'mtls':
      return fields(['certificate', 'privateKey'], ['ca', 'passphrase']);
    case 'awsSigV4': {
      const key = ['accessKeyId', 'secretAccessKey'];
      return fields(scheme.region === undefined ? [...key, 'region'] : key, ['sessionToken']);
    }
    case 'hmac':
      return fields(namesKeyId(scheme) ? ['keyId', 'secret'] : ['secret']);
    case 'oauth2': {
      const flow = FLOWS[scheme.flow];
      return fields(
        [...new Set(['clientId', ...PROOF_FIELDS[scheme.clientAuth], ...flow.required])],
        flow.optional,
      );
    }
  }
}

function fields(required: readonly string[], optional: readonly string[] = []): CredentialFields {
  return { required, optional };
}

type OAuthScheme = Extract<AuthScheme, { readonly type: 'oauth2' }>;

/** What a client proves itself to a token endpoint with. */
export const PROOF_FIELDS: Readonly<Record<OAuthScheme['clientAuth'], readonly string[]>> = {
  basic: ['clientSecret'],
  body: ['clientSecret'],
  privateKeyJwt: ['privateKey'],
  mtls: [],
  none: [],
};

const FLOWS: Readonly<Record<OAuthScheme['flow'], CredentialFields>> = {
  clientCredentials: fields([], ['scope']),
  refreshToken: fields(['refreshToken']),
  jwtBearer: fields(['privateKey'], ['subject', 'scope']),
  tokenExchange: fields(['subjectToken'], ['actorToken', 'scope']),
};

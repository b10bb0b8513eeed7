import type { CallOrigin } from '@tenon/model';
import type { AuthScheme } from '../manifest.ts';
import { AuthenticationError } from './authentication-error.ts';
import { HeldSecrets, type HeldSecretsContext } from './held-secrets.ts';
import { type OAuthContext, type OAuthScheme, OAuthTokens } from './oauth-tokens.ts';

/** Where a credential goes on a request. */
export interface Credential {
  readonly place: 'header' | 'query' | 'cookie';
  readonly name: string;
  readonly value: string;
}

/** Credentials of one call, and the way to renew them when the server refuses them (401). */
export interface Authentication {
  readonly credentials: readonly Credential[];
  /** Drops what was refused. `false` when there is nothing newer to try, so that sending again is pointless. */
  renew(): Promise<boolean>;
}

export interface AuthenticatorContext extends HeldSecretsContext, Omit<OAuthContext, 'connection'> {}

/**
 * Puts the credentials of one connection on its calls: of every scheme of the manifest that the connection has
 * credentials for. Shared by all callers of the connection.
 */
export class Authenticator {
  readonly #context: AuthenticatorContext;
  readonly #secrets: HeldSecrets;
  readonly #tokens: OAuthTokens;

  constructor(context: AuthenticatorContext) {
    this.#context = context;
    this.#secrets = new HeldSecrets(context);
    this.#tokens = new OAuthTokens({ ...context, connection: context.connection.name }, this.#secrets);
  }

  async authenticate(
    schemes: readonly AuthScheme[],
    scopes: readonly string[],
    origin?: CallOrigin,
  ): Promise<Authentication> {
    const usable = schemes.filter(({ id }) => this.#context.connection.credentials[id] !== undefined);
    if (schemes.length > 0 && usable.length === 0)
      throw new AuthenticationError(
        'AUTH_CREDENTIALS_MISSING',
        `connection ${this.#context.connection.name} has no credentials for ${schemes.map(({ id }) => id).join(' or ')}`,
        false,
      );
    const parts = await Promise.all(usable.map((scheme) => this.#prove(scheme, scopes, origin)));
    return {
      credentials: parts.map(({ credential }) => credential),
      renew: async () => (await Promise.all(parts.map((part) => part.renew()))).some(Boolean),
    };
  }

  #prove(scheme: AuthScheme, scopes: readonly string[], origin: CallOrigin | undefined): Promise<Proof> {
    switch (scheme.type) {
      case 'apiKey':
        return this.#static(scheme, ['value'], origin, ([value]) => ({
          place: scheme.in,
          name: scheme.name,
          value: `${scheme.prefix ?? ''}${value}`,
        }));
      case 'bearer':
        return this.#static(scheme, ['token'], origin, ([token]) => authorization(`Bearer ${token}`));
      case 'basic':
        return this.#static(scheme, ['username', 'password'], origin, ([user, password]) =>
          authorization(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`),
        );
      case 'oauth2':
        return this.#oauth(scheme, scopes, origin);
    }
  }

  async #static(
    scheme: AuthScheme,
    fields: readonly string[],
    origin: CallOrigin | undefined,
    credential: (values: readonly string[]) => Credential,
  ): Promise<Proof> {
    const references = fields.map((field) => this.#secrets.reference(scheme, field));
    const read = async () =>
      (await Promise.all(references.map((reference) => this.#secrets.read(reference, origin)))).map(
        (secret) => secret.reveal(),
      );
    const before = await read();
    return {
      credential: credential(before),
      renew: async () => {
        for (const reference of references) this.#secrets.forget(reference);
        return (await read()).some((value, index) => value !== before[index]);
      },
    };
  }

  async #oauth(
    scheme: OAuthScheme,
    scopes: readonly string[],
    origin: CallOrigin | undefined,
  ): Promise<Proof> {
    const { token, refuse } = await this.#tokens.get(scheme, scopes, origin);
    return {
      credential: authorization(`Bearer ${token.reveal()}`),
      renew: async () => {
        refuse();
        return true;
      },
    };
  }
}

interface Proof {
  readonly credential: Credential;
  renew(): Promise<boolean>;
}

function authorization(value: string): Credential {
  return { place: 'header', name: 'authorization', value };
}

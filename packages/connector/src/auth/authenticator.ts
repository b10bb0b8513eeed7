import type { Clock, Secret, SecretReference, SecretStore } from '@tenon/model';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { AuthScheme } from '../manifest.ts';
import { SecretUnavailableError } from '../secrets.ts';
import type { ConnectionConfig } from '../transport.ts';
import { TokenCache } from './token-cache.ts';
import { fetchToken, TokenError, type TokenFetch } from './token-client.ts';

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

/** Why a call cannot be authenticated; nothing was sent. */
export class AuthenticationError extends Error {
  readonly code: ConnectorFailureCode;
  readonly retryable: boolean;
  constructor(code: ConnectorFailureCode, message: string, retryable: boolean) {
    super(message);
    this.name = 'AuthenticationError';
    this.code = code;
    this.retryable = retryable;
  }
}

export interface AuthenticatorContext {
  readonly connection: ConnectionConfig;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly baseUrl: URL;
  readonly send: TokenFetch;
}

/** A static secret is read again after this long, so that a rotated one comes into use without a restart (C94). */
const SECRET_TTL_MS = 60_000;
const SECRETS_MAX = 256;
const TOKENS_MAX = 256;

/**
 * Puts the credentials of one connection on its calls: of every scheme of the manifest that the connection has
 * credentials for. Shared by all callers of the connection; tokens are fetched for exactly the scopes an operation
 * needs, so a read never carries a token that could write.
 */
export class Authenticator {
  readonly #context: AuthenticatorContext;
  readonly #secrets = new Map<string, { readonly secret: Promise<Secret>; readonly readAtMs: number }>();
  readonly #tokens = new Map<string, TokenCache>();

  constructor(context: AuthenticatorContext) {
    this.#context = context;
  }

  async authenticate(schemes: readonly AuthScheme[], scopes: readonly string[]): Promise<Authentication> {
    const usable = schemes.filter(({ id }) => this.#context.connection.credentials[id] !== undefined);
    if (schemes.length > 0 && usable.length === 0)
      throw new AuthenticationError(
        'AUTH_CREDENTIALS_MISSING',
        `connection ${this.#context.connection.name} has no credentials for ${schemes.map(({ id }) => id).join(' or ')}`,
        false,
      );
    const parts = await Promise.all(usable.map((scheme) => this.#prove(scheme, scopes)));
    return {
      credentials: parts.map(({ credential }) => credential),
      renew: async () => (await Promise.all(parts.map((part) => part.renew()))).some(Boolean),
    };
  }

  #prove(scheme: AuthScheme, scopes: readonly string[]): Promise<Proof> {
    switch (scheme.type) {
      case 'apiKey':
        return this.#static(scheme, ['value'], ([value]) => ({
          place: scheme.in,
          name: scheme.name,
          value: `${scheme.prefix ?? ''}${value}`,
        }));
      case 'bearer':
        return this.#static(scheme, ['token'], ([token]) => authorization(`Bearer ${token}`));
      case 'basic':
        return this.#static(scheme, ['username', 'password'], ([user, password]) =>
          authorization(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`),
        );
      case 'oauth2':
        return this.#oauth(scheme, scopes);
    }
  }

  async #static(
    scheme: AuthScheme,
    fields: readonly string[],
    credential: (values: readonly string[]) => Credential,
  ): Promise<Proof> {
    const references = fields.map((field) => this.#reference(scheme, field));
    const before = (await Promise.all(references.map((reference) => this.#secret(reference)))).map((s) =>
      s.reveal(),
    );
    return {
      credential: credential(before),
      renew: async () => {
        for (const reference of references) this.#secrets.delete(reference);
        const after = await Promise.all(references.map((reference) => this.#secret(reference)));
        return after.some((secret, index) => secret.reveal() !== before[index]);
      },
    };
  }

  async #oauth(scheme: Extract<AuthScheme, { type: 'oauth2' }>, scopes: readonly string[]): Promise<Proof> {
    const cache = await this.#tokenCache(scheme, scopes);
    const token = await cache.get().catch((error: unknown) => {
      throw tokenFailure(error);
    });
    return {
      credential: authorization(`Bearer ${token.reveal()}`),
      renew: async () => {
        cache.refused(token);
        return true;
      },
    };
  }

  async #tokenCache(
    scheme: Extract<AuthScheme, { type: 'oauth2' }>,
    scopes: readonly string[],
  ): Promise<TokenCache> {
    const fields = this.#context.connection.credentials[scheme.id] ?? {};
    const fixed = fields['scope'] === undefined ? undefined : (await this.#secret(fields['scope'])).reveal();
    const scope = fixed ?? [...scopes].sort().join(' ');
    const key = `${scheme.id} ${scope}`;
    let cache = this.#tokens.get(key);
    if (cache === undefined) {
      cache = new TokenCache(this.#context.clock, () => this.#fetchToken(scheme, scope), scheme.maxTtlMs);
      bound(this.#tokens, TOKENS_MAX);
      this.#tokens.set(key, cache);
    }
    return cache;
  }

  async #fetchToken(
    scheme: Extract<AuthScheme, { type: 'oauth2' }>,
    scope: string,
  ): ReturnType<typeof fetchToken> {
    const [clientId, clientSecret] = await Promise.all([
      this.#secret(this.#reference(scheme, 'clientId')),
      this.#secret(this.#reference(scheme, 'clientSecret')),
    ]);
    const request = {
      tokenUrl: tokenUrl(this.#context.baseUrl, scheme.tokenUrl),
      clientId,
      clientSecret,
      clientAuth: scheme.clientAuth,
      ...(scope !== '' && { scope }),
    };
    return fetchToken(request, this.#context.send).catch((error: unknown) => {
      // The client's own secret may have been rotated: read it anew next time.
      this.#secrets.clear();
      throw error;
    });
  }

  #reference(scheme: AuthScheme, field: string): SecretReference {
    const reference = this.#context.connection.credentials[scheme.id]?.[field];
    if (reference === undefined)
      throw new AuthenticationError(
        'AUTH_CREDENTIALS_MISSING',
        `connection ${this.#context.connection.name} lacks \`${field}\` of its ${scheme.id} credentials`,
        false,
      );
    return reference;
  }

  #secret(reference: SecretReference): Promise<Secret> {
    const known = this.#secrets.get(reference);
    const now = this.#context.clock.now();
    if (known !== undefined && now - known.readAtMs < SECRET_TTL_MS) return known.secret;
    const purpose = { connection: this.#context.connection.name, use: 'authenticate' };
    const secret = this.#context.secrets.resolve(reference, purpose).catch((error: unknown) => {
      this.#secrets.delete(reference);
      throw secretFailure(error);
    });
    bound(this.#secrets, SECRETS_MAX);
    this.#secrets.set(reference, { secret, readAtMs: now });
    return secret;
  }
}

interface Proof {
  readonly credential: Credential;
  renew(): Promise<boolean>;
}

function authorization(value: string): Credential {
  return { place: 'header', name: 'authorization', value };
}

/** `/oauth/token` is taken from the origin, `oauth/token` from below the base URL's path. */
function tokenUrl(baseUrl: URL, text: string): URL {
  const base = new URL(baseUrl);
  base.pathname = `${base.pathname.replace(/\/+$/, '')}/`;
  return new URL(text, base);
}

/** Makes room for one more: the oldest goes. */
function bound(map: Map<string, unknown>, max: number): void {
  const oldest = map.size >= max ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

/** Only messages made by us pass; a foreign error could hold the secret it failed on. */
function tokenFailure(error: unknown): AuthenticationError {
  if (error instanceof AuthenticationError) return error;
  if (!(error instanceof TokenError))
    return new AuthenticationError('AUTH_FAILED', 'no token could be asked for', false);
  return error.kind === 'refused'
    ? new AuthenticationError('AUTH_TOKEN_REFUSED', error.message, false)
    : new AuthenticationError('AUTH_TOKEN_UNAVAILABLE', error.message, true);
}

function secretFailure(error: unknown): AuthenticationError {
  if (error instanceof SecretUnavailableError)
    return new AuthenticationError(error.code, error.message, false);
  return new AuthenticationError('SECRET_UNAVAILABLE', 'a secret could not be read', false);
}

import { type Clock, type Secret, type SecretReference, type SecretStore, sha256 } from '@tenon/model';
import type { CryptoKey } from 'jose';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { AuthScheme } from '../manifest.ts';
import { SecretUnavailableError } from '../secrets.ts';
import type { ConnectionConfig } from '../transport.ts';
import { signAssertion, signingKey } from './signing-key.ts';
import { TokenCache } from './token-cache.ts';
import {
  fetchToken,
  type IssuedToken,
  TokenError,
  type TokenFetch,
  type TokenRequest,
} from './token-client.ts';
import { parseKept, type TokenVault } from './token-vault.ts';

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
  readonly tokens?: TokenVault | undefined;
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
  readonly #unsaved = new Map<string, string>();

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

  async #oauth(scheme: OAuthScheme, scopes: readonly string[]): Promise<Proof> {
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

  /** One for each set of scopes; a refresh token has the scopes that a person consented to, so there it is one in all. */
  async #tokenCache(scheme: OAuthScheme, scopes: readonly string[]): Promise<TokenCache> {
    const scope = scheme.flow === 'refreshToken' ? '' : await this.#scopeOf(scheme, scopes);
    const key = `${scheme.id} ${scope}`;
    let cache = this.#tokens.get(key);
    if (cache === undefined) {
      cache = new TokenCache(this.#context.clock, () => this.#issue(scheme, scope), scheme.maxTtlMs);
      bound(this.#tokens, TOKENS_MAX);
      this.#tokens.set(key, cache);
    }
    return cache;
  }

  async #issue(scheme: OAuthScheme, scope: string): Promise<IssuedToken> {
    switch (scheme.flow) {
      case 'clientCredentials':
        return this.#fetchToken(scheme, { type: 'clientCredentials', ...(scope !== '' && { scope }) });
      case 'refreshToken':
        return this.#refresh(scheme);
      case 'jwtBearer':
        return this.#fetchToken(scheme, {
          type: 'jwtBearer',
          assertion: await this.#assertion(scheme, scope),
        });
    }
  }

  async #scopeOf(scheme: OAuthScheme, scopes: readonly string[]): Promise<string> {
    const fixed = this.#context.connection.credentials[scheme.id]?.['scope'];
    return fixed === undefined ? [...scopes].sort().join(' ') : (await this.#secret(fixed)).reveal();
  }

  /**
   * Refreshes with the living token: the one last saved, unless an operator has provisioned another since. Where the
   * server rotates, the new one is on disk before the access token that came with it is used: a crash in between then
   * costs a refresh, not the consent.
   */
  async #refresh(scheme: OAuthScheme): Promise<IssuedToken> {
    const { tokens, connection } = this.#context;
    if (tokens === undefined && scheme.rotation !== 'reusable')
      throw new AuthenticationError(
        'AUTH_TOKEN_STORE_MISSING',
        `connection ${connection.name} has single-use refresh tokens, and nothing keeps the next one`,
        false,
      );
    const provisioned = (await this.#secret(this.#reference(scheme, 'refreshToken'))).reveal();
    const seed = sha256(provisioned);
    const key = `${connection.name}/${scheme.id}`;
    const unsaved = this.#unsaved.get(key);
    if (unsaved !== undefined) await this.#save(key, unsaved);
    const kept = parseKept(await tokens?.load(key));
    const refreshToken = kept?.seed === seed ? kept.token : provisioned;
    const issued = await this.#fetchToken(scheme, { type: 'refreshToken', refreshToken });
    if (issued.refreshToken !== undefined && issued.refreshToken !== refreshToken)
      await this.#save(key, JSON.stringify({ token: issued.refreshToken, seed }));
    return issued;
  }

  async #assertion(scheme: OAuthScheme, scope: string): Promise<string> {
    const issuer = (await this.#secret(this.#reference(scheme, 'clientId'))).reveal();
    const subject = this.#context.connection.credentials[scheme.id]?.['subject'];
    return signAssertion(await this.#signingKey(scheme), scheme.algorithm ?? 'RS256', {
      issuer,
      subject: subject === undefined ? issuer : (await this.#secret(subject)).reveal(),
      audience: scheme.audience ?? tokenUrl(this.#context.baseUrl, scheme.tokenUrl).href,
      issuedAtMs: this.#context.clock.now(),
      ...(scope !== '' && { scope }),
    });
  }

  async #signingKey(scheme: OAuthScheme): Promise<CryptoKey> {
    const pem = await this.#secret(this.#reference(scheme, 'privateKey'));
    return signingKey(pem, scheme.algorithm ?? 'RS256').catch(() => {
      throw new AuthenticationError(
        'AUTH_KEY_INVALID',
        `${pem.reference} holds no PKCS#8 private key for ${scheme.algorithm ?? 'RS256'}`,
        false,
      );
    });
  }

  async #proof(scheme: OAuthScheme): Promise<TokenRequest['proof']> {
    const { clientAuth } = scheme;
    if (clientAuth === 'none') return { type: 'none' };
    if (clientAuth === 'privateKeyJwt') return { type: 'privateKeyJwt', key: await this.#signingKey(scheme) };
    return { type: clientAuth, secret: await this.#secret(this.#reference(scheme, 'clientSecret')) };
  }

  /** A token that could not be saved stays here: it is the only living one, and is saved before the next is asked for. */
  async #save(key: string, value: string): Promise<void> {
    this.#unsaved.set(key, value);
    await this.#context.tokens?.save(key, value);
    this.#unsaved.delete(key);
  }

  async #fetchToken(scheme: OAuthScheme, grant: TokenRequest['grant']): Promise<IssuedToken> {
    const [clientId, proof] = await Promise.all([
      this.#secret(this.#reference(scheme, 'clientId')),
      this.#proof(scheme),
    ]);
    const request = { tokenUrl: tokenUrl(this.#context.baseUrl, scheme.tokenUrl), clientId, proof, grant };
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

type OAuthScheme = Extract<AuthScheme, { type: 'oauth2' }>;

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

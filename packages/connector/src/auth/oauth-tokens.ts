import { type CallOrigin, type Clock, type Secret, sha256 } from '@tenon/model';
import type { CryptoKey } from 'jose';
import type { AuthScheme } from '../manifest.ts';
import { AuthenticationError } from './authentication-error.ts';
import { PROOF_FIELDS } from './credential-fields.ts';
import type { HeldSecrets } from './held-secrets.ts';
import { signAssertion, signingKey } from './signing-key.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { TokenCache } from './token-cache.ts';
import {
  fetchToken,
  type IssuedToken,
  TokenError,
  type TokenFetch,
  type TokenRequest,
} from './token-client.ts';
import { type KeptToken, parseKept, TokenLockedError, type TokenVault } from './token-vault.ts';

export type OAuthScheme = Extract<AuthScheme, { type: 'oauth2' }>;

/** For whom a token is had, and the client certificate that it is asked for with. */
export interface Asker {
  readonly origin?: CallOrigin | undefined;
  readonly tls?: TlsIdentity | undefined;
}

export interface OAuthContext {
  /** Name of the connection. */
  readonly connection: string;
  readonly clock: Clock;
  readonly baseUrl: URL;
  /** By scheme, in place of the manifest's. */
  readonly tokenUrls?: Readonly<Record<string, string>> | undefined;
  readonly send: TokenFetch;
  readonly tokens?: TokenVault | undefined;
}

const TOKENS_MAX = 256;
const JWT_TYPE = 'urn:ietf:params:oauth:token-type:jwt';

/**
 * OAuth tokens of one connection, shared by all its callers: each fetched for exactly the scopes that an operation needs,
 * so that a read never carries a token that could write.
 */
export class OAuthTokens {
  readonly #context: OAuthContext;
  readonly #secrets: HeldSecrets;
  readonly #tokens = new Map<string, TokenCache>();
  readonly #unsaved = new Map<string, string>();

  constructor(context: OAuthContext, secrets: HeldSecrets) {
    this.#context = context;
    this.#secrets = secrets;
  }

  /** A living token; `refuse` drops it, unless another caller has replaced it already. */
  async get(
    scheme: OAuthScheme,
    scopes: readonly string[],
    asker: Asker,
  ): Promise<{ readonly token: Secret; refuse(): void }> {
    const scope = await this.#scopeOf(scheme, scopes, asker);
    const cache = this.#cacheOf(scheme, scope);
    if (cache.isAtHand) this.#secrets.usedAll(scheme, asker.origin);
    const token = await cache
      .get(() => this.#issue(scheme, scope, asker))
      .catch((error: unknown) => {
        throw tokenFailure(error);
      });
    return { token, refuse: () => cache.refused(token) };
  }

  #cacheOf(scheme: OAuthScheme, scope: string): TokenCache {
    const key = `${scheme.id} ${scope}`;
    let cache = this.#tokens.get(key);
    if (cache === undefined) {
      cache = new TokenCache(this.#context.clock, scheme.maxTtlMs);
      const oldest = this.#tokens.size >= TOKENS_MAX ? this.#tokens.keys().next().value : undefined;
      if (oldest !== undefined) this.#tokens.delete(oldest);
      this.#tokens.set(key, cache);
    }
    return cache;
  }

  /** A refresh token has the scopes that a person consented to, so there it is one token in all. */
  async #scopeOf(scheme: OAuthScheme, scopes: readonly string[], asker: Asker): Promise<string> {
    if (scheme.flow === 'refreshToken') return '';
    const fixed = this.#secrets.optional(scheme, 'scope');
    return fixed === undefined
      ? [...scopes].sort().join(' ')
      : (await this.#secrets.read(fixed, asker.origin)).reveal();
  }

  async #issue(scheme: OAuthScheme, scope: string, asker: Asker): Promise<IssuedToken> {
    switch (scheme.flow) {
      case 'clientCredentials':
        return this.#fetch(scheme, { type: 'clientCredentials', ...(scope !== '' && { scope }) }, asker);
      case 'refreshToken':
        return this.#refresh(scheme, asker);
      case 'jwtBearer':
        return this.#fetch(
          scheme,
          { type: 'jwtBearer', assertion: await this.#assertion(scheme, scope, asker) },
          asker,
        );
      case 'tokenExchange':
        return this.#exchange(scheme, scope, asker);
    }
  }

  /**
   * Refreshes with the living token: the one last saved, unless an operator has provisioned another since. Where the
   * server rotates, the new one is on disk before the access token that came with it is used: a crash in between then
   * costs a refresh, not the consent.
   */
  async #refresh(scheme: OAuthScheme, asker: Asker): Promise<IssuedToken> {
    const { tokens, connection } = this.#context;
    if (tokens === undefined && scheme.rotation !== 'reusable')
      throw new AuthenticationError(
        'AUTH_TOKEN_STORE_MISSING',
        `connection ${connection} has single-use refresh tokens, and nothing keeps the next one`,
        false,
      );
    const provisioned = (await this.#secrets.field(scheme, 'refreshToken', asker.origin)).reveal();
    const seed = sha256(provisioned);
    const key = `${connection}/${scheme.id}`;
    const unsaved = this.#unsaved.get(key);
    if (unsaved !== undefined) await this.#save(key, unsaved);
    const kept = await this.#kept(scheme, key);
    const isLocked = kept instanceof TokenLockedError;
    const refreshToken = !isLocked && kept?.seed === seed ? kept.token : provisioned;
    const issued = await this.#fetch(scheme, { type: 'refreshToken', refreshToken }, asker);
    if (!isLocked && issued.refreshToken !== undefined && issued.refreshToken !== refreshToken)
      await this.#save(key, JSON.stringify({ token: issued.refreshToken, seed }));
    return issued;
  }

  async #kept(scheme: OAuthScheme, key: string): Promise<KeptToken | TokenLockedError | undefined> {
    try {
      return parseKept(await this.#context.tokens?.load(key));
    } catch (error) {
      // The server takes the provisioned one as well as any other.
      if (scheme.rotation === 'reusable' && error instanceof TokenLockedError) return error;
      throw error;
    }
  }

  /** What is given is read for each exchange: a workload's own token lives for minutes. */
  async #exchange(scheme: OAuthScheme, scope: string, asker: Asker): Promise<IssuedToken> {
    const actor = this.#secrets.optional(scheme, 'actorToken');
    for (const field of ['subjectToken', 'actorToken']) {
      const reference = this.#secrets.optional(scheme, field);
      if (reference !== undefined) this.#secrets.forget(reference);
    }
    const [subjectToken, actorToken] = await Promise.all([
      this.#secrets.field(scheme, 'subjectToken', asker.origin),
      actor === undefined ? undefined : this.#secrets.read(actor, asker.origin),
    ]);
    return this.#fetch(
      scheme,
      {
        type: 'tokenExchange',
        parameters: {
          subject_token: subjectToken.reveal(),
          subject_token_type: scheme.subjectTokenType ?? JWT_TYPE,
          ...(actorToken && {
            actor_token: actorToken.reveal(),
            actor_token_type: scheme.actorTokenType ?? JWT_TYPE,
          }),
          ...(scheme.requestedTokenType !== undefined && {
            requested_token_type: scheme.requestedTokenType,
          }),
          ...(scheme.audience !== undefined && { audience: scheme.audience }),
          ...(scheme.resource !== undefined && { resource: scheme.resource }),
          ...(scope !== '' && { scope }),
        },
      },
      asker,
    );
  }

  async #assertion(scheme: OAuthScheme, scope: string, asker: Asker): Promise<string> {
    const issuer = (await this.#secrets.field(scheme, 'clientId', asker.origin)).reveal();
    const pem = await this.#secrets.field(scheme, 'privateKey', asker.origin);
    const subject = this.#secrets.optional(scheme, 'subject');
    return signAssertion(await keyOf(scheme, pem), scheme.algorithm ?? 'RS256', {
      issuer,
      subject: subject === undefined ? issuer : (await this.#secrets.read(subject, asker.origin)).reveal(),
      audience: scheme.audience ?? this.#tokenUrl(scheme).href,
      issuedAtMs: this.#context.clock.now(),
      ...(scope !== '' && { scope }),
    });
  }

  async #proof(scheme: OAuthScheme, secret: Secret | undefined): Promise<TokenRequest['proof']> {
    const { clientAuth } = scheme;
    if (clientAuth === 'none' || clientAuth === 'mtls') return { type: clientAuth };
    // The one field that the proof is made of: read or refused before.
    if (clientAuth === 'privateKeyJwt') return { type: 'privateKeyJwt', key: await keyOf(scheme, secret!) };
    return { type: clientAuth, secret: secret! };
  }

  /** A token that could not be saved stays here: it is the only living one, and is saved before the next is asked for. */
  async #save(key: string, value: string): Promise<void> {
    this.#unsaved.set(key, value);
    await this.#context.tokens?.save(key, value);
    this.#unsaved.delete(key);
  }

  /**
   * Asks for a token; a refused client is shown once more where another version of its secret is there: the one that the
   * store has now, or the one before, if the server has not learned of the rotation yet (C94).
   */
  async #fetch(scheme: OAuthScheme, grant: TokenRequest['grant'], asker: Asker): Promise<IssuedToken> {
    const first = await this.#ask(scheme, grant, asker);
    if ('token' in first) return first.token;
    const isRefused = first.error instanceof TokenError && first.error.kind === 'refused';
    const references = PROOF_FIELDS[scheme.clientAuth].map((field) => this.#secrets.reference(scheme, field));
    const isRenewed =
      isRefused &&
      references.length > 0 &&
      (await this.#secrets.renewed(references, first.proof, asker.origin).catch(() => false));
    const second = isRenewed ? await this.#ask(scheme, grant, asker) : first;
    if ('token' in second) return second.token;
    // Whatever else was wrong may have been rotated too: it is read anew next time.
    this.#secrets.forgetAll();
    throw second.error;
  }

  #tokenUrl(scheme: OAuthScheme): URL {
    const { baseUrl, tokenUrls } = this.#context;
    const own = tokenUrls?.[scheme.id];
    if (own === undefined) return tokenUrl(baseUrl, scheme.tokenUrl);
    const url = URL.parse(own);
    if (url === null)
      throw new TokenError('refused', `the token URL of the connection for ${scheme.id} is no URL`);
    return url;
  }

  async #ask(
    scheme: OAuthScheme,
    grant: TokenRequest['grant'],
    asker: Asker,
  ): Promise<
    { readonly token: IssuedToken } | { readonly error: unknown; readonly proof: readonly Secret[] }
  > {
    const [clientId, ...proof] = await Promise.all([
      this.#secrets.field(scheme, 'clientId', asker.origin),
      ...PROOF_FIELDS[scheme.clientAuth].map((field) => this.#secrets.field(scheme, field, asker.origin)),
    ]);
    const request = {
      tokenUrl: this.#tokenUrl(scheme),
      clientId,
      proof: await this.#proof(scheme, proof[0]),
      grant,
    };
    const { send } = this.#context;
    const { tls } = asker;
    try {
      const token = await fetchToken(request, (url, init) => send(url, { ...init, ...(tls && { tls }) }));
      return { token };
    } catch (error) {
      return { error, proof };
    }
  }
}

function keyOf(scheme: OAuthScheme, pem: Secret): Promise<CryptoKey> {
  const algorithm = scheme.algorithm ?? 'RS256';
  return signingKey(pem, algorithm).catch(() => {
    throw new AuthenticationError(
      'AUTH_KEY_INVALID',
      `${pem.reference} holds no PKCS#8 private key for ${algorithm}`,
      false,
    );
  });
}

/** `/oauth/token` is taken from the origin, `oauth/token` from below the base URL's path. */
function tokenUrl(baseUrl: URL, text: string): URL {
  const base = new URL(baseUrl);
  base.pathname = `${base.pathname.replace(/\/+$/, '')}/`;
  return new URL(text, base);
}

/** Only messages made by us pass; a foreign error could hold the secret it failed on. */
function tokenFailure(error: unknown): AuthenticationError {
  if (error instanceof AuthenticationError) return error;
  if (error instanceof TokenLockedError)
    return new AuthenticationError('AUTH_TOKEN_LOCKED', error.message, false);
  if (!(error instanceof TokenError))
    return new AuthenticationError('AUTH_FAILED', 'no token could be asked for', false);
  return error.kind === 'refused'
    ? new AuthenticationError('AUTH_TOKEN_REFUSED', error.message, false)
    : new AuthenticationError('AUTH_TOKEN_UNAVAILABLE', error.message, true);
}

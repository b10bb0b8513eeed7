import type { AuthScheme, ConnectorManifest } from '@tenon/connector';
import type { Contract, HttpOperation, SecurityRequirement, SecurityScheme } from '@tenon/contract';
import { type Clock, isObject, type Json } from '@tenon/model';
import { HIDDEN } from './journal.ts';
import type { RawRequest } from './parameters.ts';

export interface OAuthOptions {
  /** Life of a token. Default 3600. */
  readonly expiresInSeconds?: number;
  /** A token is good for one request. Default false. */
  readonly singleUse?: boolean;
  /** Client id → secret. Absent: any client. */
  readonly clients?: Readonly<Record<string, string>>;
}

export interface SecurityOptions {
  /** Accepted credentials by security scheme id (`user:password` for basic). A scheme not listed takes any. */
  readonly credentials?: Readonly<Record<string, readonly string[]>>;
  /** Given: only tokens issued by this sandbox are taken, and they expire. Absent: any bearer token is. */
  readonly oauth?: OAuthOptions;
}

export type Admission =
  | { readonly ok: true }
  | { readonly ok: false; readonly status: 401 | 403; readonly message: string; readonly challenge?: string };

export interface TokenAnswer {
  readonly status: number;
  readonly body: Json;
}

interface Token {
  readonly expiresAt: number;
  readonly scopes: readonly string[];
  uses: number;
}

const EXPIRES_IN_SECONDS = 3_600;

/**
 * Checks credentials as the contract's security says, and serves OAuth2 tokens: for client credentials (RFC 6749 §4.4),
 * refresh tokens (§6), assertions (RFC 7523) and exchanges (RFC 8693), whose signatures it does not check.
 */
export class Gatekeeper {
  readonly #contract: Contract;
  readonly #schemes: readonly AuthScheme[];
  readonly #options: SecurityOptions;
  readonly #clock: Clock;
  readonly #tokenPaths: ReadonlySet<string>;
  readonly #tokens = new Map<string, Token>();
  #serial = 0;

  constructor(
    contract: Contract,
    manifest: ConnectorManifest | undefined,
    options: SecurityOptions,
    clock: Clock,
  ) {
    this.#contract = contract;
    this.#schemes = manifest?.auth ?? [];
    this.#options = options;
    this.#clock = clock;
    this.#tokenPaths = new Set(tokenPaths(contract, manifest));
  }

  isTokenPath(pathname: string): boolean {
    return this.#tokenPaths.has(pathname);
  }

  /** Header names that carry credentials, in lower case, to be hidden from the record. */
  hiddenHeaders(): readonly string[] {
    const signed = this.#schemes.flatMap((scheme) =>
      scheme.type === 'hmac' ? Object.keys(scheme.headers) : [],
    );
    return [...this.#keyNames('header'), ...signed].map((name) => name.toLowerCase());
  }

  /** Path and query as they may be recorded. */
  shownPath(url: URL): string {
    // A token endpoint is sent nothing else.
    if (this.isTokenPath(url.pathname) && url.search !== '') return `${url.pathname}?${HIDDEN}`;
    const hidden = this.#keyNames('query').filter((name) => url.searchParams.has(name));
    if (hidden.length === 0) return url.pathname + url.search;
    const shown = [...url.searchParams].map(([name, value]): [string, string] => [
      name,
      hidden.includes(name) ? HIDDEN : value,
    ]);
    return `${url.pathname}?${new URLSearchParams(shown)}`;
  }

  #keyNames(where: 'header' | 'query'): readonly string[] {
    const declared = this.#schemes.flatMap((scheme) =>
      scheme.type === 'apiKey' && scheme.in === where ? [scheme.name] : [],
    );
    const ofContract = [...this.#contract.securitySchemes.values()].flatMap((scheme) =>
      scheme.in === where && scheme.name !== undefined ? [scheme.name] : [],
    );
    return [...new Set([...ofContract, ...declared])];
  }

  admit(operation: HttpOperation, raw: RawRequest): Admission {
    if (operation.security.length === 0) return { ok: true };
    const verdicts = operation.security.map((requirement) => this.#meets(requirement, raw));
    const admitted = verdicts.find((verdict) => verdict.ok);
    return admitted ?? verdicts.find((verdict) => !verdict.ok && verdict.status === 403) ?? verdicts[0]!;
  }

  #meets(requirement: SecurityRequirement, raw: RawRequest): Admission {
    for (const [id, scopes] of Object.entries(requirement)) {
      const scheme = this.#contract.securitySchemes.get(id);
      if (scheme === undefined) continue;
      const verdict = this.#accepts(scheme, scopes, raw);
      if (!verdict.ok) return verdict;
    }
    return { ok: true };
  }

  #accepts(scheme: SecurityScheme, scopes: readonly string[], raw: RawRequest): Admission {
    // A client certificate cannot be shown over plain loopback HTTP.
    if (scheme.type === 'mutualTLS') return { ok: true };
    const presented = credential(scheme, raw);
    const challenge = challengeOf(scheme);
    if (presented === undefined || presented === '')
      return { ok: false, status: 401, message: `needs credentials of scheme "${scheme.id}"`, ...challenge };
    const accepted = this.#options.credentials?.[scheme.id];
    if (accepted !== undefined)
      return accepted.includes(presented)
        ? { ok: true }
        : { ok: false, status: 401, message: 'credentials refused', ...challenge };
    if (scheme.type === 'oauth2' && this.#options.oauth !== undefined)
      return this.#acceptsToken(presented, scopes);
    return { ok: true };
  }

  #acceptsToken(presented: string, scopes: readonly string[]): Admission {
    const token = this.#tokens.get(presented);
    const invalid = { ok: false, status: 401, challenge: 'Bearer error="invalid_token"' } as const;
    if (token === undefined) return { ...invalid, message: 'token unknown or revoked' };
    if (this.#clock.now() >= token.expiresAt) return { ...invalid, message: 'token expired' };
    if (this.#options.oauth?.singleUse === true && token.uses > 0)
      return { ...invalid, message: 'token used already' };
    const missing = scopes.filter((scope) => !token.scopes.includes(scope));
    if (token.scopes.length > 0 && missing.length > 0)
      return {
        ok: false,
        status: 403,
        message: `token lacks scope ${missing.join(' ')}`,
        challenge: 'Bearer error="insufficient_scope"',
      };
    token.uses += 1;
    return { ok: true };
  }

  /** Answers a token request; errors as RFC 6749 §5.2 spells them. */
  token(body: string, authorization: string | undefined): TokenAnswer {
    const asked = new URLSearchParams(body);
    const basic = authorization?.startsWith('Basic ')
      ? Buffer.from(authorization.slice(6), 'base64').toString('utf8')
      : undefined;
    const refusal = this.#refusedClient(asked, basic) ?? refusedGrant(asked);
    if (refusal !== undefined) return refusal;
    const { expiresInSeconds = EXPIRES_IN_SECONDS } = this.#options.oauth ?? {};
    this.#serial += 1;
    const scope = asked.get('scope') ?? '';
    const token = `sandbox-token-${this.#serial}`;
    this.#tokens.set(token, {
      expiresAt: this.#clock.now() + expiresInSeconds * 1000,
      scopes: scope.split(' ').filter((part) => part !== ''),
      uses: 0,
    });
    return {
      status: 200,
      body: {
        access_token: token,
        token_type: 'Bearer',
        expires_in: expiresInSeconds,
        ...(scope !== '' && { scope }),
        // Rotated: whoever keeps the old one is found out at the next refresh.
        ...(asked.get('grant_type') === 'refresh_token' && {
          refresh_token: `sandbox-refresh-${this.#serial}`,
        }),
      },
    };
  }

  /** A client shows its secret, in the header or the body, or an assertion that it signed; a grant that stands on
   * somebody's signed token needs neither. */
  #refusedClient(asked: URLSearchParams, basic: string | undefined): TokenAnswer | undefined {
    const [id, secret] =
      basic === undefined
        ? [asked.get('client_id'), asked.get('client_secret')]
        : basic.split(/:(.*)/s).map(formDecoded);
    const { clients } = this.#options.oauth ?? {};
    const isAsserted =
      asked.has('client_assertion') || [JWT_BEARER, TOKEN_EXCHANGE].includes(asked.get('grant_type') ?? '');
    if (isAsserted) return undefined;
    if (id && secret && (clients === undefined || clients[id] === secret)) return undefined;
    return { status: 401, body: { error: 'invalid_client' } };
  }

  /** Tokens issued so far are no longer taken. */
  revokeTokens(): void {
    this.#tokens.clear();
  }
}

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
/** Grants served, and the parameter that each stands on. */
const GRANTS: Readonly<Record<string, string | undefined>> = {
  client_credentials: undefined,
  refresh_token: 'refresh_token',
  [JWT_BEARER]: 'assertion',
  [TOKEN_EXCHANGE]: 'subject_token',
};

function refusedGrant(asked: URLSearchParams): TokenAnswer | undefined {
  const grant = asked.get('grant_type') ?? '';
  if (!Object.hasOwn(GRANTS, grant)) return { status: 400, body: { error: 'unsupported_grant_type' } };
  const needed = GRANTS[grant];
  const isGiven = needed === undefined || (asked.get(needed) ?? '') !== '';
  return isGiven ? undefined : { status: 400, body: { error: 'invalid_grant' } };
}

/** RFC 6749 §2.3.1: id and secret are form-encoded before they go into the Basic header. */
function formDecoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    // Sent as it is by a client that skips the encoding.
    return text;
  }
}

function credential(scheme: SecurityScheme, raw: RawRequest): string | undefined {
  if (scheme.type === 'apiKey') {
    const name = scheme.name ?? '';
    if (scheme.in === 'query') return raw.query.get(name) ?? undefined;
    if (scheme.in === 'cookie')
      return new RegExp(`(?:^|;\\s*)${name}=([^;]*)`).exec(raw.headers['cookie'] ?? '')?.[1];
    return raw.headers[name.toLowerCase()];
  }
  const authorization = raw.headers['authorization'] ?? '';
  const [word = '', value = ''] = authorization.split(/ (.*)/s);
  const wanted = scheme.type === 'http' ? (scheme.scheme ?? 'bearer').toLowerCase() : 'bearer';
  if (word.toLowerCase() !== wanted) return undefined;
  return wanted === 'basic' ? Buffer.from(value, 'base64').toString('utf8') : value;
}

function challengeOf(scheme: SecurityScheme): { challenge?: string } {
  if (scheme.type === 'apiKey') return {};
  return { challenge: scheme.scheme?.toLowerCase() === 'basic' ? 'Basic realm="sandbox"' : 'Bearer' };
}

function tokenPaths(contract: Contract, manifest: ConnectorManifest | undefined): string[] {
  const fromContract = [...contract.securitySchemes.values()].flatMap((scheme) => {
    const flow = scheme.flows?.['clientCredentials'];
    return isObject(flow) && typeof flow['tokenUrl'] === 'string' ? [flow['tokenUrl']] : [];
  });
  const fromManifest =
    manifest?.auth.flatMap((scheme) => (scheme.type === 'oauth2' ? [scheme.tokenUrl] : [])) ?? [];
  return [...fromContract, ...fromManifest].map((url) => new URL(url, 'http://sandbox.invalid').pathname);
}

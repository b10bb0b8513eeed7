import { Secret } from '@tenon/model';
import type { CryptoKey } from 'jose';
import {
  type AuthorizationServer,
  allowInsecureRequests,
  type Client,
  type ClientAuth,
  type ClientCredentialsGrantRequestOptions,
  ClientSecretBasic,
  ClientSecretPost,
  clientCredentialsGrantRequest,
  customFetch,
  genericTokenEndpointRequest,
  None,
  PrivateKeyJwt,
  processGenericTokenEndpointResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
} from 'oauth4webapi';
import type { TlsIdentity } from './tls-identity.ts';

/** One request on the wire, already guarded; what `oauth4webapi` sends goes through it. */
export type TokenFetch = (
  url: URL,
  init: {
    readonly method: string;
    readonly headers: Record<string, string>;
    readonly body: string;
    readonly tls?: TlsIdentity;
  },
) => Promise<Response>;

export interface TokenRequest {
  readonly tokenUrl: URL;
  readonly clientId: Secret;
  readonly proof:
    | { readonly type: 'basic' | 'body'; readonly secret: Secret }
    | { readonly type: 'privateKeyJwt'; readonly key: CryptoKey }
    | { readonly type: 'none' | 'mtls' };
  readonly grant:
    | { readonly type: 'clientCredentials'; readonly scope?: string }
    | { readonly type: 'refreshToken'; readonly refreshToken: string }
    | { readonly type: 'jwtBearer'; readonly assertion: string }
    | { readonly type: 'tokenExchange'; readonly parameters: Readonly<Record<string, string>> };
}

export interface IssuedToken {
  readonly token: Secret;
  /** Lifetime as the server states it; absent where it does not. */
  readonly expiresInMs?: number;
  /** Present where the server rotates: the one sent is spent. */
  readonly refreshToken?: string;
}

/** Why no token was had. `refused`: the server knows us not; `unavailable`: it could not be asked, a retry may help. */
export class TokenError extends Error {
  readonly kind: 'refused' | 'unavailable';
  constructor(kind: 'refused' | 'unavailable', message: string) {
    super(message);
    this.name = 'TokenError';
    this.kind = kind;
  }
}

/**
 * OAuth 2.0 client credentials grant (RFC 6749 §4.4), refresh (§6), JWT bearer grant (RFC 7523 §2.1) or token
 * exchange (RFC 8693). Rejects with
 * `TokenError` only.
 */
export async function fetchToken(request: TokenRequest, send: TokenFetch): Promise<IssuedToken> {
  const server = { issuer: request.tokenUrl.origin, token_endpoint: request.tokenUrl.href };
  const client = { client_id: request.clientId.reveal() };
  try {
    const response = await ask(server, client, request, {
      // Whether plain HTTP is good enough was decided with the connection's base URL: a sandbox on loopback has no TLS.
      [allowInsecureRequests]: true,
      [customFetch]: (url, init) =>
        send(new URL(url), { method: init.method, headers: init.headers, body: String(init.body) }),
    });
    if (response.status >= 500 || response.status === 429)
      throw new TokenError('unavailable', `the token endpoint answered ${response.status}`);
    const granted = await processGenericTokenEndpointResponse(server, client, response);
    if (granted.token_type !== 'bearer')
      throw new TokenError('refused', 'the token is of another type than bearer');
    return {
      token: new Secret('oauth2:token', granted.access_token),
      ...(granted.expires_in !== undefined && { expiresInMs: granted.expires_in * 1_000 }),
      ...(granted.refresh_token !== undefined && { refreshToken: granted.refresh_token }),
    };
  } catch (error) {
    if (error instanceof TokenError) throw error;
    // The description is free text and stays out, and so is an `error` that is no code of the protocol: some servers quote what they were sent.
    if (error instanceof ResponseBodyError)
      throw new TokenError(
        'refused',
        `the token endpoint answered ${error.status}${CODES.has(error.error) ? ` (${error.error})` : ''}`,
      );
    throw new TokenError('refused', 'the token endpoint’s answer is not a token');
  }
}

/** RFC 6749 §5.2, RFC 8693 §2.2.2, RFC 8628 §3.5, RFC 9449 §5, and OpenID Connect Core §3.1.2.6: what a server may call a refusal. */
const CODES: ReadonlySet<string> = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'invalid_target',
  'access_denied',
  'expired_token',
  'slow_down',
  'authorization_pending',
  'invalid_dpop_proof',
  'use_dpop_nonce',
  'server_error',
  'temporarily_unavailable',
  'interaction_required',
  'login_required',
  'consent_required',
  'account_selection_required',
]);

const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

function ask(
  server: AuthorizationServer,
  client: Client,
  { grant, proof }: TokenRequest,
  options: ClientCredentialsGrantRequestOptions,
): Promise<Response> {
  const clientAuth = clientAuthOf(proof);
  switch (grant.type) {
    case 'clientCredentials':
      return clientCredentialsGrantRequest(
        server,
        client,
        clientAuth,
        grant.scope === undefined ? {} : { scope: grant.scope },
        options,
      );
    case 'refreshToken':
      return refreshTokenGrantRequest(server, client, clientAuth, grant.refreshToken, options);
    case 'jwtBearer':
      return genericTokenEndpointRequest(
        server,
        client,
        clientAuth,
        JWT_BEARER,
        { assertion: grant.assertion },
        options,
      );
    case 'tokenExchange':
      return genericTokenEndpointRequest(
        server,
        client,
        clientAuth,
        TOKEN_EXCHANGE,
        { ...grant.parameters },
        options,
      );
  }
}

function clientAuthOf(proof: TokenRequest['proof']): ClientAuth {
  switch (proof.type) {
    case 'basic':
      return ClientSecretBasic(proof.secret.reveal());
    case 'body':
      return ClientSecretPost(proof.secret.reveal());
    case 'privateKeyJwt':
      return PrivateKeyJwt(proof.key);
    // Either way the id alone: the certificate is shown in the handshake (RFC 8705 §2).
    case 'mtls':
    case 'none':
      return None();
  }
}

import { Secret } from '@tenon/model';
import {
  allowInsecureRequests,
  ClientSecretBasic,
  ClientSecretPost,
  clientCredentialsGrantRequest,
  customFetch,
  processClientCredentialsResponse,
  processRefreshTokenResponse,
  ResponseBodyError,
  refreshTokenGrantRequest,
} from 'oauth4webapi';

/** One request on the wire, already guarded; what `oauth4webapi` sends goes through it. */
export type TokenFetch = (
  url: URL,
  init: { readonly method: string; readonly headers: Record<string, string>; readonly body: string },
) => Promise<Response>;

export interface TokenRequest {
  readonly tokenUrl: URL;
  readonly clientId: Secret;
  readonly clientSecret: Secret;
  readonly clientAuth: 'basic' | 'body';
  readonly grant:
    | { readonly type: 'clientCredentials'; readonly scope?: string }
    | { readonly type: 'refreshToken'; readonly refreshToken: string };
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

/** OAuth 2.0 client credentials grant (RFC 6749 §4.4) or refresh (§6). Rejects with `TokenError` only. */
export async function fetchToken(request: TokenRequest, send: TokenFetch): Promise<IssuedToken> {
  const server = { issuer: request.tokenUrl.origin, token_endpoint: request.tokenUrl.href };
  const client = { client_id: request.clientId.reveal() };
  const secret = request.clientSecret.reveal();
  const clientAuth = request.clientAuth === 'basic' ? ClientSecretBasic(secret) : ClientSecretPost(secret);
  const { grant } = request;
  const options = {
    // Whether plain HTTP is good enough was decided with the connection's base URL: a sandbox on loopback has no TLS.
    [allowInsecureRequests]: true,
    [customFetch]: (
      url: string,
      init: { readonly method: string; readonly headers: Record<string, string>; readonly body: unknown },
    ) => send(new URL(url), { method: init.method, headers: init.headers, body: String(init.body) }),
  };
  try {
    const response =
      grant.type === 'refreshToken'
        ? await refreshTokenGrantRequest(server, client, clientAuth, grant.refreshToken, options)
        : await clientCredentialsGrantRequest(
            server,
            client,
            clientAuth,
            grant.scope === undefined ? {} : { scope: grant.scope },
            options,
          );
    if (response.status >= 500 || response.status === 429)
      throw new TokenError('unavailable', `the token endpoint answered ${response.status}`);
    const granted =
      grant.type === 'refreshToken'
        ? await processRefreshTokenResponse(server, client, response)
        : await processClientCredentialsResponse(server, client, response);
    if (granted.token_type !== 'bearer')
      throw new TokenError('refused', `the token is of type ${granted.token_type}, not bearer`);
    return {
      token: new Secret('oauth2:token', granted.access_token),
      ...(granted.expires_in !== undefined && { expiresInMs: granted.expires_in * 1_000 }),
      ...(granted.refresh_token !== undefined && { refreshToken: granted.refresh_token }),
    };
  } catch (error) {
    if (error instanceof TokenError) throw error;
    // `error` and `status` are codes of the protocol; the description is free text and stays out.
    if (error instanceof ResponseBodyError)
      throw new TokenError('refused', `the token endpoint answered ${error.status} (${error.error})`);
    throw new TokenError('refused', 'the token endpoint’s answer is not a token');
  }
}

import type { CallOrigin, Secret } from '@tenon/model';
import type { AuthScheme } from '../manifest.ts';
import { AuthenticationError } from './authentication-error.ts';
import { type AwsRequest, signAws } from './aws-signature.ts';
import { credentialFields } from './credential-fields.ts';
import { HeldSecrets, type HeldSecretsContext } from './held-secrets.ts';
import { signHmac } from './hmac-signature.ts';
import { type Asker, type OAuthContext, type OAuthScheme, OAuthTokens } from './oauth-tokens.ts';
import { type TlsIdentity, tlsIdentity } from './tls-identity.ts';

/** Where a credential goes on a request. */
export interface Credential {
  readonly place: 'header' | 'query' | 'cookie';
  readonly name: string;
  readonly value: string;
}

/** Credentials of one call, and the way to renew them when the server refuses them (401). */
export interface Authentication {
  readonly credentials: readonly Credential[];
  /** The client certificate that the connection is to be made with. */
  readonly tls?: TlsIdentity;
  /** Headers that sign the request as it will be sent, its credentials on it. Rejects with `AuthenticationError`. */
  sign(request: AwsRequest): Promise<Readonly<Record<string, string>>>;
  /** Drops what was refused. `false` when there is nothing newer to try, so that sending again is pointless. */
  renew(): Promise<boolean>;
  /** The next call reads its secrets anew. */
  forget(): void;
}

export interface AuthenticatorContext
  extends HeldSecretsContext,
    Omit<OAuthContext, 'connection' | 'tokenUrls'> {}

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
    const { name: connection, tokenUrls } = context.connection;
    this.#tokens = new OAuthTokens({ ...context, connection, tokenUrls }, this.#secrets);
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
    // Tokens are asked for with the client certificate too, so it comes first.
    const certified = usable.find(({ type }) => type === 'mtls');
    const certificate = certified && (await this.#certificate(certified, origin));
    const others = usable.filter((scheme) => scheme !== certified);
    const asker = { origin, tls: certificate?.tls };
    const proofs = await Promise.all(others.map((scheme) => this.#prove(scheme, scopes, asker)));
    const parts = certificate ? [certificate, ...proofs] : proofs;
    const tls = certificate?.tls;
    return {
      credentials: parts.flatMap(({ credential }) => credential ?? []),
      ...(tls && { tls }),
      sign: async (request) => {
        const added: Record<string, string> = {};
        for (const { sign } of parts) if (sign) Object.assign(added, await sign(request));
        return added;
      },
      forget: () => {
        for (const part of parts) part.forget?.();
      },
      renew: async () => (await Promise.all(parts.map((part) => part.renew()))).some(Boolean),
    };
  }

  #prove(scheme: AuthScheme, scopes: readonly string[], asker: Asker): Promise<Proof> {
    const { origin } = asker;
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
        return this.#oauth(scheme, scopes, asker);
      case 'mtls':
        return this.#certificate(scheme, origin);
      case 'awsSigV4':
        return this.#held(scheme, origin, ({ accessKeyId, secretAccessKey, sessionToken, region }) => ({
          sign: (request) =>
            signAws(
              request,
              {
                accessKeyId: accessKeyId!,
                secretAccessKey: secretAccessKey!,
                sessionToken,
                region: scheme.region ?? region!.reveal(),
                service: scheme.service,
              },
              this.#context.clock.now(),
            ),
        }));
      case 'hmac':
        return this.#held(scheme, origin, ({ secret, keyId }) => ({
          sign: async (request) =>
            signHmac(scheme, request, { secret: secret!, keyId }, this.#context.clock.now()),
        }));
    }
  }

  #static(
    scheme: AuthScheme,
    fields: readonly string[],
    origin: CallOrigin | undefined,
    credential: (values: readonly string[]) => Credential,
  ): Promise<Proof> {
    return this.#held(scheme, origin, (secrets) => ({
      credential: credential(fields.map((field) => secrets[field]!.reveal())),
    }));
  }

  async #certificate(scheme: AuthScheme, origin: CallOrigin | undefined): Promise<Proof> {
    const { baseUrl, connection } = this.#context;
    if (baseUrl.protocol !== 'https:')
      throw new AuthenticationError(
        'AUTH_TLS_REQUIRED',
        `connection ${connection.name} has a client certificate, and its base URL is not https`,
        false,
      );
    return this.#held(scheme, origin, ({ certificate, privateKey, ca, passphrase }) => ({
      // Required: read or refused before.
      tls: tlsIdentity({ certificate: certificate!, privateKey: privateKey!, ca, passphrase }),
    }));
  }

  /** A proof made of the scheme's secrets themselves: every required one is there, or the call has been refused. */
  async #held(
    scheme: AuthScheme,
    origin: CallOrigin | undefined,
    make: (secrets: Readonly<Record<string, Secret | undefined>>) => Omit<Proof, 'renew'>,
  ): Promise<Proof> {
    const { required, optional } = credentialFields(scheme);
    const references = new Map(required.map((field) => [field, this.#secrets.reference(scheme, field)]));
    for (const field of optional) {
      const reference = this.#secrets.optional(scheme, field);
      if (reference !== undefined) references.set(field, reference);
    }
    const read = () =>
      Promise.all(
        [...references].map(
          async ([field, reference]) => [field, await this.#secrets.read(reference, origin)] as const,
        ),
      );
    const before = await read();
    const all = [...references.values()];
    const forget = (): void => {
      for (const reference of all) this.#secrets.forget(reference);
    };
    return {
      ...make(Object.fromEntries(before)),
      forget,
      renew: () =>
        this.#secrets.renewed(
          all,
          before.map(([, secret]) => secret),
          origin,
        ),
    };
  }

  async #oauth(scheme: OAuthScheme, scopes: readonly string[], asker: Asker): Promise<Proof> {
    const { token, refuse } = await this.#tokens.get(scheme, scopes, asker);
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
  readonly credential?: Credential;
  readonly tls?: TlsIdentity;
  sign?(request: AwsRequest): Promise<Readonly<Record<string, string>>>;
  forget?(): void;
  renew(): Promise<boolean>;
}

function authorization(value: string): Credential {
  return { place: 'header', name: 'authorization', value };
}

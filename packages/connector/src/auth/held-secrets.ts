import type { CallOrigin, Clock, Secret, SecretReference, SecretStore } from '@tenon/model';
import type { AuthScheme } from '../manifest.ts';
import { type OnSecretUse, SecretUnavailableError } from '../secrets.ts';
import type { ConnectionConfig } from '../transport.ts';
import { AuthenticationError } from './authentication-error.ts';

export interface HeldSecretsContext {
  readonly connection: ConnectionConfig;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly onSecretUse?: OnSecretUse | undefined;
}

/** A secret is read again after this long, so that a rotated one comes into use without a restart (C94). */
const SECRET_TTL_MS = 60_000;
const SECRETS_MAX = 256;

/**
 * The secrets of one connection, read once for all its callers and held for a minute. Each use is told of: by the store
 * that reads it, or from here where it is held. Callers that come while it is being read share the reading.
 */
export class HeldSecrets {
  readonly #context: HeldSecretsContext;
  readonly #held = new Map<string, { readonly secret: Promise<Secret>; readonly readAtMs: number }>();

  constructor(context: HeldSecretsContext) {
    this.#context = context;
  }

  /** The reference that the connection gives for a field of a scheme. */
  reference(scheme: AuthScheme, field: string): SecretReference {
    const reference = this.optional(scheme, field);
    if (reference === undefined)
      throw new AuthenticationError(
        'AUTH_CREDENTIALS_MISSING',
        `connection ${this.#context.connection.name} lacks \`${field}\` of its ${scheme.id} credentials`,
        false,
      );
    return reference;
  }

  optional(scheme: AuthScheme, field: string): SecretReference | undefined {
    return this.#context.connection.credentials[scheme.id]?.[field];
  }

  read(reference: SecretReference, origin: CallOrigin | undefined): Promise<Secret> {
    const known = this.#held.get(reference);
    const now = this.#context.clock.now();
    if (known !== undefined && now - known.readAtMs < SECRET_TTL_MS) {
      this.#used(reference, origin);
      return known.secret;
    }
    const secret = this.#context.secrets.resolve(reference, this.#purpose(origin)).catch((error: unknown) => {
      this.forget(reference);
      throw secretFailure(error);
    });
    const oldest = this.#held.size >= SECRETS_MAX ? this.#held.keys().next().value : undefined;
    if (oldest !== undefined) this.#held.delete(oldest);
    this.#held.set(reference, { secret, readAtMs: now });
    return secret;
  }

  field(scheme: AuthScheme, field: string, origin: CallOrigin | undefined): Promise<Secret> {
    return this.read(this.reference(scheme, field), origin);
  }

  /** A token is used that all credentials of the scheme stand behind. */
  usedAll(scheme: AuthScheme, origin: CallOrigin | undefined): void {
    const references = Object.values(this.#context.connection.credentials[scheme.id] ?? {});
    for (const reference of references) this.#used(reference, origin);
  }

  forget(reference: SecretReference): void {
    this.#held.delete(reference);
  }

  forgetAll(): void {
    this.#held.clear();
  }

  #used(reference: SecretReference, origin: CallOrigin | undefined): void {
    this.#context.onSecretUse?.({ reference, purpose: this.#purpose(origin), found: true, isHeld: true });
  }

  #purpose(origin: CallOrigin | undefined) {
    return {
      connection: this.#context.connection.name,
      use: 'authenticate',
      ...(origin !== undefined && { origin }),
    };
  }
}

/** Only messages made by us pass; a foreign error could hold the secret it failed on. */
function secretFailure(error: unknown): AuthenticationError {
  if (error instanceof SecretUnavailableError)
    return new AuthenticationError(error.code, error.message, false);
  return new AuthenticationError('SECRET_UNAVAILABLE', 'a secret could not be read', false);
}

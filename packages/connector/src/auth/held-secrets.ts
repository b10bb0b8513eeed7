import {
  type CallOrigin,
  type Clock,
  parseSecretReference,
  type Secret,
  type SecretReference,
  type SecretStore,
} from '@tenon/model';
import type { AuthScheme } from '../manifest.ts';
import { isWithin } from '../secrets/kept-values.ts';
import { type OnSecretUse, SecretUnavailableError } from '../secrets/secret-store.ts';
import type { ConnectionConfig } from '../transport.ts';
import { AuthenticationError } from './authentication-error.ts';

export interface HeldSecretsContext {
  readonly connection: ConnectionConfig;
  readonly secrets: SecretStore;
  readonly clock: Clock;
  readonly onSecretUse?: OnSecretUse | undefined;
}

interface Held {
  readonly secret: Promise<Secret>;
  readonly readAtMs: number;
  /** It has been refused, or is to be read anew for another reason. */
  readonly isStale: boolean;
}

/** A secret is read again after this long, so that a rotated one comes into use without a restart (C94). */
const SECRET_TTL_MS = 60_000;
/** How long the version before a rotation is tried where the new one is refused. */
const BOTH_LIVE_MS = 24 * 60 * 60 * 1_000;
const SECRETS_MAX = 256;

/**
 * The secrets of one connection, read once for all its callers and held for a minute; of one that has been rotated, the
 * version before as well. Each use is told of: by the store that reads it, or from here where it is held. Callers that
 * come while it is being read share the reading.
 */
export class HeldSecrets {
  readonly #context: HeldSecretsContext;
  readonly #held = new Map<SecretReference, Held>();
  readonly #others = new Map<SecretReference, Held>();

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
    if (known !== undefined && !known.isStale && isWithin(SECRET_TTL_MS, known.readAtMs, now)) {
      this.#used(reference, origin);
      return known.secret;
    }
    const secret = this.#resolved(reference, origin, known?.isStale ?? false);
    this.#hold(reference, { secret, readAtMs: now, isStale: false });
    secret.then(
      (made) => known && this.#keepOther(reference, known, made),
      () => {
        if (known === undefined) this.#held.delete(reference);
        else this.#held.set(reference, { ...known, isStale: true });
      },
    );
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

  /** Read from its store at the next use. */
  forget(reference: SecretReference): void {
    const held = this.#held.get(reference);
    if (held !== undefined) this.#held.set(reference, { ...held, isStale: true });
  }

  forgetAll(): void {
    for (const reference of this.#held.keys()) this.forget(reference);
  }

  /**
   * What was behind the references has been refused. Is there something else to try? What another caller has had read
   * since; what the store has now; or, where that is what was refused, the version before: a rotation reaches the store
   * and the other side in any order (C94).
   */
  async renewed(
    references: readonly SecretReference[],
    refused: readonly Secret[],
    origin: CallOrigin | undefined,
  ): Promise<boolean> {
    const entries = references.map((reference) => this.#held.get(reference));
    if (await this.#differ(references, refused, origin)) return true;
    // Not what another caller, refused like this one, has put in its place meanwhile.
    for (const [index, reference] of references.entries())
      if (this.#held.get(reference) === entries[index]) this.forget(reference);
    if (await this.#differ(references, refused, origin)) return true;
    const swapped = await Promise.all(
      references.map((reference, index) => this.#swap(reference, refused[index]!, origin)),
    );
    return swapped.some(Boolean);
  }

  async #differ(
    references: readonly SecretReference[],
    refused: readonly Secret[],
    origin: CallOrigin | undefined,
  ): Promise<boolean> {
    const now = await Promise.all(references.map((reference) => this.read(reference, origin)));
    return now.some((secret, index) => secret.reveal() !== refused[index]!.reveal());
  }

  /** Puts the other version in the place of the refused one, which becomes the other; `true` where that has been done. */
  async #swap(reference: SecretReference, refused: Secret, origin: CallOrigin | undefined): Promise<boolean> {
    const now = this.#context.clock.now();
    const kept = this.#others.get(reference);
    const isLiving = kept !== undefined && isWithin(BOTH_LIVE_MS, kept.readAtMs, now);
    const other = await (isLiving ? kept.secret : this.#previous(reference, origin)).catch(() => undefined);
    const held = await this.#held.get(reference)?.secret.catch(() => undefined);
    // Nothing is awaited from here on: of callers that were refused together, one swaps and the others see that it did.
    if (held && held.reveal() !== refused.reveal()) return true;
    if (!other || other.reveal() === refused.reveal()) return false;
    this.#others.set(reference, { secret: Promise.resolve(refused), readAtMs: now, isStale: false });
    this.#hold(reference, { secret: Promise.resolve(other), readAtMs: now, isStale: false });
    return true;
  }

  /** A manager keeps the version before; this process may have been started after the rotation. */
  async #previous(reference: SecretReference, origin: CallOrigin | undefined): Promise<Secret | undefined> {
    const { scheme, version } = parseSecretReference(reference);
    if (scheme === 'env' || scheme === 'file' || version !== undefined) return undefined;
    return this.#context.secrets
      .resolve(`${reference}@previous`, this.#purpose(origin))
      .catch(() => undefined);
  }

  async #keepOther(reference: SecretReference, before: Held, now: Secret): Promise<void> {
    const secret = await before.secret.catch(() => undefined);
    if (secret && secret.reveal() !== now.reveal())
      this.#others.set(reference, { ...before, readAtMs: this.#context.clock.now() });
  }

  #hold(reference: SecretReference, held: Held): void {
    const isNew = !this.#held.has(reference);
    const oldest = isNew && this.#held.size >= SECRETS_MAX ? this.#held.keys().next().value : undefined;
    if (oldest !== undefined) {
      this.#held.delete(oldest);
      this.#others.delete(oldest);
    }
    this.#held.set(reference, held);
  }

  #resolved(reference: SecretReference, origin: CallOrigin | undefined, isFresh: boolean): Promise<Secret> {
    return this.#context.secrets
      .resolve(reference, this.#purpose(origin), { isFresh })
      .catch((error: unknown) => {
        throw secretFailure(error);
      });
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
    return new AuthenticationError(error.code, error.message, error.isRetryable);
  return new AuthenticationError('SECRET_UNAVAILABLE', 'a secret could not be read', false);
}

import {
  parseSecretReference,
  Secret,
  type SecretLocation,
  type SecretPurpose,
  type SecretReference,
  type SecretStore,
} from '@tenon/model';
import type { ConnectorFailureCode } from '../failure-codes.ts';

export interface SecretStoreOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file as text; rejects when it cannot. */
  readFile(file: string): Promise<string>;
  /** Folder that relative `file:` references start from. */
  readonly root: string;
  /** Managers that the workspace names, by the scheme of their references. */
  readonly managers?: Readonly<Record<string, SecretManager>>;
  readonly onSecretUse?: OnSecretUse;
}

/** A service that keeps secrets: `vault:`, `aws:`, `gcp:`. */
export interface SecretManager {
  /** The value; rejects with `SecretUnavailableError`. `isFresh`: what is held has been refused, ask the service. */
  read(location: SecretLocation, isFresh: boolean): Promise<string>;
  close?(): Promise<void>;
}

/** One use of a secret: what was asked for, by whom and for what; never the value. */
export interface SecretUse {
  readonly reference: SecretReference;
  readonly purpose: SecretPurpose;
  readonly found: boolean;
  /** It, or the token that it was exchanged for, was at hand: used again without asking the store. */
  readonly isHeld: boolean;
}

/** Told of every use (C97), by the store that reads a secret and by the connection that holds it. Must not throw. */
export type OnSecretUse = (use: SecretUse) => void;

/** A secret that could not be had. Its message names the reference, which is safe to show. */
export class SecretUnavailableError extends Error {
  readonly code: ConnectorFailureCode;
  readonly reference: string;
  /** The store could not be asked: it may be asked again. */
  readonly isRetryable: boolean;

  constructor(code: ConnectorFailureCode, reference: string, fix: string, isRetryable = false) {
    super(`no secret behind ${reference}: ${fix}`);
    this.name = 'SecretUnavailableError';
    this.code = code;
    this.reference = reference;
    this.isRetryable = isRetryable;
  }
}

/**
 * Secrets from the environment (`env:NAME`), from files (`file:path`, mounted by an orchestrator) and from managers. Files
 * are read anew each time, so that a rotated one is seen; one line break at the end is not part of the secret.
 */
export function secretStore(options: SecretStoreOptions): SecretStore {
  return {
    resolve: async (reference, purpose, how) => {
      try {
        const secret = new Secret(reference, await readSecret(options, reference, how?.isFresh ?? false));
        options.onSecretUse?.({ reference, purpose, found: true, isHeld: false });
        return secret;
      } catch (error) {
        options.onSecretUse?.({ reference, purpose, found: false, isHeld: false });
        throw error;
      }
    },
  };
}

async function readSecret(
  options: SecretStoreOptions,
  reference: SecretReference,
  isFresh: boolean,
): Promise<string> {
  const location = parseSecretReference(reference);
  const value = await textBehind(options, location, isFresh);
  if (value === '') throw new SecretUnavailableError('SECRET_EMPTY', reference, 'it is empty');
  return value;
}

async function textBehind(
  options: SecretStoreOptions,
  location: SecretLocation,
  isFresh: boolean,
): Promise<string> {
  const { scheme, reference, path } = location;
  if (scheme === 'env') return fromEnv(options, reference, path);
  if (scheme === 'file') return fromFile(options, reference, path);
  const manager = options.managers?.[scheme];
  if (manager !== undefined) return manager.read(location, isFresh);
  throw new SecretUnavailableError(
    'SECRET_STORE_UNCONFIGURED',
    reference,
    `tenon.config.yaml names no \`secrets.${scheme}\``,
  );
}

function fromEnv(options: SecretStoreOptions, reference: string, name: string): string {
  const value = Object.hasOwn(options.env, name) ? options.env[name] : undefined;
  if (value === undefined)
    throw new SecretUnavailableError('SECRET_ENV_UNSET', reference, `set ${name} in the environment`);
  return value;
}

async function fromFile(options: SecretStoreOptions, reference: string, name: string): Promise<string> {
  const file = name.startsWith('/') ? name : `${options.root.replace(/\/+$/, '')}/${name}`;
  try {
    return (await options.readFile(file)).replace(/\r?\n$/, '');
  } catch {
    throw new SecretUnavailableError('SECRET_FILE_UNREADABLE', reference, 'the file cannot be read');
  }
}

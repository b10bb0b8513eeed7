import { Secret, type SecretPurpose, type SecretReference, type SecretStore } from '@tenon/model';

export interface EnvFileSecretStoreOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads a file as text; rejects when it cannot. */
  readFile(file: string): Promise<string>;
  /** Folder that relative `file:` references start from. */
  readonly root: string;
  readonly onSecretUse?: OnSecretUse;
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
  readonly code: 'SECRET_ENV_UNSET' | 'SECRET_FILE_UNREADABLE' | 'SECRET_EMPTY';
  readonly reference: string;

  constructor(code: SecretUnavailableError['code'], reference: string, fix: string) {
    super(`no secret behind ${reference}: ${fix}`);
    this.name = 'SecretUnavailableError';
    this.code = code;
    this.reference = reference;
  }
}

/**
 * Secrets from the environment (`env:NAME`) and from files (`file:path`, mounted by an orchestrator). Files are read
 * anew each time, so that a rotated one is seen; one line break at the end is not part of the secret.
 */
export function envFileSecretStore(options: EnvFileSecretStoreOptions): SecretStore {
  return {
    resolve: async (reference, purpose) => {
      try {
        const secret = new Secret(reference, await readSecret(options, reference));
        options.onSecretUse?.({ reference, purpose, found: true, isHeld: false });
        return secret;
      } catch (error) {
        options.onSecretUse?.({ reference, purpose, found: false, isHeld: false });
        throw error;
      }
    },
  };
}

async function readSecret(options: EnvFileSecretStoreOptions, reference: SecretReference): Promise<string> {
  const colon = reference.indexOf(':');
  const name = reference.slice(colon + 1);
  const value = reference.startsWith('env:')
    ? fromEnv(options, reference, name)
    : await fromFile(options, reference, name);
  if (value === '') throw new SecretUnavailableError('SECRET_EMPTY', reference, 'it is empty');
  return value;
}

function fromEnv(options: EnvFileSecretStoreOptions, reference: string, name: string): string {
  const value = Object.hasOwn(options.env, name) ? options.env[name] : undefined;
  if (value === undefined)
    throw new SecretUnavailableError('SECRET_ENV_UNSET', reference, `set ${name} in the environment`);
  return value;
}

async function fromFile(
  options: EnvFileSecretStoreOptions,
  reference: string,
  name: string,
): Promise<string> {
  const file = name.startsWith('/') ? name : `${options.root.replace(/\/+$/, '')}/${name}`;
  try {
    return (await options.readFile(file)).replace(/\r?\n$/, '');
  } catch {
    throw new SecretUnavailableError('SECRET_FILE_UNREADABLE', reference, 'the file cannot be read');
  }
}

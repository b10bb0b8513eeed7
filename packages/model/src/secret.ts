import { inspect } from 'node:util';

const REDACTED = '[secret]';

/** A secret value that cannot be printed, serialised or compared by accident; `reveal()` is the one way out. */
export class Secret {
  readonly #value: string;
  /** Where it came from (`env:NAME`, `file:path`): safe to show. */
  readonly reference: string;

  constructor(reference: string, value: string) {
    this.reference = reference;
    this.#value = value;
  }

  /** The value itself. Call it at the last moment, where it is put on the wire. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/**
 * A reference to a secret: `env:NAME`, `file:path`, or one of a manager, `vault:mount/path#field`, `aws:name#field`,
 * `gcp:name#field`, with `@previous` or `@7` at the end for another version than the current. Specs and configuration hold
 * only these.
 */
export type SecretReference = `${SecretScheme}:${string}`;
export type SecretScheme = 'env' | 'file' | 'vault' | 'aws' | 'gcp';

/** A reference, taken apart. */
export interface SecretLocation {
  readonly reference: SecretReference;
  readonly scheme: SecretScheme;
  readonly path: string;
  /** A member of what is kept there. */
  readonly field?: string;
  readonly version?: 'previous' | number;
}

export function isSecretReference(text: string): text is SecretReference {
  return REFERENCES.some((pattern) => pattern.test(text));
}

const REFERENCES = [
  /^env:[A-Za-z_][A-Za-z0-9_]*$/,
  /^file:.+$/,
  /^vault:[^/#@\s]+(?:\/[^/#@\s]+)+#[^#@\s]+(?:@(?:previous|[1-9][0-9]*))?$/,
  /^aws:[^#@\s]+(?:#[^#@\s]+)?(?:@previous)?$/,
  /^gcp:[^#@\s]+(?:#[^#@\s]+)?(?:@(?:previous|[1-9][0-9]*))?$/,
];

export function parseSecretReference(reference: SecretReference): SecretLocation {
  const colon = reference.indexOf(':');
  // A reference begins with its scheme.
  const scheme = reference.slice(0, colon) as SecretScheme;
  const rest = reference.slice(colon + 1);
  if (scheme === 'env' || scheme === 'file') return { reference, scheme, path: rest };
  const [, path = rest, field, version] = /^([^#@]*)(?:#([^@]*))?(?:@(.*))?$/.exec(rest) ?? [];
  return {
    reference,
    scheme,
    path,
    ...(field !== undefined && { field }),
    ...(version !== undefined && { version: version === 'previous' ? version : Number(version) }),
  };
}

/** Finds the value behind a reference, or says why not. Implemented at the composition root. */
export interface SecretStore {
  /** `isFresh`: what was had before has been refused, so nothing that is kept in between will do. */
  resolve(
    reference: SecretReference,
    purpose: SecretPurpose,
    how?: { readonly isFresh: boolean },
  ): Promise<Secret>;
}

/** Who asks, and what for; each resolution is recorded with it (C97). */
export interface SecretPurpose {
  readonly connection: string;
  readonly use: string;
  /** Absent where no run is behind it: a webhook is verified, an operator is known, a broker is connected to. */
  readonly origin?: CallOrigin;
}

/** The step of a run on whose behalf something is done. */
export interface CallOrigin {
  readonly pipeline: string;
  readonly runId: string;
  /** The step's place in the whole run, `lines[7].book` for a step of an item. */
  readonly step: string;
}

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

/** A reference to a secret: `env:NAME` or `file:path`. Specs and configuration hold only these. */
export type SecretReference = `env:${string}` | `file:${string}`;

export function isSecretReference(text: string): text is SecretReference {
  return /^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/.test(text);
}

/** Finds the value behind a reference, or says why not. Implemented at the composition root. */
export interface SecretStore {
  resolve(reference: SecretReference, purpose: SecretPurpose): Promise<Secret>;
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

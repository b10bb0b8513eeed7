import type { OnSecretUse, SecretUse } from '@tenon/connector';
import type { CallOrigin, JsonObject } from '@tenon/model';

/** One row of what `tenon secrets` lists: who has used a secret for what. */
export interface SecretUser {
  readonly reference: string;
  readonly connection: string;
  readonly purpose: string;
  /** Absent where no run is behind it: a webhook is verified, an operator is known. */
  readonly pipeline?: string;
  /** The step, or that of any item of a list. */
  readonly step?: string;
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly uses: number;
  readonly failed: number;
  /** A pipeline that is not among those that use the connection by their plan. */
  readonly isUnexpected: boolean;
}

/** Uses of one secret for one thing that were told of together. */
export interface SecretUses {
  readonly use: SecretUse;
  readonly count: number;
}

/** Uses that no call has fetched; beyond that the oldest are told of without their run. */
const PENDING_MAX = 10_000;

/**
 * Gathers what secret stores and connections tell of (C97), for the runtime to write down: those of a call when the call
 * is over, together with what became of it; all others every now and then. Made before the runtime, by whoever hands in
 * the secrets, so that what is read while it starts is not missed. Never holds a value.
 */
export class SecretAudit {
  readonly #calls = new Map<string, Map<string, SecretUses>>();
  #others = new Map<string, SecretUses>();

  readonly onSecretUse: OnSecretUse = (use) => {
    const { origin } = use.purpose;
    if (origin === undefined) return add(this.#others, use);
    const name = nameOf(origin);
    let uses = this.#calls.get(name);
    if (uses === undefined) {
      if (this.#calls.size >= PENDING_MAX) this.#letGo();
      uses = new Map();
      this.#calls.set(name, uses);
    }
    add(uses, use);
  };

  /** What a call has used since it was last asked. */
  take(origin: CallOrigin): readonly SecretUses[] {
    const name = nameOf(origin);
    const uses = this.#calls.get(name);
    if (uses === undefined) return [];
    this.#calls.delete(name);
    return [...uses.values()];
  }

  /** What was used by no call. */
  takeOthers(): readonly SecretUses[] {
    const others = [...this.#others.values()];
    this.#others = new Map();
    return others;
  }

  #letGo(): void {
    const [name, uses] = this.#calls.entries().next().value!;
    this.#calls.delete(name);
    for (const { use } of uses.values()) add(this.#others, use);
  }
}

function add(uses: Map<string, SecretUses>, use: SecretUse): void {
  const { connection, use: purpose } = use.purpose;
  const name = JSON.stringify([use.reference, connection, purpose, use.found, use.isHeld]);
  uses.set(name, { use, count: (uses.get(name)?.count ?? 0) + 1 });
}

function nameOf({ runId, step }: CallOrigin): string {
  return `${runId} ${step}`;
}

/** What an entry says of a use; the reference is safe to show. */
export function useDetails({ use, count }: SecretUses): JsonObject {
  const { connection, use: purpose } = use.purpose;
  return {
    reference: use.reference,
    connection,
    purpose,
    found: use.found,
    held: use.isHeld,
    ...(count > 1 && { count }),
  };
}

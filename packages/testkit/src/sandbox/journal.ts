import type { Clock, Json } from '@tenon/model';

/** One change that was applied. A stored answer given again is none. */
export interface AppliedEffect {
  readonly sequence: number;
  readonly at: number;
  readonly operation: string;
  /** The idempotency key it came with, where the operation has one. */
  readonly key?: string;
  /** Name of the collection: `invoices`. */
  readonly resource: string;
  readonly id?: string;
}

/** One request as it was seen, answered or not. Credentials are never kept. */
export interface SeenRequest {
  readonly sequence: number;
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly operation?: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Json;
  /** What it was told; absent while it hangs and where the connection was dropped. */
  readonly status?: number;
  /** Kinds of the faults that struck it. */
  readonly faults: readonly string[];
  /** The answer was one stored under its idempotency key. */
  readonly replayed: boolean;
}

const REQUESTS_MAX = 20_000;
/** Stands for a credential. */
export const HIDDEN = '[hidden]';
const CREDENTIAL_HEADERS = ['authorization', 'cookie', 'proxy-authorization'];

/** What happened, for tests and demos to count. Effects are kept all, requests up to `REQUESTS_MAX` (the newest). */
export class Journal {
  readonly #clock: Clock;
  #effects: AppliedEffect[] = [];
  #requests: { -readonly [K in keyof SeenRequest]: SeenRequest[K] }[] = [];
  #sequence = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  effects(): readonly AppliedEffect[] {
    return this.#effects;
  }

  requests(): readonly SeenRequest[] {
    return this.#requests;
  }

  applied(effect: Omit<AppliedEffect, 'sequence' | 'at'>): void {
    this.#effects.push({ sequence: this.#effects.length + 1, at: this.#clock.now(), ...effect });
  }

  /** Opens the record of a request; the returned one is filled in as it is handled. */
  seen(request: {
    method: string;
    path: string;
    headers: Readonly<Record<string, string>>;
    hidden: readonly string[];
  }): { -readonly [K in keyof SeenRequest]: SeenRequest[K] } {
    const { hidden, headers, ...rest } = request;
    const isHidden = (name: string) => CREDENTIAL_HEADERS.includes(name) || hidden.includes(name);
    this.#sequence += 1;
    const record = {
      sequence: this.#sequence,
      at: this.#clock.now(),
      ...rest,
      headers: Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name, isHidden(name) ? HIDDEN : value]),
      ),
      faults: [],
      replayed: false,
    };
    this.#requests.push(record);
    if (this.#requests.length > REQUESTS_MAX) this.#requests.shift();
    return record;
  }

  clear(): void {
    this.#effects = [];
    this.#requests = [];
    this.#sequence = 0;
  }
}

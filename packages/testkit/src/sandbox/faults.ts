import { isObject, type Json, type Random } from '@tenon/model';

/**
 * What goes wrong. `latency` comes before anything else and lets the rest go on, and so does `headers`, which adds to the
 * answer; `status` answers without applying the
 * effect (or, with `effect: 'applied'`, after it); `dropBefore` closes the connection before the effect, `dropAfter`
 * after it: the answer is lost; `hang` never answers (`effect` says whether it was applied); the last three spoil a
 * good answer.
 */
export type Fault =
  | { readonly kind: 'latency'; readonly ms: number }
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly retryAfterSeconds?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: Json;
      readonly effect?: 'applied' | 'none';
    }
  | { readonly kind: 'dropBefore' }
  | { readonly kind: 'dropAfter' }
  | { readonly kind: 'hang'; readonly effect?: 'applied' | 'none' }
  | { readonly kind: 'malformedBody' }
  | { readonly kind: 'truncatedBody' }
  | {
      readonly kind: 'drift';
      /** JSON Pointers into the answer; `*` stands for every item of a list. */
      readonly remove?: readonly string[];
      readonly rename?: Readonly<Record<string, string>>;
      readonly retype?: readonly string[];
      /** Values put where the pointer says, as a service does that has grown a field. */
      readonly add?: Readonly<Record<string, Json>>;
    };

export interface FaultRule<F extends { readonly kind: string } = Fault> {
  readonly fault: F;
  /** Operation id; absent: every operation. `oauth-token` is the token endpoint. */
  readonly operation?: string;
  /** Strikes these calls, counted from 1 over the matching ones since the rule was added. */
  readonly nth?: number | readonly number[];
  /** Strikes with this probability (seeded). Default 1. */
  readonly probability?: number;
  /** Strikes requests with this header; `value` absent: any value. */
  readonly header?: { readonly name: string; readonly value?: string };
  /** Strikes at most so often. Default: always. */
  readonly times?: number;
}

export interface FaultHandle {
  readonly id: string;
  /** How often it struck. */
  struck(): number;
  remove(): void;
}

export interface Faults<F extends { readonly kind: string } = Fault> {
  add(rule: FaultRule<F>): FaultHandle;
  list(): readonly (FaultRule<F> & { readonly id: string; readonly struck: number })[];
  remove(id: string): boolean;
  clear(): void;
}

interface Armed<F extends { readonly kind: string }> {
  readonly id: string;
  readonly rule: FaultRule<F>;
  seen: number;
  struck: number;
}

export class FaultBook<F extends { readonly kind: string } = Fault> implements Faults<F> {
  readonly #random: Random;
  #armed: Armed<F>[] = [];
  #serial = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  add(rule: FaultRule<F>): FaultHandle {
    this.#serial += 1;
    const armed: Armed<F> = { id: `fault-${this.#serial}`, rule, seen: 0, struck: 0 };
    this.#armed.push(armed);
    return { id: armed.id, struck: () => armed.struck, remove: () => void this.remove(armed.id) };
  }

  list(): readonly (FaultRule<F> & { readonly id: string; readonly struck: number })[] {
    return this.#armed.map(({ id, rule, struck }) => ({ id, ...rule, struck }));
  }

  remove(id: string): boolean {
    const before = this.#armed.length;
    this.#armed = this.#armed.filter((armed) => armed.id !== id);
    return this.#armed.length < before;
  }

  clear(): void {
    this.#armed = [];
  }

  /** The faults that strike one call: every one that composes, and the first of the others. */
  strike(operation: string, headers: Readonly<Record<string, string>>): readonly F[] {
    const struck: F[] = [];
    for (const armed of this.#armed) {
      if (!concerns(armed.rule, operation, headers)) continue;
      armed.seen += 1;
      const isTaken = !composes(armed.rule.fault) && struck.some((fault) => !composes(fault));
      if (isTaken || !this.#isDue(armed)) continue;
      armed.struck += 1;
      struck.push(armed.rule.fault);
    }
    return struck;
  }

  #isDue({ rule, seen, struck }: Armed<F>): boolean {
    if (rule.times !== undefined && struck >= rule.times) return false;
    if (rule.nth !== undefined && ![rule.nth].flat().includes(seen)) return false;
    return rule.probability === undefined || this.#random.next() < rule.probability;
  }
}

/** Goes together with another fault. */
export function composes(fault: { readonly kind: string }): boolean {
  return fault.kind === 'latency' || fault.kind === 'headers';
}

function concerns(
  rule: FaultRule<{ readonly kind: string }>,
  operation: string,
  headers: Readonly<Record<string, string>>,
): boolean {
  if (rule.operation !== undefined && rule.operation !== operation) return false;
  if (rule.header === undefined) return true;
  const value = headers[rule.header.name.toLowerCase()];
  return value !== undefined && (rule.header.value === undefined || rule.header.value === value);
}

const PLAIN_KINDS = ['dropBefore', 'dropAfter', 'malformedBody', 'truncatedBody'];

/** Reads a rule that came from outside; the text says what is wrong with it. */
export function parseFaultRule(value: unknown): FaultRule | string {
  return parseRule<Fault>(value, faultProblem);
}

/** The part of a rule that every kind of sandbox shares; `problem` judges the fault itself. */
export function parseRule<F extends { readonly kind: string }>(
  value: unknown,
  problem: (fault: unknown) => string | undefined,
): FaultRule<F> | string {
  if (!isObject(value)) return 'a fault rule is an object: { "fault": { "kind": "status", "status": 503 } }';
  const { fault, operation, nth, probability, header, times } = value;
  const wrong =
    problem(fault) ??
    (operation !== undefined && typeof operation !== 'string' ? 'operation: an operation id' : undefined) ??
    (nth !== undefined && ![nth].flat().every(Number.isInteger)
      ? 'nth: a call number, or a list of them'
      : undefined) ??
    (probability !== undefined && typeof probability !== 'number'
      ? 'probability: a number from 0 to 1'
      : undefined) ??
    (header !== undefined && !(isObject(header) && typeof header['name'] === 'string')
      ? 'header: { name, value? }'
      : undefined) ??
    (times !== undefined && !Number.isInteger(times) ? 'times: a whole number' : undefined);
  // Each member was checked above; TypeScript does not follow the chain.
  return wrong ?? (value as unknown as FaultRule<F>);
}

function faultProblem(fault: unknown): string | undefined {
  if (!isObject(fault)) return 'fault: an object with a kind';
  const { kind } = fault;
  if (typeof kind === 'string' && PLAIN_KINDS.includes(kind)) return undefined;
  switch (kind) {
    case 'latency':
      return typeof fault['ms'] === 'number' ? undefined : 'fault.ms: milliseconds';
    case 'status':
      return Number.isInteger(fault['status']) ? undefined : 'fault.status: an HTTP status';
    case 'hang':
      return undefined;
    case 'headers':
      return isObject(fault['headers']) ? undefined : 'fault.headers: an object of header values';
    case 'drift':
      return ['remove', 'rename', 'retype', 'add'].some((way) => fault[way] !== undefined)
        ? undefined
        : 'fault: drift needs remove, rename, retype or add';
    default:
      return `fault.kind: latency, headers, status, hang, drift, ${PLAIN_KINDS.join(', ')}`;
  }
}

import type { ConnectorManifest } from '@tenon/connector';
import type { HttpOperation } from '@tenon/contract';
import { type Clock, isObject } from '@tenon/model';
import type { Answer } from './answer.ts';

interface Kept {
  readonly digest: string;
  readonly answer: Answer;
  readonly at: number;
}

/** The header (lower case) that carries the idempotency key of an operation, by its manifest, else by its contract. */
export function keyHeaderOf(
  operation: HttpOperation,
  manifest: ConnectorManifest | undefined,
): string | undefined {
  const declared = manifest?.operations[operation.id]?.idempotency;
  if (declared?.mode === 'header') return declared.name.toLowerCase();
  const hints = operation.extensions['x-tenon-sandbox'];
  const hinted = isObject(hints) ? hints['key'] : undefined;
  if (typeof hinted === 'string') return hinted.toLowerCase();
  const parameter = operation.parameters.find(
    ({ in: where, name }) => where === 'header' && /^(x-)?idempot(ency|ent)-key$/i.test(name),
  );
  return parameter?.name.toLowerCase();
}

/** Answers kept under idempotency keys, as draft-ietf-httpapi-idempotency-key-header asks of a server. */
export class KeyedAnswers {
  readonly #clock: Clock;
  readonly #kept = new Map<string, Kept>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `conflict`: the key was used with another request. */
  find(
    operation: string,
    key: string,
    digest: string,
    retentionMs = Number.POSITIVE_INFINITY,
  ): Answer | 'conflict' | undefined {
    const kept = this.#kept.get(`${operation} ${key}`);
    if (kept === undefined || this.#clock.now() - kept.at >= retentionMs) return undefined;
    return kept.digest === digest ? kept.answer : 'conflict';
  }

  keep(operation: string, key: string, digest: string, answer: Answer): void {
    this.#kept.set(`${operation} ${key}`, { digest, answer, at: this.#clock.now() });
  }

  clear(): void {
    this.#kept.clear();
  }
}

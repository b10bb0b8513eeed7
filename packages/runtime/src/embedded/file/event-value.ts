import { isObject, type Json, type JsonObject } from '@tenon/model';

/** Marks a stored event that is more than its payload. */
const MARK = '$tenon.event';

/** An event as its run sees it. */
export interface EventParts {
  readonly payload: Json;
  /** The message's headers that the contract declares, where a pipeline reads them. */
  readonly headers?: JsonObject;
}

/** An event that a run publishes: over one connection alone where it names one. */
export interface Emission extends EventParts {
  readonly deliveryId: string;
  readonly event: string;
  readonly over?: string;
}

/**
 * An event as it is stored, encrypted, digested, kept and erased: one value. Nearly always that is its payload; with headers
 * the two stand side by side. A payload that looks like that itself is put in such a pair too, so that nobody can send
 * headers in a payload.
 */
export function storedEvent({ payload, headers }: EventParts): Json {
  if (headers === undefined && !(isObject(payload) && Object.hasOwn(payload, MARK))) return payload;
  return { [MARK]: 1, payload, ...(headers !== undefined && { headers }) };
}

export function eventParts(stored: Json): EventParts {
  if (!isObject(stored) || !Object.hasOwn(stored, MARK)) return { payload: stored };
  // Made by `storedEvent`: nothing else with the mark is stored.
  const { payload, headers } = stored as unknown as EventParts;
  return { payload, ...(headers !== undefined && { headers }) };
}

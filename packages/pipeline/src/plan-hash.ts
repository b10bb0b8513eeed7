import { digestOf } from '@tenon/model';
import type { Plan } from './plan.ts';

/** Digests of operations and events, which thousands of plans may share. */
const digests = new WeakMap<object, string>();

/**
 * The hash of a plan: SHA-256 of the canonical JSON (RFC 8785) of all other members, with each operation and event
 * replaced by its own digest. Those are by far the largest parts, and are hashed once however many plans hold them.
 */
export function planHash(plan: Omit<Plan, 'hash'>): string {
  const { operations, events, ...rest } = plan;
  return digestOf({ ...rest, operations: digestsOf(operations), events: digestsOf(events) });
}

function digestsOf(parts: Readonly<Record<string, object>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(parts).map(([name, part]) => {
      // Only what is frozen is sure to stay as it was digested.
      const known = Object.isFrozen(part) ? digests.get(part) : undefined;
      const digest = known ?? digestOf(part);
      if (Object.isFrozen(part)) digests.set(part, digest);
      return [name, digest] as const;
    }),
  );
}

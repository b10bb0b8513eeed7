import type { OperationDefaults } from '@tenon/connector';
import { seededRandom } from '@tenon/model';
import { pick, type Theme } from './plans.ts';

/** How many of the histories have guards that are small enough to stand in the way. */
const GUARDED_RATE = 0.5;
/** How often each of what a connection may declare is declared. */
const DECLARED_RATE = 0.6;
/** How often it is about a breaker whose probes take their time, and others wait for them. */
const PROBING_RATE = 0.3;
const PROBED = { failureRate: 0.3, windowMs: 20_000, minimum: 1, openForMs: 1_000, probes: 1 };
/** What looks at time closely: there nothing may take any but what a plan says. */
const EXACT: ReadonlySet<Theme> = new Set(['waits', 'deadlines']);
/** The timeout of the plans' operations; a transport without one of its own answers far later than anybody waits. */
const TIMEOUT_MS = 5_000;
const NO_TIMEOUT_MS = 60_000;

/** What a connection's guard is to keep to, and how long its transport waits for an answer. */
export interface Guarding {
  readonly policy: OperationDefaults;
  readonly deadlineMs: number;
  /** Much of what is sent is answered late, and there is always somebody who waits. */
  readonly isProbing: boolean;
}

/** What stands between runs and target in a seed's history: `undefined` where nothing does. From a stream of its own. */
export function guardingOf(seed: number, theme: Theme): Guarding | undefined {
  const random = seededRandom(seed + 4_000_000);
  // Many stand in line for few places, each of which is taken for as long as anybody waits.
  if (theme === 'lines')
    return {
      policy: { timeoutMs: TIMEOUT_MS, inFlightMax: 1 + Math.floor(random.next() * 2), failures: [] },
      deadlineMs: TIMEOUT_MS,
      isProbing: false,
    };
  if (random.next() >= GUARDED_RATE || EXACT.has(theme)) return undefined;
  if (random.next() < PROBING_RATE)
    return {
      policy: { timeoutMs: TIMEOUT_MS, inFlightMax: 64, failures: [], breaker: PROBED },
      deadlineMs: NO_TIMEOUT_MS,
      isProbing: true,
    };
  const declared = <T>(make: () => T): T | undefined => (random.next() < DECLARED_RATE ? make() : undefined);
  const rateLimit = declared(() => ({
    quota: 1 + Math.floor(random.next() * 5),
    // The longest outlasts most of the time for which a process is down.
    windowMs: pick(random, [1_000, 3_000, 10_000, 30_000]),
    key: 'connection',
    headers: [],
  }));
  const breaker = declared(() => ({
    failureRate: pick(random, [0.3, 0.5, 1]),
    windowMs: pick(random, [5_000, 20_000]),
    minimum: 1 + Math.floor(random.next() * 3),
    openForMs: pick(random, [1_000, 4_000, 15_000]),
    probes: 1 + Math.floor(random.next() * 2),
  }));
  const retryBudget = declared(() => ({
    share: pick(random, [0.1, 0.5]),
    windowMs: pick(random, [3_000, 10_000]),
    minimum: 1 + Math.floor(random.next() * 2),
  }));
  const inFlightMax = declared(() => 1 + Math.floor(random.next() * 2)) ?? 64;
  return {
    policy: {
      timeoutMs: TIMEOUT_MS,
      inFlightMax,
      failures: [],
      ...(rateLimit !== undefined && { rateLimit }),
      ...(breaker !== undefined && { breaker }),
      ...(retryBudget !== undefined && { retryBudget }),
    },
    deadlineMs: pick(random, [TIMEOUT_MS, TIMEOUT_MS, NO_TIMEOUT_MS]),
    isProbing: false,
  };
}

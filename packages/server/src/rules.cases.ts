import { systemClock, systemRandom } from '@tenon/model';
import type { AcceptResult } from '@tenon/runtime';
import { type ConsumerOptions, consume } from './consumer.ts';
import type { ServerCode } from './rules.ts';
import type { ServerOptions } from './server.ts';

/** A server with what the case hands in; gives its address. */
type Start = (more?: Partial<ServerOptions>) => Promise<string>;
/** Something that is asked or comes in; gives the codes that were answered or logged. */
type Scenario = (start: Start, logged: () => readonly string[]) => Promise<readonly string[]>;

interface Case {
  readonly fires: Scenario;
  readonly silent: Scenario;
}

const as = (name: string): Record<string, string> => ({ authorization: `Bearer ${name}-token` });

/** What a request is answered with, and what was logged of it. */
function asked(
  path: string,
  init: RequestInit = { headers: as('ada') },
  more: Partial<ServerOptions> = {},
): Scenario {
  return async (start, logged) => {
    const response = await fetch(`${await start(more)}${path}`, init);
    const { code } = (await response.json().catch(() => ({}))) as { readonly code?: string };
    return [...(code === undefined ? [] : [code]), ...logged()];
  };
}

const cancel = (body: string, who = 'ada'): Scenario =>
  asked('/v1/runs/r1/cancel', {
    method: 'POST',
    headers: { ...as(who), 'content-type': 'application/json' },
    body,
  });
const hook = (event: string, more?: Partial<ServerOptions>): Scenario =>
  asked(`/hooks/crm/${event}`, { method: 'POST', body: '{}' }, more);

/** Asks with so many tokens that are nobody's. */
const shown =
  (tokens: number): Scenario =>
  async (start, logged) => {
    const url = await start();
    for (let nth = 0; nth < tokens; nth++) await fetch(`${url}/v1/runs`, { headers: as(`nobody-${nth}`) });
    return logged();
  };

const listed = asked('/v1/runs');
const told = cancel('{"reason":"why"}');

const stored: AcceptResult = { ok: true, duplicateDelivery: false, runs: [] };

/** One message of a source, taken in by an `accept` that may break. */
function consumed(accept: () => Promise<AcceptResult>, id: string | undefined): Scenario {
  return async () => {
    const codes: string[] = [];
    let deliver: Parameters<ConsumerOptions['source']>[0]['deliver'] | undefined;
    const consumer = consume({
      connection: 'bus',
      plan: {
        connector: 'bus',
        contract: { name: 'bus', version: '1.0.0', digest: 'sha256:0' },
        transport: 'bus',
        channel: 'orders',
        from: 'orders',
        address: 'orders',
        group: 'tenon',
        prefetchMax: 10,
        create: false,
        invalid: 'quarantine',
        everyMs: 1_000,
        bindings: {},
        events: [{ name: 'bus.placed', contentType: 'application/json', id: 'message', isHeard: true }],
      },
      runtime: { accept, cursor: () => undefined, keepCursor: async () => true, misfit: () => undefined },
      clock: systemClock,
      random: systemRandom,
      source: (given) => {
        deliver = given.deliver;
        return { canReject: true, stop: async () => {} };
      },
      log: ({ code }) => codes.push(code),
    });
    const settled = deliver!({
      body: Buffer.from('{}'),
      headers: {},
      redelivered: false,
      ...(id !== undefined && { id }),
    });
    // One that broke is given back after a pause, which ends with the consumer.
    await Promise.race([
      settled,
      new Promise((resolve) => systemClock.setTimer(50, () => resolve(undefined))),
    ]);
    await consumer.stop();
    return codes;
  };
}

const taken = consumed(async () => stored, 'm1');

/** Each code of the server: what brings it up, and what does not. */
export const serverCases: Record<ServerCode, Case> = {
  ACCESS_TOKEN_MISSING: { fires: asked('/v1/runs', {}), silent: listed },
  ACCESS_GUESSES_LIMITED: { fires: shown(11), silent: shown(10) },
  ACCESS_ROLE_REFUSED: { fires: cancel('{"reason":"why"}', 'vera'), silent: told },
  HTTP_RESOURCE_UNKNOWN: { fires: asked('/v1/runs/none'), silent: listed },
  HTTP_QUERY_INVALID: { fires: asked('/v1/runs?limit=many'), silent: asked('/v1/runs?limit=1') },
  HTTP_BODY_UNREADABLE: { fires: cancel('{'), silent: told },
  HTTP_BODY_INVALID: { fires: cancel('{}'), silent: told },
  HTTP_ROUTE_UNKNOWN: { fires: asked('/v1/nothing'), silent: listed },
  HTTP_ADDRESS_INVALID: { fires: asked('/v1/runs/%ff'), silent: asked('/v1/runs/%20') },
  HTTP_REQUEST_REFUSED: { fires: cancel(`{"reason":"${'x'.repeat(1024 * 1024)}"}`), silent: told },
  HTTP_HANDLER_FAILED: { fires: asked('/v1/runs?key=breaks'), silent: listed },
  INTAKE_BUSY: { fires: hook('upgraded', { intakeInFlightMax: 0 }), silent: hook('upgraded') },
  WEBHOOK_EVENT_UNKNOWN: { fires: hook('nothing'), silent: hook('upgraded') },
  CONSUMER_FAILED: {
    fires: consumed(() => Promise.reject(new Error('broken')), 'm1'),
    silent: taken,
  },
  DELIVERY_ID_ABSENT: { fires: consumed(async () => stored, undefined), silent: taken },
};

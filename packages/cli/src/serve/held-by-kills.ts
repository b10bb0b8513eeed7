import type { Transport } from '@tenon/connector';
import { type Clock, sleep } from '@tenon/model';

const LOOK_EVERY_MS = 500;

/**
 * The transport of a poll: no run makes its calls, so the runtime does not hold them. While a kill holds the connection a call waits until it is
 * lifted, or is given up; one that stands in a line as it is killed is called off.
 */
export function heldByKills(transport: Transport, clock: Clock, kills: () => readonly string[]): Transport {
  const isKilled = (): boolean => kills().length > 0;
  return {
    ...transport,
    call: async (request) => {
      const { signal } = request;
      while (isKilled() && signal?.aborted !== true) await sleep(clock, LOOK_EVERY_MS, signal);
      return transport.call({
        ...request,
        isCalledOff: () => isKilled() || request.isCalledOff?.() === true,
      });
    },
  };
}

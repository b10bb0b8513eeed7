import type { ConnectorFailureCode } from './failure-codes.ts';
import type { Transport } from './transport.ts';

/** Makes each call as one that was granted with an earlier plan: it is made for runs that keep to that one, and on no run's behalf. */
export function grantedBefore(transport: Transport): Transport {
  return { ...transport, call: (request) => transport.call({ ...request, isGrantedBefore: true }) };
}

/** Of a connection that is not configured any more, which a run of an earlier plan calls over. */
export function goneTransport(connection: string): Transport {
  const code: ConnectorFailureCode = 'CONNECTION_GONE';
  return {
    call: async ({ operation }) => ({
      ok: false,
      failure: {
        class: 'permission',
        code,
        message: `${connection}.${operation.operation} is called by an earlier version, and no connection is called ${connection} any more; nothing was sent`,
        delivery: 'notSent',
      },
    }),
    close: async () => {},
  };
}

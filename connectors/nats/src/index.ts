import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { jetStreamSource } from './jetstream-source.ts';
import { jetStreamTransport } from './jetstream-transport.ts';

const connector: ConnectorModule = defineConnector({
  transports: { jetstream: jetStreamTransport },
  sources: { jetstream: jetStreamSource },
});

export default connector;
export { jetStreamSource, jetStreamTransport };

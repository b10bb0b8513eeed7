import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { streamSource } from './stream-source.ts';
import { streamTransport } from './stream-transport.ts';

const connector: ConnectorModule = defineConnector({
  transports: { 'redis-streams': streamTransport },
  sources: { 'redis-streams': streamSource },
});

export default connector;

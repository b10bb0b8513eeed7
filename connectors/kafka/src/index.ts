import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { kafkaSource } from './kafka-source.ts';
import { kafkaTransport } from './kafka-transport.ts';

const connector: ConnectorModule = defineConnector({
  transports: { kafka: kafkaTransport },
  sources: { kafka: kafkaSource },
});

export default connector;
export { kafkaSource, kafkaTransport };

import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { amqpSource } from './amqp-source.ts';
import { amqpTransport } from './amqp-transport.ts';

const connector: ConnectorModule = defineConnector({
  transports: { amqp: amqpTransport },
  sources: { amqp: amqpSource },
});

export default connector;
export { amqpSource, amqpTransport };

import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { mqttSource } from './mqtt-source.ts';
import { mqttTransport } from './mqtt-transport.ts';

const connector: ConnectorModule = defineConnector({
  transports: { mqtt: mqttTransport },
  sources: { mqtt: mqttSource },
});

export default connector;

import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { s3Transport } from './s3-transport.ts';

const connector: ConnectorModule = defineConnector({ transports: { s3: s3Transport } });

export default connector;

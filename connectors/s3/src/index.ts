import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { s3Source } from './s3-source.ts';
import { s3Transport } from './s3-transport.ts';

const connector: ConnectorModule = defineConnector({
  transports: { s3: s3Transport },
  sources: { s3: s3Source },
});

export default connector;

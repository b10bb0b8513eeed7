import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { smtpTransport } from './smtp-transport.ts';

const connector: ConnectorModule = defineConnector({ transports: { smtp: smtpTransport } });

export default connector;
export { smtpTransport };

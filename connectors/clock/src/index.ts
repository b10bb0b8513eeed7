import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { clockSource } from './clock-source.ts';

const connector: ConnectorModule = defineConnector({ sources: { clock: clockSource } });

export default connector;

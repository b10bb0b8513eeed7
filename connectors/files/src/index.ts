import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { csvSource } from './csv-source.ts';
import { csvTransport } from './csv-transport.ts';
import { eventLayouts, operationLayouts } from './layouts.ts';

const connector: ConnectorModule = defineConnector({
  transports: { files: (context) => csvTransport(context, operationLayouts) },
  sources: { files: (context) => csvSource(context, eventLayouts) },
});

export default connector;
export type { Cell } from './cell.ts';
export type { Column, CsvLayout } from './layout.ts';
export { csvSource, csvTransport };

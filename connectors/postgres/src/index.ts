import { type ConnectorModule, defineConnector } from '@tenon/connector';
import { outboxSource } from './outbox-source.ts';
import { operationsOf, postgresTransport } from './postgres-transport.ts';
import { statements } from './statements.ts';

const connector: ConnectorModule = defineConnector({
  transports: { postgres: (context) => postgresTransport(context, statements) },
  sources: { postgres: outboxSource },
  operations: operationsOf(statements),
});

export default connector;
export type { OperationStatements, Statement } from './postgres-transport.ts';
export { operationsOf, outboxSource, postgresTransport };

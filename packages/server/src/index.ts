export { type Consumer, type ConsumerOptions, type ConsumerStatus, consume } from './consumer.ts';
export { isGuessable, type Operator, type Role, roleGrants } from './operators.ts';
export { type IntakeConnection, type ServerOptions, startServer, type TenonServer } from './server.ts';

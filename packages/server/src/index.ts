export { type Operator, type Role, roleGrants } from './operators.ts';
export { type IntakeConnection, type ServerOptions, startServer, type TenonServer } from './server.ts';

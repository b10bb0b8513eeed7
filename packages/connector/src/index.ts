export * from './manifest.ts';
export type * from './operation-plan.ts';
export { connectorRules } from './rules.ts';
export * from './transport.ts';
export * from './webhook.ts';

export * from './diagnostic.ts';
export * from './duration.ts';
export * from './failure.ts';
export * from './ids.ts';
export * from './json.ts';
export * from './ports.ts';
export * from './secret.ts';
export * from './suggest.ts';

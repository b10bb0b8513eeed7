import type { JsonSchema } from './schema.ts';

/** Which way a value travels: `request`, we send it; `response`, we receive it. */
export type Direction = 'request' | 'response';

/**
 * The schema as it holds in one direction: in a request a `readOnly` property is not required (and need not be sent);
 * in a response a `writeOnly` property is not required. Shares all unchanged nodes with its input.
 */
export declare function directional(schema: JsonSchema, direction: Direction): JsonSchema;

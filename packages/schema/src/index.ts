export { type DirectedSchema, type Direction, directional } from './direction.ts';
export { fitsPlainly } from './fits-plainly.ts';
export { type SampleOptions, sample } from './sample.ts';
export { schemaOfProperty, settle } from './sample-settle.ts';
export { isSchemaObject, type JsonSchema, type SchemaObject } from './schema.ts';
export { type TextPart, textMisfit } from './text-fit.ts';
export { compileValidator, type SchemaIssue, type Validator } from './validate.ts';
export { validatorFor } from './validator-for.ts';
export { definitionName, reachableDefinitions, subschemas } from './walk.ts';

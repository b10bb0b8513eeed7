import { isSchemaObject, type JsonSchema } from './schema.ts';
import { compileValidator, type Validator } from './validate.ts';
import { reachableDefinitions } from './walk.ts';

const known = new WeakMap<object, WeakMap<object, Validator>>();

/**
 * The validator of a schema among definitions, compiled once for as long as both are held by someone: for those who
 * come back to the same schemas of one contract again and again. Only the definitions in reach are compiled.
 */
export function validatorFor(
  schema: JsonSchema,
  definitions: Readonly<Record<string, JsonSchema>>,
): Validator {
  if (!isSchemaObject(schema)) return compileValidator(schema);
  const among = known.get(definitions) ?? new WeakMap<object, Validator>();
  known.set(definitions, among);
  let validator = among.get(schema);
  if (validator === undefined) {
    validator = compileValidator(schema, { definitions: reachableDefinitions(schema, definitions) });
    among.set(schema, validator);
  }
  return validator;
}

import type { JsonObject } from '@tenon/model';
import { compileValidator, type JsonSchema, type SchemaIssue, type Validator } from '@tenon/schema';
import { kept } from '../kept.ts';
import type { OperationPlan } from '../operation-plan.ts';
import type { CallRequest } from '../transport.ts';

/** What is wrong with a call's input by its contract, if anything is. A body that is streamed stands beside it. */
export function inputIssue({ operation, input, send }: CallRequest): SchemaIssue | undefined {
  return send === undefined
    ? validatorOf(operation, operation.input)(input)[0]
    : issueBesideStream(operation, input);
}

const validators = new WeakMap<object, WeakMap<object, Validator>>();
const acceptAll: Validator = () => [];

/** Compiled once for each schema of each operation plan. */
export function validatorOf(operation: OperationPlan, schema: JsonSchema): Validator {
  if (schema === true) return acceptAll;
  if (schema === false) return () => [{ pointer: '', keyword: 'false', message: 'is not allowed' }];
  const ofOperation = kept(validators, operation, () => new WeakMap<object, Validator>());
  return kept(ofOperation, schema, () => compileValidator(schema, { hidesNames: true }));
}

/** The input without its body, which is streamed beside it. */
function issueBesideStream(operation: OperationPlan, input: JsonObject): SchemaIssue | undefined {
  if (input['body'] !== undefined)
    return { pointer: '/body', keyword: 'false', message: 'is given twice: as a value and as a stream' };
  return validatorOf(operation, schemaBesideStream(operation))({ ...input, body: null })[0];
}

const besideStream = new WeakMap<OperationPlan, JsonSchema>();

function schemaBesideStream(operation: OperationPlan): JsonSchema {
  const { input } = operation;
  return kept(besideStream, operation, () =>
    typeof input === 'object' ? { ...input, properties: { ...input.properties, body: true } } : input,
  );
}

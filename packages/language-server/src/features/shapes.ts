import { connectorSchema } from '@tenon/connector';
import {
  configSchema,
  ownersSchema,
  pipelineSchema,
  policySchema,
  reconciliationSchema,
} from '@tenon/pipeline';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

const FILES: readonly (readonly [RegExp, SchemaObject])[] = [
  [/\.pipeline\.yaml$/, pipelineSchema],
  [/\.reconciliation\.yaml$/, reconciliationSchema],
  [/(^|\/)policies\/[^/]+\.yaml$/, policySchema],
  [/(^|\/)connector\.yaml$/, connectorSchema],
  [/(^|\/)tenon\.config\.yaml$/, configSchema],
  [/(^|\/)owners\.yaml$/, ownersSchema],
];

/** The published schema of a file's format. */
export function schemaOf(file: string): SchemaObject | undefined {
  return FILES.find(([pattern]) => pattern.test(file))?.[1];
}

/** What may stand at a path, one schema for each way to read it; the keys beside it decide between kinds. */
export function shapesAt(
  root: SchemaObject,
  path: readonly string[],
  siblings: Iterable<string> = [],
): readonly SchemaObject[] {
  let here = branches(root, root, 0);
  for (const name of path) {
    here = here.flatMap((shape) => {
      const own =
        shape.properties && Object.hasOwn(shape.properties, name) ? shape.properties[name] : undefined;
      const next = name === '*' ? shape.items : (own ?? shape.additionalProperties);
      return isSchemaObject(next) ? branches(root, next, 0) : [];
    });
  }
  const present = [...siblings];
  const fitting = here.filter((shape) =>
    present.every(
      (key) =>
        shape.properties === undefined ||
        Object.hasOwn(shape.properties, key) ||
        isSchemaObject(shape.additionalProperties),
    ),
  );
  return fitting.length > 0 ? fitting : here;
}

/** References to follow at most. */
const DEPTH_MAX = 16;

function branches(root: SchemaObject, schema: JsonSchema, depth: number): readonly SchemaObject[] {
  if (!isSchemaObject(schema) || depth > DEPTH_MAX) return [];
  const name = definitionName(schema);
  const target = name === undefined ? undefined : root.$defs?.[name];
  if (target !== undefined) return branches(root, target, depth + 1);
  const parts = [...(schema.oneOf ?? []), ...(schema.anyOf ?? []), ...(schema.allOf ?? [])];
  if (parts.length === 0) return [schema];
  const inner = parts.flatMap((part) => branches(root, part, depth + 1));
  return schema.properties ? [schema, ...inner] : inner;
}

/** `text`, `object`, or the values that are allowed. */
export function describeShape(shape: SchemaObject): string {
  const values = valuesOf(shape);
  if (values.length > 0) return values.map(String).join(' | ');
  return Array.isArray(shape.type) ? shape.type.join(' | ') : String(shape.type ?? 'any');
}

export function valuesOf(shape: SchemaObject): readonly unknown[] {
  if (shape.const !== undefined) return [shape.const];
  if (shape.enum) return shape.enum;
  return shape.type === 'boolean' ? [true, false] : [];
}

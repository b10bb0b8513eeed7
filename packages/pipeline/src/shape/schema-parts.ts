import type { SchemaObject } from '@tenon/schema';

/** A duration: whole numbers with units, `1h30m`. */
export const duration = (description: string): SchemaObject => ({
  type: 'string',
  format: 'tenon-duration',
  pattern: '^(\\d+(ms|s|m|h|d))+$',
  patternErrorMessage: 'a duration such as 500ms, 30s, 2m, 1h30m or 30d',
  description,
});

/** One whole expression, `${ … }`. */
export const expression = (description: string): SchemaObject => ({
  type: 'string',
  format: 'tenon-expression',
  pattern: '^\\s*\\$\\{[\\s\\S]*\\}\\s*$',
  patternErrorMessage: 'one expression, written ${ … }',
  description,
});

/** A value of any shape with expressions in it. */
export const template = (description: string): SchemaObject => ({ format: 'tenon-template', description });

export const text = (description: string, more: SchemaObject = {}): SchemaObject => ({
  type: 'string',
  minLength: 1,
  description,
  ...more,
});

export const kebabName = (description: string): SchemaObject =>
  text(description, {
    pattern: '^[a-z][a-z0-9]*(-[a-z0-9]+)*$',
    patternErrorMessage: 'lower case words joined by "-"',
  });

/** A name that expressions can use: `steps.<id>`, `policy.<name>`. */
export const identifierName = (description: string): SchemaObject =>
  text(description, {
    pattern: '^[A-Za-z_][A-Za-z0-9_]*$',
    patternErrorMessage: 'letters, digits and "_", not starting with a digit',
  });

/** `<contract>.<event>` or `<connection>.<operation>`: the first dot parts the two. */
export const dottedName = (description: string, example: string): SchemaObject =>
  text(description, {
    pattern: '^[^.\\s]+\\..+$',
    patternErrorMessage: `two names joined by a dot, such as ${example}`,
  });

/** An object with these members and no others. */
export function object(
  description: string,
  required: readonly string[],
  properties: Readonly<Record<string, SchemaObject>>,
): SchemaObject {
  return { type: 'object', description, required, properties, additionalProperties: false };
}

export const header = (kind: string): Readonly<Record<string, SchemaObject>> => ({
  apiVersion: { const: 'tenon/v1', description: 'Version of this format.' },
  kind: { const: kind, description: 'What this file describes.' },
});

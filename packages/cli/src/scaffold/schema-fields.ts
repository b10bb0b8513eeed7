import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

export type Fields = NonNullable<SchemaObject['properties']>;

/** What an object has, and what of it is always there. */
export interface ObjectShape {
  readonly fields: Fields;
  readonly required: ReadonlySet<string>;
}

type Definitions = Readonly<Record<string, JsonSchema>>;

export function shapeOf(schema: JsonSchema, definitions: Definitions): ObjectShape {
  return { fields: propertiesOf(schema, definitions), required: new Set(requiredIn(schema, definitions)) };
}

export function propertiesOf(schema: JsonSchema, definitions: Definitions): Fields {
  const found = resolved(schema, definitions);
  const parts = (found?.allOf ?? []).map((part) => propertiesOf(part, definitions));
  return Object.assign({}, ...parts, found?.properties);
}

function requiredIn(schema: JsonSchema, definitions: Definitions): readonly string[] {
  const found = resolved(schema, definitions);
  return [
    ...(found?.required ?? []),
    ...(found?.allOf ?? []).flatMap((part) => requiredIn(part, definitions)),
  ];
}

export function resolved(schema: JsonSchema | undefined, definitions: Definitions): SchemaObject | undefined {
  const name = schema === undefined ? undefined : definitionName(schema);
  const found = name === undefined ? schema : definitions[name];
  return isSchemaObject(found) ? found : undefined;
}

/** What an expression reaches by a dot. */
export const NAME = /^[A-Za-z_]\w*$/;

/** A name that says when something was written last: `updatedAt`, `last_modified`. */
export const CHANGED =
  /^(?:updated|modified|changed)_?(?:at|on)?$|^last_?(?:updated|modified|changed)(?:_?(?:at|on))?$/i;

/** A value that `tenon check` refuses, with what the contract tells of the one that is wanted. */
export function toBeGiven(field: string, schema: JsonSchema): string {
  const { description, type } = isSchemaObject(schema) ? schema : {};
  const [sentence] = (description ?? '').split(/\n|(?<=\.)\s/);
  const what = sentence || [field, typeof type === 'string' && `(${type})`].filter(Boolean).join(' ');
  return `TODO: ${what.length > WORDS_MAX ? `${what.slice(0, WORDS_MAX)}…` : what}`;
}

/** Of a description; the rest is in the editor's hover. */
const WORDS_MAX = 80;

export function namesOf(fields: Fields): string {
  const names = Object.keys(fields);
  const shown = names.slice(0, NAMES_MAX).map((name) => `\`${name}\``);
  const more = names.length > NAMES_MAX ? ` and ${names.length - NAMES_MAX} more` : '';
  return names.length === 0 ? 'members that the contract does not tell' : `${shown.join(', ')}${more}`;
}

const NAMES_MAX = 12;

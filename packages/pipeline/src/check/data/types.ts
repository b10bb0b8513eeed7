import {
  ANY,
  listOf,
  literalType,
  objectOf,
  presentOf,
  STRING,
  schemaTypes,
  type Type,
} from '@tenon/expression';
import type { Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema } from '@tenon/schema';
import type { SpecExpression, Template } from '../../spec/template.ts';
import type { Place } from './schema-path.ts';

const typesBySchema = new WeakMap<object, Type>();
const typesByPlace = new WeakMap<Place, Type>();
const typesByDefinitions = new WeakMap<object, ReturnType<typeof schemaTypes>>();

/** The type of a self-contained schema (definitions in its own `$defs`); made once for each. */
export function typeOfSchema(schema: JsonSchema): Type {
  if (!isSchemaObject(schema)) return schemaTypes().typeOf(schema);
  const known = typesBySchema.get(schema);
  if (known) return known;
  const type = typesOver(schema.$defs ?? {}).typeOf(schema);
  typesBySchema.set(schema, type);
  return type;
}

/** The type of a place that a request leads to. */
export function typeOfPlace(place: Place): Type {
  if (place.any) return ANY;
  const known = typesByPlace.get(place);
  if (known) return known;
  const { typeOf } = typesOver(place.definitions);
  const [first, ...rest] = place.alternatives;
  const type =
    first?.length === 1 && rest.length === 0
      ? typeOf(first[0])
      : typeOf({ anyOf: place.alternatives.map((parts) => ({ allOf: parts })) });
  typesByPlace.set(place, type);
  return type;
}

function typesOver(definitions: Readonly<Record<string, JsonSchema>>): ReturnType<typeof schemaTypes> {
  const known = typesByDefinitions.get(definitions);
  if (known) return known;
  const types = schemaTypes(definitions);
  typesByDefinitions.set(definitions, types);
  return types;
}

/** The type of a value with expressions in it, given the types of those. */
export function typeOfTemplate(template: Template, typeOf: (expression: SpecExpression) => Type): Type {
  switch (template.kind) {
    case 'literal':
      return typeOfJson(template.value);
    case 'expression':
      return typeOf(template.expression);
    case 'text':
      return STRING;
    case 'array': {
      const [first, ...rest] = template.items.map((item) => presentOf(typeOfTemplate(item, typeOf)));
      return first && rest.length === 0 ? listOf(first, 1) : listOf(ANY);
    }
    case 'object': {
      const members = template.entries.map(
        ({ name, value }) => [name, typeOfTemplate(value, typeOf)] as const,
      );
      // An absent optional leaves its member out.
      const optional = members.filter(([, type]) => type.kind === 'optional').map(([name]) => name);
      return objectOf(Object.fromEntries(members.map(([name, type]) => [name, presentOf(type)])), optional);
    }
  }
}

function typeOfJson(value: Json): Type {
  if (typeof value !== 'object' || value === null) return literalType(value);
  return ANY;
}

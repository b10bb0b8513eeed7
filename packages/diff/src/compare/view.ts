import { canonicalJson } from '@tenon/model';
import { definitionName, isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';

type Definitions = Readonly<Record<string, JsonSchema>>;

/**
 * One schema as a reader sees it: what it says itself and in its inline `allOf` parts put together, beside the
 * components it joins by reference and the parts that cannot be put together with the rest.
 */
export interface SchemaView {
  readonly own: Readonly<Record<string, unknown>>;
  readonly properties: ReadonlyMap<string, JsonSchema>;
  readonly required: ReadonlySet<string>;
  readonly refs: ReadonlyMap<string, JsonSchema>;
  readonly parts: readonly SchemaObject[];
}

/** Follows a schema that is nothing but a reference, or an `allOf` around one part. */
export function followed(schema: JsonSchema, definitions: Definitions): JsonSchema {
  let here = schema;
  for (let i = 0; i < 50; i++) {
    if (!isSchemaObject(here)) return here;
    const only = unwrapped(here);
    if (only !== here) {
      here = only;
      continue;
    }
    if (here.$ref === undefined) return here;
    if (Object.keys(here).some((keyword) => keyword !== '$ref' && !SILENT.has(keyword))) return here;
    const name = definitionName(here);
    if (name === undefined || !Object.hasOwn(definitions, name)) return here;
    here = definitions[name]!;
  }
  return here;
}

/** The one part of an `allOf` that stands alone, but for prose; else the schema itself. */
export function unwrapped(schema: JsonSchema): JsonSchema {
  if (!isSchemaObject(schema) || schema.allOf?.length !== 1) return schema;
  const isAlone = Object.keys(schema).every((keyword) => keyword === 'allOf' || PROSE.has(keyword));
  return isAlone ? schema.allOf[0]! : schema;
}

const PROSE = new Set(['title', 'description', 'example', 'examples', 'externalDocs', '$comment', 'xml']);

/** `inline` names the definitions whose content is read as if it stood here. */
export function viewOf(
  schema: SchemaObject,
  definitions: Definitions,
  inline: ReadonlySet<string>,
): SchemaView {
  const own: Record<string, unknown> = {};
  const properties = new Map<string, JsonSchema>();
  const required = new Set<string>();
  const refs = new Map<string, JsonSchema>();
  const parts: SchemaObject[] = [];
  const add = (part: JsonSchema, depth: number): void => {
    if (!isSchemaObject(part)) {
      if (part === false) parts.push({ not: {} });
      return;
    }
    const isAlone = depth === 0 && part.allOf === undefined && part.$ref === undefined;
    if (!isAlone && depth > 0 && ENCLOSING.some((keyword) => part[keyword] !== undefined)) {
      parts.push(part);
      return;
    }
    if (part.$ref !== undefined) {
      const name = definitionName(part);
      const target = name === undefined ? undefined : definitions[name];
      if (name !== undefined && target !== undefined && inline.has(name) && depth < 12)
        add(target, depth + 1);
      else refs.set(name ?? part.$ref, target ?? part);
    }
    for (const member of part.allOf ?? []) add(member, depth + 1);
    for (const [name, of] of Object.entries(part.properties ?? {})) {
      const before = properties.get(name);
      properties.set(name, before === undefined || before === of ? of : { allOf: [before, of] });
    }
    for (const name of part.required ?? []) required.add(name);
    const rest: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(part)) {
      if (STRUCTURE.has(keyword)) continue;
      if (!Object.hasOwn(own, keyword)) own[keyword] = value;
      else if (!SILENT.has(keyword) && canonicalJson(own[keyword]) !== canonicalJson(value))
        rest[keyword] = value;
    }
    if (Object.keys(rest).length > 0) parts.push(rest as SchemaObject);
  };
  add(schema, 0);
  return { own, properties, required, refs, parts };
}

const STRUCTURE = new Set(['$ref', 'allOf', 'properties', 'required']);
/** Keywords that speak about their siblings: a part that has them cannot be taken apart. */
const ENCLOSING = ['additionalProperties', 'patternProperties', 'unevaluatedProperties', 'unevaluatedItems'];
/** Keywords that no validator looks at. */
const SILENT = new Set(
  [
    'title description default example examples deprecated readOnly writeOnly externalDocs xml discriminator',
    '$comment nullable',
  ].flatMap((line) => line.split(' ')),
);

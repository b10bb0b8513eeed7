import { definitionName, type JsonSchema } from '@tenon/schema';
import type { GlobalContext, SchemaObject as UpstreamSchema } from 'openapi-typescript';
import type { Surface, SurfaceRefusal } from '../surface.ts';
import { compilable } from './compilable.ts';
import { resolvable } from './recursion.ts';
import { type TypeableObject, type TypeableSchema, typeable } from './typeable.ts';

/**
 * Types of an OpenAPI contract: `Schemas` (its definitions), `Operations` (input, and results by status) and `Events`.
 *
 * openapi-typescript's schema transformer is given normalised schemas one by one. Its document pipeline is left out:
 * that bundles with redocly, which fetches remote references, and reads the document a second time; the contract's own
 * loader has resolved all references already.
 */
export async function openapiTypes(surface: Surface): Promise<string> {
  const [{ default: ts }, upstream] = await Promise.all([import('typescript'), import('openapi-typescript')]);
  const { definitions, aliased } = resolvable(
    new Map(Object.entries(surface.definitions).map(([name, schema]) => [name, typeable(schema)])),
  );
  const aliasNames = new Map([...aliased].map((name, index) => [name, `Recursive${index + 1}`]));
  const context = transformContext(definitions, aliasNames);
  const { factory } = ts;
  const exported = [factory.createModifier(ts.SyntaxKind.ExportKeyword)];

  const typeOf = (schema: TypeableSchema): import('typescript').TypeNode =>
    upstream.transformSchemaObject(named(schema, aliasNames), { ctx: context, path: '#/Schemas' });
  const member = (
    name: string,
    schema: TypeableSchema,
    type: import('typescript').TypeNode,
  ): import('typescript').PropertySignature => {
    const property = factory.createPropertySignature(
      undefined,
      upstream.tsPropertyIndex(name),
      undefined,
      type,
    );
    if (schema !== false) upstream.addJSDocComment(annotationsOnly(schema), property);
    return property;
  };
  const interfaceOf = (
    name: string,
    members: import('typescript').TypeElement[],
  ): import('typescript').Statement =>
    factory.createInterfaceDeclaration(exported, name, undefined, undefined, members);

  // An array in a tuple's place, and unions of object arms, print as upstream has them; only tuples are ours: JSON
  // Schema's `prefixItems` neither requires its items nor forbids more.
  context.transform = (schema) => {
    const tuple = schema as TypeableObject;
    if (tuple.type !== 'array' || tuple.prefixItems === undefined) return undefined;
    const least = tuple.minItems ?? 0;
    const elements = tuple.prefixItems.map((item, index) => {
      const type = upstream.transformSchemaObject(upstreamSchema(item), { ctx: context, path: '#/Schemas' });
      return index < least ? type : factory.createOptionalTypeNode(type);
    });
    if (tuple.items !== false) {
      const rest = upstream.transformSchemaObject(upstreamSchema(tuple.items ?? {}), {
        ctx: context,
        path: '#/Schemas',
      });
      elements.push(factory.createRestTypeNode(factory.createArrayTypeNode(rest)));
    }
    return factory.createTupleTypeNode(elements);
  };

  const schemas = [...definitions].map(([name, schema]) => {
    const alias = aliasNames.get(name);
    return member(
      name,
      schema,
      alias === undefined ? typeOf(schema) : factory.createTypeReferenceNode(alias),
    );
  });
  const aliases = [...aliasNames].map(([name, alias]) =>
    factory.createTypeAliasDeclaration(undefined, alias, undefined, typeOf(definitions.get(name)!)),
  );
  const operations = surface.operations.map(({ operation, input, results, refusals }) =>
    member(
      operation.id,
      {},
      typeOf({
        type: 'object',
        properties: {
          input: typeable(input),
          results: {
            type: 'object',
            properties: Object.fromEntries(results.map(({ status, schema }) => [status, typeable(schema)])),
            required: results.map(({ status }) => status),
          },
          ...(refusals.length > 0 && { refusals: refusalsType(refusals) }),
        },
        required: ['input', 'results', ...(refusals.length > 0 ? ['refusals'] : [])],
      }),
    ),
  );
  const events = surface.events.map(({ event, payload }) => member(event.id, {}, typeOf(typeable(payload))));

  const nodes = [
    interfaceOf('Schemas', schemas),
    interfaceOf('Operations', operations),
    interfaceOf('Events', events),
    ...aliases,
  ];
  const text = upstream.astToString(nodes);
  return compilable(text.includes('WithRequired<') ? text + WITH_REQUIRED : text);
}

function refusalsType(refusals: readonly SurfaceRefusal[]): TypeableObject {
  const members = refusals.map(({ code, statuses, schema }): [string, TypeableObject] => [
    code,
    {
      type: 'object',
      properties: {
        status: typeable(statuses === undefined ? { type: 'integer' } : { enum: [...statuses] }),
        body: typeable(schema ?? { type: 'null' }),
      },
      required: ['status', 'body'],
    },
  ]);
  return {
    type: 'object',
    properties: Object.fromEntries(members),
    required: refusals.map(({ code }) => code),
  };
}

/**
 * Upstream's helper demands `K extends keyof T`, which fails where `T` is a union whose arms do not all have the
 * property (TS2344): there the property is made required in the arms that have it.
 */
const WITH_REQUIRED = `type WithRequired<T, K extends PropertyKey> = T extends unknown ? T & {
    [P in K & keyof T]-?: T[P];
} : never;
`;

function transformContext(
  definitions: ReadonlyMap<string, TypeableSchema>,
  aliasNames: ReadonlyMap<string, string>,
): GlobalContext {
  const nameByAlias = new Map([...aliasNames].map(([name, alias]) => [alias, name]));
  const context: Omit<GlobalContext, 'redoc'> = {
    additionalProperties: false,
    alphabetize: false,
    arrayLength: false,
    // A property with a default may still be absent: from a request by right, from a response in fact.
    defaultNonNullable: false,
    discriminators: { objects: {}, refsHandled: [] },
    emptyObjectsUnknown: true,
    enum: false,
    enumValues: false,
    conditionalEnums: false,
    dedupeEnums: false,
    excludeDeprecated: false,
    exportType: false,
    immutable: false,
    injectFooter: [],
    pathParamsAsTypes: false,
    postTransform: undefined,
    propertiesRequiredByDefault: false,
    rootTypes: false,
    rootTypesNoSchemaPrefix: false,
    rootTypesKeepCasing: false,
    silent: true,
    transform: undefined,
    transformProperty: undefined,
    makePathsEnum: false,
    generatePathParams: false,
    readWriteMarkers: false,
    // Asked only for the properties that `required` beside an `allOf` may name.
    resolve: <T>(reference: string) => {
      const alias = /^#\/(Recursive\d+)$/.exec(reference)?.[1];
      const name =
        alias === undefined
          ? definitionName({ $ref: reference.replace('#/Schemas/', '#/$defs/') })
          : nameByAlias.get(alias);
      if (name === undefined) return undefined;
      return { properties: propertiesOf(name, definitions, new Set()) } as T;
    },
  };
  // `redoc` configures the bundler, which is not used.
  return context as GlobalContext;
}

/** All properties of a definition, those it has from `allOf` included. */
function propertiesOf(
  name: string,
  definitions: ReadonlyMap<string, TypeableSchema>,
  seen: Set<string>,
): Record<string, unknown> {
  if (seen.has(name)) return {};
  seen.add(name);
  const found: Record<string, unknown> = Object.create(null);
  const visit = (schema: TypeableSchema | undefined): void => {
    if (!schema) return;
    for (const key of Object.keys(schema.properties ?? {})) found[key] = {};
    const reference = schema.$ref === undefined ? undefined : definitionName({ $ref: schema.$ref });
    if (reference !== undefined) Object.assign(found, propertiesOf(reference, definitions, seen));
    for (const part of schema.allOf ?? []) visit(part);
  };
  visit(definitions.get(name));
  return found;
}

/** The schema with `#/$defs/<name>` as the type that upstream prints for a reference: `Schemas["<name>"]` or an alias. */
function named(schema: TypeableSchema, aliasNames: ReadonlyMap<string, string>): UpstreamSchema {
  const rename = (here: TypeableSchema): TypeableSchema => {
    if (here === false) return here;
    const map = (list: readonly TypeableSchema[] | undefined): TypeableSchema[] | undefined =>
      list?.map(rename);
    const name = here.$ref === undefined ? undefined : definitionName({ $ref: here.$ref });
    const alias = name === undefined ? undefined : aliasNames.get(name);
    return {
      ...here,
      ...(here.$ref !== undefined && {
        $ref: alias === undefined ? here.$ref.replace('#/$defs/', '#/Schemas/') : `#/${alias}`,
      }),
      ...(here.allOf && { allOf: map(here.allOf)! }),
      ...(here.anyOf && { anyOf: map(here.anyOf)! }),
      ...(here.prefixItems && { prefixItems: map(here.prefixItems)! }),
      ...(here.items !== undefined && { items: rename(here.items) }),
      ...(here.additionalProperties !== undefined && {
        additionalProperties: rename(here.additionalProperties),
      }),
      ...(here.properties && {
        properties: Object.fromEntries(
          Object.entries(here.properties).map(([key, property]) => [key, rename(property)]),
        ),
      }),
    };
  };
  return upstreamSchema(rename(schema));
}

/** A typeable schema is one of upstream's; its types have no word for the boolean `false` and unions by presence. */
function upstreamSchema(schema: TypeableSchema | JsonSchema): UpstreamSchema {
  return schema as unknown as UpstreamSchema;
}

function annotationsOnly(schema: TypeableObject): {
  description?: string;
  title?: string;
  deprecated?: boolean;
} {
  const { title, description, deprecated } = schema;
  return {
    ...(title !== undefined && { title }),
    ...(description !== undefined && { description }),
    ...(deprecated && { deprecated }),
  };
}

import { secretName } from '@tenon/connector';
import { isObject, type Json } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { SchemaSide } from './contract-schemas.ts';
import { HIDDEN } from './journal.ts';

/** A body as it may be recorded: without what its contract calls a password, and what is named as people name secrets. */
export function withoutCredentials(body: Json, schemas: readonly JsonSchema[], side: SchemaSide): Json {
  return shown(body, schemas, false);

  function shown(value: Json, of: readonly JsonSchema[], isNamed: boolean): Json {
    const flats = of.map((schema) => side.flat(schema));
    if (isNamed || flats.some(({ format }) => format === 'password')) return value === null ? null : HIDDEN;
    if (Array.isArray(value)) {
      const items = flats.flatMap((flat): JsonSchema[] => (flat.items === undefined ? [] : [flat.items]));
      return value.map((item: Json) => shown(item, items, false));
    }
    if (!isObject(value)) return value;
    return Object.fromEntries(
      // A member of JSON is JSON.
      Object.entries(value as Readonly<Record<string, Json>>).map(([name, member]) => {
        const members = flats.flatMap((flat): JsonSchema[] => {
          const schema = flat.properties?.[name] ?? flat.additionalProperties;
          return schema === undefined ? [] : [schema];
        });
        return [name, shown(member, members, secretName(name))];
      }),
    );
  }
}

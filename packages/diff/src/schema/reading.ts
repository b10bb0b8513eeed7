import { isObject } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { SchemaBundle } from './dialect.ts';

/**
 * The other meaning that 2019-09 leaves open for a bare schema: there `format` is an annotation unless a validator is
 * told otherwise. A verdict about such a schema counts only when it is the same under both. Drafts 6 and 7 let a
 * validator check formats and all do; documents in 2020-12 are read as contracts are. `undefined` when there is
 * nothing to read otherwise.
 */
export function otherReading(bundle: SchemaBundle): SchemaBundle | undefined {
  if (bundle.dialect !== 'draft2019-09') return undefined;
  let changed = false;
  const visit = (here: unknown): unknown => {
    if (Array.isArray(here)) return here.map(visit);
    if (!isObject(here)) return here;
    const made: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(here)) {
      if (keyword === 'format' && typeof value === 'string') {
        changed = true;
        continue;
      }
      Object.defineProperty(made, keyword, {
        value: keyword === 'enum' || keyword === 'const' ? value : visit(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return made;
  };
  // The copy has the shape of what was copied.
  const schema = visit(bundle.schema) as JsonSchema;
  const definitions = visit(bundle.definitions) as Readonly<Record<string, JsonSchema>>;
  return changed ? { ...bundle, schema, definitions } : undefined;
}

import { isObject } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import type { SchemaBundle } from './dialect.ts';

/**
 * The other meaning that older specifications leave open for a bare schema: `format` as an annotation (2019-09;
 * draft 7's `content*` likewise), and `\\d`, `\\w` by Unicode instead of ASCII. A verdict about a bare schema
 * counts only when it is the same under both. Documents in 2020-12 are read as contracts are: as Ajv reads them, with
 * formats checked. `undefined` when there is nothing to read otherwise.
 */
export function otherReading(bundle: SchemaBundle): SchemaBundle | undefined {
  if (bundle.dialect === 'draft2020-12') return undefined;
  const isAnnotation = bundle.dialect === 'draft2019-09';
  let changed: string | undefined;
  const visit = (here: unknown): unknown => {
    if (Array.isArray(here)) return here.map(visit);
    if (!isObject(here)) return here;
    const made: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(here)) {
      let next: unknown = value;
      let name = keyword;
      if (keyword === 'enum' || keyword === 'const') {
        made[keyword] = value;
        continue;
      }
      if (
        (keyword === 'format' && isAnnotation && typeof value === 'string') ||
        keyword === 'x-tenon-content'
      ) {
        changed ??= keyword;
        continue;
      }
      if (keyword === 'pattern' && typeof value === 'string') next = unicodeClasses(value);
      else if (keyword === 'patternProperties' && isObject(value)) {
        next = Object.fromEntries(
          Object.entries(value).map(([source, of]) => {
            const other = unicodeClasses(source);
            if (other !== source) changed ??= 'pattern';
            return [other, visit(of)];
          }),
        );
      } else next = visit(value);
      if (keyword === 'pattern' && next !== value) changed ??= 'pattern';
      name = keyword;
      Object.defineProperty(made, name, {
        value: next,
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
  return changed === undefined ? undefined : { ...bundle, schema, definitions, ambiguous: changed };
}

/** The pattern with `\\d` and `\\w` read by Unicode. */
function unicodeClasses(source: string): string {
  let isInClass = false;
  return source.replaceAll(/\\[\s\S]|[[\]]/g, (token) => {
    if (token === '[') isInClass = true;
    else if (token === ']') isInClass = false;
    const classes = UNICODE_CLASSES[token];
    if (classes === undefined) return token;
    return isInClass || classes.length === 6 ? classes : `[${classes}]`;
  });
}

/** Negated `\\W` has no plain spelling inside a class; it is left as it is. */
const UNICODE_CLASSES: Readonly<Record<string, string>> = {
  '\\d': '\\p{Nd}',
  '\\D': '\\P{Nd}',
  '\\w': '\\p{L}\\p{N}\\p{M}_',
};

import { fromPointer, isObject, toPointer } from '@tenon/model';
import type { JsonSchema } from './schema.ts';
import type { SchemaIssue } from './validate.ts';

/** Keywords by which a field is refused that the schema does not know: its name is all that there is to say. */
const REFUSES_NAMES: ReadonlySet<string> = new Set(['additionalProperties', 'unevaluatedProperties']);
const PLAIN_WORD = /^[A-Za-z_][A-Za-z_-]{0,39}\d{0,2}$/;

/** Issues of a schema with `*` in their pointers for each member of the value that the schema does not name. */
export function declaredNamesOnly(schema: JsonSchema): (issue: SchemaIssue, value: unknown) => SchemaIssue {
  // Looked for when something is at fault: most values fit.
  let names: ReadonlySet<string> | undefined;
  return (issue, value) => {
    const tokens = fromPointer(issue.pointer);
    let here = value;
    const shown = tokens.map((token, index) => {
      const isItem = Array.isArray(here);
      here = isItem || isObject(here) ? (here as Readonly<Record<string, unknown>>)[token] : undefined;
      if (isItem) return token;
      names ??= namesIn(schema);
      const isRefused = index === tokens.length - 1 && REFUSES_NAMES.has(issue.keyword);
      return names.has(token) || (isRefused && PLAIN_WORD.test(token)) ? token : '*';
    });
    return { ...issue, pointer: toPointer(shown) };
  };
}

function namesIn(schema: JsonSchema): ReadonlySet<string> {
  const found = new Set<string>();
  const seen = new Set<object>();
  const visit = (here: unknown): void => {
    if (typeof here !== 'object' || here === null || seen.has(here)) return;
    seen.add(here);
    if (!Array.isArray(here)) {
      const { properties, required, dependentRequired } = here as Readonly<Record<string, unknown>>;
      if (isObject(properties)) for (const name of Object.keys(properties)) found.add(name);
      for (const list of [required, ...(isObject(dependentRequired) ? Object.values(dependentRequired) : [])])
        if (Array.isArray(list)) for (const name of list) found.add(String(name));
    }
    for (const member of Object.values(here)) visit(member);
  };
  visit(schema);
  return found;
}

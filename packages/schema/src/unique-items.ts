import { canonicalJson } from '@tenon/model';
import type { ErrorObject, FuncKeywordDefinition } from 'ajv/dist/2020.js';

/**
 * `uniqueItems` in one pass over the items. Ajv's own holds each object against every other: a list of tens of
 * thousands, sent from outside, would hold the process for seconds.
 */
export const uniqueItems: FuncKeywordDefinition = {
  keyword: 'uniqueItems',
  type: 'array',
  schemaType: 'boolean',
  errors: true,
  validate: hasUniqueItems,
};

function hasUniqueItems(isAsked: boolean, items: readonly unknown[]): boolean {
  const params = isAsked ? firstRepeat(items) : undefined;
  hasUniqueItems.errors = params
    ? [{ keyword: 'uniqueItems', params, message: 'must have no equal items' }]
    : [];
  return params === undefined;
}
/** Of the last call: where Ajv looks for them. */
hasUniqueItems.errors = [] as Partial<ErrorObject>[];

/** Two items that are equal as JSON; `j` comes first. */
function firstRepeat(items: readonly unknown[]): { readonly i: number; readonly j: number } | undefined {
  const seen = new Map<string, number>();
  for (const [i, item] of items.entries()) {
    const key = canonicalJson(item);
    const j = seen.get(key);
    if (j !== undefined) return { i, j };
    seen.set(key, i);
  }
  return undefined;
}

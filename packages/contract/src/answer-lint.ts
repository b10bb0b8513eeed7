import { definitionName, isSchemaObject, type JsonSchema } from '@tenon/schema';
import type { Built } from './build.ts';
import type { Findings } from './findings.ts';
import type { MediaType } from './ir.ts';
import type { Place } from './place.ts';

/** Schemas looked into for one answer: a union of more is left alone. */
const LOOKED_INTO_MAX = 200;

/**
 * Answers that no run could take: text, and bytes as base64, are read as one text, which a schema for an object refuses. A response that
 * also comes as JSON is asked for as that, so XML beside it does no harm; one status of a `default` is no success.
 */
export function lintAnswers(
  { operations }: Built,
  definitions: Readonly<Record<string, JsonSchema>>,
  origins: ReadonlyMap<object, Place>,
  findings: Findings,
): void {
  const seen = new Set<object>();
  for (const operation of operations.values()) {
    if (operation.kind === 'message') continue;
    for (const { status, content } of operation.responses) {
      if (!status.startsWith('2') || !content.every(isReadAsText)) continue;
      for (const media of content) {
        const place = origins.get(media);
        if (!place || seen.has(media)) continue;
        seen.add(media);
        if (media.schema === undefined || mayBeText(media.schema, definitions)) continue;
        findings.add('contract-answer-is-text', place, {
          message: `${JSON.stringify(media.type)} is read as ${/^text\//i.test(media.type) ? 'a text' : 'bytes (a text of base64)'}, and the schema takes no text`,
          onKey: true,
        });
      }
    }
  }
}

/** All that is no JSON and no form, ranges that take them included. */
function isReadAsText({ type }: MediaType): boolean {
  return !/^(?:\*\/\*|application\/\*|(?:application|text)\/json\b|[^;]+\+json\b|application\/x-www-form-urlencoded\b)/i.test(
    type,
  );
}

/** Careful: what cannot be told may be one. */
function mayBeText(schema: JsonSchema, definitions: Readonly<Record<string, JsonSchema>>): boolean {
  let left = LOOKED_INTO_MAX;
  const look = (one: JsonSchema): boolean => {
    if (left-- <= 0) return true;
    if (!isSchemaObject(one)) return one;
    const name = definitionName(one);
    const referred = name === undefined ? undefined : definitions[name];
    if (referred !== undefined && !look(referred)) return false;
    if (one.type !== undefined && ![one.type].flat().includes('string')) return false;
    if (one.enum !== undefined && !one.enum.some((value) => typeof value === 'string')) return false;
    if (one.allOf?.some((branch) => !look(branch))) return false;
    for (const branches of [one.anyOf, one.oneOf])
      if (branches !== undefined && !branches.some(look)) return false;
    return true;
  };
  return look(schema);
}

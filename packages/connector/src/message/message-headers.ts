import type { Json, JsonObject } from '@tenon/model';

/**
 * The declared ones among a message's headers, each under its name as the contract has it and as the value that its text
 * stands for. Names of headers know no case. What does not stand for a value of its types stays a text, for the schema to refuse.
 */
export function readHeaders(
  declared: Readonly<Record<string, readonly string[]>>,
  /** Lower-case names. */
  given: Readonly<Record<string, string>>,
  contentType?: string,
): JsonObject {
  const found: [string, Json][] = [];
  for (const [name, types] of Object.entries(declared)) {
    const key = name.toLowerCase();
    // Brokers keep it apart from the headers.
    const text = Object.hasOwn(given, key) ? given[key] : key === 'content-type' ? contentType : undefined;
    if (text !== undefined) found.push([name, valueMeant(text, types)]);
  }
  return Object.fromEntries(found);
}

function valueMeant(text: string, types: readonly string[]): Json {
  if (types.length === 0 || types.includes('string')) return text;
  if (types.includes('integer') && /^-?\d{1,15}$/.test(text)) return Number(text);
  if (types.includes('number') && /^-?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,3})?$/.test(text))
    return Number(text);
  if (types.includes('boolean') && (text === 'true' || text === 'false')) return text === 'true';
  if (types.includes('object') || types.includes('array')) {
    try {
      // JSON text parses to JSON.
      return JSON.parse(text) as Json;
    } catch {
      return text;
    }
  }
  return types.includes('null') && (text === '' || text === 'null') ? null : text;
}

/** Headers of an input as they go out: lower-case names, lists and objects as JSON. A null one is left out; `undefined`: one cannot be sent. */
export function sentHeaders(given: Json | undefined): Record<string, string> | undefined {
  const headers: Record<string, string> = {};
  // Held against its schema, which is that of an object.
  for (const [name, value] of Object.entries((given ?? {}) as JsonObject)) {
    if (value === null || value === undefined) continue;
    const text = typeof value === 'string' ? value : JSON.stringify(value);
    if (!/^[!#$%&'*+.^_`|~\w-]+$/.test(name) || !SENDABLE.test(text)) return undefined;
    headers[name.toLowerCase()] = text;
  }
  return headers;
}

/** Nothing that ends a line, for brokers whose headers are lines: no control character but the tab. */
const SENDABLE = /^(?:\t|\P{Cc})*$/u;

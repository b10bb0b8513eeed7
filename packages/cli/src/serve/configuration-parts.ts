import { digestOf, isObject, type Json } from '@tenon/model';
import { parse } from 'yaml';

/**
 * Parts of `tenon.config.yaml` (`server.operators`, `connections.billing`), each by the digest of what it says: what tells that, and where, it has
 * changed, and nothing of what stands in it. Comments and order are no part of it.
 */
export function configurationParts(text: string): Readonly<Record<string, string>> {
  const config: unknown = parse(text);
  const entries = isObject(config) ? Object.entries(config) : [];
  return Object.fromEntries(
    entries.flatMap(([name, value]) =>
      isObject(value)
        ? Object.entries(value).map(([part, own]) => [`${name}.${part}`, digest(own)])
        : [[name, digest(value)]],
    ),
  );
}

/** What is nothing in YAML is null in JSON. */
function digest(value: unknown): string {
  return digestOf((value ?? null) as Json);
}

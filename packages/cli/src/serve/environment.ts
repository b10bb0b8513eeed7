import { isObject, isSecretReference } from '@tenon/model';
import type { WorkspaceConfig } from '@tenon/pipeline';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { renderTable } from '../text/table.ts';

/** An environment variable that `tenon.config.yaml` names and that holds nothing. */
export interface UnsetVariable {
  readonly name: string;
  /** Members of the configuration that name it: `connections.shop.baseUrl`. */
  readonly places: readonly string[];
  /** Nothing can start without it. */
  readonly isNeeded: boolean;
}

/** All of them, in the order in which the configuration names them. */
export function unsetVariables(config: WorkspaceConfig, { env }: Pick<Io, 'env'>): readonly UnsetVariable[] {
  const places = new Map<string, string[]>();
  for (const { name, place } of namedVariables(config)) {
    if (env[name]) continue;
    places.set(name, [...(places.get(name) ?? []), place]);
  }
  const managers = managersNeeded(config);
  return [...places].map(([name, own]) => ({
    name,
    places: own,
    isNeeded: own.some(
      (place) => NEEDED.test(place) || managers.some((manager) => place.startsWith(manager)),
    ),
  }));
}

/**
 * Addresses are taken once, without a key, a token or a store there is nothing to begin with, and a ledger whose witness
 * hears nothing is not the one that was asked for; the rest is read at its first use.
 */
const NEEDED =
  /^connections\..*\.(?:baseUrl$|tokenUrls\.)|^engine\.encryption\.|^server\.operators\[|^ledger\.(?:key|checkpoints\.witness)$|^quotas\./;

/** Where the managers are configured that something needed is kept in: with `engine.encryption.keys[0].key: vault:…`, `secrets.vault.`. */
function managersNeeded(config: WorkspaceConfig): readonly string[] {
  const references = textsOf(config, '').filter(
    ({ text, place }) => NEEDED.test(place) && isSecretReference(text),
  );
  return [...new Set(references.map(({ text }) => `secrets.${text.slice(0, text.indexOf(':'))}.`))];
}

/** Every `env:NAME` of the configuration, and where it stands. */
export function namedVariables(
  config: unknown,
): readonly { readonly name: string; readonly place: string }[] {
  return textsOf(config, '').flatMap(({ text, place }) => {
    const name = /^env:([A-Za-z_][A-Za-z0-9_]*)$/.exec(text)?.[1];
    return name === undefined ? [] : [{ name, place }];
  });
}

/** Paths of the files that a start takes a key, a token or a password from, once; any other `file:` is read anew at each use. */
export function filesOfStart(config: WorkspaceConfig): readonly string[] {
  return textsOf(config, '').flatMap(({ text, place }) =>
    NEEDED.test(place) && text.startsWith('file:') ? [text.slice('file:'.length)] : [],
  );
}

function textsOf(
  value: unknown,
  place: string,
): readonly { readonly text: string; readonly place: string }[] {
  if (typeof value === 'string') return [{ text: value, place }];
  if (Array.isArray(value)) return value.flatMap((one, index) => textsOf(one, `${place}[${index}]`));
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, one]) => textsOf(one, place === '' ? key : `${place}.${key}`));
}

/** What is said of them before a start: each once, and whether it goes on. */
export function unsetWords(unset: readonly UnsetVariable[]): string {
  const isStopped = unset.some(({ isNeeded }) => isNeeded);
  const what = `${plural(unset.length, 'environment variables')} of tenon.config.yaml ${unset.length === 1 ? 'is' : 'are'} not set`;
  const listed = renderTable(
    ['VARIABLE', 'NEEDED', 'FOR'],
    unset.map(({ name, places, isNeeded }) => [name, isNeeded ? 'to start' : 'when used', places.join(', ')]),
  );
  const isKeyless = unset.some(({ places }) =>
    places.some((place) => place.startsWith('engine.encryption.keys')),
  );
  const locked = isKeyless
    ? 'RUNTIME_KEY_MISSING: a key that stored data is encrypted with is among them; see `tenon explain RUNTIME_KEY_MISSING`\n'
    : '';
  return isStopped
    ? `not started: ${what}\n${listed}\n${locked}set them and start again; to try it without the real systems, \`tenon sandbox\` says what to set\n`
    : `${what}: what uses them fails until it is started again with them\n${listed}\n`;
}

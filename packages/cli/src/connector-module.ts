import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConnectorModule, connectorApiProblem } from '@tenon/connector';
import { isObject } from '@tenon/model';
import { exists } from './root.ts';

/** Where a connector's own code may stand, in the order looked for. */
const ENTRIES = ['src/index.ts', 'dist/index.js', 'index.js'];

/** Loads the code of a connector folder; TypeScript needs no build (tsx). A folder without code gives an empty module. */
export async function loadConnectorModule(
  folder: string,
  /** `anyApi`: also one that this Tenon does not support, to be told so by a check. */
  options: { readonly anyApi?: boolean } = {},
): Promise<ConnectorModule> {
  for (const entry of ENTRIES) {
    const path = join(folder, entry);
    if (!(await exists(path))) continue;
    const url = pathToFileURL(path).href;
    const namespace: unknown = path.endsWith('.ts') ? await importTypeScript(url) : await import(url);
    const module = isObject(namespace) ? namespace['default'] : undefined;
    if (!isObject(module))
      throw new Error(`${path} has no default export; export \`defineConnector({ … })\``);
    const problem = options.anyApi ? undefined : connectorApiProblem(module);
    if (problem !== undefined) throw new Error(`${path}: ${problem}`);
    return module as ConnectorModule;
  }
  return {};
}

/** Node strips types itself outside `node_modules`; inside it, or for syntax it cannot strip, tsx does. */
async function importTypeScript(url: string): Promise<unknown> {
  if (!url.includes('/node_modules/')) return import(url);
  const { tsImport } = await import('tsx/esm/api');
  return tsImport(url, import.meta.url);
}

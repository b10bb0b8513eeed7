import { registerHooks } from 'node:module';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConnectorModule, connectorApiProblem } from '@tenon/connector';
import { isObject } from '@tenon/model';
import { CONNECTOR_ENTRIES } from '@tenon/pipeline';
import { isNotFound, noConnector, notLoaded } from './connector-code-error.ts';
import { exists } from './root.ts';

/**
 * Loads the code of a connector; TypeScript needs no build. `folder` is relative to the workspace's `root`. A folder without code gives an
 * empty module. Code that cannot be loaded, or is none of a connector, throws `ConnectorCodeError`.
 */
export async function loadConnectorModule(
  root: string,
  folder: string,
  /** `anyApi`: also one that this Tenon does not support, to be told so by a check. */
  options: { readonly anyApi?: boolean } = {},
): Promise<ConnectorModule> {
  for (const entry of CONNECTOR_ENTRIES) {
    const file = join(folder, entry).split(sep).join('/');
    const path = join(root, file);
    if (!(await exists(path))) continue;
    const namespace: unknown = await imported(path).catch((error: unknown) => {
      throw notLoaded(error, root, file);
    });
    const module = isObject(namespace) ? namespace['default'] : undefined;
    if (!isObject(module))
      throw noConnector('there is no default export', 'export default defineConnector({ … })', root, file);
    const problem = options.anyApi ? undefined : connectorApiProblem(module);
    if (problem !== undefined) throw noConnector(problem, undefined, root, file);
    return module as ConnectorModule;
  }
  return {};
}

/** Node strips types itself outside `node_modules`; inside it, or for syntax it cannot strip, tsx does. */
async function imported(path: string): Promise<unknown> {
  resolveOurPackages();
  const url = pathToFileURL(path).href;
  const byTsx = async (): Promise<unknown> => {
    const { tsImport } = await import('tsx/esm/api');
    return tsImport(url, import.meta.url);
  };
  if (!path.endsWith('.ts')) return import(url);
  if (url.includes('/node_modules/')) return byTsx();
  try {
    return await import(url);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
      return byTsx();
    throw error;
  }
}

let areOursResolved = false;

/**
 * A workspace that was made by `tenon init` has installed nothing, and one that has installed `tenon` does not see what that stands on: what its
 * connectors import of ours is then that of the Tenon that loads them.
 */
function resolveOurPackages(): void {
  if (areOursResolved) return;
  areOursResolved = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      if (!specifier.startsWith('@tenon/')) return next(specifier, context);
      try {
        return next(specifier, context);
      } catch (error) {
        if (!isNotFound(error)) throw error;
        return next(specifier, { ...context, parentURL: import.meta.url });
      }
    },
  });
}

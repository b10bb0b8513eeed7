import { createRequire, type ResolveHookSync, registerHooks } from 'node:module';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ConnectorModule, connectorApiProblem, moduleProblem } from '@tenon/connector';
import { isObject } from '@tenon/model';
import { CONNECTOR_ENTRIES } from '@tenon/pipeline';
import { exists } from '../workspace/root.ts';
import { isNotFound, noConnector, notLoaded, wrongHook } from './connector-code-error.ts';

/**
 * Loads the code of a connector; TypeScript needs no build. `folder` is relative to the workspace's `root`. A folder without code gives an
 * empty module. Code that cannot be loaded, or is none of a connector, throws `ConnectorCodeError`.
 */
export async function loadConnectorModule(
  root: string,
  folder: string,
  options: {
    /** Also one that this Tenon does not support, to be told so by a check. */
    readonly anyApi?: boolean;
    /** One of `nextEdition`: as it stands now, whatever was loaded before. */
    readonly edition?: number;
  } = {},
): Promise<ConnectorModule> {
  for (const entry of CONNECTOR_ENTRIES) {
    const file = join(folder, entry).split(sep).join('/');
    const path = join(root, file);
    if (!(await exists(path))) continue;
    const namespace: unknown = await imported(path, options.edition).catch((error: unknown) => {
      throw notLoaded(error, root, file);
    });
    const module = defaultOf(namespace);
    if (!isObject(module))
      throw noConnector('there is no default export', 'export default defineConnector({ … })', root, file);
    const problem = connectorApiProblem(module);
    if (problem !== undefined && !options.anyApi) throw noConnector(problem, undefined, root, file);
    // Of another version the hooks may be others.
    const misshapen = problem === undefined ? moduleProblem(module) : undefined;
    if (misshapen) throw wrongHook(misshapen, root, file);
    return module as ConnectorModule;
  }
  return {};
}

/** tsx gives what is in no package that says it is a module as one of CommonJS: its exports are then the default. */
function defaultOf(namespace: unknown): unknown {
  const exported = isObject(namespace) ? namespace['default'] : undefined;
  return isObject(exported) && exported['__esModule'] === true ? exported['default'] : exported;
}

/** The query by which a module is known to be of an edition. */
const EDITION = 'tenon-edition';

let lastEdition = 0;

/**
 * Modules are kept by their URL for as long as the process lives. Whatever of the workspace is loaded under a new edition is read anew, but for what
 * is installed (`node_modules`): that is taken at the next start. What was loaded before stays in memory, which is for a person at a terminal.
 */
export function nextEdition(root: string): number {
  lastEdition += 1;
  forgetRequired(root);
  return lastEdition;
}

/** Node strips types itself outside `node_modules`; inside it, or for syntax it cannot strip, tsx does. */
async function imported(path: string, edition: number | undefined): Promise<unknown> {
  addHooks();
  const url = pathToFileURL(path).href;
  const byTsx = async (): Promise<unknown> => {
    const { tsImport } = await import('tsx/esm/api');
    // It keeps nothing from one call to the next.
    return tsImport(url, import.meta.url);
  };
  if (path.endsWith('.ts') && isInstalled(url)) return byTsx();
  try {
    return await import(edition === undefined || isInstalled(url) ? url : ofEdition(url, edition));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX')
      return byTsx();
    throw error;
  }
}

function isInstalled(url: string): boolean {
  return url.includes('/node_modules/');
}

function ofEdition(url: string, edition: number | string): string {
  const its = new URL(url);
  its.searchParams.set(EDITION, String(edition));
  return its.href;
}

/** What was required is kept by its path, which has no query. */
function forgetRequired(root: string): void {
  const { cache } = createRequire(import.meta.url);
  for (const path of Object.keys(cache))
    if (path.startsWith(root + sep) && !isInstalled(pathToFileURL(path).href)) delete cache[path];
}

let areAdded = false;

function addHooks(): void {
  if (areAdded) return;
  areAdded = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      if (specifier.startsWith('@tenon/')) return ours(specifier, context, next);
      const found = next(specifier, context);
      const edition = editionOf(context.parentURL);
      // Of a module with an edition: what it imports has the same, so that none is of two.
      return edition === undefined || !found.url.startsWith('file:') || isInstalled(found.url)
        ? found
        : { ...found, url: ofEdition(found.url, edition) };
    },
  });
}

function editionOf(url: string | undefined): string | undefined {
  return url?.includes(`${EDITION}=`) ? (new URL(url).searchParams.get(EDITION) ?? undefined) : undefined;
}

/**
 * A workspace that was made by `tenon init` has installed nothing, and one that has installed `tenon` does not see what that stands on: what its
 * connectors import of ours is then that of the Tenon that loads them.
 */
const ours: ResolveHookSync = (specifier, context, next) => {
  try {
    return next(specifier, context);
  } catch (error) {
    if (!isNotFound(error)) throw error;
    return { url: import.meta.resolve(specifier), shortCircuit: true };
  }
};

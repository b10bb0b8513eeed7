import { type ConnectorManifest, loadManifest } from '@tenon/connector';
import type { UsageBetween } from '@tenon/contract';
import { textRange } from '@tenon/document';
import type { Diagnostic, Location } from '@tenon/model';
import type { Previous } from '@tenon/testkit';
import { cliDiagnostic } from '../cli-rules.ts';
import type { ContractBase } from './contract-base.ts';
import type { Session } from './session.ts';

/**
 * Finds a connector as it stood in a base: in its folder, or in another if that was renamed since, as a connector is known by its name;
 * `undefined` for one that is new.
 */
export function previousConnectors(
  base: ContractBase,
  session: Session,
): (name: string) => Promise<Previous | undefined> {
  // Most stand where they stood: what lay elsewhere is read only if one does not, and once.
  let moved: Promise<ReadonlyMap<string, ConnectorManifest>> | undefined;
  return async (name) => {
    const there = await manifestIn(base, manifestPath(session, name));
    if (there?.name !== name) moved ??= movedManifests(base);
    const manifest = there?.name === name ? there : (await moved)?.get(name);
    const contract = manifest && base.contracts.get(manifest.contract);
    return manifest && contract ? { name: base.name, manifest, contract } : undefined;
  };
}

async function movedManifests(base: ContractBase): Promise<ReadonlyMap<string, ConnectorManifest>> {
  const earlier = new Map<string, ConnectorManifest>();
  for (const path of await base.changedIn('connectors')) {
    const manifest = MANIFEST.test(path) ? await manifestIn(base, path) : undefined;
    if (manifest !== undefined) earlier.set(manifest.name, manifest);
  }
  return earlier;
}

const MANIFEST = /^connectors\/[^/]+\/connector\.yaml$/;

async function manifestIn(base: ContractBase, path: string): Promise<ConnectorManifest | undefined> {
  const text = await base.read(path);
  return text === undefined ? undefined : loadManifest(path, text).value?.manifest;
}

/** Connectors whose version number says less than what has changed in them or in their contract since the base. */
export async function checkConnectorVersions(
  base: ContractBase,
  session: Session,
  usage: UsageBetween,
  read: (path: string) => Promise<string>,
): Promise<readonly Diagnostic[]> {
  const { connectors, contracts } = session.workspace;
  const before = previousConnectors(base, session);
  const found: Diagnostic[] = [];
  for (const [name, manifest] of connectors) {
    const contract = contracts.get(manifest.contract);
    const previous = contract && (await before(name));
    if (!previous) continue;
    const { versionProblem } = await import('@tenon/testkit');
    const problem = versionProblem({ manifest, contract }, previous, { usage });
    if (problem === undefined) continue;
    const file = manifestPath(session, name);
    found.push(
      cliDiagnostic('connector-version-too-low', {
        message: `connector \`${name}\`: ${problem}`,
        at: versionPlace(file, await read(file)),
        subject: name,
      }),
    );
  }
  return found;
}

function manifestPath(session: Session, name: string): string {
  return `${session.workspace.connectorFolders.get(name)}/connector.yaml`;
}

/** Where a manifest says its version: the first member of that name, which is the one of `metadata`. */
function versionPlace(file: string, text: string): Location {
  const [whole, lead] = /(\bversion:\s*)[^\s,}]+/d.exec(text) ?? ['', ''];
  const start = text.indexOf(whole) + lead!.length;
  return { file, range: textRange(text, start, start + whole.length - lead!.length) };
}

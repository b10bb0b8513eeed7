import { loadManifest } from '@tenon/connector';
import { textRange } from '@tenon/document';
import type { Diagnostic, Location } from '@tenon/model';
import type { Previous } from '@tenon/testkit';
import { cliDiagnostic } from './cli-rules.ts';
import type { ContractBase } from './contract-base.ts';
import type { Session } from './session.ts';

/** A connector as it stood in a base; `undefined` for one that is new. */
export async function previousConnector(
  base: ContractBase,
  session: Session,
  name: string,
): Promise<Previous | undefined> {
  const path = manifestPath(session, name);
  const text = await base.read(path);
  const manifest = text === undefined ? undefined : loadManifest(path, text).value?.manifest;
  const contract = manifest && base.contracts.get(manifest.contract);
  return manifest && contract ? { name: base.name, manifest, contract } : undefined;
}

/** Connectors whose version number says less than what has changed in them or in their contract since the base. */
export async function checkConnectorVersions(
  base: ContractBase,
  session: Session,
  read: (path: string) => Promise<string>,
): Promise<readonly Diagnostic[]> {
  const { connectors, contracts } = session.workspace;
  const found: Diagnostic[] = [];
  for (const [name, manifest] of connectors) {
    const contract = contracts.get(manifest.contract);
    const previous = contract && (await previousConnector(base, session, name));
    if (!previous) continue;
    const { versionProblem } = await import('@tenon/testkit');
    const problem = versionProblem({ manifest, contract }, previous);
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

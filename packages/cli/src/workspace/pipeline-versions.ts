import { parseDocument } from '@tenon/document';
import { atPointer, canonicalJson, type Diagnostic, isObject, type Location } from '@tenon/model';
import { isPipelineFile } from '@tenon/pipeline';
import { cliDiagnostic } from '../cli-rules.ts';
import type { ContractBase } from './contract-base.ts';
import type { Session } from './session.ts';

/**
 * Pipelines and reconciliations that say something else than in the base under a version that is not higher. What they say counts, not
 * their plans: a contract and a connector that come into a plan have versions of their own, and a policy that a hundred pipelines ask has its
 * own readers. The owner is part of what they say, as runs are parked with that of their plan.
 */
export async function checkPipelineVersions(
  base: ContractBase,
  session: Session,
): Promise<readonly Diagnostic[]> {
  const earlier = await saidByName(base);
  const names = [...earlier.keys()];
  const found: Diagnostic[] = [];
  for (const [file, text] of session.workspace.pipelineFiles) {
    // Not read where it can be none of them.
    if (!names.some((name) => text.includes(name))) continue;
    const after = saidBy(file, text);
    const before = after && earlier.get(after.name);
    if (after === undefined || before === undefined) continue;
    if (before.said === after.said || after.version > before.version) continue;
    const is = after.version === before.version ? 'is still' : `was ${before.version} and is`;
    found.push(
      cliDiagnostic('pipeline-version-not-raised', {
        message: `\`${after.name}\` says something else than in ${base.name}, and its version ${is} ${after.version}`,
        at: after.versionAt,
        subject: after.name,
      }),
    );
  }
  return found;
}

/** What the base says, by name, of what may be another: a pipeline is the same wherever its file lies. */
async function saidByName(base: ContractBase): Promise<ReadonlyMap<string, Said>> {
  const earlier = new Map<string, Said>();
  for (const file of await base.changedIn('pipelines')) {
    const text = isPipelineFile(file) ? await base.read(file) : undefined;
    const said = text === undefined ? undefined : saidBy(file, text);
    if (said !== undefined) earlier.set(said.name, said);
  }
  return earlier;
}

interface Said {
  readonly name: string;
  readonly version: number;
  readonly versionAt: Location;
  /** All but the version and the description, whatever its layout. */
  readonly said: string;
}

/** `undefined` of what cannot be read, which is told elsewhere. */
function saidBy(file: string, text: string): Said | undefined {
  const document = parseDocument(file, text).value;
  const value = document?.value;
  const [name, version] = [atPointer(value, '/metadata/name'), atPointer(value, '/metadata/version')];
  if (document === undefined || !isObject(value) || typeof name !== 'string' || typeof version !== 'number')
    return undefined;
  const { metadata: _, ...rest } = value;
  return { name, version, versionAt: document.locate('/metadata/version'), said: canonicalJson(rest) };
}

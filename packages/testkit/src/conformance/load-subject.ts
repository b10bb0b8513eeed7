import type { ConnectorManifest, ConnectorModule } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { Diagnostic } from '@tenon/model';
import type { Workspace } from '@tenon/pipeline';
import { contractSchemas } from '../sandbox/contract-schemas.ts';
import { untakenOf } from '../sandbox/engine.ts';
import { deriveRoles } from '../sandbox/resources.ts';
import { FIXTURES_FILE, type FixtureNames, readFixtures } from './read-fixtures.ts';
import { followingContract, type Previous, type Subject } from './subject.ts';
import { unfitValues } from './unfit-values.ts';

export interface SubjectSource {
  readonly workspace: Workspace;
  /** Of loading and checking the workspace; only those about this connector and its contract count. */
  readonly diagnostics: readonly Diagnostic[];
  readonly name: string;
  readonly module: ConnectorModule;
  readonly previous?: Previous;
  /** A file by its path in the workspace; `undefined` where there is none. */
  read(path: string): Promise<string | undefined>;
}

/** A connector of a workspace as the kit judges it; a text where there is none to judge, findings where its fixtures cannot be used. */
export async function loadSubject(
  source: SubjectSource,
): Promise<Subject | string | { readonly refused: readonly Diagnostic[] }> {
  const { workspace, name } = source;
  const manifest = workspace.connectors.get(name);
  const folder = workspace.connectorFolders.get(name);
  if (manifest === undefined || folder === undefined) {
    const known = [...workspace.connectors.keys()].join(', ');
    return `there is no connector ${name}; there are: ${known || 'none'}`;
  }
  const contract = workspace.contracts.get(manifest.contract);
  if (contract === undefined)
    return `connector ${name} speaks contract ${manifest.contract}, which cannot be read`;
  const file = `${folder}/${FIXTURES_FILE}`;
  const fixtures = readFixtures(file, await source.read(file), {
    names: namesOf(manifest, contract),
    untaken: (data) => untakenOf({ contract, manifest: followingContract(manifest) }, data),
    unfit: (fixtures) => unfitValues(fixtures, contract, manifest),
  });
  if (fixtures.value === undefined) return { refused: fixtures.diagnostics };
  const readme = await source.read(`${folder}/README.md`);
  return {
    manifest,
    contract,
    module: source.module,
    diagnostics: source.diagnostics.filter(
      ({ file }) =>
        file !== undefined &&
        (file.startsWith(`${folder}/`) || file.startsWith(`contracts/${manifest.contract}/`)),
    ),
    fixtures: fixtures.value,
    ...(readme !== undefined && { readme }),
    ...(source.previous && { previous: source.previous }),
  };
}

/** Names that the fixtures may use: operations as the manifest has them, and what the contract gives for the rest. */
function namesOf(manifest: ConnectorManifest, contract: Contract): FixtureNames {
  const operations = Object.keys(manifest.operations);
  const roles = deriveRoles(contract, contractSchemas(contract).response);
  return {
    inputs: operations,
    data: [...new Set([...roles.values()].map(({ collection }) => collection.name))].sort(),
    failures: ['defaults', ...operations],
    events: [...contract.events.keys()],
    compensations: operations,
  };
}

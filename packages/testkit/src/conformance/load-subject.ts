import type { ConnectorModule } from '@tenon/connector';
import { parseDocument } from '@tenon/document';
import { type Diagnostic, hasErrors, isObject } from '@tenon/model';
import type { Workspace } from '@tenon/pipeline';
import { type Fixtures, NO_FIXTURES, type Previous, type Subject } from './subject.ts';

/** Where the kit looks for what cannot be made up, beside the manifest. */
export const FIXTURES_FILE = 'fixtures/conformance.yaml';

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

/** A connector of a workspace as the kit judges it; a text where there is none to judge. */
export async function loadSubject(source: SubjectSource): Promise<Subject | string> {
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
  const fixtures = readFixtures(
    `${folder}/${FIXTURES_FILE}`,
    await source.read(`${folder}/${FIXTURES_FILE}`),
  );
  if (typeof fixtures === 'string') return fixtures;
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
    fixtures,
    ...(readme !== undefined && { readme }),
    ...(source.previous && { previous: source.previous }),
  };
}

const PARTS = Object.keys(NO_FIXTURES);

/** The fixtures of a file, empty where there is none; a text saying what is wrong with them. */
export function readFixtures(file: string, text: string | undefined): Fixtures | string {
  if (text === undefined) return NO_FIXTURES;
  const parsed = parseDocument(file, text);
  if (parsed.value === undefined || hasErrors(parsed.diagnostics))
    return `${file}: ${parsed.diagnostics[0]?.message ?? 'cannot be read'}`;
  const { value } = parsed.value;
  if (!isObject(value)) return `${file}: expected an object with ${PARTS.join(', ')}`;
  const strange = Object.keys(value).find((key) => !PARTS.includes(key));
  if (strange !== undefined) return `${file}: \`${strange}\` is none of ${PARTS.join(', ')}`;
  const wrong = PARTS.find((key) => value[key] !== undefined && !isObject(value[key]));
  if (wrong !== undefined) return `${file}: \`${wrong}\` must be an object`;
  // Each part is an object of JSON; what is in it is held against the contract where it is used.
  return { ...NO_FIXTURES, ...(value as unknown as Partial<Fixtures>) };
}

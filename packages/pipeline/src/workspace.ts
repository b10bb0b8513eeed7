import { type ConnectorManifest, loadManifest } from '@tenon/connector';
import {
  type Contract,
  type ContractSource,
  type DataClass,
  type LoadOptions,
  loadContract,
} from '@tenon/contract';
import { ignoredAllowances, type PositionedDocument, parseDocument } from '@tenon/document';
import { type Checked, compareDiagnostics, type Diagnostic, isObject, type JsonObject } from '@tenon/model';
import { secretDiagnostics } from './check/secrets.ts';
import { CONFIG_FILE, type ConnectionPlaces, readConfig, type WorkspaceConfig } from './load/config.ts';
import { namedBy } from './load/named-by.ts';
import { OWNERS_FILE, readOwners } from './load/owners.ts';
import { nodeWorkspaceFiles, type WorkspaceFiles } from './load/workspace-files.ts';
import { diagnostic } from './rules.ts';

export type {
  ConnectionPlaces,
  EncryptionConfig,
  LedgerConfig,
  Operator,
  WorkspaceConfig,
  WorkspaceConnection,
} from './load/config.ts';

/** A workspace folder, read: contracts, connectors and configuration, with all that is wrong about them. */
export interface Workspace {
  readonly root: string;
  readonly config: WorkspaceConfig;
  /** As it is written; empty where there is none. */
  readonly configText: string;
  /** Is there a `tenon.config.yaml` that can be read? Without one, connections are not checked. */
  readonly hasConfig: boolean;
  readonly connectionPlaces: ReadonlyMap<string, ConnectionPlaces>;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly connectors: ReadonlyMap<string, ConnectorManifest>;
  /** Contracts and connectors that are there and cannot be read: to miss them elsewhere would only repeat that. */
  readonly unreadable: ReadonlySet<string>;
  /** `connector.yaml` of each connector, with positions. */
  readonly connectorDocuments: ReadonlyMap<string, PositionedDocument>;
  /** Folder of each connector, relative to the root: its code and fixtures are below. */
  readonly connectorFolders: ReadonlyMap<string, string>;
  /** By connector, inputs of its operations that its author gives as examples (`fixtures/conformance.yaml`), as they are written. */
  readonly exampleInputs: ReadonlyMap<string, Readonly<Record<string, JsonObject>>>;
  /** Those with code of their own (`CONNECTOR_ENTRIES`). */
  readonly codedConnectors: ReadonlySet<string>;
  /** Text of each `*.pipeline.yaml` and `*.reconciliation.yaml`, by path relative to the root, sorted. */
  readonly pipelineFiles: ReadonlyMap<string, string>;
  readonly policyFiles: ReadonlyMap<string, string>;
  /** Teams of `owners.yaml`; absent when there is no such file. */
  readonly teams?: ReadonlySet<string>;
  /** Data classes that each of the teams may be shown. */
  readonly clearances?: ReadonlyMap<string, ReadonlySet<DataClass>>;
}

export interface WorkspaceOptions extends Pick<LoadOptions, 'cache'> {
  /**
   * Contracts read before, by name, and filled with those read now: one that is in here is not read again. Whoever
   * watches the files takes out what changed.
   */
  readonly kept?: Map<string, KeptContract>;
  /** Every finding about documents from elsewhere is told, of what no connector names, too. Default false. */
  readonly tellsAll?: boolean;
  /** Contracts to take in place of those in the files, and the names of those that cannot be read. */
  readonly given?: Pick<Workspace, 'contracts'> & { readonly unreadable: readonly string[] };
}

/** A contract as it was read, and what connectors named of it by then. */
export interface KeptContract extends Checked<Contract> {
  readonly named?: string;
}

/** Reads everything below `root` (contracts in parallel); never the network. */
export function loadWorkspace(root: string, options: WorkspaceOptions = {}): Promise<Checked<Workspace>> {
  return loadWorkspaceFiles(root, nodeWorkspaceFiles(root), options);
}

/** The same, from files given: in memory for tests, under unsaved texts for editors. */
export async function loadWorkspaceFiles(
  root: string,
  files: WorkspaceFiles,
  options: WorkspaceOptions = {},
): Promise<Checked<Workspace>> {
  const connecting = loadConnectors(files);
  const [configText, ownersText, contracts, connectors, pipelineFiles, policyFiles, fixtures] =
    await Promise.all([
      files.read(CONFIG_FILE),
      files.read(OWNERS_FILE),
      options.given
        ? { ...options.given, diagnostics: [] }
        : connecting.then(({ manifests }) => loadContracts(files, options, [...manifests.values()])),
      connecting,
      pipelineTexts(files),
      textsOf(files, 'pipelines/policies', (name) => name.endsWith('.yaml')),
      fixtureTexts(files),
    ]);
  const config = readConfig(configText ?? '');
  const owners = ownersText === undefined ? undefined : readOwners(ownersText);
  const found: Diagnostic[] = [
    ...(configText === undefined ? [] : config.diagnostics),
    ...(owners?.diagnostics ?? []),
    ...contracts.diagnostics,
    ...connectors.diagnostics,
    ...[
      ...(configText === undefined ? [] : [[CONFIG_FILE, configText] as const]),
      ...policyFiles,
      ...fixtures,
    ].flatMap(([file, text]) => secretDiagnostics(file, text)),
    // Contracts and manifests say so when they are read.
    ...[
      [CONFIG_FILE, configText ?? ''] as const,
      [OWNERS_FILE, ownersText ?? ''] as const,
      ...policyFiles,
    ].flatMap(([file, text]) => ignoredAllowances(file, text)),
  ];
  const workspace: Workspace = {
    root,
    config: config.config,
    configText: configText ?? '',
    hasConfig: configText !== undefined && config.isReadable,
    connectionPlaces: config.places,
    contracts: contracts.contracts,
    connectors: connectors.manifests,
    connectorDocuments: connectors.documents,
    connectorFolders: connectors.folders,
    exampleInputs: connectors.inputs,
    codedConnectors: connectors.coded,
    unreadable: new Set([...contracts.unreadable, ...connectors.unreadable]),
    pipelineFiles,
    policyFiles,
    ...(owners?.isReadable && { teams: owners.teams, clearances: owners.clearances }),
  };
  return { value: workspace, diagnostics: oncePerPlace(found.sort(compareDiagnostics)) };
}

/** A secret in a field for references is found by the field and by its looks; it is one finding. */
function oncePerPlace(sorted: readonly Diagnostic[]): readonly Diagnostic[] {
  return sorted.filter((one, index) => {
    const before = sorted[index - 1];
    const isSame = before?.code === one.code && before.file === one.file && one.range !== undefined;
    return !isSame || before?.range?.start.offset !== one.range.start.offset;
  });
}

/** Entry documents of a contract, the first that is there is taken. */
const CONTRACT_DOCUMENTS = [
  'openapi.yaml',
  'openapi.yml',
  'openapi.json',
  'asyncapi.yaml',
  'asyncapi.yml',
  'asyncapi.json',
];

async function loadContracts(
  files: WorkspaceFiles,
  { tellsAll = false, ...options }: WorkspaceOptions,
  manifests: readonly ConnectorManifest[],
): Promise<{
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly unreadable: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}> {
  const names = await files.folders('contracts');
  const loaded = await Promise.all(
    names.map(async (name): Promise<Checked<Contract>> => {
      const speaking = manifests.filter(({ contract }) => contract === name);
      const given = tellsAll || speaking.length === 0 ? {} : { named: namedBy(speaking) };
      const named = JSON.stringify([...(given.named?.operations ?? []), '', ...(given.named?.events ?? [])]);
      const before = options.kept?.get(name);
      if (before?.named === named) return before;
      const contract = await loadNamedContract(name, files, { ...options, ...given });
      options.kept?.set(name, { ...contract, named });
      return contract;
    }),
  );
  const contracts = new Map<string, Contract>();
  for (const { value } of loaded) if (value) contracts.set(value.name, value);
  const unreadable = names.filter(
    (name, index) => !contracts.has(name) && loaded[index]!.diagnostics.length > 0,
  );
  return { contracts, unreadable, diagnostics: loaded.flatMap((one) => one.diagnostics) };
}

/** The contract in the folder `contracts/<name>`; nothing where the folder is empty. */
export async function loadNamedContract(
  name: string,
  files: WorkspaceFiles,
  options: LoadOptions,
): Promise<Checked<Contract>> {
  const folder = `contracts/${name}`;
  const there = new Set(await files.files(folder));
  const document = CONTRACT_DOCUMENTS.find((candidate) => there.has(candidate));
  if (document === undefined) {
    if (there.size === 0) return { diagnostics: [] };
    const message = `\`${folder}\` has no ${CONTRACT_DOCUMENTS.join(', ')}`;
    return { diagnostics: [diagnostic('contract-document-missing', { message, subject: name })] };
  }
  const source: ContractSource = {
    name,
    document: `${folder}/${document}`,
    ...(there.has('overlay.yaml') && { overlay: `${folder}/overlay.yaml` }),
    ...(there.has('contract.yaml') && { policy: `${folder}/contract.yaml` }),
  };
  return loadContract(source, files, options);
}

async function loadConnectors(files: WorkspaceFiles): Promise<{
  readonly manifests: ReadonlyMap<string, ConnectorManifest>;
  readonly documents: ReadonlyMap<string, PositionedDocument>;
  readonly folders: ReadonlyMap<string, string>;
  readonly inputs: Workspace['exampleInputs'];
  readonly coded: ReadonlySet<string>;
  readonly unreadable: readonly string[];
  readonly diagnostics: readonly Diagnostic[];
}> {
  const local = (await files.folders('connectors')).map((name) => `connectors/${name}`);
  const installed = (await dependencyNames(files)).map((name) => `node_modules/${name}`);
  const manifests = new Map<string, ConnectorManifest>();
  const documents = new Map<string, PositionedDocument>();
  const folders = new Map<string, string>();
  const inputs = new Map<string, Readonly<Record<string, JsonObject>>>();
  const coded = new Set<string>();
  const unreadable: string[] = [];
  const found: Diagnostic[] = [];
  for (const folder of [...local, ...installed]) {
    const file = `${folder}/connector.yaml`;
    const text = await files.read(file);
    if (text === undefined) continue;
    const { value, diagnostics } = loadManifest(file, text);
    found.push(...diagnostics);
    if (!value) {
      unreadable.push(folder.slice(folder.lastIndexOf('/') + 1));
      continue;
    }
    const { name } = value.manifest;
    const earlier = documents.get(name);
    if (earlier) {
      found.push(
        diagnostic('duplicate-connector', {
          message: `two connectors are named \`${name}\``,
          at: value.document.locate('/metadata/name'),
          subject: name,
          related: [{ ...earlier.locate('/metadata/name'), message: 'the first is here' }],
        }),
      );
      continue;
    }
    manifests.set(name, value.manifest);
    documents.set(name, value.document);
    folders.set(name, folder);
    const given = await inputsOf(files, folder);
    if (given) inputs.set(name, given);
    if (await hasCode(files, folder)) coded.add(name);
  }
  return { manifests, documents, folders, inputs, coded, unreadable, diagnostics: found };
}

/** What is no object there is passed over: that it should be one, the conformance kit says. */
async function inputsOf(
  files: WorkspaceFiles,
  folder: string,
): Promise<Readonly<Record<string, JsonObject>> | undefined> {
  const file = `${folder}/fixtures/conformance.yaml`;
  const text = await files.read(file);
  const document = text === undefined ? undefined : parseDocument(file, text).value?.value;
  const inputs = isObject(document) ? document['inputs'] : undefined;
  if (!isObject(inputs)) return undefined;
  return Object.fromEntries(
    // A document holds nothing but JSON.
    Object.entries(inputs).filter((entry): entry is [string, JsonObject] => isObject(entry[1])),
  );
}

/** Where a connector's own code may stand below its folder, in the order looked for. */
export const CONNECTOR_ENTRIES: readonly string[] = ['src/index.ts', 'dist/index.js', 'index.js'];

async function hasCode(files: WorkspaceFiles, folder: string): Promise<boolean> {
  for (const entry of CONNECTOR_ENTRIES) {
    const [name, ...above] = `${folder}/${entry}`.split('/').reverse();
    if ((await files.files(above.reverse().join('/'))).includes(name!)) return true;
  }
  return false;
}

/** Packages that the workspace's own `package.json` depends on; a file that is no JSON is npm's to complain about. */
async function dependencyNames(files: WorkspaceFiles): Promise<readonly string[]> {
  const text = await files.read('package.json');
  if (text === undefined) return [];
  try {
    const manifest: unknown = JSON.parse(text);
    const dependencies = isObject(manifest) ? manifest['dependencies'] : undefined;
    return isObject(dependencies) ? Object.keys(dependencies).sort() : [];
  } catch {
    return [];
  }
}

export function isPipelineFile(file: string): boolean {
  return PIPELINE_FILE.test(file);
}

/** A pipeline, or a reconciliation: both are checked the same way, and share their names. */
const PIPELINE_FILE = /^pipelines\/[^/]+\.(pipeline|reconciliation)\.yaml$/;

export function isReconciliationFile(file: string): boolean {
  return file.endsWith('.reconciliation.yaml');
}

/** Text of each pipeline file, by path, sorted. */
export function pipelineTexts(files: WorkspaceFiles): Promise<ReadonlyMap<string, string>> {
  return textsOf(files, 'pipelines', (name) => isPipelineFile(`pipelines/${name}`));
}

async function textsOf(
  files: WorkspaceFiles,
  folder: string,
  wanted: (name: string) => boolean,
): Promise<ReadonlyMap<string, string>> {
  const names = (await files.files(folder)).filter(wanted);
  const texts = await Promise.all(names.map((name) => files.read(`${folder}/${name}`)));
  return new Map(
    names.flatMap((name, index) => {
      const text = texts[index];
      return text === undefined ? [] : [[`${folder}/${name}`, text] as const];
    }),
  );
}

/** Texts beside connectors that people paste recorded traffic into. */
async function fixtureTexts(files: WorkspaceFiles): Promise<readonly (readonly [string, string])[]> {
  const connectors = await files.folders('connectors');
  const maps = await Promise.all(
    connectors.map((name) =>
      textsOf(files, `connectors/${name}/fixtures`, (file) => /\.(json|ya?ml|txt)$/.test(file)),
    ),
  );
  return maps.flatMap((map) => [...map]);
}

import { connectorSchema } from '@tenon/connector';
import { compareText, type JsonObject } from '@tenon/model';
import {
  configSchema,
  pipelineSchema,
  reconciliationSchema,
  type Workspace,
  type WorkspaceCheck,
} from '@tenon/pipeline';
import type { GeneratedFile } from './generated-file.ts';
import { inputDigest, isIntact, readStamp, type Stamps, stampOf } from './stamp.ts';
import { wantedOf } from './wanted.ts';

/** Texts of the files below `generated/`, by path from the workspace root. Those for which `isGeneratedPath` is false do no harm. */
export type ExistingFiles = ReadonlyMap<string, string>;

export interface Generation {
  /** Files that were made, sorted by path. */
  readonly files: readonly GeneratedFile[];
  /** Existing files that stay as they are, for nothing they depend on has changed. */
  readonly kept: ReadonlySet<string>;
  /** Of every contract, for the next generation once the files are as they should be. */
  readonly stamps: Stamps;
  /** Names of the contracts, by what was done. */
  readonly generated: readonly string[];
  readonly skipped: readonly string[];
}

/**
 * All that belongs below `generated/`. A contract whose inputs and files are as its stamp says is skipped, and a run
 * which skips all loads no compiler: the modules that make files are imported only when a file is to be made.
 */
export async function generateWorkspace(
  workspace: Workspace,
  check: WorkspaceCheck,
  existing: ExistingFiles = new Map(),
  known: Stamps = new Map(),
): Promise<Generation> {
  const files: GeneratedFile[] = [...schemaFiles(), buildFile(workspace), README, GITIGNORE];
  const kept = new Set<string>();
  const stamps = new Map<string, string>();
  const generated: string[] = [];
  const skipped: string[] = [];
  const manifests = new Map(
    [...workspace.connectors.values()].map((manifest) => [manifest.contract, manifest]),
  );
  // What a manifest adds, adapters and the runtime know of themselves.
  const usage = check.usage.filter(({ by }) => by === undefined);
  for (const [name, contract] of [...workspace.contracts].sort(([a], [b]) => compareText(a, b))) {
    const folder = `generated/${name}`;
    const manifest = manifests.get(name);
    const inputs = exampleInputs(workspace, name);
    const speaking = [...workspace.connectors.values()].filter((one) => one.contract === name);
    const wanted = wantedOf(contract, speaking, usage);
    const input = inputDigest({ contract, manifest, wanted, usage, inputs });
    const stamp = readStamp(known.get(name));
    if (stamp?.input === input && isIntact(stamp, folder, existing)) {
      skipped.push(name);
      stamps.set(name, known.get(name)!);
      for (const file of Object.keys(stamp.files)) kept.add(`${folder}/${file}`);
      continue;
    }
    const { generateContract } = await import('./generate-contract.ts');
    const made = await generateContract({
      contract,
      ...(manifest && { manifest }),
      ...(wanted && { wanted }),
      usage,
      inputs,
    });
    files.push(...made);
    stamps.set(name, stampOf(input, made, folder));
    generated.push(name);
  }
  return { files: files.sort((a, b) => compareText(a.path, b.path)), kept, stamps, generated, skipped };
}

/** Of all connectors that speak the contract; where two give one for the same operation, the last by name. */
function exampleInputs(
  { connectors, exampleInputs: given }: Workspace,
  contract: string,
): Readonly<Record<string, JsonObject>> {
  const speaking = [...connectors.values()].filter((manifest) => manifest.contract === contract);
  const names = speaking.map(({ name }) => name).sort(compareText);
  return Object.assign({}, ...names.map((name) => given.get(name)));
}

function schemaFiles(): GeneratedFile[] {
  const schemas = {
    pipeline: pipelineSchema,
    reconciliation: reconciliationSchema,
    connector: connectorSchema,
    config: configSchema,
  };
  return Object.entries(schemas).map(([name, schema]) => ({
    path: `generated/schema/${name}.schema.json`,
    text: `${JSON.stringify(schema, null, 2)}\n`,
  }));
}

/** One project to refer to from the workspace's own: it does not change when a contract is added. */
function buildFile(workspace: Workspace): GeneratedFile {
  const references = [...workspace.contracts.keys()].sort(compareText).map((name) => ({ path: name }));
  return {
    path: 'generated/tsconfig.json',
    text: `${JSON.stringify({ files: [], references }, null, 2)}\n`,
  };
}

/** What running the tests and the build leaves here. */
const GITIGNORE: GeneratedFile = {
  path: 'generated/.gitignore',
  text: '*/dist/\n*/node_modules/\n*/pacts/\n',
};

const README: GeneratedFile = {
  path: 'generated/README.md',
  text: `# Generated

Written by \`tenon generate\` from \`contracts/\`, \`connectors/\` and \`pipelines/\`; committed, never edited. \`tenon generate --check\` fails
when a file is not what it would write. If a file here needs a fix, fix the contract, its overlay, or the generator. After a merge, and where
one conflicts here, run \`tenon generate\`: it writes all of it anew from what was merged.

| folder | what |
|---|---|
| \`<contract>/\` | a package, \`@tenon-generated/<contract>\`: types, an adapter with a function for each operation that its connector names or a pipeline uses (of a contract without a connector, for all), validators, contract tests |
| \`<contract>/pacts/\` | the Pact contracts of the pipelines as consumers, written by running \`contract.test.ts\`; not committed |
| \`schema/\` | JSON Schemas of the files an author writes, for editors |
`,
};

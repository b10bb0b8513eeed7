import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ConnectorManifest, loadManifest, type OperationPlan, type SourcePlan } from '@tenon/connector';
import { loadContract } from '@tenon/contract';
import type { Diagnostic } from '@tenon/model';
import { nodeWorkspaceFiles, planOperation, planSources } from '@tenon/pipeline';

/** The plans of one connector of a workspace, without the rest of the workspace: what its own tests call with. */
export interface ConnectorPlans {
  readonly manifest: ConnectorManifest;
  operation(name: string): OperationPlan;
  /** The one source that takes these events in, with settings of the test's own. */
  source(events: readonly string[], settings?: Partial<SourcePlan>): SourcePlan;
}

/** Reads `connectors/<name>` below `root` and its contract. Throws on any finding: a test stands on sound ground. */
export async function connectorPlans(root: string, name: string): Promise<ConnectorPlans> {
  const files = nodeWorkspaceFiles(root);
  const file = `connectors/${name}/connector.yaml`;
  const loaded = loadManifest(file, await readFile(join(root, file), 'utf8'));
  const manifest = sound(loaded.value, loaded.diagnostics).manifest;
  const folder = `contracts/${manifest.contract}`;
  const there = await files.files(folder);
  const document = there.find((one) => /^(openapi|asyncapi)\.(ya?ml|json)$/.test(one)) ?? 'openapi.yaml';
  const read = await loadContract({ name: manifest.contract, document: `${folder}/${document}` }, files);
  const contract = sound(read.value, read.diagnostics);
  return {
    manifest,
    operation: (operation) => present(planOperation(contract, manifest, operation), operation),
    source: (events, settings = {}) => {
      const heard = new Set(events.map((event) => `${contract.name}.${event}`));
      const [plan] = planSources(contract, manifest, heard);
      return { ...present(plan, events.join(', ')), ...settings };
    },
  };
}

function sound<T>(value: T | undefined, diagnostics: readonly Diagnostic[]): T {
  const [first] = diagnostics.filter(({ severity }) => severity === 'error');
  if (first) throw new Error(`${first.code}: ${first.message}`);
  return present(value, 'value');
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}

import { compareText } from '@tenon/model';
import type { DataCheck } from '../check/data/data.ts';
import { ownerOf, type PipelineModel } from '../check/model.ts';
import { calledOver } from '../check/proofs/called-over.ts';
import type { Checked } from '../check/proofs/masters.ts';
import { createCheckMemory, inspectPipeline } from '../check-memory.ts';
import type { WorkspaceCheck } from '../check-workspace.ts';
import type { Workspace } from '../workspace.ts';

/** Who talks to whom: every contract, system, event and pipeline of a workspace, and what passes between them. */
export interface WorkspaceGraph {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
}

export interface GraphNode {
  /** `pipeline:subscription-upgraded`; unique. */
  readonly id: string;
  readonly kind: 'contract' | 'event' | 'pipeline' | 'system';
  readonly name: string;
  /** The team that answers for it, where one is named. */
  readonly owner?: string;
  readonly file?: string;
  /** Errors that the check found in its file; absent when there are none. */
  readonly errors?: number;
}

export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** `describes`, `sends`: contract → system, system → event; the others have a pipeline at one end. */
  readonly kind: 'describes' | 'sends' | 'starts' | 'resumes' | 'emits' | 'runs' | 'reads' | 'writes';
  /** Operations, for `reads` and `writes`; sorted. */
  readonly operations: readonly string[];
}

/**
 * The graph of a checked workspace, the same on every run. Pipelines with findings are in it as far as their names
 * resolve. A system is a connection, or a connector where there is no configuration; an event of a contract that no
 * connector speaks comes from the contract itself.
 */
export function graphOf(check: WorkspaceCheck, workspace: Workspace): WorkspaceGraph {
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphEdge>();
  const systems = systemsOf(workspace);
  for (const [name, connector] of systems) {
    const manifest = workspace.connectors.get(connector);
    const folder = workspace.connectorFolders.get(connector);
    addNode({
      id: `system:${name}`,
      kind: 'system',
      name,
      ...(manifest && { owner: manifest.owner }),
      ...(folder !== undefined && { file: `${folder}/connector.yaml` }),
    });
    if (manifest && workspace.contracts.has(manifest.contract))
      addEdge(contract(manifest.contract), `system:${name}`, 'describes');
  }
  for (const { model, data } of modelsOf(workspace)) addPipeline(model, data);
  return {
    nodes: [...nodes.values()].sort((a, b) => compareText(a.id, b.id)),
    edges: [...edges.values()].sort(
      (a, b) => compareText(a.from, b.from) || compareText(a.to, b.to) || compareText(a.kind, b.kind),
    ),
  };

  function addPipeline(model: PipelineModel, data: DataCheck): void {
    const { spec } = model;
    const id = `pipeline:${spec.name.value}`;
    const { file } = spec.document;
    const errors = check.diagnostics.filter((one) => one.severity === 'error' && one.file === file).length;
    const owner = ownerOf(model);
    addNode({
      id,
      kind: 'pipeline',
      name: spec.name.value,
      ...(owner !== '' && { owner }),
      file,
      ...(errors > 0 && { errors }),
    });
    if (model.trigger) addEdge(event(model.trigger), id, 'starts');
    for (const [step, named] of model.events)
      if (step.kind === 'emit') addEdge(id, event(named), 'emits');
      else addEdge(event(named), id, 'resumes');
    for (const { name } of model.runs.values()) addEdge(id, `pipeline:${name}`, 'runs');
    for (const { step, call, compensation, guard } of model.calls.values())
      for (const one of [call, compensation, guard].filter((each) => each !== undefined)) {
        const isRead = one.declared.effect === 'read';
        for (const name of calledOver(one, step, data))
          addEdge(id, `system:${name}`, isRead ? 'reads' : 'writes', one.operation.id);
      }
  }

  function event({ name, contract: from }: NonNullable<PipelineModel['trigger']>): string {
    const id = `event:${name}`;
    if (nodes.has(id)) return id;
    const steward = from.policy?.steward;
    addNode({ id, kind: 'event', name, ...(steward !== undefined && { owner: steward }), ...fileOf(from) });
    const senders = systems.filter(
      ([, connector]) => workspace.connectors.get(connector)?.contract === from.name,
    );
    for (const [sender] of senders) addEdge(`system:${sender}`, id, 'sends');
    if (senders.length === 0) addEdge(contract(from.name), id, 'describes');
    return id;
  }

  function contract(name: string): string {
    const id = `contract:${name}`;
    const known = workspace.contracts.get(name);
    const steward = known?.policy?.steward;
    addNode({
      id,
      kind: 'contract',
      name,
      ...(steward !== undefined && { owner: steward }),
      ...(known && fileOf(known)),
    });
    return id;
  }

  function addNode(node: GraphNode): void {
    if (!nodes.has(node.id)) nodes.set(node.id, node);
  }

  function addEdge(from: string, to: string, kind: GraphEdge['kind'], operation?: string): void {
    const key = `${from} ${kind} ${to}`;
    const operations = new Set(edges.get(key)?.operations);
    if (operation !== undefined) operations.add(operation);
    edges.set(key, { from, to, kind, operations: [...operations].sort(compareText) });
  }
}

/** Systems by name, with the connector that each is reached through. */
export function systemsOf(workspace: Workspace): readonly (readonly [system: string, connector: string])[] {
  const { connections } = workspace.config;
  const listed = workspace.hasConfig
    ? Object.entries(connections).map(([name, { connector }]) => [name, connector] as const)
    : [...workspace.connectors.keys()].map((name) => [name, name] as const);
  return listed.sort(([a], [b]) => compareText(a, b));
}

/** Every pipeline, as far as it can be read. */
export function modelsOf(workspace: Workspace): readonly Checked[] {
  const memory = createCheckMemory();
  return [...workspace.pipelineFiles].flatMap(([file, text]) => {
    const { model, data } = inspectPipeline(workspace, file, text, memory);
    return model && data ? [{ model, data }] : [];
  });
}

function fileOf({ files }: { readonly files: readonly string[] }): { file?: string } {
  return files[0] === undefined ? {} : { file: files[0] };
}

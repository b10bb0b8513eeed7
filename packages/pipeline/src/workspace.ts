import type { ConnectionConfig, ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import type { Checked, Diagnostic } from '@tenon/model';
import type { Plan } from './plan.ts';
import type { UsageEntry } from './usage.ts';

/** `tenon.config.yaml`. */
export interface WorkspaceConfig {
  readonly engine: { readonly type: 'embedded'; readonly file: string };
  readonly server: { readonly host: string; readonly port: number };
  readonly connections: Readonly<Record<string, ConnectionConfig>>;
}

/** A workspace folder, read: contracts, connectors and configuration, with all that is wrong about them. */
export interface Workspace {
  readonly root: string;
  readonly config: WorkspaceConfig;
  readonly contracts: ReadonlyMap<string, Contract>;
  readonly connectors: ReadonlyMap<string, ConnectorManifest>;
  /** Text of each `*.pipeline.yaml`, by path relative to the root, sorted. */
  readonly pipelineFiles: ReadonlyMap<string, string>;
  readonly policyFiles: ReadonlyMap<string, string>;
}

/** Reads everything below `root` (contracts in parallel); never the network. */
export declare function loadWorkspace(root: string): Promise<Checked<Workspace>>;

export interface WorkspaceCheck {
  readonly diagnostics: readonly Diagnostic[];
  /** Plans of the pipelines without errors, by pipeline name. */
  readonly plans: ReadonlyMap<string, Plan>;
  readonly usage: readonly UsageEntry[];
  /** What was looked at, for the closing line. */
  readonly checked: {
    readonly pipelines: number;
    readonly steps: number;
    readonly contracts: number;
    readonly connectors: number;
    readonly expressions: number;
  };
}

/** Checks manifests against contracts and pipelines against both, and plans what is sound. Pure. */
export declare function checkWorkspace(workspace: Workspace): WorkspaceCheck;

import type { Diagnostic } from '@tenon/model';
import {
  type CheckMemory,
  checkWorkspace,
  createCheckMemory,
  type KeptContract,
  loadWorkspaceFiles,
  secretDiagnostics,
  type Workspace,
  type WorkspaceCheck,
  type WorkspaceFiles,
} from '@tenon/pipeline';
import { overlayFiles } from './overlay-files.ts';
import { type Snapshot, snapshotOf } from './snapshot.ts';

/** A workspace as an editor sees it: what is on disk, under the texts that are open. */
export interface Project {
  /** The text of an open file; `undefined` when it is closed again. */
  setText(file: string, text: string | undefined): void;
  /** A file changed on disk, was made or removed. */
  changedOnDisk(file: string): void;
  /** The workspace with all changes so far. Contracts are read again only when one of their files changed, or what connectors name of them. */
  snapshot(): Promise<Snapshot>;
}

const PIPELINE = /^pipelines\/[^/]+\.(pipeline|reconciliation)\.yaml$/;
const POLICIES = /^pipelines\/policies\/[^/]+\.yaml$/;
/** What decides what a workspace is; all else is no reason to read it again. */
const WATCHED =
  /^(contracts|connectors)\/|^pipelines\/|^(tenon\.config|owners)\.yaml$|^package\.json$|^node_modules\/.*connector\.yaml$/;

export function isWorkspaceFile(file: string): boolean {
  return WATCHED.test(file);
}

/**
 * Opens the workspace at `root`. States: *stale* (something but a pipeline or policy changed: the next snapshot reads
 * the workspace again, without the contracts that are as they were), *loaded*. A change that comes while it is read
 * makes it stale again.
 */
export function openProject(root: string, disk: WorkspaceFiles): Project {
  const open = new Map<string, string>();
  const files = overlayFiles(disk, open);
  const kept = new Map<string, KeptContract>();
  const memory: CheckMemory = createCheckMemory();
  let loaded: { workspace: Workspace; diagnostics: readonly Diagnostic[] } | undefined;
  let loading: Promise<void> | undefined;
  let changes = 0;
  let snapshot: Snapshot | undefined;

  return {
    setText(file, text) {
      const before = open.get(file);
      if (before === text) return;
      if (text === undefined) open.delete(file);
      else open.set(file, text);
      // What is on disk comes back when a file is closed.
      if (text === undefined || !replaceText(file, text)) forget(file);
      snapshot = undefined;
    },
    changedOnDisk(file) {
      if (!isWorkspaceFile(file) || open.has(file)) return;
      forget(file);
      snapshot = undefined;
    },
    async snapshot() {
      while (!loaded) {
        loading ??= load();
        await loading;
      }
      snapshot ??= snapshotOf(loaded.workspace, loaded.diagnostics, memory, open, check);
      return snapshot;
    },
  };

  function check(workspace: Workspace): WorkspaceCheck {
    return checkWorkspace(workspace, { memory, plans: false });
  }

  async function load(): Promise<void> {
    const started = changes;
    try {
      const { value, diagnostics } = await loadWorkspaceFiles(root, files, { kept });
      if (value && started === changes) loaded = { workspace: value, diagnostics };
    } finally {
      loading = undefined;
    }
  }

  /** A change of one text that leaves all that was read as it is; `false` when it does not. */
  function replaceText(file: string, text: string): boolean {
    if (!loaded) return false;
    const { workspace, diagnostics } = loaded;
    const part = PIPELINE.test(file) ? 'pipelineFiles' : POLICIES.test(file) ? 'policyFiles' : undefined;
    if (!part || !workspace[part].has(file)) return false;
    const others = diagnostics.filter((one) => one.file !== file);
    loaded = {
      workspace: { ...workspace, [part]: new Map(workspace[part]).set(file, text) },
      // What a pipeline's text holds is told by its check.
      diagnostics: part === 'pipelineFiles' ? diagnostics : [...others, ...secretDiagnostics(file, text)],
    };
    return true;
  }

  function forget(file: string): void {
    if (!isWorkspaceFile(file)) return;
    changes++;
    loaded = undefined;
    const [top, folder] = file.split('/');
    for (const [name, { value }] of kept)
      if ((top === 'contracts' && folder === name) || value?.files.includes(file)) kept.delete(name);
  }
}

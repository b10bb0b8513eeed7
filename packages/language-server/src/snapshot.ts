import type { Diagnostic, Location } from '@tenon/model';
import {
  type CheckMemory,
  inspectPipeline,
  type PipelineInspection,
  type PolicySpec,
  readPolicies,
  type Workspace,
  type WorkspaceCheck,
} from '@tenon/pipeline';

/** A workspace at one moment, for the features: they only read it. */
export interface Snapshot {
  readonly workspace: Workspace;
  /** Of loading and checking, by file; those without a file under `''`. */
  readonly diagnostics: ReadonlyMap<string, readonly Diagnostic[]>;
  /** The text of a pipeline, a policy file or an open file. */
  text(file: string): string | undefined;
  /** A pipeline as far as it can be read. `text` stands in for its own. */
  pipeline(file: string, text?: string): PipelineInspection | undefined;
  /** The pipeline as it was when it was last checked, with a text that may be older. */
  lastChecked(file: string): PipelineInspection | undefined;
  readonly policies: readonly PolicySpec[];
}

export function snapshotOf(
  workspace: Workspace,
  loading: readonly Diagnostic[],
  memory: CheckMemory,
  open: ReadonlyMap<string, string>,
  check: (workspace: Workspace) => WorkspaceCheck,
): Snapshot {
  let diagnostics: ReadonlyMap<string, readonly Diagnostic[]> | undefined;
  let policies: readonly PolicySpec[] | undefined;
  const texts = new Map(open);
  const inspected = new Map<string, PipelineInspection>();
  const textOf = (file: string): string | undefined =>
    workspace.pipelineFiles.get(file) ?? workspace.policyFiles.get(file) ?? texts.get(file);
  return {
    workspace,
    get diagnostics() {
      diagnostics ??= byFile([...loading, ...check(workspace).diagnostics]);
      return diagnostics;
    },
    text: textOf,
    pipeline(file, text = workspace.pipelineFiles.get(file)) {
      if (text === undefined || !/\.(pipeline|reconciliation)\.yaml$/.test(file)) return undefined;
      const known = inspected.get(text);
      if (known) return known;
      const inspection = inspectPipeline(workspace, file, text, memory);
      inspected.set(text, inspection);
      return inspection;
    },
    lastChecked(file) {
      const last = memory.files.get(file);
      return last?.checked && { document: last.document, ...last.checked };
    },
    get policies() {
      policies ??= [...workspace.policyFiles].flatMap(([file, text]) => readPolicies(file, text).policies);
      return policies;
    },
  };
}

function byFile(found: readonly Diagnostic[]): ReadonlyMap<string, readonly Diagnostic[]> {
  return Map.groupBy(found, (one) => one.file ?? '');
}

/** Is an offset in a place, its end included: the cursor stands after the last character? */
export function holds(at: Location, offset: number): boolean {
  return at.range.start.offset <= offset && offset <= at.range.end.offset;
}

import type { Grants } from '@tenon/connector';
import { compareText } from '@tenon/model';
import { asGrants, neededGrants } from './check/needed-grants.ts';
import { baseOf, type CheckMemory, checkFile, createCheckMemory } from './check-memory.ts';
import { compilePipeline } from './compile.ts';
import { type Conclusion, conclude } from './conclude.ts';
import type { Plan } from './plan.ts';
import type { UsageEntry } from './usage.ts';
import type { Workspace } from './workspace.ts';

export interface CheckOptions {
  readonly memory?: CheckMemory;
  /** Default true. */
  readonly plans?: boolean;
}

export interface WorkspaceCheck extends Conclusion {
  /** Plans of the pipelines without errors, by pipeline name. */
  readonly plans: ReadonlyMap<string, Plan>;
  readonly usage: readonly UsageEntry[];
  /** What the pipelines do over each connection: the grants that fit them exactly. */
  readonly needed: ReadonlyMap<string, Grants>;
}

/**
 * Checks manifests against contracts and pipelines against both, and plans what is sound. Pure but for `memory`, which
 * spares what did not change since the check before; `plans: false` leaves out what only a run needs.
 */
export function checkWorkspace(
  workspace: Workspace,
  { memory = createCheckMemory(), plans: isPlanning = true }: CheckOptions = {},
): WorkspaceCheck {
  const base = baseOf(workspace, memory);
  const files = new Map(
    [...workspace.pipelineFiles].map(([file, text]) => [file, checkFile(file, text, base, memory)] as const),
  );
  const findings = new Map([...files].map(([file, checked]) => [file, checked.findings] as const));
  const { unsound, facts, ...conclusion } = conclude(workspace, base.diagnostics, findings);
  const checked = [...files.values()].flatMap((one) => one.checked ?? []);
  const plans = new Map<string, Plan>();
  for (const { model, classed } of isPlanning ? checked : []) {
    if (unsound.has(model.spec.document.file)) continue;
    const plan = compilePipeline(model, base.policies.called(model), classed);
    if (plan) plans.set(plan.pipeline, plan);
  }
  return {
    ...conclusion,
    plans: new Map([...plans].sort(([a], [b]) => compareText(a, b))),
    needed: new Map(
      Object.values(workspace.config.connections).map((connection) => [
        connection.name,
        asGrants(neededGrants(connection, facts, workspace)),
      ]),
    ),
    usage: checked.flatMap(({ data }) => data.usage),
  };
}

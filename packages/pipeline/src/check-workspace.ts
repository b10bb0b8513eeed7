import type { Grants } from '@tenon/connector';
import type { ContractUsage } from '@tenon/contract';
import { compareText } from '@tenon/model';
import { usageByManifest } from './check/manifest/usage-by-manifest.ts';
import { asGrants, neededGrants } from './check/proofs/needed-grants.ts';
import {
  baseOf,
  type CheckMemory,
  checkFile,
  createCheckMemory,
  interfacesOf,
  readFile,
} from './check-memory.ts';
import { compilePipeline } from './compile.ts';
import { compileReconciliation } from './compile-reconciliation.ts';
import { type Conclusion, conclude } from './conclude.ts';
import type { Plan } from './plan.ts';
import type { ReconciliationPlan } from './reconciliation-plan.ts';
import { usageByName } from './usage-by-name.ts';
import type { Workspace } from './workspace.ts';

export interface CheckOptions {
  readonly memory?: CheckMemory;
  /** Default true. */
  readonly plans?: boolean;
}

export interface WorkspaceCheck extends Conclusion {
  /** Plans of the pipelines without errors, by pipeline name. */
  readonly plans: ReadonlyMap<string, Plan>;
  /** Those of the reconciliations without errors, by name. */
  readonly reconciliations: ReadonlyMap<string, ReconciliationPlan>;
  /** All that the pipelines use of contracts, whoever says it. */
  readonly usage: readonly ContractUsage[];
  /** Files of pipelines in which something cannot be read, so that what they name counts, too. */
  readonly notUnderstood: ReadonlySet<string>;
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
  const read = new Map(
    [...workspace.pipelineFiles].map(([file, text]) => [file, readFile(file, text, memory)] as const),
  );
  const interfaces = interfacesOf(read.values());
  const files = new Map(
    [...read].map(([file, one]) => [file, checkFile(file, one, interfaces, base, memory)] as const),
  );
  const findings = new Map([...files].map(([file, checked]) => [file, checked.findings] as const));
  const { unsound, facts, ...conclusion } = conclude(workspace, base.diagnostics, findings);
  const checked = [...files.values()].flatMap((one) => one.checked ?? []);
  const plans = new Map<string, Plan>();
  const sound = checked.filter(({ model }) => !unsound.has(model.spec.document.file));
  const reconciliations = new Map<string, ReconciliationPlan>();
  for (const { model, classed, data } of isPlanning ? childrenFirst(sound) : []) {
    const policies = base.policies.called(model);
    if (model.spec.reconciliation) {
      const plan = compileReconciliation(model, policies, classed);
      if (plan) reconciliations.set(plan.name, plan);
      continue;
    }
    const readsHeaders = data.usage.some(
      ({ access, target }) => access === 'read' && target.kind === 'event' && target.part === 'headers',
    );
    const plan = compilePipeline(model, policies, classed, plans, data, readsHeaders);
    if (plan) plans.set(plan.pipeline, plan);
  }
  let usage: readonly ContractUsage[] | undefined;
  return {
    ...conclusion,
    reconciliations: new Map([...reconciliations].sort(([a], [b]) => compareText(a, b))),
    plans: new Map([...plans].sort(([a], [b]) => compareText(a, b))),
    needed: new Map(
      Object.values(workspace.config.connections).map((connection) => [
        connection.name,
        asGrants(neededGrants(connection, facts, workspace)),
      ]),
    ),
    get usage() {
      // A quarter of an editor's check, which nobody asks for it.
      usage ??= [...files].flatMap(([file, { checked: one, isUnderstood, text, spec }]) => [
        ...(one ? [...one.data.usage, ...usageByManifest(one.model, one.data.usage)] : []),
        ...(isUnderstood ? [] : usageByName(file, text, spec, workspace)),
      ]);
      return usage;
    },
    notUnderstood: new Set([...files].flatMap(([file, { isUnderstood }]) => (isUnderstood ? [] : file))),
  };
}

type Sound = NonNullable<ReturnType<typeof checkFile>['checked']>;

/** A plan names the plans of what it runs, so those are made before it. No circle is sound. */
function childrenFirst(sound: readonly Sound[]): readonly Sound[] {
  const byName = new Map(sound.map((one) => [one.model.spec.name.value, one]));
  const ordered = new Set<Sound>();
  const visit = (one: Sound): void => {
    for (const { name } of one.model.runs.values()) {
      const child = byName.get(name);
      if (child && !ordered.has(child)) visit(child);
    }
    ordered.add(one);
  };
  for (const one of sound) visit(one);
  return [...ordered];
}

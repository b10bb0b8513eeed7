import { compareDiagnostics, compareText, type Diagnostic, fingerprintOf, hasErrors } from '@tenon/model';
import type { Checked } from './check/masters.ts';
import { workspaceProofs } from './check/proofs.ts';
import { suppressionsOf } from './check/suppressions.ts';
import { baseOf, type CheckMemory, checkFile, createCheckMemory } from './check-memory.ts';
import { compilePipeline } from './compile.ts';
import type { Plan } from './plan.ts';
import { diagnostic } from './rules.ts';
import { allSteps, type Located, type PipelineSpec } from './spec/pipeline-spec.ts';
import type { UsageEntry } from './usage.ts';
import type { Workspace } from './workspace.ts';

export interface CheckOptions {
  readonly memory?: CheckMemory;
  /** Default true. */
  readonly plans?: boolean;
}

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

/**
 * Checks manifests against contracts and pipelines against both, and plans what is sound. Pure but for `memory`, which
 * spares what did not change since the check before; `plans: false` leaves out what only a run needs.
 */
export function checkWorkspace(
  workspace: Workspace,
  { memory = createCheckMemory(), plans: isPlanning = true }: CheckOptions = {},
): WorkspaceCheck {
  const base = baseOf(workspace, memory);
  const { policies } = base;
  const found: Diagnostic[] = [...base.diagnostics];

  const allowed = suppressionsOf(workspace.pipelineFiles);
  const pipelines: (Checked & { readonly classed: ReadonlyMap<string, readonly string[]> })[] = [];
  const usage: UsageEntry[] = [];
  const unsound = new Set<string>();
  const names = new Map<string, Located<string>>();
  let steps = 0;
  let expressions = 0;
  for (const [file, text] of workspace.pipelineFiles) {
    const source = checkFile(file, text, base, memory);
    let own: readonly Diagnostic[] = source.diagnostics;
    const { spec, checked } = source;
    if (spec && checked) {
      const earlier = names.get(spec.name.value);
      const again = earlier && [
        diagnostic('duplicate-pipeline', {
          message: `two pipelines are named \`${spec.name.value}\``,
          at: spec.name.at,
          subject: spec.name.value,
          related: [{ ...earlier.at, message: 'the first is here' }],
        }),
      ];
      if (!earlier) names.set(spec.name.value, spec.name);
      steps += [...allSteps(spec.steps)].length;
      const { model, data, classed } = checked;
      expressions += data.expressions;
      usage.push(...data.usage);
      own = allowed.kept([...own, ...(again ?? []), ...checked.diagnostics]);
      pipelines.push({ model, data, classed });
    }
    if (!spec || hasErrors(own)) unsound.add(file);
    found.push(...own.map((one) => owned(one, spec)));
  }
  const across = allowed.kept(workspaceProofs(pipelines, workspace));
  for (const one of across) if (one.severity === 'error' && one.file !== undefined) unsound.add(one.file);
  found.push(...across, ...allowed.problems());

  const plans = new Map<string, Plan>();
  for (const { model, classed } of isPlanning ? pipelines : []) {
    if (unsound.has(model.spec.document.file)) continue;
    const plan = compilePipeline(model, policies.called(model), classed);
    if (plan) plans.set(plan.pipeline, plan);
  }
  return {
    diagnostics: distinct(found.filter((one) => !isEcho(one, workspace)).sort(compareDiagnostics)),
    plans: new Map([...plans].sort(([a], [b]) => compareText(a, b))),
    usage,
    checked: {
      pipelines: workspace.pipelineFiles.size,
      steps,
      contracts: workspace.contracts.size,
      connectors: workspace.connectors.size,
      expressions,
    },
  };
}

/** Does it only say again that a contract or connector, which is there, cannot be read? */
function isEcho({ code, file, fingerprint }: Diagnostic, { unreadable }: Workspace): boolean {
  if (!ECHOES.has(code)) return false;
  return [...unreadable].some((name) => fingerprintOf(code, file, name) === fingerprint);
}

const ECHOES: ReadonlySet<string> = new Set(['unknown-contract', 'unknown-connector', 'unknown-connection']);

/** A bad connection is the fault of every step that uses it, and is said once. */
function distinct(found: readonly Diagnostic[]): readonly Diagnostic[] {
  const seen = new Set<string>();
  return found.filter((one) => {
    const key = `${one.code} ${one.file} ${one.range?.start.offset} ${one.message}`;
    return seen.size < seen.add(key).size;
  });
}

function owned(one: Diagnostic, spec: PipelineSpec | undefined): Diagnostic {
  const owner = one.owner ?? spec?.owner?.team?.value;
  return owner === undefined ? one : { ...one, owner };
}

import { compareDiagnostics, compareText, type Diagnostic, fingerprintOf, hasErrors } from '@tenon/model';
import { catalogOf } from './check/catalog.ts';
import { checkConnections } from './check/connections.ts';
import { checkData } from './check/data.ts';
import { checkManifests } from './check/manifests.ts';
import type { Checked } from './check/masters.ts';
import { modelOf } from './check/model.ts';
import { checkPolicies } from './check/policies.ts';
import { pipelineProofs, workspaceProofs } from './check/proofs.ts';
import { suppressionsOf } from './check/suppressions.ts';
import { compilePipeline } from './compile.ts';
import { readPolicies } from './load/policies.ts';
import type { Plan } from './plan.ts';
import { diagnostic } from './rules.ts';
import { checkShape } from './shape/check-shape.ts';
import { pipelineSchema } from './shape/pipeline-schema.ts';
import { allSteps, type Located, type PipelineSpec, readPipeline } from './spec/pipeline-spec.ts';
import type { UsageEntry } from './usage.ts';
import type { Workspace } from './workspace.ts';
import { parseSpec } from './yaml/spec-document.ts';

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
export function checkWorkspace(workspace: Workspace): WorkspaceCheck {
  const found: Diagnostic[] = [];
  const catalog = catalogOf(workspace);
  const read = [...workspace.policyFiles].map(([file, text]) => readPolicies(file, text));
  found.push(...read.flatMap((one) => one.diagnostics));
  const policies = checkPolicies(
    read.flatMap((one) => one.policies),
    workspace,
  );
  found.push(...policies.diagnostics, ...checkManifests(workspace), ...checkConnections(workspace));

  const allowed = suppressionsOf(workspace.pipelineFiles);
  const pipelines: (Checked & { readonly classed: ReadonlyMap<string, readonly string[]> })[] = [];
  const usage: UsageEntry[] = [];
  const unsound = new Set<string>();
  const names = new Map<string, Located<string>>();
  let steps = 0;
  let expressions = 0;
  for (const [file, text] of workspace.pipelineFiles) {
    const source = readSource(file, text);
    let own: readonly Diagnostic[] = source.diagnostics;
    const { spec } = source;
    if (spec) {
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
      const { model, diagnostics } = modelOf(spec, catalog);
      const data = checkData(model, policies.rules);
      expressions += data.expressions;
      usage.push(...data.usage);
      const proofs = pipelineProofs({ model, data });
      own = allowed.kept([
        ...own,
        ...(again ?? []),
        ...diagnostics,
        ...data.diagnostics,
        ...proofs.diagnostics,
      ]);
      pipelines.push({ model, data, classed: proofs.classed });
    }
    if (!spec || hasErrors(own)) unsound.add(file);
    found.push(...own.map((one) => owned(one, spec)));
  }
  const across = allowed.kept(workspaceProofs(pipelines, workspace));
  for (const one of across) if (one.severity === 'error' && one.file !== undefined) unsound.add(one.file);
  found.push(...across, ...allowed.problems());

  const plans = new Map<string, Plan>();
  for (const { model, classed } of pipelines) {
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

function readSource(file: string, text: string): { spec?: PipelineSpec; diagnostics: readonly Diagnostic[] } {
  const document = parseSpec(file, text);
  const found: Diagnostic[] = [...document.diagnostics];
  // Beyond a syntax error everything is a guess; one clear finding is worth more than twenty that follow from it.
  if (document.isBroken) return { diagnostics: found };
  if (!document.root) {
    found.push(
      diagnostic('pipeline-empty', { message: 'the file is empty', at: document.range(0, 0), subject: file }),
    );
    return { diagnostics: found };
  }
  found.push(...checkShape(document, document.root, pipelineSchema));
  const { spec, diagnostics } = readPipeline(document);
  return { ...(spec && { spec }), diagnostics: [...found, ...diagnostics] };
}

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

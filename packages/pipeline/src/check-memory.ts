import { type Diagnostic, hasErrors } from '@tenon/model';
import { type Catalog, catalogOf } from './check/catalog.ts';
import { checkConnections } from './check/connections.ts';
import { checkData, type DataCheck } from './check/data/data.ts';
import { checkPolicies } from './check/data/policies.ts';
import { checkManifests } from './check/manifest/manifests.ts';
import { modelOf, type PipelineModel } from './check/model.ts';
import {
  type Interfaces,
  interfaceOf,
  interfacesIn,
  type PipelineInterface,
  type Relied,
  reliedOn,
  stillHolds,
} from './check/pipeline-interface.ts';
import { factsOf, type PipelineFacts } from './check/proofs/facts.ts';
import { checkAnswering } from './check/proofs/owners.ts';
import { placeholderDiagnostics } from './check/proofs/placeholders.ts';
import { pipelineProofs, reconciliationProofs } from './check/proofs/proofs.ts';
import { checkUnused } from './check/proofs/unused.ts';
import { secretDiagnostics } from './check/secrets.ts';
import { checkServer } from './check/server.ts';
import { readPolicies } from './load/policies.ts';
import { diagnostic } from './rules.ts';
import { checkShape } from './shape/check-shape.ts';
import { pipelineSchema } from './shape/pipeline-schema.ts';
import { reconciliationSchema } from './shape/reconciliation-schema.ts';
import { allSteps, type Located, type PipelineSpec, readPipeline } from './spec/pipeline-spec.ts';
import { readReconciliation } from './spec/reconciliation-spec.ts';
import { isReconciliationFile, type Workspace } from './workspace.ts';
import { parseSpec, type SpecDocument } from './yaml/spec-document.ts';
import { createYamlMemory, type YamlMemory } from './yaml/yaml-parts.ts';

/**
 * What one check may take over from the check before: everything whose texts did not change. An editor that checks at
 * each key press keeps one; a command that checks once needs none. Results are the same with and without.
 */
export interface CheckMemory {
  base?: CheckBase;
  files: Map<string, CheckedFile>;
  /** Pieces of YAML of each file. */
  yaml: Map<string, YamlMemory>;
}

export function createCheckMemory(): CheckMemory {
  return { files: new Map(), yaml: new Map() };
}

/** What holds for every pipeline of a workspace. */
export interface CheckBase {
  readonly workspace: Workspace;
  readonly catalog: Catalog;
  readonly policies: ReturnType<typeof checkPolicies>;
  readonly diagnostics: readonly Diagnostic[];
}

/** A pipeline file as far as it can be read by itself. */
export interface ReadFile {
  readonly text: string;
  readonly document: SpecDocument;
  readonly spec?: PipelineSpec;
  /** What is wrong with its form. */
  readonly diagnostics: readonly Diagnostic[];
}

/** One pipeline file, read and checked by itself. */
export interface CheckedFile extends ReadFile {
  readonly findings: FileFindings;
  readonly checked?: {
    readonly model: PipelineModel;
    readonly data: DataCheck;
    readonly classed: ReadonlyMap<string, readonly string[]>;
  };
  /** Is every name and every expression in it one that can be read, so that its usage is all that it uses? */
  readonly isUnderstood: boolean;
}

/** What the check of a pipeline file comes to: plain JSON, so that it can be kept on disk from one check to the next. */
export interface FileFindings {
  readonly diagnostics: readonly Diagnostic[];
  /** Of what can be read as a pipeline. */
  readonly pipeline?: {
    readonly name: Located<string>;
    readonly team?: string;
    readonly steps: number;
    readonly expressions: number;
    readonly facts: PipelineFacts;
    /** What it shows to those that run it, and what it relied on of those that it runs. */
    readonly interface?: PipelineInterface;
    readonly relied: Relied;
  };
}

/** A pipeline as far as it can be understood, also where its YAML is broken: what completion works on. */
export interface PipelineInspection {
  readonly document: SpecDocument;
  readonly model?: PipelineModel;
  readonly data?: DataCheck;
}

/** Parts of a workspace that a change of a pipeline leaves as they are, the same objects. */
const BASE_PARTS = ['contracts', 'connectors', 'config', 'hasConfig', 'policyFiles', 'teams'] as const;

export function baseOf(workspace: Workspace, memory: CheckMemory): CheckBase {
  const known = memory.base;
  if (known && BASE_PARTS.every((part) => known.workspace[part] === workspace[part])) return known;
  memory.files.clear();
  memory.base = readBase(workspace);
  return memory.base;
}

function readBase(workspace: Workspace): CheckBase {
  const read = [...workspace.policyFiles].map(([file, text]) => readPolicies(file, text));
  const policySpecs = read.flatMap((one) => one.policies);
  const policies = checkPolicies(policySpecs, workspace);
  const diagnostics = [
    ...read.flatMap((one) => one.diagnostics),
    ...policies.diagnostics,
    ...checkAnswering(workspace),
    ...checkServer(workspace.config),
    ...checkManifests(workspace),
    ...checkConnections(workspace),
  ];
  return { workspace, catalog: catalogOf(workspace), policies, diagnostics };
}

/** The same where it is known what there is to find: no connector and no connection is checked again. */
export function knownBase(workspace: Workspace): CheckBase {
  const policySpecs = [...workspace.policyFiles].flatMap(([file, text]) => readPolicies(file, text).policies);
  const policies = checkPolicies(policySpecs, workspace);
  return { workspace, catalog: catalogOf(workspace), policies, diagnostics: [] };
}

/** Reads a file; one that was read before is taken over. */
export function readFile(file: string, text: string, memory?: CheckMemory): ReadFile {
  const known = memory?.files.get(file);
  if (known?.text === text) return known;
  return { text, ...readSource(file, text, memory && yamlOf(file, memory)) };
}

/** What the pipelines of a workspace show to each other. */
export function interfacesOf(read: Iterable<ReadFile>): Interfaces {
  return interfacesIn(
    [...read].flatMap(({ spec }) => (spec && !spec.reconciliation ? interfaceOf(spec) : [])),
  );
}

/** Does what was found of a file still hold, its text being the same? */
export function isCurrent({ pipeline }: FileFindings, interfaces: Interfaces): boolean {
  return pipeline === undefined || stillHolds(pipeline.relied, interfaces);
}

export function checkFile(
  file: string,
  read: ReadFile,
  interfaces: Interfaces,
  base: CheckBase,
  memory?: CheckMemory,
): CheckedFile {
  const known = memory?.files.get(file);
  if (known?.text === read.text && isCurrent(known.findings, interfaces)) return known;
  const { text, document, spec, diagnostics } = read;
  const checked = spec && checkSpec(spec, base, interfaces);
  const found = [...secretDiagnostics(file, text), ...diagnostics, ...(checked?.diagnostics ?? [])];
  const isUnderstood = checked !== undefined && !hasErrors([...diagnostics, ...checked.understanding]);
  if (checked && !spec?.reconciliation && !hasErrors(found)) found.push(...checkUnused(checked.model));
  const result: CheckedFile = {
    text,
    document,
    ...(spec && { spec }),
    diagnostics,
    findings: {
      diagnostics: found,
      ...(checked && { pipeline: checked.pipeline }),
    },
    ...(checked && { checked: { model: checked.model, data: checked.data, classed: checked.classed } }),
    isUnderstood,
  };
  memory?.files.set(file, result);
  return result;
}

/** Reads a text that may not be YAML yet; nothing is proved of it. */
export function inspectPipeline(
  workspace: Workspace,
  file: string,
  text: string,
  memory: CheckMemory = createCheckMemory(),
): PipelineInspection {
  const base = baseOf(workspace, memory);
  const known = memory.files.get(file);
  if (known?.text === text && known.checked) return { document: known.document, ...known.checked };
  const document = parseSpec(file, text);
  const { spec } = formOf(file).read(document);
  if (!spec) return { document };
  const interfaces = runsAny(spec)
    ? interfacesOf([...workspace.pipelineFiles].map(([other, its]) => readFile(other, its, memory)))
    : NO_INTERFACES;
  const { model } = modelOf(spec, base.catalog, interfaces);
  return { document, model, data: checkData(model, base.policies.rules) };
}

const NO_INTERFACES: Interfaces = new Map();

function runsAny({ steps, reconciliation }: PipelineSpec): boolean {
  return reconciliation !== undefined || allSteps(steps).some(({ kind }) => kind === 'run');
}

function checkSpec(spec: PipelineSpec, base: CheckBase, interfaces: Interfaces) {
  const { model, diagnostics } = modelOf(spec, base.catalog, interfaces);
  const data = checkData(model, base.policies.rules);
  const proofs = spec.reconciliation
    ? reconciliationProofs({ model, data }, interfaces)
    : pipelineProofs({ model, data });
  const team = spec.owner?.team?.value;
  const pipeline: NonNullable<FileFindings['pipeline']> = {
    name: spec.name,
    ...(team !== undefined && { team }),
    steps: allSteps(spec.steps).length,
    expressions: data.expressions,
    facts: factsOf(model, data),
    ...(!spec.reconciliation && { interface: interfaceOf(spec) }),
    relied: reliedOn(
      [
        ...allSteps(spec.steps).flatMap((step) => (step.kind === 'run' ? step.pipeline.value : [])),
        ...(spec.reconciliation?.repair ?? []).map(({ pipeline: named }) => named.value),
      ],
      interfaces,
    ),
  };
  const understanding = [...diagnostics, ...data.diagnostics];
  return {
    model,
    data,
    pipeline,
    understanding,
    diagnostics: [...understanding, ...proofs.diagnostics],
    classed: proofs.classed,
  };
}

/** What is in a file, by its name: its schema, and what reads it. */
function formOf(file: string) {
  return isReconciliationFile(file)
    ? { schema: reconciliationSchema, read: readReconciliation }
    : { schema: pipelineSchema, read: readPipeline };
}

function yamlOf(file: string, memory: CheckMemory): YamlMemory {
  const known = memory.yaml.get(file) ?? createYamlMemory();
  memory.yaml.set(file, known);
  return known;
}

function readSource(
  file: string,
  text: string,
  yaml: YamlMemory | undefined,
): {
  readonly document: SpecDocument;
  readonly spec?: PipelineSpec;
  readonly diagnostics: readonly Diagnostic[];
} {
  const document = parseSpec(file, text, yaml);
  const found: Diagnostic[] = [...document.diagnostics];
  // Beyond a syntax error everything is a guess; one clear finding is worth more than twenty that follow from it.
  if (document.isBroken) return { document, diagnostics: found };
  if (!document.root) {
    found.push(
      diagnostic('pipeline-empty', { message: 'the file is empty', at: document.range(0, 0), subject: file }),
    );
    return { document, diagnostics: found };
  }
  const { schema, read } = formOf(file);
  found.push(...checkShape(document, document.root, schema), ...placeholderDiagnostics(document));
  const { spec, diagnostics } = read(document);
  return { document, ...(spec && { spec }), diagnostics: [...found, ...diagnostics] };
}

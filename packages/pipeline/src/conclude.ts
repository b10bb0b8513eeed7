import { posix } from 'node:path';
import { compareDiagnostics, type Diagnostic, fingerprintOf, hasErrors } from '@tenon/model';
import type { PipelineFacts } from './check/proofs/facts.ts';
import { workspaceProofs } from './check/proofs/proofs.ts';
import { isIncomplete, suppressionsOf } from './check/suppressions.ts';
import type { FileFindings } from './check-memory.ts';
import { diagnostic } from './rules.ts';
import type { Located } from './spec/pipeline-spec.ts';
import { isReconciliationFile, type Workspace } from './workspace.ts';

/** What a check says in the end. */
export interface Conclusion {
  readonly diagnostics: readonly Diagnostic[];
  /** What was looked at, for the closing line. */
  readonly checked: {
    readonly pipelines: number;
    /** Absent where there are none. */
    readonly reconciliations?: number;
    readonly steps: number;
    readonly contracts: number;
    readonly connectors: number;
    readonly expressions: number;
  };
}

/**
 * Puts the findings of single files together: names used twice, the proofs over all pipelines, what authors allow.
 * `files` has an entry for each pipeline file; nothing here needs a contract.
 */
export function conclude(
  workspace: Workspace,
  base: readonly Diagnostic[],
  files: ReadonlyMap<string, FileFindings>,
): Conclusion & {
  /** Files whose pipeline must not run. */
  readonly unsound: ReadonlySet<string>;
  readonly facts: readonly PipelineFacts[];
} {
  const found: Diagnostic[] = [...base];
  const allowed = suppressionsOf(workspace.pipelineFiles);
  const facts: PipelineFacts[] = [];
  const unsound = new Set<string>();
  const names = new Map<string, Located<string>>();
  let steps = 0;
  let expressions = 0;
  for (const [file, { diagnostics, pipeline }] of files) {
    let own = diagnostics;
    if (pipeline) {
      const { name } = pipeline;
      const earlier = names.get(name.value);
      if (earlier) own = [...own, usedTwice(name, earlier)];
      else names.set(name.value, name);
      steps += pipeline.steps;
      expressions += pipeline.expressions;
      facts.push(pipeline.facts);
      own = allowed.kept(own);
    }
    if (!pipeline || hasErrors(own)) unsound.add(file);
    found.push(...own.map((one) => owned(one, pipeline?.team)));
  }
  const reconciliations = [...workspace.pipelineFiles.keys()].filter(isReconciliationFile).length;
  const isSound = workspace.unreadable.size === 0 && unsound.size === 0 && !hasErrors(base);
  const across = allowed.kept(workspaceProofs(facts, workspace, isSound));
  for (const one of across) if (one.severity === 'error' && one.file !== undefined) unsound.add(one.file);
  const unread = [...workspace.pipelineFiles].flatMap(([file, text]) =>
    files.get(file)?.pipeline === undefined ? namesOf(file, text) : [],
  );
  const isWhole =
    workspace.unreadable.size === 0 &&
    ![base, ...[...files.values()].map(({ diagnostics }) => diagnostics)].some(isIncomplete);
  found.push(...across, ...allowed.problems(isWhole));
  return {
    diagnostics: distinct(found.filter((one) => !isEcho(one, workspace, unread)).sort(compareDiagnostics)),
    unsound,
    facts,
    checked: {
      pipelines: workspace.pipelineFiles.size - reconciliations,
      ...(reconciliations > 0 && { reconciliations }),
      steps,
      contracts: workspace.contracts.size,
      connectors: workspace.connectors.size,
      expressions,
    },
  };
}

function usedTwice(name: Located<string>, earlier: Located<string>): Diagnostic {
  return diagnostic('duplicate-pipeline', {
    message: `two pipelines are named \`${name.value}\``,
    at: name.at,
    subject: name.value,
    related: [{ ...earlier.at, message: 'the first is here' }],
  });
}

/** Does it only say again that a contract, connector or pipeline, which is there, cannot be read? */
function isEcho(
  { code, file, fingerprint }: Diagnostic,
  { unreadable }: Workspace,
  unread: readonly string[],
): boolean {
  const names = code === 'unknown-pipeline' ? unread : ECHOES.has(code) ? [...unreadable] : [];
  return names.some((name) => fingerprintOf(code, file, name) === fingerprint);
}

/** What the pipelines may be called that are there and cannot be read: by their text as far as it goes, and by their file. */
function namesOf(file: string, text: string): readonly string[] {
  const written = /^metadata:[^#]*?\bname:\s*['"]?([^\s'",}#]+)/m.exec(text)?.[1];
  return [...(written === undefined ? [] : [written]), posix.basename(file, '.pipeline.yaml')];
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

function owned(one: Diagnostic, team: string | undefined): Diagnostic {
  const owner = one.owner ?? team;
  return owner === undefined ? one : { ...one, owner };
}

import { compareDiagnostics, type Diagnostic, sha256 } from '@tenon/model';
import { interfacesIn } from './check/pipeline-interface.ts';
import {
  baseOf,
  checkFile,
  createCheckMemory,
  type FileFindings,
  interfacesOf,
  isCurrent,
  knownBase,
  readFile,
} from './check-memory.ts';
import { type Conclusion, conclude } from './conclude.ts';
import { lazyContracts } from './load/lazy-contracts.ts';
import { isUnchanged, type Trace, type TracedFiles, tracedFiles } from './load/traced-files.ts';
import type { WorkspaceFiles } from './load/workspace-files.ts';
import {
  isPipelineFile,
  loadNamedContract,
  loadWorkspaceFiles,
  pipelineTexts,
  type Workspace,
  type WorkspaceOptions,
} from './workspace.ts';

/** What one check leaves for the next, in two parts: most checks need the second no more. Plain JSON. */
export interface KeptCheck {
  readonly summary: {
    /** What was asked of all files but the pipelines. */
    readonly trace: Trace;
    /** Digest of each pipeline's text. */
    readonly pipelines: Readonly<Record<string, string>>;
    readonly conclusion: Conclusion;
  };
  readonly details: {
    readonly loading: readonly Diagnostic[];
    readonly base: readonly Diagnostic[];
    readonly contracts: readonly string[];
    readonly unreadable: readonly string[];
    readonly findings: Readonly<Record<string, FileFindings>>;
  };
}

/**
 * Where that is kept. What `read` gives must be what the same build of this tool wrote, whole, or nothing: it is not
 * looked at for sense any more. Nothing that is written there can change a result but by being wrong.
 */
export interface CheckStore {
  read():
    | { readonly summary: KeptCheck['summary']; readonly details: () => KeptCheck['details'] | undefined }
    | undefined;
  write(kept: KeptCheck): void;
}

export interface FilesCheckOptions extends Pick<WorkspaceOptions, 'cache'> {
  /** Without one, everything is checked. */
  readonly store?: CheckStore;
  readonly tellsAll?: boolean;
}

/**
 * Checks the workspace at `root` as a command does, once. What the check before found is taken over where everything
 * that it came of is the same: the whole answer where no file changed, that of single pipelines where only pipelines
 * did. A change of anything else (a contract, a connector, the configuration) checks everything again. With and without
 * a store the result is the same.
 */
export async function checkFiles(
  root: string,
  disk: WorkspaceFiles,
  { store, cache, tellsAll }: FilesCheckOptions = {},
): Promise<Conclusion> {
  const files = tracedFiles(disk);
  const options = { ...(cache && { cache }), ...(tellsAll && { tellsAll }) };
  const kept = store?.read();
  if (kept && (await isUnchanged(kept.summary.trace, files))) {
    const texts = await pipelineTexts(files);
    if (isSame(kept.summary.pipelines, texts)) return kept.summary.conclusion;
    const details = kept.details();
    if (details) {
      const known = { summary: kept.summary, details };
      const next = await checkChanged(root, files, texts, known, options);
      store?.write(next);
      return next.summary.conclusion;
    }
  }
  const next = await checkAll(root, files, options);
  store?.write(next);
  return next.summary.conclusion;
}

async function checkAll(
  root: string,
  files: TracedFiles,
  options: Pick<WorkspaceOptions, 'cache' | 'tellsAll'>,
): Promise<KeptCheck> {
  const { value: workspace, diagnostics: loading } = await loadWorkspaceFiles(root, files, options);
  if (!workspace) throw new Error('a workspace is always read, whatever is wrong with it');
  const base = baseOf(workspace, createCheckMemory());
  const findings = new Map<string, FileFindings>();
  const read = new Map([...workspace.pipelineFiles].map(([file, text]) => [file, readFile(file, text)]));
  const interfaces = interfacesOf(read.values());
  for (const [file, one] of read) findings.set(file, checkFile(file, one, interfaces, base).findings);
  return keptOf(files, workspace, loading, base.diagnostics, findings);
}

async function checkChanged(
  root: string,
  files: TracedFiles,
  texts: ReadonlyMap<string, string>,
  { summary, details }: KeptCheck,
  options: Pick<WorkspaceOptions, 'cache'>,
): Promise<KeptCheck> {
  const lazy = lazyContracts(
    details.contracts,
    async (name) => (await loadNamedContract(name, files, { ...options, isKnown: true })).value,
  );
  const given = { contracts: lazy.contracts, unreadable: details.unreadable };
  const { value: workspace } = await loadWorkspaceFiles(root, files, { given });
  if (!workspace) throw new Error('a workspace is always read, whatever is wrong with it');
  const base = await lazy.with(() => knownBase(workspace));
  const findings = new Map<string, FileFindings>();
  const kept = new Map<string, FileFindings>();
  const shown = [...texts].flatMap(([file, text]) => {
    const isKnown = Object.hasOwn(summary.pipelines, file) && summary.pipelines[file] === sha256(text);
    const known = isKnown && Object.hasOwn(details.findings, file) ? details.findings[file] : undefined;
    if (known) kept.set(file, known);
    // What is kept says what a pipeline shows to others; only what changed is read for it.
    return known ? (known.pipeline?.interface ?? []) : [...interfacesOf([readFile(file, text)]).values()];
  });
  const interfaces = interfacesIn(shown);
  for (const [file, text] of texts) {
    const known = kept.get(file);
    const isGood = known !== undefined && isCurrent(known, interfaces);
    const now = () => checkFile(file, readFile(file, text), interfaces, base).findings;
    findings.set(file, isGood ? known : await lazy.with(now));
  }
  return keptOf(files, workspace, details.loading, details.base, findings);
}

function keptOf(
  files: TracedFiles,
  workspace: Workspace,
  loading: readonly Diagnostic[],
  base: readonly Diagnostic[],
  findings: ReadonlyMap<string, FileFindings>,
): KeptCheck {
  const { diagnostics, checked } = conclude(workspace, base, findings);
  const conclusion = { diagnostics: [...loading, ...diagnostics].sort(compareDiagnostics), checked };
  const trace = Object.fromEntries(
    Object.entries(files.trace()).filter(([question]) => !isAboutPipelines(question)),
  );
  return {
    summary: { trace, pipelines: digestsOf(workspace.pipelineFiles), conclusion },
    details: {
      loading,
      base,
      contracts: [...workspace.contracts.keys()],
      unreadable: [...workspace.unreadable],
      findings: Object.fromEntries(findings),
    },
  };
}

/** Pipelines have digests of their own: one that changes, comes or goes leaves what is known of the others. */
function isAboutPipelines(question: string): boolean {
  return question === 'files pipelines' || isPipelineFile(question.replace(/^read /, ''));
}

function isSame(digests: Readonly<Record<string, string>>, texts: ReadonlyMap<string, string>): boolean {
  return (
    Object.keys(digests).length === texts.size &&
    [...texts].every(([file, text]) => Object.hasOwn(digests, file) && digests[file] === sha256(text))
  );
}

function digestsOf(texts: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...texts].map(([file, text]) => [file, sha256(text)]));
}

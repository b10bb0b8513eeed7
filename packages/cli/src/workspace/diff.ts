import { existsSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { basename, join, relative, resolve } from 'node:path';
import type { Contract, UsageBetween } from '@tenon/contract';
import {
  applyWaivers,
  blockingOf,
  type DiffReport,
  diffContracts,
  loadWaivers,
  toDiagnostics,
} from '@tenon/diff';
import { type Checked, type Diagnostic, hasErrors } from '@tenon/model';
import { cliDiagnostic } from '../cli-rules.ts';
import type { Io } from '../io.ts';
import { checkConnectorVersions } from './connector-versions.ts';
import {
  baseLacks,
  baseUnreadable,
  loadBase,
  loadFile,
  loadFileOfRef,
  type ReadTexts,
  readText,
} from './contract-base.ts';
import { checkPipelineVersions } from './pipeline-versions.ts';
import type { Session } from './session.ts';

/** One contract, compared: its report with waivers applied, and what the report was made from. */
export interface Comparison {
  readonly report: DiffReport;
  readonly base: Contract;
  readonly revision: Contract;
  /** Where its waivers are kept, relative to the folder that paths are shown from. */
  readonly waiversFile: string;
}

export interface DiffResult {
  readonly comparisons: readonly Comparison[];
  /** Findings of every comparison, and what stood in the way of one. */
  readonly diagnostics: readonly Diagnostic[];
  readonly checked: Readonly<Record<string, number>>;
  readonly isBlocked: boolean;
  readonly texts: ReadTexts;
}

/** Compares every contract of a workspace with how it stood in a git ref or another folder. */
export async function diffWorkspace(session: Session, against: string, io: Io): Promise<DiffResult> {
  const texts: ReadTexts = new Map();
  const base = await loadBase(against, session.root, io.cwd, texts);
  const comparisons: Comparison[] = [];
  const diagnostics: Diagnostic[] = [...base.diagnostics];
  const used = await usedBetween(session, base.contracts, session.workspace.contracts);
  for (const [name, revision] of session.workspace.contracts) {
    const before = base.contracts.get(name);
    if (!before) continue;
    const waiversFile = `contracts/${name}/waivers.yaml`;
    const compared = await compare(before, revision, used, waiversFile, session.root, io);
    comparisons.push(compared.comparison);
    diagnostics.push(...compared.diagnostics);
  }
  for (const [name, removed] of base.contracts) {
    if (session.workspace.contracts.has(name)) continue;
    diagnostics.push(withoutRevision(removed, session, used));
  }
  diagnostics.push(
    ...(await checkConnectorVersions(base, session, used, (path) =>
      readFile(join(session.root, path), 'utf8'),
    )),
    ...(await checkPipelineVersions(base, session)),
  );
  return result(comparisons, diagnostics, texts);
}

/**
 * Compares two documents; the base may also be a folder or a git ref that holds the same path. Inside a workspace that has the revision as a contract, its pipelines are the victims.
 */
export async function diffFiles(
  basePath: string,
  revisionPath: string,
  session: Session | undefined,
  io: Io,
): Promise<DiffResult> {
  const texts: ReadTexts = new Map();
  const owned = session && contractOf(resolve(io.cwd, revisionPath), session.root);
  const name = owned ?? basename(revisionPath).replace(/\.(gz|ya?ml|json)/g, '');
  const revision = await loadFile(revisionPath, name, io.cwd, texts);
  const base = (await isCopy(basePath, io.cwd, texts))
    ? revision
    : await loadAny(basePath, revisionPath, name, io, texts);
  const unreadable = [base, revision].flatMap(({ value, diagnostics }) => (value ? [] : diagnostics));
  if (!base.value || !revision.value) return result([], unreadable, texts);
  const waiversFile = join(revisionPath, '..', 'waivers.yaml');
  const [was, is] = [base.value, revision.value].map((contract) => new Map([[name, contract]]));
  const used = owned === undefined || !session ? undefined : await usedBetween(session, was!, is!);
  const compared = await compare(base.value, revision.value, used, waiversFile, io.cwd, io);
  return result([compared.comparison], compared.diagnostics, texts);
}

/** Compares a contract of the workspace with what it was: its pipelines are the victims, its waivers hold. */
export async function diffContract(
  base: Contract,
  revision: Contract,
  session: Session,
  texts: ReadTexts,
  io: Io,
): Promise<DiffResult> {
  const waiversFile = `contracts/${revision.name}/waivers.yaml`;
  const [was, is] = [base, revision].map((contract) => new Map([[contract.name, contract]]));
  const used = await usedBetween(session, was!, is!);
  const compared = await compare(base, revision, used, waiversFile, session.root, io);
  return result([compared.comparison], compared.diagnostics, texts);
}

/** A document, the one of the same path in a folder, or the one of the same path in a git ref. */
async function loadAny(
  base: string,
  revision: string,
  name: string,
  io: Io,
  texts: ReadTexts,
): Promise<Checked<Contract>> {
  const found = await stat(resolve(io.cwd, base)).catch(() => undefined);
  if (found?.isDirectory()) {
    const path = join(base, relative(io.cwd, resolve(io.cwd, revision)));
    return existsSync(resolve(io.cwd, path))
      ? loadFile(path, name, io.cwd, texts)
      : { diagnostics: [baseLacks(base, revision)] };
  }
  if (found) return loadFile(base, name, io.cwd, texts);
  return (
    (await loadFileOfRef(base, revision, name, io.cwd, texts)) ?? { diagnostics: [baseUnreadable(base)] }
  );
}

/** Is the base the same text as a revision that needed no other file? Then it need not be loaded once more. */
async function isCopy(base: string, cwd: string, texts: ReadTexts): Promise<boolean> {
  if (texts.size !== 1 || BESIDE.some((file) => existsSync(resolve(cwd, base, '..', file)))) return false;
  const text = await readText(resolve(cwd, base)).catch(() => undefined);
  return text !== undefined && text === texts.values().next().value;
}

/** What is read with a document when it stands beside it. */
const BESIDE = ['contract.yaml', 'overlay.yaml'];

async function compare(
  base: Contract,
  revision: Contract,
  used: UsageBetween | undefined,
  waiversFile: string,
  root: string,
  io: Io,
): Promise<{ readonly comparison: Comparison; readonly diagnostics: readonly Diagnostic[] }> {
  const now = io.clock.now();
  const whole = diffContracts(base, revision, {
    now,
    ...(used && { usage: used }),
  });
  const path = resolve(root, waiversFile);
  if (!existsSync(path))
    return { comparison: { report: whole, base, revision, waiversFile }, diagnostics: toDiagnostics(whole) };
  const waivers = loadWaivers(waiversFile, await readFile(path, 'utf8'));
  const applied = waivers.value && applyWaivers(whole, waivers.value, now);
  const report = applied?.report ?? whole;
  return {
    comparison: { report, base, revision, waiversFile },
    diagnostics: [...waivers.diagnostics, ...(applied?.diagnostics ?? []), ...toDiagnostics(report)],
  };
}

/** What pipelines use of contracts as they were and as they are to be; both are looked at only where they differ. */
async function usedBetween(
  { workspace, check }: Session,
  before: ReadonlyMap<string, Contract>,
  after: ReadonlyMap<string, Contract>,
): Promise<UsageBetween> {
  const isSame = [...before].every(([name, { digest }]) => after.get(name)?.digest === digest);
  if (isSame) return { before: check.usage, after: [] };
  const { usageBetween } = await import('@tenon/pipeline');
  return usageBetween(workspace, before, after);
}

/** A contract of the base that is not here to be compared: gone, or not to be read. */
function withoutRevision(
  { name, version }: Contract,
  session: Session,
  { before }: UsageBetween,
): Diagnostic {
  const isUnreadable = session.diagnostics.some(
    ({ severity, file }) => severity === 'error' && file?.startsWith(`contracts/${name}/`),
  );
  if (isUnreadable) {
    const message = `contract ${name} cannot be read as it is now, so it was not compared with ${version}`;
    return cliDiagnostic('contract-not-compared', { message, subject: name });
  }
  const used = before.filter(({ contract }) => contract === name);
  const pipelines = [...new Set(used.map(({ pipeline }) => pipeline))];
  const by = pipelines.length === 0 ? '' : `, and is in use by ${pipelines.join(', ')}`;
  return cliDiagnostic('contract-removed', {
    message: `contract ${name} ${version} was removed${by}`,
    subject: name,
    ...(pipelines.length > 0 && {
      severity: 'error' as const,
      owner: [...new Set(used.map(({ owner }) => owner))].join(', '),
      related: used.map(({ at, pipeline, step }) => ({ ...at, message: `${pipeline}, step ${step}` })),
    }),
  });
}

function result(
  comparisons: readonly Comparison[],
  diagnostics: readonly Diagnostic[],
  texts: ReadTexts,
): DiffResult {
  const checked = { contracts: comparisons.length, operations: 0, messages: 0, schemas: 0 };
  let isBlocked = hasErrors(diagnostics);
  for (const { report } of comparisons) {
    for (const what of ['operations', 'messages', 'schemas'] as const) checked[what] += report.checked[what];
    const blocking = blockingOf(report);
    isBlocked ||= blocking.findings.length > 0 || blocking.undecided > 0;
  }
  return { comparisons, diagnostics, checked, isBlocked, texts };
}

/** The contract that a file of a workspace is the document of: `contracts/<name>/openapi.yaml`. */
function contractOf(path: string, root: string): string | undefined {
  return /^contracts\/([^/]+)\/(openapi|asyncapi)\.(ya?ml|json)$/.exec(
    relative(root, path).replaceAll('\\', '/'),
  )?.[1];
}

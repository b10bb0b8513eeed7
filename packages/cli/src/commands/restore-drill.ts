import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { DrillRequest, DrillResult, DrillVerdict } from '@tenon/runtime';
import { backupTo, compareCopy, holderOf, openLedger, RuntimeError } from '@tenon/runtime';
import { fileLines } from '../client/file-lines.ts';
import { type Args, UsageError } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { readersKeys } from '../serve/data-keys.ts';
import { publicKeys } from '../serve/ledger-key.ts';
import { findRoot, readServerConfig } from '../workspace/root.ts';

/** Findings that are named of each kind; the rest are counted. */
const NAMED_MAX = 5;

/**
 * Copies the database in use, opens the copy in a folder of its own, and holds it against the database: is it whole, is its ledger as it was
 * signed, is it what the database was. The copy is gone afterwards, however the drill ends.
 */
export async function drillRestore(args: Args, io: Io): Promise<DrillRequest> {
  const root = await findRoot(io.cwd);
  const own = await readServerConfig(root);
  const from = own.engineFile;
  if (root === undefined || from === undefined || !existsSync(from))
    throw new UsageError(
      'argument-missing',
      'a restore is drilled beside the database: call it in the workspace of the Tenon that runs',
    );
  if (holderOf(from) === undefined)
    throw new CommandError(
      `no Tenon has ${from} open: the copy is held against the database of the one that it is recorded with`,
      exit.failed,
    );
  const folder = scratchFolder(args, io, from);
  try {
    const stopped = io.interrupted().then((): never => {
      throw new CommandError('interrupted: nothing was recorded', exit.failed);
    });
    return await Promise.race([restored(root, from, own.checkpointsFile, folder, io), stopped]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Is the drill entered in the database that was copied? `--url` and TENON_URL may lead to a Tenon that has another one. */
export async function needOwnDrill({ id }: Pick<DrillResult, 'id'>, io: Io): Promise<void> {
  const { engineFile } = await readServerConfig(await findRoot(io.cwd));
  const ledger = openLedger(engineFile!);
  try {
    const entries = ledger.trace({ system: true });
    if (entries.some(({ kind, details }) => kind === 'drill' && details['id'] === id)) return;
  } finally {
    ledger.close();
  }
  throw new CommandError(
    `drill ${id} was entered by a Tenon that has another database than ${engineFile}, which was copied: what it says is not of that Tenon; \`--url\` and TENON_URL say where it is`,
    exit.failed,
  );
}

async function restored(
  root: string,
  from: string,
  checkpointsFile: string | undefined,
  folder: string,
  io: Io,
): Promise<DrillRequest> {
  const startedAtMs = io.clock.now();
  const began = io.clock.steady();
  const copy = join(folder, 'copy.db');
  const checkpoints = join(folder, 'checkpoints');
  const signed = checkpointsFile ?? `${from}.checkpoints`;
  // First, so that none counts what the copy has not.
  if (existsSync(signed)) copyFileSync(signed, checkpoints);
  const told = (verdict: DrillVerdict, findings: readonly string[], figures: Record<string, number>) => ({
    kind: 'restore' as const,
    verdict,
    startedAtMs,
    endedAtMs: io.clock.now(),
    findings,
    figures: { tookMs: Math.round(io.clock.steady() - began), ...figures },
  });
  try {
    await backupTo(from, copy);
    const copiedMs = Math.round(io.clock.steady() - began);
    const { encryption } = await readersKeys(io);
    const ledger = openLedger(copy, encryption);
    try {
      const { counts, differences } = compareCopy(from, copy);
      const keys = await publicKeys([], root);
      const problems = ledger.check();
      const locked = problems.filter((problem) => problem.startsWith('STORED_VALUE_LOCKED'));
      const damage = problems.filter((problem) => !locked.includes(problem));
      const report = ledger.verify({
        checkpoints: existsSync(checkpoints) ? [{ name: 'checkpoints', lines: fileLines(checkpoints) }] : [],
        keys,
      });
      const refusal = ledger.startRefusal({ file: checkpoints, keys });
      const findings = [
        ...differences,
        // What a problem says of a row may hold names: the command that looks the database through says all of it.
        ...(damage.length > 0
          ? [`${damage.length} problems in the copy; \`tenon backup --check\` of a copy names them`]
          : []),
        ...report.findings.slice(0, NAMED_MAX).map(({ code, message }) => `${code}: ${message}`),
        ...(refusal === undefined ? [] : [`no process would start on it: ${refusal.code}`]),
      ];
      const seen = { copiedMs, bytes: statSync(copy).size, entries: report.entries, covered: report.covered };
      const verdict = findings.length > 0 ? 'failed' : locked.length > 0 ? 'inconclusive' : 'passed';
      return told(verdict, [...findings, ...locked.map(() => LOCKED)], { ...seen, ...counts });
    } finally {
      ledger.close();
    }
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    return told('failed', [`${error.code}: no copy that can be opened`], {});
  }
}

const LOCKED = 'what is encrypted was not looked at: its keys are not to be had where the drill was held';

/** Of this drill alone, and readable by its owner alone; where another one was killed, what it has left is taken away. */
function scratchFolder(args: Args, io: Io, database: string): string {
  const named = args.text('scratch');
  const parent = named === undefined ? tmpdir() : resolve(io.cwd, named);
  if (!existsSync(parent))
    throw new UsageError('argument-unknown', `--scratch: there is no folder ${parent}`);
  for (const name of readdirSync(parent)) {
    const pid = Number(/^tenon-restore-drill-(\d+)-/.exec(name)?.[1]);
    if (pid > 0 && !isAlive(pid) && isOurs(join(parent, name)))
      rmSync(join(parent, name), { recursive: true, force: true });
  }
  const { bavail, bsize } = statfsSync(parent);
  const needed = [database, `${database}-wal`].reduce(
    (bytes, file) => bytes + (statSync(file, { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  if (bavail * bsize < needed)
    throw new UsageError(
      'argument-invalid',
      `the copy needs ${needed} bytes, and ${parent} has ${bavail * bsize}: name another folder with --scratch`,
    );
  return mkdtempSync(join(parent, `tenon-restore-drill-${process.pid}-`));
}

/** In a folder for all, what is of another user is theirs to take away. */
function isOurs(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.uid === process.getuid?.();
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

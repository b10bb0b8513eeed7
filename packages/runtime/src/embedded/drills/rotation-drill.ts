import type { LiveDrillRequest } from '../../api/drills.ts';
import { connectionsOf } from '../../loaded-plan.ts';
import type { CredentialPort, LedgerEntry } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { entriesSince, lastSequence } from './entries-since.ts';
import type { Judged, LiveDrill } from './live-drill.ts';

type Request = Extract<LiveDrillRequest, { readonly kind: 'rotation' }>;

const WAIT_MS = 5 * 60_000;
/** What is held is read anew after a minute. */
const WATCH_MS = 75_000;
/** Store and other side may learn of a rotation in any order. */
const HEALTHY_WITHIN_MS = 30_000;
const LOOK_EVERY_MS = 1_000;
const NAMED_MAX = 3;

/** Why it cannot be held. */
export function whyNoRotationDrill(engine: EmbeddedEngine, { connection }: Request): string | undefined {
  return engine.credentialOf(connection) === undefined
    ? `no credential of ${connection} can be another one while this process is up (there is none, it is an \`env:\` reference, or a refresh token that each use changes), or its connector has no health call to show that one works: \`tenon drill record rotation\` enters what people did`
    : undefined;
}

/**
 * Waits until the credential of a connection is another one where it is kept, makes the health call with it, and watches for as long as calls may hold
 * the one before. What failed meanwhile, and what was read anew, is read from the ledger.
 */
export async function drillRotation(drill: LiveDrill, request: Request): Promise<Judged> {
  const { engine, say } = drill;
  const { connection, waitMs = WAIT_MS, watchMs = WATCH_MS } = request;
  const credential = engine.credentialOf(connection);
  if (credential === undefined) throw new Error(`${connection} has no credential any more`);
  const sequence = lastSequence(engine);
  const before = await credential.mark();
  say(`waits for another credential of ${connection}: put it in place now`);
  if (!(await isChanged(drill, credential, before, waitMs)))
    return {
      verdict: 'inconclusive',
      findings: [`the credential of ${connection} was the same for ${waitMs / 1_000} s: nothing was rotated`],
      figures: {},
    };
  const changedAtMs = engine.now();
  say('makes the health call with it');
  const refusal = await healthRefusal(drill, credential);
  const healthyMs = engine.now() - changedAtMs;
  say('watches what is called with it');
  await drill.pause(watchMs);
  const { failed, readAnew, calls } = await seenSince(engine, connection, sequence, changedAtMs);
  const findings = [
    ...(refusal === undefined ? [] : [`the health call does not work with the new credential: ${refusal}`]),
    ...(failed.length > 0 ? [failedWords(failed)] : []),
  ];
  return {
    verdict: findings.length > 0 ? 'failed' : 'passed',
    findings,
    figures: { healthyMs, watchedMs: engine.now() - changedAtMs, calls, readAnew, failed: failed.length },
  };
}

async function isChanged(
  { engine, signal, pause }: LiveDrill,
  credential: CredentialPort,
  before: string,
  withinMs: number,
): Promise<boolean> {
  const untilMs = engine.now() + withinMs;
  while (!signal.aborted && engine.now() < untilMs) {
    // A file that is being replaced is not there for a moment.
    if ((await credential.mark().catch(() => before)) !== before) return true;
    await pause(LOOK_EVERY_MS);
  }
  return false;
}

/** The code of what the health call fails with, as long as it does. */
async function healthRefusal(
  { engine, signal, pause }: LiveDrill,
  credential: CredentialPort,
): Promise<string | undefined> {
  const untilMs = engine.now() + HEALTHY_WITHIN_MS;
  for (;;) {
    const refusal = await credential.healthRefusal();
    if (refusal === undefined || signal.aborted || engine.now() >= untilMs) return refusal;
    await pause(LOOK_EVERY_MS);
  }
}

/** Of the pipelines that call over the connection: what failed for want of a credential, and what was read anew since it was another. */
async function seenSince(
  engine: EmbeddedEngine,
  connection: string,
  sequence: number,
  changedAtMs: number,
): Promise<{ readonly failed: readonly LedgerEntry[]; readonly readAnew: number; readonly calls: number }> {
  const failed: LedgerEntry[] = [];
  let [readAnew, calls] = [0, 0];
  const isOver = ({ details }: LedgerEntry): boolean =>
    String(details['operation']).startsWith(`${engine.connections[connection] ?? connection}.`);
  for (const { plan } of engine.inForce.begins.values()) {
    if (!connectionsOf(plan).has(connection)) continue;
    for await (const entry of entriesSince(engine, plan.pipeline, sequence)) {
      const { kind, at, details } = entry;
      if ((kind === 'attempt' || kind === 'outcome') && isOver(entry)) {
        if (at >= changedAtMs) calls++;
        if (details['outcome'] === 'failed' && UNPROVEN.has(String(details['class']))) failed.push(entry);
      }
      if (kind === 'secretUse' && at >= changedAtMs) readAnew += readOf(entry, connection);
    }
  }
  return { failed, readAnew, calls };
}

const UNPROVEN: ReadonlySet<string> = new Set(['auth', 'permission']);

function readOf({ details: { uses } }: LedgerEntry, connection: string): number {
  if (!Array.isArray(uses)) return 0;
  return uses.filter(
    (use) =>
      typeof use === 'object' &&
      use !== null &&
      !Array.isArray(use) &&
      use['connection'] === connection &&
      use['found'] === true &&
      use['held'] === false,
  ).length;
}

function failedWords(failed: readonly LedgerEntry[]): string {
  const named = failed
    .slice(0, NAMED_MAX)
    .map(({ step, runId, details }) => `${step} of run ${runId} (${details['code']})`);
  return `${failed.length} calls failed for want of a credential: ${named.join(', ')}`;
}

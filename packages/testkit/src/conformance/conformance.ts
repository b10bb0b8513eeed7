import type { ConnectionConfig, TransportContext } from '@tenon/connector';
import { type Random, type SteadyClock, systemClock, systemRandom } from '@tenon/model';
import { contractSchemas } from '../sandbox/contract-schemas.ts';
import { deriveRoles } from '../sandbox/resources.ts';
import { type Sandbox, startSandbox } from '../sandbox/sandbox.ts';
import { Bench, type BenchTarget } from './bench.ts';
import type { Check, Verdict } from './check.ts';
import { boundChecks } from './checks/bounds.ts';
import { callChecks, PROVEN } from './checks/calls.ts';
import { credentialChecks } from './checks/credentials.ts';
import { effectChecks } from './checks/effects.ts';
import { failureChecks } from './checks/failures.ts';
import { fileChecks } from './checks/files.ts';
import { limitChecks } from './checks/limits.ts';
import { pagingChecks } from './checks/paging.ts';
import { proofOfOriginChecks } from './checks/proofs-of-origin.ts';
import { webhookChecks } from './checks/webhooks.ts';
import { followingContract, type Subject } from './subject.ts';

/** Every check, in order of its number. */
export const conformanceChecks: readonly Check[] = [
  ...fileChecks,
  ...callChecks,
  ...failureChecks,
  ...credentialChecks,
  ...proofOfOriginChecks,
  ...limitChecks,
  ...pagingChecks,
  ...effectChecks,
  ...boundChecks,
  ...webhookChecks,
];

export interface ConformanceOptions {
  /** A real system instead of the sandbox: only checks that need no faults made for them are run. */
  readonly target?: ConformanceTarget;
  /** Only these, by number. */
  readonly only?: readonly number[];
  readonly clock?: SteadyClock;
  readonly random?: Random;
  /** Told of each check as it ends. */
  readonly onCheck?: (outcome: CheckOutcome) => void;
}

export interface ConformanceTarget {
  readonly url: string;
  readonly connection: ConnectionConfig;
  readonly secrets: TransportContext['secrets'];
  /** Where tokens that it rotates are kept; default: in memory, so that a single-use one is lost with the process. */
  readonly tokens?: TransportContext['tokens'] | undefined;
  /** Effects may be made there: its data is made up. */
  readonly mayChange: boolean;
  /** No other host may be called, whatever the manifest names: tokens come from there as well. */
  readonly isAlone: boolean;
}

export interface CheckOutcome {
  readonly check: Check;
  /** `error`: the check itself could not be carried out, which is no verdict on the connector. */
  readonly result: 'passed' | 'failed' | 'notApplicable' | 'error';
  /** What was looked at; where it does not apply, why. */
  readonly says: string;
  readonly problems: readonly string[];
  readonly ms: number;
}

export interface ConformanceReport {
  readonly connector: string;
  readonly version: string;
  readonly target: string;
  readonly outcomes: readonly CheckOutcome[];
}

/** Puts a connector through every check that applies to it. Never rejects for what the connector does. */
export async function runConformance(
  subject: Subject,
  options: ConformanceOptions = {},
): Promise<ConformanceReport> {
  const ports = { clock: options.clock ?? systemClock, random: options.random ?? systemRandom };
  const target = await makeTarget(subject, options.target);
  const outcomes: CheckOutcome[] = [];
  try {
    const bench = new Bench(subject, target, ports);
    for (const check of conformanceChecks) {
      if (options.only && !options.only.includes(check.number)) continue;
      const outcome = await carryOut(check, bench, options.target);
      outcomes.push(outcome);
      options.onCheck?.(outcome);
    }
    await bench.reset();
  } finally {
    await target.sandbox?.close();
  }
  return {
    connector: subject.manifest.name,
    version: subject.manifest.version,
    target: options.target?.url ?? (target.sandbox ? 'sandbox' : 'none'),
    outcomes,
  };
}

async function carryOut(
  check: Check,
  bench: Bench,
  target: ConformanceTarget | undefined,
): Promise<CheckOutcome> {
  const startedAt = bench.clock.now();
  const verdict = await judged(check, bench, target);
  const ms = bench.clock.now() - startedAt;
  if ('error' in verdict) return { check, result: 'error', says: verdict.error, problems: [], ms };
  if ('skip' in verdict) return { check, result: 'notApplicable', says: verdict.skip, problems: [], ms };
  const { looked, problems } = verdict;
  return { check, result: problems.length > 0 ? 'failed' : 'passed', says: looked, problems, ms };
}

async function judged(
  check: Check,
  bench: Bench,
  target: ConformanceTarget | undefined,
): Promise<Verdict | { readonly error: string }> {
  const skip = check.skip?.(bench.subject) ?? unmet(check, bench, target);
  if (skip !== undefined) return { skip };
  try {
    await bench.reset();
    if (target && check.needs !== 'files' && check.number !== PROVEN && (await bench.unproven()))
      return { error: `no call can be proven there: see ${PROVEN}` };
    return await check.run(bench);
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

/** What a check needs and this run does not have. */
function unmet(
  { needs, onTarget }: Check,
  bench: Bench,
  target: ConformanceTarget | undefined,
): string | undefined {
  if (needs === 'files') return undefined;
  const { manifest, module } = bench.subject;
  // Where nothing is called there need be no code to call it: a clock only tells the time.
  if (
    bench.operations.length === 0 &&
    manifest.transport !== 'http' &&
    module.transports?.[manifest.transport] === undefined
  )
    return 'it has no operations: nothing is called over it';
  if (target) {
    if (onTarget === undefined)
      return needs === 'peer' ? undefined : 'it needs faults that only the sandbox can make';
    return onTarget === 'effects' && !target.mayChange ? 'effects are not allowed there' : undefined;
  }
  if (needs === 'sandbox' && bench.target.sandbox === undefined)
    return `transport \`${bench.subject.manifest.transport}\` over ${bench.subject.contract.format} has no sandbox here; give --target`;
  return undefined;
}

async function makeTarget(subject: Subject, target: ConformanceTarget | undefined): Promise<BenchTarget> {
  const { contract, manifest, fixtures } = subject;
  const hasHttp = [...contract.operations.values()].some(({ kind }) => kind === 'http');
  const roles = hasHttp ? deriveRoles(contract, contractSchemas(contract).response) : new Map();
  if (target) {
    const { url, connection, secrets, isAlone, tokens } = target;
    // What gives its tokens itself must not take the place of the vendor's.
    return { url, roles, connection, secrets, isAlone, ...(tokens && !isAlone && { tokens }) };
  }
  if (!hasHttp) {
    const scheme = contract.servers[0]?.protocol ?? 'tcp';
    return { url: `${scheme}://127.0.0.1:9`, roles, isAlone: true };
  }
  const sandbox: Sandbox = await startSandbox({
    contract,
    manifest: followingContract(manifest),
    imagine: true,
    data: fixtures.data,
    oauth: {},
  });
  return { url: sandbox.url, sandbox, roles, isAlone: true };
}

import type { ConnectorManifest, OperationManifest } from '@tenon/connector';
import { blockingOf, type DiffOptions, type DiffReport, diffContracts } from '@tenon/diff';
import type { Previous, Subject } from './subject.ts';

/** How far a version number must go: `major` where a caller may break, `minor` where something is new, `patch` otherwise. */
export type Step = 'none' | 'patch' | 'minor' | 'major';

export interface Change {
  readonly step: Exclude<Step, 'none'>;
  readonly what: string;
}

/** What changed since the version before that a version number has to tell, from contract and manifest alike. */
export function changesSince(
  { manifest, contract }: Pick<Subject, 'manifest' | 'contract'>,
  previous: Previous,
  used: Pick<DiffOptions, 'usage'> = {},
): Change[] {
  const isSame = contract.digest === previous.contract.digest;
  const ofContract = isSame ? [] : [contractChange(diffContracts(previous.contract, contract, used))];
  return [...ofContract, ...manifestChanges(previous.manifest, manifest)];
}

/** The number is read in every workspace that has the connector: what breaks callers counts, whomever it hits here. */
function contractChange(report: DiffReport): Change {
  // That of the contract is its own, and breaks nobody.
  const changes = report.findings.filter(({ rule }) => rule !== 'version-not-raised');
  const ofAnybody = changes.map((finding) => ({ ...finding, impact: 'unknown' as const }));
  const blocking = (findings: DiffReport['findings']) => blockingOf({ ...report, findings }).findings;
  const [first, ...others] = blocking(ofAnybody);
  if (first === undefined)
    return { step: changes.length > 0 ? 'minor' : 'patch', what: 'the contract has changed' };
  const whom = blocking(changes).length > 0 ? 'callers' : 'callers, none of them here';
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  return { step: 'major', what: `the contract breaks ${whom}: ${first.rule}${more}` };
}

/** The step that the changes ask for. */
export function stepFor(changes: readonly Change[]): Step {
  return (
    (['major', 'minor', 'patch'] as const).find((step) => changes.some((change) => change.step === step)) ??
    'none'
  );
}

/** The step that was taken. Before 1.0.0 the minor number stands for the major (semver §4). */
export function stepTaken(before: string, after: string): Step | 'back' {
  const [a, b] = [numbers(before), numbers(after)];
  const place = a.findIndex((part, index) => part !== b[index]);
  if (place < 0) return before === after ? 'none' : 'patch';
  if (b[place]! < a[place]!) return 'back';
  const isEarly = a[0] === 0 && b[0] === 0;
  return (isEarly ? (['major', 'major', 'minor'] as const) : (['major', 'minor', 'patch'] as const))[place]!;
}

const STEPS: readonly Step[] = ['none', 'patch', 'minor', 'major'];

/** What is wrong with a connector's version number, given what has changed since the one before; `undefined`: nothing. */
export function versionProblem(
  subject: Pick<Subject, 'manifest' | 'contract'>,
  previous: Previous,
  used?: Pick<DiffOptions, 'usage'>,
): string | undefined {
  const changes = changesSince(subject, previous, used);
  const needed = stepFor(changes);
  const taken = stepTaken(previous.manifest.version, subject.manifest.version);
  const versions = `${previous.manifest.version} → ${subject.manifest.version}`;
  if (taken === 'back') return `${versions} goes back`;
  if (STEPS.indexOf(taken) >= STEPS.indexOf(needed)) return undefined;
  const worst = changes.filter(({ step }) => step === needed).map(({ what }) => what);
  return `${versions} is ${taken === 'none' ? 'no step' : `a ${taken} step`}, and it needs a ${needed} one: ${worst.slice(0, 3).join('; ')}`;
}

function numbers(version: string): number[] {
  return version.split('-')[0]!.split('.').map(Number);
}

function manifestChanges(before: ConnectorManifest, after: ConnectorManifest): Change[] {
  const changes: Change[] = [];
  const say = (step: Change['step'], what: string): void => void changes.push({ step, what });
  for (const name of Object.keys(before.operations))
    if (!Object.hasOwn(after.operations, name)) say('major', `operation ${name} is gone`);
  for (const name of Object.keys(before.webhooks))
    if (!Object.hasOwn(after.webhooks, name)) say('major', `event ${name} is gone`);
  for (const [name, operation] of Object.entries(after.operations)) {
    const old = Object.hasOwn(before.operations, name) ? before.operations[name] : undefined;
    if (old === undefined) say('minor', `operation ${name} is new`);
    else changes.push(...operationChanges(name, old, operation));
  }
  for (const [name, webhook] of Object.entries(after.webhooks)) {
    const old = Object.hasOwn(before.webhooks, name) ? before.webhooks[name] : undefined;
    if (old === undefined) say('minor', `event ${name} is new`);
    else if (old.verify !== webhook.verify || old.id !== webhook.id)
      say('major', `event ${name} is verified or known by other means`);
  }
  const schemes = before.auth.filter(
    (old) => !after.auth.some(({ id, type }) => id === old.id && type === old.type),
  );
  if (schemes.length > 0) say('major', `credentials \`${schemes[0]!.id}\` are no longer taken`);
  const lost = Object.keys(before.identities).find((name) => !Object.hasOwn(after.identities, name));
  if (lost !== undefined) say('major', `identity ${lost} is gone`);
  const hosts = after.egress.filter((host) => !before.egress.includes(host));
  if (hosts.length > 0) say('minor', `it reaches ${hosts.join(', ')} too`);
  if (before.transport !== after.transport) say('major', 'it speaks by another transport');
  if (
    changes.length === 0 &&
    JSON.stringify({ ...before, version: '' }) !== JSON.stringify({ ...after, version: '' })
  )
    say('patch', 'the manifest has changed');
  return changes;
}

function operationChanges(name: string, before: OperationManifest, after: OperationManifest): Change[] {
  const changes: Change[] = [];
  const say = (step: Change['step'], what: string): void => void changes.push({ step, what });
  if (before.effect !== after.effect) say('major', `${name} has another effect`);
  if (before.idempotency.mode !== after.idempotency.mode)
    say(
      after.idempotency.mode === 'none' || after.idempotency.mode === 'checkFirst' ? 'major' : 'minor',
      `a repeat of ${name} does something else`,
    );
  const needed = after.scopes.filter((scope) => !before.scopes.includes(scope));
  if (needed.length > 0) say('major', `${name} needs ${needed.join(', ')} too`);
  if (before.probe && !after.probe) say('major', `${name} has no probe any more`);
  if (before.compensation && !after.compensation) say('major', `${name} has no way back any more`);
  if ((!before.probe && after.probe) || (!before.compensation && after.compensation))
    say('minor', `${name} has a probe or a way back now`);
  if (before.concurrency !== after.concurrency)
    say(after.concurrency ? 'major' : 'minor', `${name} carries versions otherwise`);
  return changes;
}

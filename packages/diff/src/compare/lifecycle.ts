import type { Contract, Operation } from '@tenon/contract';
import type { RuleId } from '../rules/registry.ts';
import type { Contracts } from './contracts.ts';
import type { Sink } from './positions.ts';

/** What an operation says about its own end, held against what was said before and against the contract's policy. */
export function compareLifecycle(
  before: Operation,
  after: Operation,
  contracts: Contracts,
  sink: Sink,
): void {
  const both = { operation: before.id, base: before, revision: after, direction: 'both' } as const;
  if (before.deprecated !== after.deprecated)
    sink.change({
      ...both,
      rule: after.deprecated ? 'became-deprecated' : 'no-longer-deprecated',
      message: `${before.id} is ${after.deprecated ? '' : 'no longer '}deprecated${after.deprecated && after.sunset !== undefined ? `, until ${after.sunset}` : ''}`,
    });
  const isNew = after.deprecated && !before.deprecated;
  if (isNew && contracts.revision.policy && (after.sunset === undefined || !hasReplacement(after)))
    sink.change({
      ...both,
      rule: 'deprecation-without-sunset',
      message: `${before.id} is deprecated without ${after.sunset === undefined ? 'a sunset date' : 'a replacement'}`,
    });
  const stability = stabilityChange(before.extensions[STABILITY], after.extensions[STABILITY]);
  if (stability) sink.change({ ...both, ...stability, message: `${before.id}: ${stability.message}` });
  const [old, now] = [dateOf(before.sunset), dateOf(after.sunset)];
  if (after.sunset !== undefined && now === undefined)
    sink.change({
      ...both,
      rule: 'sunset-unreadable',
      message: `the sunset of ${after.id} is no date: ${after.sunset}`,
    });
  if (old === undefined || now === undefined || old === now) return;
  sink.change({
    ...both,
    rule: now < old ? 'sunset-moved-earlier' : 'sunset-moved-later',
    message: `the sunset is ${after.sunset}, was ${before.sunset}`,
  });
}

const STABILITY = 'x-stability-level';
const LEVELS = ['draft', 'alpha', 'beta', 'stable'];

/** `x-stability-level`, as other tools of this kind read it; what says nothing is stable. */
export function stabilityOf(extensions: Readonly<Record<string, unknown>>): string {
  const level = extensions[STABILITY];
  return level === undefined ? 'stable' : String(level);
}

/** How a stability level changed; `undefined` when it stays what it was. Left out, it is `stable`. */
export function stabilityChange(
  before: unknown,
  after: unknown,
): { readonly rule: RuleId; readonly message: string } | undefined {
  if (before === after) return undefined;
  const [old, now] = [before, after].map((level) => (level === undefined ? 'stable' : String(level)));
  if (!LEVELS.includes(now!))
    return { rule: 'stability-unknown', message: `the stability level is ${JSON.stringify(now)}` };
  if (!LEVELS.includes(old!) || old === now) return undefined;
  const isLess = LEVELS.indexOf(now!) < LEVELS.indexOf(old!);
  return {
    rule: isLess ? 'stability-decreased' : 'stability-increased',
    message: `the stability level is ${now}, was ${old}`,
  };
}

/** What depends on today's date: sunsets that have passed, removals before one, windows that are too short. */
export function checkDates(contracts: Contracts, now: number, sink: Sink): void {
  const { base, revision } = contracts;
  const window = revision.policy?.deprecationWindowMs;
  for (const operation of revision.operations.values()) {
    const end = dateOf(operation.sunset);
    if (end === undefined) continue;
    const both = {
      operation: operation.id,
      base: base.operations.get(operation.id),
      revision: operation,
      direction: 'none',
    } as const;
    if (end < now)
      sink.change({
        ...both,
        rule: 'sunset-passed',
        message: `${operation.id} was to be gone by ${operation.sunset}`,
      });
    else if (
      window !== undefined &&
      end - now < window &&
      base.operations.get(operation.id)?.deprecated === false
    )
      sink.change({
        ...both,
        rule: 'deprecation-window-too-short',
        message: `${operation.id} ends on ${operation.sunset}, sooner than the policy's window allows`,
      });
  }
  for (const operation of base.operations.values()) {
    const end = dateOf(operation.sunset);
    if (end === undefined || end <= now || revision.operations.has(operation.id)) continue;
    sink.change({
      rule: 'removed-before-sunset',
      direction: 'none',
      operation: operation.id,
      base: operation,
      revision: undefined,
      message: `${operation.id} was announced to stay until ${operation.sunset}`,
    });
  }
}

/** Has the version's first number (the second, while the first is 0) grown? Versions that are no numbers must differ. */
export function isVersionRaised(base: Contract, revision: Contract): boolean {
  const [before, after] = [numbersOf(base.version), numbersOf(revision.version)];
  if (!before || !after) return base.version !== revision.version;
  const place = before[0] === 0 && after[0] === 0 ? 1 : 0;
  return (after[place] ?? 0) > (before[place] ?? 0);
}

function numbersOf(version: string): readonly number[] | undefined {
  const match = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:[-+].*)?$/.exec(version);
  return match ? match.slice(1).map((part) => Number(part ?? 0)) : undefined;
}

export function dateOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}

function hasReplacement(operation: Operation): boolean {
  return (
    operation.extensions['x-replacement'] !== undefined || operation.extensions['x-replaced-by'] !== undefined
  );
}

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
  if (isNew && contracts.revision.policy) {
    if (after.sunset === undefined)
      sink.change({
        ...both,
        rule: 'deprecation-without-sunset',
        message: `${before.id} is deprecated without a sunset date`,
      });
    else if (!hasReplacement(after))
      sink.change({
        ...both,
        rule: 'deprecation-without-replacement',
        message: `${before.id} is deprecated until ${after.sunset}, and nothing says what replaces it`,
      });
  }
  const stability = stabilityChange(before.extensions[STABILITY], after.extensions[STABILITY]);
  if (stability) sink.change({ ...both, ...stability, message: `${before.id}: ${stability.message}` });
  const sunset = sunsetChange(before, after);
  if (sunset) sink.change({ ...both, ...sunset, message: `${sunset.message}, of ${after.id}` });
}

/** What may say of itself that it is to go: an operation, a parameter, a property. */
interface Dated {
  readonly deprecated: boolean;
  readonly sunset?: string;
}

interface LifecycleChange {
  readonly rule: RuleId;
  readonly message: string;
}

/** How the announced end of something that stays has changed. */
export function sunsetChange(before: Dated, after: Dated): LifecycleChange | undefined {
  const [old, now] = [dateOf(before.sunset), dateOf(after.sunset)];
  if (after.sunset === undefined) {
    if (old === undefined || !after.deprecated) return undefined;
    return { rule: 'sunset-removed', message: `no sunset is announced any more, was ${before.sunset}` };
  }
  if (now === undefined)
    return { rule: 'sunset-unreadable', message: `the sunset is no date: ${after.sunset}` };
  if (old === undefined || old === now) return undefined;
  return {
    rule: now < old ? 'sunset-moved-earlier' : 'sunset-moved-later',
    message: `the sunset is ${after.sunset}, was ${before.sunset}`,
  };
}

/** What the removal of something breaks of what was announced about it. Without today's date nothing is too early. */
export function removalChange(before: Dated, now: number | undefined): LifecycleChange | undefined {
  if (!before.deprecated || before.sunset === undefined) return undefined;
  const end = dateOf(before.sunset);
  if (end === undefined)
    return { rule: 'sunset-unreadable', message: `gone, and its sunset is no date: ${before.sunset}` };
  if (now === undefined || end <= now) return undefined;
  return { rule: 'removed-before-sunset', message: `gone, and announced to stay until ${before.sunset}` };
}

const STABILITY = 'x-stability-level';
const LEVELS = ['draft', 'alpha', 'beta', 'stable'];

/** `x-stability-level`, as other tools of this kind read it; what says nothing is stable. */
export function stabilityOf(extensions: Readonly<Record<string, unknown>>): string {
  const level = extensions[STABILITY];
  return level === undefined ? 'stable' : String(level);
}

/** How a stability level changed; `undefined` when it stays what it was. Left out, or another word, it was `stable`. */
export function stabilityChange(before: unknown, after: unknown): LifecycleChange | undefined {
  if (before === after) return undefined;
  const [old, now] = [before, after].map((level) => (level === undefined ? 'stable' : String(level)));
  if (!LEVELS.includes(now!))
    return { rule: 'stability-unknown', message: `the stability level is ${JSON.stringify(now)}` };
  const places = [LEVELS.includes(old!) ? old! : 'stable', now!].map((level) => LEVELS.indexOf(level));
  if (places[0] === places[1]) return undefined;
  const isLess = places[1]! < places[0]!;
  return {
    rule: isLess ? 'stability-decreased' : 'stability-increased',
    message: `the stability level is ${now}, was ${old}`,
  };
}

/** What depends on today's date: sunsets that have passed, removals before one, windows that are too short. */
export function checkDates(
  { base, revision, now }: Omit<Contracts, 'credentials'> & { readonly now: number },
  sink: Sink,
): void {
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

import { isDeepStrictEqual } from 'node:util';
import type { Json, JsonObject } from '@tenon/model';
import type { ForEachStep } from '@tenon/pipeline';
import { stepIdOf } from '@tenon/runtime/drill';
import type { SeenCall } from './calls.ts';
import { type CallFault, callFaults, faultWords } from './faults.ts';
import { isStamp } from './judge.ts';
import type { DrillParts } from './parts.ts';
import type { FaultPlace, Schedule } from './schedule.ts';
import { otherThan } from './strangers.ts';
import type { Outcome } from './trial.ts';

const ONCE_IN_EFFECTS: readonly CallFault[] = [
  'unavailable',
  'tooMany',
  'tooManyForLong',
  'unreachable',
  'lostBefore',
  'lostAfter',
  'silentBefore',
  'silentAfter',
  'gatewayAfter',
  'garbled',
  'cut',
  'drifted',
];
const ALWAYS_IN_EFFECTS: readonly CallFault[] = [
  'unavailable',
  'unreachable',
  'refused',
  'unauthorised',
  'lostAfter',
];
const ONCE_IN_READS: readonly CallFault[] = [
  'unavailable',
  'tooMany',
  'tooManyForLong',
  'silentBefore',
  'garbled',
];
const ALWAYS_IN_READS: readonly CallFault[] = [
  'unavailable',
  'unreachable',
  'refused',
  'unauthorised',
  'drifted',
];
const ONCE_IN_UNDOING: readonly CallFault[] = ['unavailable', 'lostAfter', 'silentAfter', 'gatewayAfter'];
const ALWAYS_IN_UNDOING: readonly CallFault[] = ['refused', 'unavailable'];

/** May a system hold such a row? */
export type Takes = (connection: string, resource: string, row: JsonObject) => boolean;

/** What may happen to a run that otherwise goes as `base` did: each call fails in each way, the process dies at each moment, people act at each. */
export function schedulesOf(base: Outcome, isManual: boolean, takes: Takes): readonly Schedule[] {
  const calls = firstOfEach(base.calls);
  return [
    ...calls.flatMap((call) => faultsOf(call)),
    ...calls.filter((call) => isPaged(call, base)).flatMap((call) => furtherPageFaults(call)),
    ...meddlingIn(base, takes),
    ...crashesIn(base, 'the process dies', {}),
    ...clocksIn(base),
    ...peopleIn(base),
    // What a person starts has a delivery id of its own each time.
    ...(isManual
      ? []
      : [{ name: 'the event comes again under its delivery id', again: 'sameDelivery' } as const]),
    { name: 'the event comes again under another delivery id', again: 'otherDelivery' },
    { name: 'another event comes that has the same business key', again: 'otherEvent' },
  ];
}

/** Somebody else changes a thing between the call that read it and the one that writes it, in a member that is none of the step's business. */
function meddlingIn({ calls, effects }: Outcome, takes: Takes): readonly Schedule[] {
  return effects.flatMap((effect): readonly Schedule[] => {
    const { call, connection, resource, id, before, after } = effect;
    if (call?.purpose !== 'effect' || resource === undefined || id === undefined || !before || !after)
      return [];
    const isRead = calls
      .slice(0, calls.indexOf(call))
      .some((one) => one.purpose === 'read' && one.connection === connection);
    const named = Object.keys(before).find((name) => String(before[name]) === id);
    if (!isRead || named === undefined) return [];
    const isOther = (name: string): boolean => {
      const other = otherThan(before[name]!);
      if (name === named || isStamp(name) || other === undefined) return false;
      const isKept = isDeepStrictEqual(before[name], after[name]);
      return isKept && takes(connection, resource, { ...before, [name]: other });
    };
    // What is sent as it was read comes first.
    const [unsent, sent] = [false, true].map((isSent) =>
      Object.keys(before).filter((name) => hasMember(call.input, name) === isSent),
    );
    const member = [...sent!, ...unsent!].find(isOther);
    if (member === undefined) return [];
    const row = { [named]: before[named]!, [member]: otherThan(before[member]!)! };
    return [
      {
        name: `${call.step}: somebody else changes \`${member}\` of it between reading and writing`,
        step: call.step,
        meddling: { step: call.step, connection, resource, row, member },
      },
    ];
  });
}

function hasMember(value: Json, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (!Array.isArray(value) && Object.hasOwn(value, name)) return true;
  return Object.values(value).some((inner: Json) => hasMember(inner, name));
}

const CLOCK_SET_MS = 2 * 3_600_000;

/** The clock is set back, or forward, as a run begins to wait. */
function clocksIn({ entries }: Outcome): readonly Schedule[] {
  return entries.flatMap(({ kind, step }, index): readonly Schedule[] => {
    if (kind !== 'waiting' || step === undefined) return [];
    const at = { nth: index + 1, step };
    return [
      { name: `the clock is set back by two hours as ${step} waits`, byMs: -CLOCK_SET_MS, ...at },
      { name: `the clock is set forward by two hours as ${step} waits`, byMs: CLOCK_SET_MS, ...at },
    ].map(({ name, nth, byMs }) => ({ name, step, clockAtEntry: { nth, byMs } }));
  });
}

/** As `schedulesOf`, of a run that is undone: the process dies at each moment of it. `failing`: what made it go so. */
export function undoingCrashes({ schedule, ...outcome }: Outcome): readonly Schedule[] {
  const begins = outcome.entries.findIndex(({ kind }) => kind === 'compensation');
  if (begins < 0) return [];
  const before = outcome.calls.findIndex(({ purpose }) => purpose === 'compensation');
  return crashesIn(
    { schedule, ...outcome },
    `${schedule.name}, and as it is undone the process dies`,
    schedule,
    {
      entries: begins,
      calls: Math.max(0, before),
    },
  );
}

/** What makes a run be undone as late as can be: its last call is refused. */
export function lastRefused(parts: DrillParts, base: Outcome): Schedule | undefined {
  const calls = firstOfEach(base.calls).filter(({ purpose }) => purpose === 'effect' || purpose === 'read');
  const last = calls.at(-1);
  if (last === undefined || parts.loaded.plan.onFailure !== 'compensate') return undefined;
  return faultSchedule(last, 'refused', 'all');
}

function faultsOf(call: SeenCall): readonly Schedule[] {
  if (call.purpose === 'effect')
    return [
      ...ONCE_IN_EFFECTS.map((fault) => faultSchedule(call, fault, 'first')),
      ...ALWAYS_IN_EFFECTS.map((fault) => faultSchedule(call, fault, 'all')),
    ];
  if (call.purpose !== 'read') return [];
  return [
    ...ONCE_IN_READS.map((fault) => faultSchedule(call, fault, 'first')),
    ...ALWAYS_IN_READS.map((fault) => faultSchedule(call, fault, 'all')),
  ];
}

/** Where nothing goes wrong, a read is made more than once by a step that reads all pages alone. */
function isPaged({ step, purpose }: SeenCall, { calls }: Outcome): boolean {
  return purpose === 'read' && calls.filter((one) => one.step === step && one.purpose === purpose).length > 1;
}

/** What was read before it is not read again, but where its position is refused. */
function furtherPageFaults(call: SeenCall): readonly Schedule[] {
  return [...ONCE_IN_READS, 'refused' as const].map((fault) => faultSchedule(call, fault, 'second'));
}

/** As a step is undone in a run that goes as `schedule` says, that fails in each way. */
export function undoingFaults(step: string, schedule: Schedule): readonly Schedule[] {
  const undoing = (fault: CallFault, calls: 'first' | 'all'): Schedule => ({
    ...schedule,
    name: `${schedule.name}, and as ${step} is undone the system ${callFaults[fault]}${often(calls)}`,
    step,
    faults: [...(schedule.faults ?? []), { step, purpose: 'compensation', calls, fault }],
  });
  return [
    ...ONCE_IN_UNDOING.map((fault) => undoing(fault, 'first')),
    ...ALWAYS_IN_UNDOING.map((fault) => undoing(fault, 'all')),
  ];
}

/** The calls for the last of several items fail, each: it is refused, or nobody can know whether it was carried out. */
export function lastItemFaults({ calls }: Outcome, { steps }: ForEachStep): readonly Schedule[] {
  return steps.flatMap(({ id }): readonly Schedule[] => {
    const own = calls.filter(
      ({ step, purpose }) => stepIdOf(step) === id && ['effect', 'read'].includes(purpose),
    );
    const [first, last] = [own[0], own.at(-1)];
    if (first === undefined || last === undefined || first.step === last.step) return [];
    const always = faultSchedule(last, 'refused', 'all');
    if (last.purpose === 'read') return [always];
    return [...LOST_IN_ITEMS.map((fault) => faultSchedule(last, fault, 'first')), always];
  });
}

const LOST_IN_ITEMS: readonly CallFault[] = ['lostBefore', 'lostAfter'];

function faultSchedule(
  { step, purpose }: Pick<SeenCall, 'step' | 'purpose'>,
  fault: CallFault,
  calls: FaultPlace['calls'],
): Schedule {
  return {
    name: `${step}: the system ${faultWords(fault, purpose)}${often(calls)}`,
    step,
    faults: [{ step, purpose, calls, fault }],
  };
}

function often(calls: FaultPlace['calls']): string {
  return { first: '', second: ', at its second page', all: ', each time' }[calls];
}

function crashesIn(
  { entries, batches, calls }: Outcome,
  words: string,
  also: Partial<Schedule>,
  from: { readonly entries: number; readonly calls: number } = { entries: 0, calls: 0 },
): readonly Schedule[] {
  const count = (least: number, all: number): readonly number[] =>
    Array.from({ length: Math.max(0, all - least) }, (_, index) => least + index + 1);
  const { step: _, ...rest } = also;
  return [
    ...count(0, from.entries === 0 ? batches : 0).map((nth) => ({
      ...rest,
      name: `${words} as write ${nth} is about to reach the disk`,
      crash: { at: 'batch', nth } as const,
    })),
    ...count(from.entries, entries.length).map((nth) => {
      const { kind, step } = entries[nth - 1]!;
      return {
        ...rest,
        name: `${words} as entry ${nth} is on the disk (${kind}${step === undefined ? '' : ` ${step}`})`,
        ...(step !== undefined && { step }),
        crash: { at: 'entry', nth } as const,
      };
    }),
    ...count(from.calls, calls.length).flatMap((nth) => {
      const { step, purpose } = calls[nth - 1]!;
      const call = purpose === 'compensation' ? `the undoing of ${step}` : `${step}'s ${purpose}`;
      return [
        {
          ...rest,
          name: `${words} as ${call} is about to be sent (call ${nth})`,
          step,
          crash: { at: 'beforeCall', nth } as const,
        },
        {
          ...rest,
          name: `${words} as ${call} has been carried out and not heard of (call ${nth})`,
          step,
          crash: { at: 'afterCall', nth } as const,
        },
      ];
    }),
  ];
}

/** Approvers say no, or nothing; somebody cancels the run, or kills everything, at each moment of it. */
function peopleIn({ entries }: Outcome): readonly Schedule[] {
  // Of what else is waited for the entry says what kind it is.
  const isAwaiting = entries.some(
    ({ kind, details }) =>
      kind === 'waiting' && !['approval', 'decision', 'time', 'run'].includes(String(details['for'])),
  );
  const isAsked = entries.some(({ kind, details }) => kind === 'waiting' && details['for'] === 'approval');
  return [
    ...(isAsked
      ? ([
          { name: 'the approvers say no', approvers: 'reject' },
          { name: 'the approvers say nothing', approvers: 'silent' },
        ] as const)
      : []),
    ...(isAwaiting ? [{ name: 'an event that it waits for does not come', awaited: 'never' } as const] : []),
    ...entries.flatMap(({ kind, step }, index): readonly Schedule[] => {
      const at = `at entry ${index + 1} (${kind}${step === undefined ? '' : ` ${step}`})`;
      return [
        {
          name: `somebody cancels the run ${at}`,
          cancelAtEntry: index + 1,
          ...(step !== undefined && { step }),
        },
        {
          name: `everything is killed ${at}, and let go an hour later`,
          killAtEntry: index + 1,
          ...(step !== undefined && { step }),
        },
      ];
    }),
  ];
}

/** One call of each step and purpose: what happens to one happens to the others. */
function firstOfEach(calls: readonly SeenCall[]): readonly SeenCall[] {
  const seen = new Map<string, SeenCall>();
  for (const call of calls) {
    const place = `${call.step} ${call.purpose}`;
    if (!seen.has(place)) seen.set(place, call);
  }
  return [...seen.values()];
}

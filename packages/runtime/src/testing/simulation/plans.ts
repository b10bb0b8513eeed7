import type { Random } from '@tenon/model';
import type { Plan, PlanStep } from '@tenon/pipeline';
import {
  amend,
  call,
  literal,
  planFor,
  probe,
  probeOfList,
  probeOfPages,
  retry,
  setChecked,
  step,
  unamend,
  undoable,
} from '../plan.ts';
import { randomRun } from './children.ts';

/**
 * What a seed is about. Half are about anything; the others look closely at what random plans come to too seldom: waits whose
 * event comes at the worst moment, lists that were stopped, resumed and gone through once more, lists that go on without
 * what failed, runs of others that are undone with them, writes of what others write too, more runs at one moment than there are
 * places, steps that are tried for longer than they may, checks of what was read and reads that are made again when a person has put
 * right what they found, any plan in a night in which the clocks are changed, and keys that are forgotten soon, under clocks that are set
 * back, or behind a connection that takes one or two calls at a time.
 */
export type Theme =
  | 'any'
  | 'waits'
  | 'resumed'
  | 'clocks'
  | 'setBack'
  | 'lines'
  | 'collected'
  | 'families'
  | 'writes'
  | 'crowd'
  | 'deadlines'
  | 'rechecked';

export function themeOf(seed: number): Theme {
  return THEMES[seed % 16] ?? 'any';
}

const THEMES: Readonly<Record<number, Theme>> = {
  1: 'clocks',
  3: 'waits',
  5: 'collected',
  6: 'resumed',
  7: 'families',
  9: 'writes',
  10: 'rechecked',
  11: 'waits',
  12: 'lines',
  13: 'crowd',
  14: 'deadlines',
  15: 'setBack',
};

/** Objects that runs and others write, each write based on what it read. */
export const ACCOUNTS = ['shared', 'other'] as const;

/** Deadlines of steps: some end before a pause of the plans, some before the last attempt. */
const DEADLINES_MS = [2_000, 5_000, 15_000] as const;
/** How many of the steps have one. */
const BOUNDED_RATE = 0.1;

/** What a read must give for the run to go on: as a rule it does. */
export const ENOUGH = 10;

/** How long a step waits for the payment. */
const WAIT_MS = 20_000;

export const SHIPPING = planFor({
  pipeline: 'shipping',
  trigger: { event: 'shop.shipped' },
  steps: [call('label', 'acme.create')],
});

/** Beside the orders, over the same connection: where its guard is small, they share it. */
export const RECEIPTS = planFor({
  pipeline: 'receipts',
  trigger: { event: 'shop.paid' },
  identity: { key: { expression: 'event.order' }, retainMs: 86_400_000 },
  limits: { concurrency: 3, deadlineMs: 600_000 },
  steps: [call('r0', 'acme.get'), call('r1', 'acme.put'), call('r2', 'acme.create')],
});

const forPayment = (id: string): PlanStep =>
  step('wait', id, {
    for: { event: 'shop.paid', match: 'signal.order == event.id', withinMs: WAIT_MS, onExpiry: 'fail' },
  });

const consent =
  (random: Random) =>
  (id: string): PlanStep => {
    const onExpiry = pick(random, ['reject', 'approve', 'escalate'] as const);
    // Silence does not give what two must.
    const isOfTwo = onExpiry !== 'approve';
    return step('approve', id, {
      by: 'finance',
      withinMs: 60_000,
      onExpiry,
      show: { literal: null },
      ...(isOfTwo && { count: 2 }),
    });
  };

const shipped = (id: string): PlanStep =>
  step('emit', id, { event: 'shop.shipped', with: { object: { id: { expression: 'event.id' } } } });

/** Fails for half of the orders, so that what came before is undone. */
const halfOfThem = (id: string): PlanStep =>
  step('check', id, {
    that: [{ condition: 'event.version < 2', message: 'of the other half' }],
    otherwise: 'fail',
  });

/** Steps that take a while, and leave no record. */
const idle = (id: string): PlanStep[] =>
  Array.from({ length: 6 }, (_, i) => step('set', `${id}${i}`, { value: { literal: i } }));

/**
 * Reads, goes by what it read where that is enough, and says what it went by: what the planner makes of such steps. Resumed at the
 * check, the read is made once more.
 */
const rechecked = (random: Random, id: string): PlanStep[] => {
  const [read, seen, known] = [`${id}r`, `${id}s`, `${id}k`];
  const isKnown = step('check', known, {
    that: [{ condition: `steps.${read}.amount > 0`, message: 'nothing there' }],
    otherwise: 'fail',
  });
  const hasKnown = random.next() < 0.3;
  const again = [read, ...(hasKnown ? [known] : []), seen];
  return [
    call(read, 'acme.get', random.next() < 0.3 ? { deadlineMs: pick(random, DEADLINES_MS) } : {}),
    ...(hasKnown ? [isKnown] : []),
    step('set', seen, { value: { expression: `steps.${read}.amount` } }),
    step('check', `${id}c`, {
      that: [{ condition: `steps.${seen} >= ${ENOUGH}`, message: 'too little' }],
      otherwise: pick(random, ['fail', 'quarantine'] as const),
      again,
      ...(random.next() < 0.3 && { when: `steps.${seen} < 1000` }),
    }),
    undoable(`${id}w`, pick(random, ['acme.put', 'acme.create', 'acme.createBlind'] as const), {
      with: { object: { id: { expression: 'event.id' }, seen: { expression: `steps.${seen}` } } },
    }),
  ];
};

/** Of each kind: what is harmless to repeat, what has a key, what has none, and what changes nothing. */
const CROWDED = ['acme.put', 'acme.create', 'acme.createBlind', 'acme.createBlind', 'acme.get'] as const;

const identity = { key: { expression: 'event.id' }, retainMs: 86_400_000 };

const themed: Readonly<Partial<Record<Theme, (random: Random, isSlow: boolean) => Plan>>> = {
  // One strand waits while the other is still at work, or the run's own does; where batches take time, after something else, so that
  // what it waits for may be on its way as it comes to it.
  waits: (random, isSlow) =>
    planFor({
      steps: [
        ...(isSlow ? ['sa', 'sb'].map((id) => call(id, 'acme.put')) : []),
        random.next() < (isSlow ? 0.3 : 0.7)
          ? step('parallel', 's0', {
              branches: [
                { name: 'left', steps: [forPayment('s0l')] },
                {
                  name: 'right',
                  // A no that is taken as a value, after an answer that was lost as well.
                  steps: ['s0r', 's0t', 's0u'].map((id) => call(id, 'acme.put', { refusals: ['refused'] })),
                },
              ],
            })
          : pick(random, isSlow ? [forPayment] : [forPayment, consent(random)])('s0'),
        call('s1', 'acme.put'),
      ],
      onFailure: 'hold',
      limits: { concurrency: 3, deadlineMs: 600_000 },
      identity,
    }),
  // The first failure leaves items that never began; a person resumes; then each waits in turn.
  resumed: (random) =>
    planFor({
      steps: [
        step('forEach', 's0', {
          in: 'event.lines',
          as: 'line0',
          key: { expression: 'line0.sku' },
          max: 10,
          concurrency: 1,
          onItemFailure: 'stop',
          steps: [
            undoable('s0a'),
            random.next() < 0.3
              ? step('wait', 's0b', { for: { durationMs: 3_000 } })
              : call('s0b', 'acme.shortKey'),
          ],
        }),
      ],
      onFailure: 'hold',
      limits: { concurrency: 2, deadlineMs: 600_000 },
      identity,
    }),
  // Some items fail and some are bad: these are put right, the others stay as they are.
  collected: (random) =>
    planFor({
      steps: [
        step('forEach', 's0', {
          in: 'event.lines',
          as: 'line0',
          key: { expression: 'line0.sku' },
          max: 10,
          concurrency: 1 + Math.floor(random.next() * 2),
          check: {
            that: [{ condition: 'line0.quantity > 0', message: 'no quantity' }],
            otherwise: pick(random, ['quarantine', 'split', 'split'] as const),
          },
          onItemFailure: 'collect',
          steps: [undoable('s0a'), undoable('s0b', pick(random, ['acme.create', 'acme.createBlind']))],
        }),
        undoable('s1'),
        shipped('s2'),
      ],
      onFailure: 'compensate',
      limits: { concurrency: 2, deadlineMs: 600_000 },
      identity,
    }),
  // What is sent again is sent while its key is remembered, whatever the clock says, and however long it stands in line.
  setBack: soonForgotten,
  lines: soonForgotten,
  // Calls that hang keep the places for a while; then each is given to the next that is due.
  crowd: (random) =>
    planFor({
      steps: [...['s0', 's1'].map((id) => call(id, pick(random, CROWDED))), shipped('s2')],
      onFailure: 'hold',
      limits: { concurrency: 3, deadlineMs: 600_000 },
      identity,
    }),
  // Tried every second, for longer than it may; beside it, and before it, what waits.
  deadlines: (random) => {
    const often = (id: string): PlanStep => ({
      ...pick(random, [
        call(id, 'acme.get'),
        call(id, 'acme.put'),
        call(id, 'acme.create'),
        call(id, 'acme.createChecked', { probe: pick(random, [probeOfList, probeOfPages]) }),
        setChecked(id),
      ]),
      retry: { ...retry, attempts: 20, backoff: { initialMs: 1_000, factor: 1, maxMs: 1_000 } },
    });
    const pausing = (): PlanStep =>
      step('choose', 's0', {
        branches: [{ steps: [step('wait', 's0w', { for: { durationMs: 3_000 } }), often('s0c')] }],
      });
    const beside = (): PlanStep =>
      step('parallel', 's0', {
        branches: [
          { name: 'left', steps: [often('s0l'), often('s0m')] },
          { name: 'right', steps: [often('s0r')] },
        ],
      });
    return planFor({
      steps: [
        { ...pick(random, [pausing, beside])(), deadlineMs: pick(random, [2_000, 5_000]) },
        { ...often('s1'), deadlineMs: pick(random, [2_000, 5_000]) },
        often('s2'),
      ],
      onFailure: 'hold',
      limits: { concurrency: 3, deadlineMs: 600_000 },
      identity,
    });
  },
  // Of what was read, once and again; in a list one item at a time, since what others do meanwhile could change what is read.
  rechecked: (random) =>
    planFor({
      steps: [
        ...(random.next() < 0.4 ? [call('s0', 'acme.put')] : []),
        ...pick(random, [
          () => rechecked(random, 's1'),
          () => [
            step('forEach', 's1', {
              in: 'event.lines',
              as: 'line0',
              key: { expression: 'line0.sku' },
              max: 10,
              concurrency: 1,
              onItemFailure: 'stop',
              steps: rechecked(random, 's1i'),
            }),
          ],
          () => [step('choose', 's1', { branches: [{ steps: rechecked(random, 's1b') }] })],
          // What fails of itself leaves no record, and stops the others, each of which may have come to anything.
          () => [
            step('parallel', 's1', {
              branches: [
                { name: 'left', steps: ['s1l', 's1m', 's1t', 's1u'].map((id) => call(id, 'acme.put')) },
                {
                  name: 'middle',
                  steps: [
                    // In doubt it is waited for, when the others have come to their ends.
                    random.next() < 0.7
                      ? undoable('s1n', 'acme.createBlind')
                      : step('wait', 's1n', { for: { durationMs: 3_000 } }),
                    call('s1o', 'acme.put'),
                  ],
                },
                // Executed again, the left has come to its end before this one has.
                { name: 'right', steps: [call('s1p', 'acme.put'), ...idle('s1i'), halfOfThem('s1q')] },
              ],
            }),
          ],
        ])(),
        ...(random.next() < 0.5 ? rechecked(random, 's2') : [shipped('s2')]),
      ],
      onFailure: pick(random, ['hold', 'hold', 'forward', 'compensate'] as const),
      limits: { concurrency: 2, deadlineMs: pick(random, [20_000, 600_000]) },
      identity,
    }),
  // What is written is undone, while others write; newer and older events of one entity come together.
  writes: (random) => {
    const account = pick(random, ACCOUNTS);
    const isVersioned = random.next() < 0.5;
    return planFor({
      steps: [
        step('choose', 's0', { branches: [{ steps: amend('s0w', account, unamend('s0w', account)) }] }),
        undoable('s1', 'acme.createBlind', random.next() < 0.5 ? { probe: probeOfPages } : {}),
        halfOfThem('s2'),
      ],
      onFailure: 'compensate',
      limits: { concurrency: 3, deadlineMs: 600_000 },
      identity: {
        ...identity,
        ...(isVersioned && { orderBy: { expression: 'event.account' }, version: 'event.version' }),
      },
    });
  },
  // What comes after the children fails, so that they are undone, whatever they have come to.
  families: (random) => {
    const inner = (id: string) => (name: string) =>
      pick(random, [
        () => undoable(`${id}${name}`),
        () =>
          undoable(`${id}${name}`, 'acme.createBlind', { probe: pick(random, [probeOfList, probeOfPages]) }),
        () => step('wait', `${id}${name}`, { for: { durationMs: 3_000 } }),
      ])();
    return planFor({
      steps: [
        random.next() < 0.5
          ? randomRun(random, 's0', [], inner('s0'))
          : step('parallel', 's0', {
              branches: [
                { name: 'left', steps: [randomRun(random, 's0l', [], inner('s0l'))] },
                { name: 'right', steps: [undoable('s0r', 'acme.createBlind')] },
              ],
            }),
        undoable('s1', 'acme.createBlind'),
        halfOfThem('s2'),
      ],
      onFailure: pick(random, ['compensate', 'compensate', 'hold'] as const),
      limits: { concurrency: 2, deadlineMs: 600_000 },
      identity,
    });
  },
};

/** Everything that it does has a key that is forgotten soon. */
function soonForgotten(random: Random): Plan {
  return planFor({
    steps: [
      undoable('s0', 'acme.shortKey'),
      step('forEach', 's1', {
        in: 'event.lines',
        as: 'line0',
        key: { expression: 'line0.sku' },
        max: 10,
        concurrency: 2,
        onItemFailure: 'collect',
        steps: [undoable('s1a', 'acme.shortKey', random.next() < 0.5 ? { probe } : {})],
      }),
      undoable('s2', 'acme.shortKey'),
    ],
    onFailure: pick(random, ['compensate', 'hold'] as const),
    limits: { concurrency: 3, deadlineMs: 600_000 },
    identity,
  });
}

/** A plan of any kind, or of the theme's. `isSlow`: batches take time. */
export function randomPlan(random: Random, theme: Theme, isSlow: boolean): Plan {
  const ofTheme = themed[theme];
  if (ofTheme !== undefined) return ofTheme(random, isSlow);
  const count = 1 + Math.floor(random.next() * 5);
  const steps = Array.from({ length: count }, (_, i) => randomStep(random, `s${i}`, 0));
  return planFor({
    steps,
    onFailure: pick(random, ['compensate', 'compensate', 'forward', 'hold'] as const),
    limits: { concurrency: 1 + Math.floor(random.next() * 3), deadlineMs: pick(random, [5_000, 600_000]) },
    identity: {
      key: { expression: 'event.id' },
      retainMs: 86_400_000,
      ...(random.next() < 0.5 && {
        orderBy: { expression: 'event.account' },
        ...(random.next() < 0.5 && { version: 'event.version' }),
      }),
    },
  });
}

/** Another plan of the same pipeline, as its next version: it tells orders apart as the first does. */
export function nextVersion(
  random: Random,
  theme: Theme,
  isSlow: boolean,
  { version, identity }: Plan,
): Plan {
  const { hash: _, ...plan } = randomPlan(random, theme, isSlow);
  return planFor({ ...plan, version: version + 1, identity });
}

/** A read: of one thing, or, by its name, of all that was made, page by page; what is made meanwhile comes behind it. */
function read(id: string): PlanStep {
  if (/[1a]$/.test(id)) return call(id, 'acme.list', { with: literal({}), pages: { atMost: PAGES_MAX } });
  if (/[2l]$/.test(id)) return call(id, 'acme.browse', { with: literal({}), pages: { atMost: PAGES_MAX } });
  return call(id, 'acme.get');
}

/** More than a seed ever makes. */
const PAGES_MAX = 200;

/** `items`: names of the lists' items around it. */
function randomStep(random: Random, id: string, depth: number, items: readonly string[] = []): PlanStep {
  const kinds: (() => PlanStep)[] = [
    () => read(id),
    () => undoable(id),
    () => undoable(id),
    () => undoable(id, 'acme.createBlind', { probe: pick(random, [probe, probeOfPages]) }),
    () => undoable(id, 'acme.createBlind'),
    () => undoable(id, 'acme.createChecked', { probe: pick(random, [probe, probeOfPages]) }),
    () => undoable(id, 'acme.shortKey'),
    () => call(id, 'acme.put'),
    () => call(id, 'acme.put'),
    () => step('choose', id, { branches: [{ steps: amend(`${id}w`, pick(random, ACCOUNTS)) }] }),
    () => {
      const account = pick(random, ACCOUNTS);
      const steps = amend(`${id}w`, account, unamend(`${id}w`, account));
      return step('choose', id, { branches: [{ steps }] });
    },
    () => setChecked(id),
    () => call(id, 'acme.get', { refusals: ['refused'] }),
    ...(['acme.create', 'acme.createBlind', 'acme.put', 'acme.shortKey'] as const).map(
      (operation) => () =>
        undoable(id, operation, {
          refusals: ['refused'],
          ...(random.next() < 0.4 && { probe: pick(random, [probe, probeOfPages]) }),
        }),
    ),
    () =>
      call(id, 'acme.get', {
        fresh: { version: 'result.amount', atLeast: '10' },
        retry: { ...retry, on: [...retry.on, 'stale'] },
      }),
    () =>
      call(id, 'acme.send', {
        irreversible: {
          because: 'sent is sent',
          forward: { task: 'correct it', owner: 'support', withinMs: 1 },
        },
      }),
    () => step('wait', id, { for: { durationMs: 3_000 } }),
    () => forPayment(id),
    () => consent(random)(id),
    () => step('set', id, { value: { expression: 'event.amount' } }),
    () =>
      step('check', id, {
        that: [{ condition: 'event.amount > 0', message: 'not positive' }],
        otherwise: 'quarantine',
      }),
    () => shipped(id),
  ];
  const inside = (name: string, around = items): PlanStep =>
    randomStep(random, `${id}${name}`, depth + 1, around);
  const each = (name: string): PlanStep => inside(name, [...items, `line${depth}`]);
  const forEach = (): PlanStep =>
    step('forEach', id, {
      in: 'event.lines',
      as: `line${depth}`,
      key: { expression: `line${depth}.sku` },
      max: 10,
      concurrency: 1 + Math.floor(random.next() * 3),
      ...(random.next() < 0.5 && {
        check: {
          that: [{ condition: `line${depth}.quantity > 0`, message: 'no quantity' }],
          otherwise: pick(random, ['quarantine', 'split'] as const),
        },
      }),
      // What a list undoes while the run goes on is judged for the outermost list alone.
      onItemFailure: depth === 0 ? pick(random, ['stop', 'collect'] as const) : 'stop',
      steps: random.next() < 0.5 ? [each('a')] : [each('a'), each('b')],
    });
  const parallel = (): PlanStep =>
    step('parallel', id, {
      branches: [
        { name: 'left', steps: random.next() < 0.5 ? [inside('l')] : [inside('l'), inside('m')] },
        { name: 'right', steps: [inside('r')] },
      ],
    });
  const inner = (name: string): PlanStep => randomStep(random, `${id}${name}`, 2);
  const runs = (): PlanStep => randomRun(random, id, items, inner);
  if (depth < 2) kinds.push(forEach, parallel, runs);
  if (depth === 0) kinds.push(forEach, forEach, parallel, parallel, runs);
  if (depth < 1)
    kinds.push(() =>
      step('choose', id, {
        branches: [
          {
            when: pick(random, ['event.amount > 0', 'event.amount < 0']),
            steps: [randomStep(random, `${id}a`, depth + 1), randomStep(random, `${id}b`, depth + 1)],
          },
          { steps: [randomStep(random, `${id}c`, depth + 1)] },
        ],
      }),
    );
  const made = pick(random, kinds)();
  return random.next() < BOUNDED_RATE ? { ...made, deadlineMs: pick(random, DEADLINES_MS) } : made;
}

export function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random.next() * items.length)]!;
}

/** What a list of the plans above goes over. Two of one SKU may not be carried out, nor any without a quantity. */
export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

export function randomLines(random: Random): readonly Line[] {
  const lines = Array.from({ length: Math.floor(random.next() * 5) }, (_, index) => ({
    sku: `S${index}`,
    quantity: random.next() < 0.93 ? 1 : 0,
  }));
  return lines.length > 1 && random.next() < 0.05 ? [...lines, lines[0]!] : lines;
}

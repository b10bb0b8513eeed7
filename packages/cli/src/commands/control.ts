import { parseDuration } from '@tenon/model';
import type { Switch, SwitchRequest } from '@tenon/runtime';
import { type OperationsClient, OperationsError } from '../client/operations-client.ts';
import { type Args, type CommandSpec, type OptionSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';
import { parseTime, time } from '../text/utc-time.ts';
import { flowWords, type KnownFlow, type SourceSeen } from './flow-words.ts';
import { listing, needReason, reason, remote } from './operator-options.ts';
import { sayDone, withClient } from './with-client.ts';

const target: Readonly<Record<string, OptionSpec>> = {
  all: { type: 'boolean', help: 'everything' },
  pipeline: { type: 'string', value: '<name>', help: 'this pipeline' },
  connection: { type: 'string', value: '<name>', help: 'this connection' },
  connector: { type: 'string', value: '<name>', help: 'all connections of this connector' },
};

/** Commands that stop and start what flows: each one call, audited, in force when the command has ended. */
export const controlCommands: readonly CommandSpec[] = [
  {
    name: 'flow',
    summary: 'How work flows: depth, lag, dead letters, breakers, and what holds it up',
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      // The shape that contracts/operations promises.
      const flow = (await client.get('/v1/flow')) as unknown as KnownFlow;
      // As above; an operator's token gets the sources too.
      const { sources } = (await client.get('/v1/health')) as unknown as {
        readonly sources: readonly SourceSeen[];
      };
      return show({ ...flow, sources }, (width) => flowWords(flow, sources, io.clock.now(), width));
    }),
  },
  {
    name: 'kill',
    summary:
      'Send no new effect: of anything, of a pipeline, over a connection, or over all of a connector; nothing is lost',
    options: {
      ...remote,
      ...reason,
      ...target,
      'spare-compensation': { type: 'boolean', help: 'undoing goes on' },
    },
    examples: [
      'tenon kill --all --reason "invoices are doubled"',
      'tenon kill --connection billing --reason "their key leaked"',
      'tenon kill --connector billing --reason "its new release books twice"',
    ],
    run: withClient(async (client, args, _show, io) => {
      const scope = scopeOf(args);
      const sparesCompensation = args.flag('spare-compensation');
      const made = await set(client, args, { kind: 'kill', scope, sparesCompensation }).catch(notRunning);
      sayDone(
        made,
        `${made.id} is in force: runs wait where they are, and no event is kept out by it${replacedWords(made, io)}`,
        args,
        io,
      );
      return exit.clean;
    }),
  },
  {
    name: 'kill lift',
    summary: 'Let effects go out again; what was held goes on, in order',
    options: { ...remote, ...reason, ...target },
    run: withClient(async (client, args, _show, io) => {
      const scope = scopeOf(args);
      const id = 'everything' in scope ? 'everything' : Object.entries(scope)[0]!.join('/');
      return lift(client, args, io, `kill/${id}`);
    }),
  },
  {
    name: 'pause',
    summary: 'Let a pipeline stand still, or go on for chosen keys alone; no event is kept out by it',
    positionals: ['<pipeline>'],
    options: {
      ...remote,
      ...reason,
      only: {
        type: 'string',
        multiple: true,
        value: '<key>',
        help: 'a business or order key for which it goes on; more than once',
      },
    },
    examples: ['tenon pause order-paid --only acc_1001 --reason "trying the fix on one account"'],
    run: withClient(async (client, args, _show, io) => {
      const onlyKeys = args.texts('only');
      const pipeline = args.positionals[0]!;
      const made = await set(client, args, { kind: 'pause', pipeline, onlyKeys });
      const rest = onlyKeys.length === 0 ? 'stands still' : `goes on for ${onlyKeys.join(', ')} alone`;
      sayDone(made, `${pipeline} ${rest}; no event is kept out by it${replacedWords(made, io)}`, args, io);
      return exit.clean;
    }),
  },
  {
    name: 'resume',
    summary: 'Let a paused pipeline go on, in order',
    positionals: ['<pipeline>'],
    options: { ...remote, ...reason },
    run: withClient((client, args, _show, io) => lift(client, args, io, `pause/${args.positionals[0]}`)),
  },
  {
    name: 'rollback',
    summary: 'Start what comes with an earlier version of a pipeline; runs that have begun go on with theirs',
    positionals: ['<pipeline>'],
    options: {
      ...remote,
      ...reason,
      to: { type: 'string', value: '<version>', help: 'default: the one that was in force before' },
    },
    examples: [
      'tenon rollback order-paid --reason "version 7 sends wrong amounts"',
      'tenon switches lift rollback/order-paid --reason "version 8 is right"',
    ],
    run: withClient(async (client, args, _show, io) => {
      const pipeline = args.positionals[0]!;
      const version = parseCount(
        args.text('to'),
        Number.MAX_SAFE_INTEGER,
        '--to',
        'the number of a version, such as 3',
      );
      const made = await set(client, args, {
        kind: 'rollback',
        pipeline,
        ...(version !== undefined && { version }),
      });
      sayDone(
        made,
        `${made.id} is in force: ${switchWords(made, io.clock.now())}; runs that have begun go on with the version that they began with (\`tenon runs ls --open --pipeline ${pipeline}\` lists them, \`tenon runs cancel\` ends them)${replacedWords(made, io)}`,
        args,
        io,
      );
      return exit.clean;
    }),
  },
  {
    name: 'scale',
    summary: 'Let more, or fewer, runs of a pipeline be at work at a time than its plan says',
    positionals: ['<pipeline>'],
    options: {
      ...remote,
      ...reason,
      concurrency: { type: 'string', value: '<n>', help: 'runs at a time, in place of `limits.concurrency`' },
    },
    examples: ['tenon scale order-paid --concurrency 50 --reason "a backlog of a day"'],
    run: withClient(async (client, args, _show, io) => {
      const pipeline = args.positionals[0]!;
      const concurrency = parseCount(
        args.text('concurrency'),
        CONCURRENCY_MAX,
        '--concurrency',
        `a number of runs from 1 to ${CONCURRENCY_MAX}`,
      );
      if (concurrency === undefined)
        throw new UsageError(
          'argument-missing',
          'give --concurrency: how many runs may be at work at a time',
        );
      const made = await set(client, args, { kind: 'scale', pipeline, concurrency });
      sayDone(
        made,
        `${made.id} is in force: ${pipeline} has ${switchWords(made, io.clock.now())}${replacedWords(made, io)}`,
        args,
        io,
      );
      return exit.clean;
    }),
  },
  {
    name: 'switches',
    summary: 'What is killed, paused, behind a flag, rolled back or scaled, by whom and why',
    isList: true,
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      const { switches } = (await client.get('/v1/switches')) as { switches: Switch[] };
      const now = io.clock.now();
      return show(switches, (width) =>
        renderTable(
          ['SWITCH', 'WHAT', 'FOR', { title: 'BY', drop: 1 }, { title: 'REASON', below: true }],
          switches.map((each) => [
            each.id,
            `${switchWords(each, now)}${each.drill === undefined ? '' : ', in a drill that lifts it'}`,
            roughDuration(now - each.sinceMs),
            each.actor,
            each.reason,
          ]),
          width,
        ),
      );
    }),
  },
  {
    name: 'switches flag',
    summary: 'Let a pipeline take chosen events alone: by key, by event, or a share of its keys',
    positionals: ['<pipeline>'],
    options: {
      ...remote,
      ...reason,
      key: {
        type: 'string',
        multiple: true,
        value: '<key>',
        help: 'an account, or a business or order key; more than once',
      },
      event: { type: 'string', multiple: true, value: '<event>', help: 'an event, such as crm.upgraded' },
      share: {
        type: 'string',
        value: '<percent>',
        help: 'of all accounts (or keys), such as 10%; a larger share keeps them',
      },
      until: {
        type: 'string',
        value: '<time>',
        help: 'from then on it is reported: RFC 3339, or a duration',
      },
    },
    examples: ['tenon switches flag order-paid --share 10% --until 14d --reason "first tenth"'],
    run: withClient(async (client, args, _show, io) => {
      const pipeline = args.positionals[0]!;
      const made = await set(client, args, {
        kind: 'flag',
        pipeline,
        keys: args.texts('key'),
        events: args.texts('event'),
        share: parseShare(args.text('share')),
        expiresAtMs: parseUntil(args.text('until'), io),
      });
      sayDone(
        made,
        `${made.id} is in force: ${pipeline} is ${switchWords(made, io.clock.now())}${replacedWords(made, io)}`,
        args,
        io,
      );
      return exit.clean;
    }),
  },
  {
    name: 'switches lift',
    summary: 'Take a switch away, by its id',
    positionals: ['<switch>'],
    options: { ...remote, ...reason },
    run: withClient((client, args, _show, io) => lift(client, args, io, args.positionals[0]!)),
  },
];

/** As the API takes it. */
const CONCURRENCY_MAX = 10_000;

/** Whoever kills wants that nothing goes out, and is not to start what they want stopped. */
function notRunning(error: unknown): never {
  if (!(error instanceof OperationsError && error.isUnreachable)) throw error;
  // Of one that cannot be reached nobody knows: what it sends goes out by another way.
  const more =
    error.code === 'ECONNREFUSED'
      ? 'where none runs, nothing goes out; `tenon serve --killed "<reason>"` starts with everything killed'
      : 'one that runs and is not reached from here goes on sending';
  throw new OperationsError(`${error.message}; ${more}`, error.exitCode, error.code, true);
}

/** Earlier servers do not say what it has replaced. */
type Made = Switch & { readonly replaced?: Switch };

/** Of the one before: whose it was and why, and what is otherwise now. */
function replacedWords({ replaced, ...made }: Made, { clock }: Io): string {
  if (replaced === undefined) return '';
  const now = clock.now();
  const [was, is] = [switchWords(replaced, now), switchWords(made as Switch, now)];
  const change =
    made.kind === 'kill' &&
    replaced.kind === 'kill' &&
    made.sparesCompensation !== replaced.sparesCompensation
      ? made.sparesCompensation
        ? '; undoing, which was held, goes on'
        : '; undoing, which went on, is held too'
      : was === is
        ? ''
        : `; it was: ${was}`;
  return `\nit replaces what ${replaced.actor} set ${roughDuration(now - replaced.sinceMs)} ago: ${replaced.reason}${change}`;
}

async function set(client: OperationsClient, args: Args, request: SwitchRequest): Promise<Made> {
  // The shape that contracts/operations promises.
  return (await client.post('/v1/switches', {
    switch: request,
    reason: needReason(args),
  })) as unknown as Made;
}

async function lift(client: OperationsClient, args: Args, io: Io, id: string): Promise<ExitCode> {
  await client.post('/v1/switches/lift', { id, reason: needReason(args) });
  sayDone({ id, lifted: true }, `${id} is lifted`, args, io);
  return exit.clean;
}

type Kill = Extract<SwitchRequest, { kind: 'kill' }>;

function scopeOf(args: Args): Kill['scope'] {
  const [pipeline, connection, connector] = ['pipeline', 'connection', 'connector'].map((name) =>
    args.text(name),
  );
  const given: Kill['scope'][] = [
    ...(args.flag('all') ? [{ everything: true } as const] : []),
    ...(pipeline === undefined ? [] : [{ pipeline }]),
    ...(connection === undefined ? [] : [{ connection }]),
    ...(connector === undefined ? [] : [{ connector }]),
  ];
  const [scope, ...others] = given;
  if (scope === undefined || others.length > 0)
    throw new UsageError(
      scope === undefined ? 'argument-missing' : 'arguments-contradict',
      'give one of --all, --pipeline, --connection and --connector',
    );
  return scope;
}

function switchWords(each: Switch, nowMs: number): string {
  switch (each.kind) {
    case 'kill':
      return each.sparesCompensation ? 'no new effects, undoing goes on' : 'no new effects';
    case 'pause':
      return each.onlyKeys.length === 0 ? 'stands still' : `only ${each.onlyKeys.join(', ')}`;
    case 'flag': {
      const parts = [...each.keys, ...each.events];
      if (each.share > 0) parts.push(`${Math.round(each.share * 1_000) / 10}% of its keys`);
      if (each.exceptKeys !== undefined) parts.push(`not for ${each.exceptKeys.join(', ')}`);
      const until = `${time(each.expiresAtMs).slice(0, 16)}Z`;
      const expiry = each.expiresAtMs <= nowMs ? `EXPIRED ${until}` : `until ${until}`;
      return `on for ${parts.length === 0 ? 'nothing' : parts.join(', ')}, ${expiry}`;
    }
    case 'rollback':
      return `what comes starts version ${each.version}`;
    case 'scale':
      return `${plural(each.concurrency, 'places')} for runs at work`;
  }
}

function parseCount(text: string | undefined, max: number, option: string, what: string): number | undefined {
  if (text === undefined) return undefined;
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > max)
    throw new UsageError('argument-invalid', `${option} is ${what}`);
  return count;
}

function parseShare(text: string | undefined): number {
  if (text === undefined) return 0;
  const percent = Number(/^(\d+(?:\.\d+)?)%$/.exec(text)?.[1]);
  if (!(percent >= 0 && percent <= 100))
    throw new UsageError('argument-invalid', '--share is a percentage such as 10%');
  return percent / 100;
}

function parseUntil(text: string | undefined, io: Io): number {
  if (text === undefined)
    throw new UsageError('argument-missing', 'give --until: a flag without an end is forgotten');
  const duration = parseDuration(text);
  return duration === undefined
    ? parseTime(text, '--until', ', and no duration such as 14d or 12h')!
    : io.clock.now() + duration;
}

import type { DeadLetter, RecheckedEvent, RecheckReport, ReleasedTo } from '@tenon/runtime';
import { type CommandSpec, UsageError } from '../command.ts';
import { exit } from '../exit.ts';
import { plural } from '../render/index.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';
import { filters, listing, needReason, reason } from './operator-options.ts';
import { LETTERS_LISTED } from './replay.ts';
import { sayIfCut } from './say-if-cut.ts';
import { sayIfUnknown } from './say-if-unknown.ts';
import { withClient } from './with-client.ts';

/** What each outcome means for a person. */
const SAID: Readonly<Record<RecheckedEvent['outcome'], string>> = {
  passes: 'would be released',
  released: 'released',
  fails: 'does not fit now either',
  behind: 'an earlier one of its key stays',
  moving: 'a run of it is not parked yet: once its pipeline goes on, try again',
  overtaken: 'a later one of its key was taken, or nobody can tell',
  unreadable: 'was never read, or cannot be read any more: have it sent again',
  unheard: 'no pipeline listens to it any more',
  gone: 'its data is no longer kept',
  changed: 'somebody else was faster',
};

/** What became of a released event that started no run in a pipeline. */
const SKIPPED: Readonly<Record<Exclude<ReleasedTo['as'], 'started'>, string>> = {
  known: 'knows its key from an earlier run',
  flaggedOff: 'is kept from it by a feature flag',
  older: 'has taken a newer one of its entity',
};

/** Commands for events that were held at intake because they were not what their contract says. */
export const quarantineCommands: readonly CommandSpec[] = [
  {
    name: 'quarantine',
    summary: 'What is held in quarantine, each with its cause and owner',
    isList: true,
    options: { ...listing, pipeline: filters['pipeline']! },
    run: withClient(async (client, args, show, io) => {
      // The shape that contracts/operations promises.
      const { deadLetters } = (await client.get('/v1/dead-letters', {
        pipeline: args.text('pipeline'),
        queue: 'quarantine',
      })) as { deadLetters: DeadLetter[] };
      const code = show(deadLetters, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'KEY', shortens: true },
            { title: 'POINTER', drop: 2 },
            { title: 'SINCE', drop: 3, below: true },
            { title: 'OWNER', drop: 1, below: true },
            { title: 'CAUSE', below: true },
          ],
          deadLetters.map((letter) => [
            letter.runId,
            letter.pipeline,
            letter.key,
            letter.failure.pointer ?? '',
            roughDuration(io.clock.now() - letter.sinceMs),
            letter.owner,
            letter.failure.message,
          ]),
          width,
        ),
      );
      sayIfCut(deadLetters, LETTERS_LISTED, 'the oldest', args, io);
      await sayIfUnknown(deadLetters, client, args, io);
      return code;
    }),
  },
  {
    name: 'quarantine recheck',
    summary: 'Hold quarantined events against the contracts in force now; a dry run unless --apply',
    options: {
      ...listing,
      ...reason,
      pipeline: filters['pipeline']!,
      event: { type: 'string', value: '<contract.event>', help: 'events of this name' },
      apply: { type: 'boolean', help: 'release what passes, in the order in which it came' },
      through: { type: 'string', value: '<n>', help: 'with --apply: no later ones than the dry run showed' },
      overtaken: {
        type: 'boolean',
        help: 'release also what a later event of the same order key has overtaken, or may have',
      },
    },
    examples: [
      'tenon quarantine recheck --event stock.itemSold --reason "amount may be a text"',
      'tenon quarantine recheck --event stock.itemSold --reason "looked through" --apply --through 4711',
    ],
    run: withClient(async (client, args, show, io) => {
      const text = args.text('through');
      const through = text === undefined ? undefined : Number(text);
      if (through !== undefined && !(Number.isSafeInteger(through) && through >= 0))
        throw new UsageError('argument-invalid', '--through is the number that the dry run ended with');
      const apply = args.flag('apply');
      if (apply && through === undefined)
        throw new UsageError(
          'argument-missing',
          '--apply needs --through: make a dry run, look at it, and give its number',
        );
      const pipeline = args.text('pipeline');
      const event = args.text('event');
      const answer = await client.post('/v1/quarantine/recheck', {
        reason: needReason(args),
        apply,
        overtaken: args.flag('overtaken'),
        ...(pipeline !== undefined && { pipeline }),
        ...(event !== undefined && { event }),
        ...(through !== undefined && { through }),
      });
      // The shape that contracts/operations promises.
      const report = answer as unknown as RecheckReport;
      show(report, (width) =>
        report.events.length === 0
          ? ''
          : renderTable(
              [
                'EVENT',
                'DELIVERY',
                { title: 'PIPELINES', shortens: true },
                { title: 'OUTCOME', below: true },
                { title: 'CAUSE', below: true },
              ],
              report.events.map((one) => [
                one.event,
                one.deliveryId,
                one.runs.map((run) => run.pipeline).join(', '),
                outcomeWords(one),
                one.failure?.message ?? '',
              ]),
              width,
            ),
      );
      if (report.events.length === 0) {
        const which = [pipeline, event].filter((one) => one !== undefined).join(' and ') || 'any pipeline';
        const until = through === undefined ? '' : ` up to ${through}`;
        io.err(
          `nothing of ${which} is held at its way in${until}. Held is what \`sources\` bring and does not fit (a webhook that does not is answered 422 and not kept), and what comes while the newest version of its entity is damaged. What a \`check\` step has put into quarantine is a run: \`tenon dead-letters --queue quarantine\`\n`,
        );
        await sayIfUnknown(report.events, client, args, io);
        return exit.clean;
      }
      const count = (outcome: RecheckedEvent['outcome']) =>
        report.events.filter((one) => one.outcome === outcome).length;
      if (report.more) io.err('there are more than are looked at at once: do it again\n');
      const idle = report.events.filter(({ became }) => became?.some(({ as }) => as !== 'started')).length;
      if (!report.applied) {
        const passing = count('passes');
        io.err(`dry run: ${passing} of ${plural(report.events.length, 'events')} would be released`);
        if (idle > 0) io.err(` (of ${idle} not every pipeline would start a run: see OUTCOME)`);
        io.err(passing > 0 ? `; --apply --through ${report.through} releases them\n` : '\n');
        return passing > 0 ? exit.changesPending : exit.clean;
      }
      const released = count('released');
      io.err(`released: ${released} of ${plural(report.events.length, 'events')}\n`);
      if (idle > 0)
        io.err(`of ${plural(idle, 'released events')} not every pipeline started a run: see OUTCOME\n`);
      return released === report.events.length ? exit.clean : exit.partlyDone;
    }),
  },
];

function outcomeWords({ outcome, became = [] }: RecheckedEvent): string {
  const skipped = became.flatMap(({ pipeline, as }) =>
    as === 'started' ? [] : [`${pipeline} ${SKIPPED[as]}`],
  );
  return [SAID[outcome], ...skipped].join('; ');
}

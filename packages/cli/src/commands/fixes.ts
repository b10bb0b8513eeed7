import type { ForwardFix } from '@tenon/runtime';
import type { CommandSpec } from '../command.ts';
import { exit } from '../exit.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';
import { listing, needReason, reason, remote } from './operator-options.ts';
import { placeGiven, wayOf } from './step-place.ts';
import { sayDone, withClient, withRunning } from './with-client.ts';

/** Work that runs leave to people. */
export const fixesCommands: readonly CommandSpec[] = [
  {
    name: 'fixes',
    summary: 'Work that people owe: what could not be undone, and what a list went on without',
    isList: true,
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      const { forwardFixes } = (await client.get('/v1/forward-fixes')) as { forwardFixes: ForwardFix[] };
      return show(forwardFixes, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'KEY', shortens: true },
            'STEP',
            'RUN IS',
            'DUE IN',
            { title: 'OWNER', drop: 1, below: true },
            { title: 'TASK', below: true },
            { title: 'BECAUSE', below: true },
          ],
          forwardFixes.map((fix) => [
            fix.runId,
            fix.pipeline,
            fix.key,
            fix.stepId,
            fix.runState ?? '',
            dueIn(fix.dueAtMs - io.clock.now()),
            fix.owner,
            fix.task,
            fix.because,
          ]),
          width,
        ),
      );
    }),
  },
  {
    name: 'fixes close',
    summary: 'Say that such work is done',
    positionals: ['<run>', '<step>'],
    options: { ...remote, ...reason },
    examples: ['tenon fixes close 01j… \'lines[A-7]\' --reason "sent again with the right quantity"'],
    run: withRunning(async (client, args, _show, io) => {
      const place = placeGiven(args);
      await client.post(`/v1/forward-fixes/${wayOf(place)}`, { reason: needReason(args) });
      sayDone({ ...place, closed: true }, 'closed', args, io);
      return exit.clean;
    }),
  },
];

function dueIn(restMs: number): string {
  return restMs < 0 ? `overdue by ${roughDuration(-restMs)}` : roughDuration(restMs);
}

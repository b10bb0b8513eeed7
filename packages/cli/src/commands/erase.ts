import type { ErasureReport } from '@tenon/runtime';
import { type CommandSpec, UsageError } from '../command.ts';
import { exit } from '../exit.ts';
import { plural } from '../render/index.ts';
import { renderTable } from '../text/table.ts';
import { listing, needReason, reason } from './operator-options.ts';
import { REWRITE_COMMAND } from './rewrite-data.ts';
import { cancelCommand, showCommand } from './run-words.ts';
import { withClient } from './with-client.ts';

export const eraseCommand: CommandSpec = {
  name: 'erase',
  summary: 'Let all data of a person or business go; a dry run unless --apply',
  options: {
    ...listing,
    ...reason,
    subject: {
      type: 'string',
      value: '<value>',
      help: 'a business key, an order key, or a value in payloads and results, such as a mail address',
    },
    apply: { type: 'boolean', help: 'do it; there is no way back' },
  },
  examples: ['tenon erase --subject ap-17@customers.example --reason "request 17" --apply'],
  run: withClient(async (client, args, show, io) => {
    const subject = args.text('subject');
    if (!subject) throw new UsageError('argument-missing', 'give --subject: whose data is to go');
    // The answer of eraseSubject, as contracts/operations promises it.
    // The shape that contracts/operations promises.
    const report = (await client.post('/v1/erasures', {
      subject,
      reason: needReason(args),
      apply: args.flag('apply'),
    })) as unknown as ErasureReport;
    show(report, (width) =>
      report.runs.length + report.kept.length === 0
        ? ''
        : renderTable(
            ['RUN', { title: 'PIPELINE', shortens: true }, 'STATE', { title: 'DATA', below: true }],
            [
              ...report.runs.map((run) => [
                run.runId,
                run.pipeline,
                run.state,
                report.applied ? 'erased' : 'would go',
              ]),
              ...report.kept.map((run) => [run.runId, run.pipeline, run.state, keptBecause(run)]),
            ],
            width,
          ),
    );
    const counts = `${plural(report.runs.length, 'runs')}, ${plural(report.events, 'events')} beside them, ${plural(report.differences, 'differences')} in reports and ${plural(report.requests, 'requests')} that name the subject`;
    io.err(report.applied ? `erased: ${counts}\n` : `dry run: ${counts}; --apply erases\n`);
    if (report.unreadable > 0)
      io.err(
        `${plural(report.unreadable, 'stored values')} could not be read and may hold the subject; tenon doctor names them\n`,
      );
    if (report.leavesTraces)
      io.err(
        `the file is too large to be written anew while runs go on: unused parts of it may hold what has gone, until \`${REWRITE_COMMAND}\` while Tenon is stopped\n`,
      );
    if (!report.applied && report.runs.length + report.events + report.differences + report.requests > 0)
      return exit.changesPending;
    // Of a dry run, what --apply would end with: nothing goes, and not because nothing is there.
    const isPart = report.kept.length + report.unreadable > 0 || report.leavesTraces;
    return isPart ? exit.partlyDone : exit.clean;
  }),
};

function keptBecause({ runId, state }: ErasureReport['kept'][number]): string {
  switch (state) {
    case 'succeeded':
    case 'compensated':
    case 'cancelled':
      return 'kept: a run above it has not ended';
    case 'failed':
      // One that is parked at undoing cannot be cancelled, one that has lost its child not be resumed with success: what is known here does not tell.
      return `kept: may be resumed; end it first, as ${showCommand(runId)} says`;
    case 'inDoubt':
      return 'kept: has not ended, and is in doubt: `tenon in-doubt`';
    case 'compensating':
      return `kept: has not ended, and is being undone: ${showCommand(runId)}`;
    case 'accepted':
    case 'running':
    case 'waiting':
      return `kept: has not ended; let it end, or ${cancelCommand(runId)}`;
  }
}

import type { PendingApproval } from '@tenon/runtime';
import type { CommandSpec } from '../command.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';
import { listing, needReason, reason, remote } from './operator-options.ts';
import { placeGiven, wayOf } from './step-place.ts';
import { tellStep } from './tell-run.ts';
import { withClient, withRunning } from './with-client.ts';

/** Decisions that runs wait for. */
export const approvalsCommands: readonly CommandSpec[] = [
  {
    name: 'approvals',
    summary: 'Runs that wait for a decision',
    isList: true,
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      const { approvals } = (await client.get('/v1/approvals')) as { approvals: PendingApproval[] };
      return show(approvals, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'VERSION', drop: 1, below: true },
            { title: 'KEY', shortens: true },
            'STEP',
            { title: 'BY', drop: 3, below: true },
            { title: 'GIVEN', below: true },
            { title: 'SINCE', drop: 2, below: true },
            'EXPIRES IN',
            { title: 'SHOWN', below: true },
          ],
          approvals.map((approval) => [
            approval.runId,
            approval.pipeline,
            String(approval.version),
            approval.key,
            approval.stepId,
            approval.by,
            givenWords(approval),
            roughDuration(io.clock.now() - approval.sinceMs),
            roughDuration(approval.expiresAtMs - io.clock.now()),
            JSON.stringify(approval.show),
          ]),
          width,
        ),
      );
    }),
  },
  decision('approve'),
  decision('reject'),
];

function givenWords({ count, given = [], except = [] }: PendingApproval): string {
  const names = given.map(({ actor }) => actor).join(', ');
  return [
    ...(count === undefined ? [] : [`${given.length} of ${count}${names && `: ${names}`}`]),
    ...(except.length === 0 ? [] : [`not by ${except.join(', ')}`]),
  ].join('; ');
}

function decision(verb: 'approve' | 'reject'): CommandSpec {
  return {
    name: `approvals ${verb}`,
    summary: verb === 'approve' ? 'Let a waiting run go on' : 'Turn a waiting run down',
    positionals: ['<run>', '<step>'],
    options: { ...remote, ...reason },
    run: withRunning(async (client, args, _show, io) => {
      const said = { decision: verb, reason: needReason(args) };
      const place = placeGiven(args);
      const done = verb === 'approve' ? 'approved' : 'rejected';
      return tellStep(done, place, client, args, io, () =>
        client.post(`/v1/approvals/${wayOf(place)}`, said),
      );
    }),
  };
}

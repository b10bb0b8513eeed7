import type { CancellationReport, CancelledRun } from '@tenon/runtime';
import type { OperationsClient } from '../client/operations-client.ts';
import { type Args, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { renderTable } from '../text/table.ts';
import { showFrozen } from './frozen-set.ts';
import { needReason, planFilter } from './operator-options.ts';
import { sayIfUnknown } from './say-if-unknown.ts';
import type { Show } from './with-client.ts';

/** Runs that are cancelled together: a dry run of a filter, and then what it named, by its token. `undefined`: one is named by itself. */
export async function cancelMany(
  client: OperationsClient,
  args: Args,
  show: Show,
  io: Io,
): Promise<ExitCode | undefined> {
  const token = args.text('apply');
  const filter = {
    ...planFilter(args),
    state: args.text('state'),
    key: args.text('key'),
    orderKey: args.text('order-key'),
    connection: args.text('connection'),
  };
  const isFiltered = Object.values(filter).some((value) => value !== undefined);
  const isNamed = args.positionals[0] !== undefined;
  if (token !== undefined) {
    if (isNamed || isFiltered)
      throw new UsageError(
        'arguments-contradict',
        '--apply goes by what the dry run named: give its token alone, and a reason',
      );
    return apply(token, client, args, show, io);
  }
  if (isNamed === isFiltered)
    throw new UsageError(
      isNamed ? 'arguments-contradict' : 'argument-missing',
      'name a run, or those of --pipeline, --version, --plan, --state, --key, --order-key or --connection',
    );
  return isNamed ? undefined : dryRun(filter, client, args, show, io);
}

async function dryRun(
  filter: object,
  client: OperationsClient,
  args: Args,
  show: Show,
  io: Io,
): Promise<ExitCode> {
  // The shape that contracts/operations promises.
  const report = (await client.post('/v1/cancellations', {
    filter,
    reason: needReason(args),
  })) as unknown as CancellationReport;
  const { runs } = report;
  const refused = runs.filter((run) => run.refused !== undefined).length;
  const isNothing = runs.length === 0;
  const code = showFrozen(
    report,
    {
      says: isNothing
        ? 'nothing to do (no run fits)'
        : `${runs.length - refused} of ${plural(runs.length, 'runs')} would be cancelled, refused ${refused}`,
      isNothing,
      apply: 'tenon runs cancel --apply',
      table: (width) => (isNothing ? '' : runsTable(runs, width)),
    },
    show,
    io,
  );
  if (isNothing) await sayIfUnknown(runs, client, args, io);
  return code;
}

function runsTable(runs: CancellationReport['runs'], width: number | undefined): string {
  return renderTable(
    [
      'RUN',
      { title: 'PIPELINE', shortens: true },
      { title: 'VERSION', drop: 1 },
      { title: 'KEY', shortens: true },
      'STATE',
      'STEP',
      { title: 'EFFECTS DONE', below: true },
      { title: 'REFUSED', below: true },
    ],
    runs.map((run) => [
      run.runId,
      run.pipeline,
      String(run.version),
      run.key,
      run.state,
      run.step ?? '',
      run.effectsDone.join(', ') || '–',
      run.refused ?? '',
    ]),
    width,
  );
}

async function apply(
  token: string,
  client: OperationsClient,
  args: Args,
  show: Show,
  io: Io,
): Promise<ExitCode> {
  const answer = await client.post(`/v1/cancellations/${encodeURIComponent(token)}/apply`, {
    reason: needReason(args),
  });
  // The shape that contracts/operations promises.
  const { runs } = answer as { readonly runs: readonly CancelledRun[] };
  const left = runs.filter((run) => run.refused !== undefined);
  show({ token, runs }, (width) =>
    left.length === 0
      ? ''
      : renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'KEY', shortens: true },
            { title: 'REFUSED', below: true },
          ],
          left.map(({ runId, pipeline, key, refused }) => [runId, pipeline, key, refused ?? '']),
          width,
        ),
  );
  const again = left.length === 0 ? '' : `; mend what is refused, and apply it again`;
  io.err(
    `cancelled: ${runs.length - left.length} of ${plural(runs.length, 'runs')}; what they did is undone as limits and switches let it${again}\n`,
  );
  return left.length === 0 ? exit.clean : exit.partlyDone;
}

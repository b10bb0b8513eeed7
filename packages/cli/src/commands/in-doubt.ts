import { isObject, type Json } from '@tenon/model';
import type { InDoubtEntry } from '@tenon/runtime';
import { type CommandSpec, UsageError } from '../command.ts';
import { roughDuration } from '../text/rough-duration.ts';
import { renderTable } from '../text/table.ts';
import { time } from '../text/utc-time.ts';
import { connectionColumn } from './connection-column.ts';
import { givenJson } from './given-json.ts';
import { listing, needReason, reason, remote } from './operator-options.ts';
import { placeGiven, wayOf } from './step-place.ts';
import { tellStep } from './tell-run.ts';
import { withClient, withRunning } from './with-client.ts';

/** Effects whose answer was lost, and what a person says became of one. */
export const inDoubtCommands: readonly CommandSpec[] = [
  {
    name: 'in-doubt',
    summary: 'Effects whose outcome is not known',
    isList: true,
    options: listing,
    run: withClient(async (client, _args, show, io) => {
      const { inDoubt } = (await client.get('/v1/in-doubt')) as {
        inDoubt: (Omit<InDoubtEntry, 'key'> & Partial<InDoubtEntry>)[];
      };
      const connection = connectionColumn(inDoubt, { drop: 2, below: true });
      return show(inDoubt, (width) =>
        renderTable(
          [
            'RUN',
            { title: 'PIPELINE', shortens: true },
            { title: 'KEY', shortens: true },
            ...connection.titles,
            'STEP',
            // What is looked up in the other system.
            { title: 'OPERATION', below: true },
            { title: 'KEY SENT', below: true },
            { title: 'SENT', below: true },
            { title: 'WHY', below: true },
            'FOR',
            { title: 'OWNER', drop: 1, below: true },
          ],
          inDoubt.map((entry) => [
            entry.runId,
            entry.pipeline,
            // Earlier servers do not say it.
            entry.key ?? '',
            ...connection.cell(entry),
            entry.stepId,
            calledOver(entry),
            entry.idempotencyKey ?? 'none',
            sentWords(entry.evidence),
            reasonOf(entry.evidence),
            roughDuration(io.clock.now() - entry.sinceMs),
            entry.owner,
          ]),
          width,
        ),
      );
    }),
  },
  {
    name: 'in-doubt settle',
    summary: 'Say what became of an effect in doubt',
    positionals: ['<run>', '<step>'],
    options: {
      ...remote,
      ...reason,
      verdict: {
        type: 'string',
        value: '<verdict>',
        help: 'what is true, or to be done',
        choices: ['confirm', 'redo', 'compensate'],
      },
      result: {
        type: 'string',
        value: '<json>',
        help: 'with confirm: the result that the lost answer would have carried, required where the operation gives one; with compensate: that of what is to be undone',
      },
    },
    examples: [
      'tenon in-doubt settle 01j… ticket --verdict confirm --result \'{"id":"T-7"}\' --reason "seen in the ticket list"',
    ],
    run: withRunning(async (client, args, _show, io) => {
      const verdict = args.text('verdict');
      if (verdict === undefined)
        throw new UsageError('argument-missing', 'give --verdict confirm, redo or compensate');
      if (verdict === 'redo' && args.text('result') !== undefined)
        throw new UsageError(
          'arguments-contradict',
          '--verdict redo says that it did not happen, and --result that it did: confirm takes a result, redo sends it again without one',
        );
      const why = needReason(args);
      const result = await givenJson('result', args, io);
      const said = { verdict, reason: why, ...(result !== undefined && { result }) };
      const place = placeGiven(args);
      return tellStep(`settled: ${verdict}`, place, client, args, io, () =>
        client.post(`/v1/in-doubt/${wayOf(place)}`, said),
      );
    }),
  },
];

/** Of several accounts of one connector, the one that is to be looked into. */
function calledOver({ operation, evidence }: Pick<InDoubtEntry, 'operation' | 'evidence'>): string {
  // Earlier servers do not say it.
  const connection = evidence?.['connection'];
  if (typeof connection !== 'string' || operation.startsWith(`${connection}.`)) return operation;
  return `${operation} over ${connection}`;
}

/** The first time and the last, as whoever looks into the other system needs them. */
function sentWords(evidence: InDoubtEntry['evidence'] | undefined): string {
  const { firstSentAtMs, sentAtMs } = evidence ?? {};
  const moments = [firstSentAtMs, sentAtMs].filter((atMs) => typeof atMs === 'number');
  return moments.map(time).join(' to ');
}

/** What is known of the attempt and of its probe, as `evidence` has it; nothing where an earlier server does not say it. */
function reasonOf(evidence: InDoubtEntry['evidence'] | undefined): string {
  if (evidence?.['code'] === undefined) return '';
  const said = failureWords(evidence);
  // Of what cannot be read nothing is known but that.
  return evidence['attempt'] === undefined ? said : `${said}; ${probeWords(evidence['probe'])}`;
}

function probeWords(probe: Json | undefined): string {
  if (!isObject(probe)) return 'there is no probe';
  if (probe['found'] !== 'no') return `its probe could not tell: ${failureWords(probe)}`;
  const { differs } = probe;
  return Array.isArray(differs)
    ? `its probe found a state that differs at ${differs.join(', ')}, which somebody else may have written since`
    : 'its probe did not find it, but somebody else may have written since';
}

function failureWords({ code, message }: Readonly<Record<string, Json>>): string {
  return `${message} (${code})`;
}

import type { ReplayStatus } from '@tenon/runtime';
import type { OperationsClient } from '../client/operations-client.ts';
import type { Args } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { time } from '../text/utc-time.ts';
import { needReason, perSecondOf } from './operator-options.ts';
import { type Show, sayDone } from './with-client.ts';

interface Frozen {
  /** By which exactly that is done which the dry run showed. */
  readonly token: string;
  readonly expiresAtMs: number;
}

interface DryRun {
  /** What would be done, in words; where there is nothing, why. */
  readonly says: string;
  readonly isNothing: boolean;
  /** The command that does it, before the token. */
  readonly apply: string;
  /** Nothing, where the dry run names nothing. */
  readonly table: (width: number | undefined) => string;
}

/** What a dry run has frozen. Where there is nothing to do there is nothing to be applied, and so no token. */
export function showFrozen<Report extends Frozen>(
  report: Report,
  { says, isNothing, apply, table }: DryRun,
  show: Show,
  io: Io,
): ExitCode {
  const { token, expiresAtMs, ...named } = report;
  show(isNothing ? named : report, table);
  if (isNothing) {
    io.err(`dry run: ${says}\n`);
    return exit.clean;
  }
  io.err(`dry run: ${says}; ${apply} ${token} --reason … does exactly this, until ${time(expiresAtMs)}\n`);
  return exit.changesPending;
}

/** Does what a dry run showed, beside live traffic; what came of it is asked by `status`. `path`: where such sets are on the API. */
export async function applyFrozen(
  path: string,
  status: string,
  client: OperationsClient,
  args: Args,
  io: Io,
  more: object = {},
): Promise<ExitCode> {
  const token = args.positionals[0]!;
  await client.post(`${path}/${encodeURIComponent(token)}/apply`, {
    reason: needReason(args),
    ...perSecondOf(args),
    ...more,
  });
  sayDone({ token, begun: true }, `begun; ${status} ${token} says how far it is`, args, io);
  return exit.clean;
}

type Asked = Pick<ReplayStatus, 'atMs' | 'actor' | 'reason'> & {
  readonly applied?: ReplayStatus['applied'] | undefined;
};

/** Who asked for it, and who applied it. `of`: what it was made of. */
export function askedLines({ atMs, actor, reason, applied }: Asked, of = ''): readonly string[] {
  return [
    `dry run   ${time(atMs)} by ${actor}: ${reason}${of}`,
    applied === undefined
      ? 'applied   not yet'
      : `applied   ${time(applied.atMs)} by ${applied.actor}: ${applied.reason} (${applied.perSecond} a second)`,
  ];
}

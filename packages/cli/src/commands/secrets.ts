import type { SecretUser } from '@tenon/runtime';
import type { CommandSpec } from '../command.ts';
import { renderTable } from '../text/table.ts';
import { time } from '../text/utc-time.ts';
import { filters, listing } from './operator-options.ts';
import { withClient } from './with-client.ts';

/** References to secrets and what used them; a secret itself is nowhere. */
export const secretsCommand: CommandSpec = {
  name: 'secrets',
  summary: 'Which secret was used by what pipeline and step, for what, and when; never a value',
  options: {
    ...listing,
    pipeline: filters['pipeline']!,
    unexpected: {
      type: 'boolean',
      help: 'only uses by pipelines whose plan in force does not use the connection',
    },
  },
  run: withClient(async (client, args, show) => {
    // The shape that contracts/operations promises.
    const { users } = (await client.get('/v1/secrets')) as { users: readonly SecretUser[] };
    const pipeline = args.text('pipeline');
    const chosen = users.filter(
      (user) =>
        (pipeline === undefined || user.pipeline === pipeline) &&
        (!args.flag('unexpected') || user.isUnexpected),
    );
    return show(chosen, (width) =>
      renderTable(
        [
          'SECRET',
          'CONNECTION',
          { title: 'FOR', drop: 3 },
          { title: 'PIPELINE', shortens: true },
          'STEP',
          { title: 'USES', drop: 2 },
          { title: 'FAILED', drop: 1 },
          { title: 'LAST', drop: 4 },
          // Not to be left out: somebody has to look.
          { title: 'NOTE', below: true },
        ],
        chosen.map((user) => [
          user.reference,
          user.connection,
          user.purpose,
          user.pipeline ?? '',
          user.step ?? '',
          String(user.uses),
          String(user.failed),
          time(user.lastAtMs),
          user.isUnexpected ? 'UNEXPECTED' : '',
        ]),
        width,
      ),
    );
  }),
};

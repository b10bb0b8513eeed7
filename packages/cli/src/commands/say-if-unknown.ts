import { didYouMean, isObject } from '@tenon/model';
import { type OperationsClient, OperationsError } from '../client/operations-client.ts';
import type { Args } from '../command.ts';
import type { Io } from '../io.ts';
import { unreadable } from './read-run.ts';

/** So many of what there is are named where none is near. */
const NAMED_MAX = 8;

/** A filter by a name, and where the names stand that there are. */
interface Named {
  readonly path: string;
  readonly list: string;
  readonly name: string;
  /** `any` of which there is none. */
  readonly none: (asked: string) => string;
  /** What lists them. */
  readonly command?: string;
}

const PIPELINES: Named = {
  path: '/v1/health',
  list: 'pipelines',
  name: 'name',
  none: (asked) => `no pipeline is called ${asked}`,
};
const EVENTS: Named = {
  path: '/v1/events',
  list: 'events',
  name: 'name',
  none: (asked) => `no pipeline hears an event ${asked}, and none came`,
};
const GROUPS: Named = {
  path: '/v1/dead-letter-groups',
  list: 'groups',
  name: 'fingerprint',
  none: (asked) => `no run is parked in a group ${asked}`,
  command: 'tenon dead-letters groups',
};
const RECONCILIATIONS: Named = {
  path: '/v1/reconciliations',
  list: 'reconciliations',
  name: 'name',
  none: (asked) => `no reconciliation is called ${asked}`,
  command: 'tenon reconcile list',
};

/** Nothing of what there is not is no news: a name that is misspelt would look like one that is well. */
export async function sayIfUnknown(
  listed: readonly unknown[],
  client: OperationsClient,
  args: Args,
  io: Io,
): Promise<void> {
  if (listed.length > 0) return;
  await sayOf(PIPELINES, args.text('pipeline'), client, io);
  await sayOf(EVENTS, args.text('event'), client, io);
  await sayOf(GROUPS, args.text('group'), client, io);
  const runId = args.text('run');
  if (runId === undefined) return;
  const run = await client.get(`/v1/runs/${encodeURIComponent(runId)}`).catch((error: unknown) => error);
  if (run instanceof OperationsError && run.code === 'HTTP_RESOURCE_UNKNOWN')
    io.err(`there is no run ${runId}: \`tenon runs ls --key ${runId}\` lists those of a business key\n`);
}

export async function sayIfNotCompared(
  listed: readonly unknown[],
  asked: string | undefined,
  client: OperationsClient,
  io: Io,
): Promise<void> {
  if (listed.length === 0) await sayOf(RECONCILIATIONS, asked, client, io);
}

async function sayOf(
  { path, list, name, none, command }: Named,
  asked: string | undefined,
  client: OperationsClient,
  io: Io,
): Promise<void> {
  if (asked === undefined) return;
  // A database does not know which pipelines are in force, and an earlier server may not say it.
  const all = (await client.get(path).catch(unreadable))?.[list];
  if (!Array.isArray(all)) return;
  const names = all.flatMap((one) => (isObject(one) && typeof one[name] === 'string' ? [one[name]] : []));
  if (names.includes(asked)) return;
  const near = names.find((one) => one.startsWith(asked)) ?? didYouMean(asked, names);
  io.err(`${none(asked)}; ${near === undefined ? thereAre(names, command) : `did you mean ${near}?`}\n`);
}

function thereAre(names: readonly string[], command: string | undefined): string {
  if (names.length === 0) return 'there is none';
  const more = names.length - NAMED_MAX;
  const rest = more > 0 ? ` and ${more} more` : '';
  return `there ${names.length === 1 ? 'is' : 'are'} ${names.slice(0, NAMED_MAX).join(', ')}${rest}${command === undefined ? '' : ` (\`${command}\`)`}`;
}

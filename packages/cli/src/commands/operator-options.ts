import { runStates } from '@tenon/runtime';
import { type Args, type OptionSpec, UsageError } from '../command.ts';

/** Of what answers in words, or with one document. */
export const outputFormat: Readonly<Record<string, OptionSpec>> = {
  format: { type: 'string', value: '<format>', help: 'output', choices: ['human', 'json'] },
};
export const remote: Readonly<Record<string, OptionSpec>> = {
  url: { type: 'string', value: '<url>', help: 'the Tenon to speak to; default: the one of this workspace' },
  ...outputFormat,
};
/** Of what is printed as a table. */
export const listing: Readonly<Record<string, OptionSpec>> = {
  ...remote,
  wide: {
    type: 'boolean',
    help: 'every column, however narrow the terminal is; so it is into a pipe. Names of more than 100 characters are whole in JSON alone',
  },
};
export const reason: Readonly<Record<string, OptionSpec>> = {
  reason: {
    type: 'string',
    value: '<text>',
    help: 'why; stays in the ledger for ever, in clear: name a ticket rather than a person',
  },
};
export const rate: Readonly<Record<string, OptionSpec>> = {
  rate: { type: 'string', value: '<n>', help: 'runs a second at most; default 10' },
};
export const filters: Readonly<Record<string, OptionSpec>> = {
  pipeline: { type: 'string', value: '<name>', help: 'of this pipeline' },
  key: { type: 'string', value: '<key>', help: 'with this business key' },
  'order-key': {
    type: 'string',
    value: '<key>',
    help: 'with this order key (`identity.orderBy`): of one entity',
  },
  connection: { type: 'string', value: '<name>', help: 'whose event came over this connection' },
  state: { type: 'string', value: '<state>', help: 'in this state', choices: runStates },
};

/** The plan that a run keeps to, from its beginning to its end. */
export const pinned: Readonly<Record<string, OptionSpec>> = {
  pipeline: filters['pipeline']!,
  version: { type: 'string', value: '<n>', help: 'that keep to this version of their pipeline' },
  plan: { type: 'string', value: '<hash>', help: 'that keep to this plan (`planHash` in JSON)' },
};

/** Those as the API takes them. */
export function planFilter(args: Args): {
  readonly pipeline: string | undefined;
  readonly version: number | undefined;
  readonly planHash: string | undefined;
} {
  const text = args.text('version');
  const version = text === undefined ? undefined : Number(text);
  if (version !== undefined && !(Number.isSafeInteger(version) && version > 0))
    throw new UsageError(
      'argument-invalid',
      '--version is a whole number from 1 on, as `metadata.version` of the pipeline',
    );
  return { pipeline: args.text('pipeline'), version, planHash: args.text('plan') };
}

export function needReason(args: Args): string {
  const text = args.text('reason');
  if (text === undefined || text.trim() === '')
    throw new UsageError('argument-missing', 'give --reason, in words: it is kept in the ledger');
  return text;
}

/** `--rate` as the API takes it: nothing where it is not given. */
export function perSecondOf(args: Args): { readonly perSecond?: number } {
  const text = args.text('rate');
  if (text === undefined) return {};
  const perSecond = Number(text);
  if (!(perSecond > 0 && perSecond <= 1_000))
    throw new UsageError('argument-invalid', '--rate is a number of runs a second, up to 1000');
  return { perSecond };
}

/** As the API takes it: said here, a mistake is one of the call. */
export function parseLimit(text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    throw new UsageError('argument-invalid', `--limit is a whole number from 1 to ${LIMIT_MAX}`);
  return String(limit);
}

export const LIMIT_MAX = 1_000;

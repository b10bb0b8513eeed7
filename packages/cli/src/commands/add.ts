import { readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import type { ConnectorManifest } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import { type Checked, type Diagnostic, hasErrors } from '@tenon/model';
import { incomingOver, VACANT } from '@tenon/pipeline';
import { cliDiagnostic } from '../cli-rules.ts';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { addConnection, scaffoldConnector } from '../scaffold/connector.ts';
import { aboutDocument, contractPolicy, provenanceOf, sourceOf } from '../scaffold/contract.ts';
import { scaffoldPipeline } from '../scaffold/pipeline.ts';
import { splitAtDot } from '../text/split-at-dot.ts';
import { loadChanged } from '../workspace/contract-base.ts';
import { CONFIG_FILE, exists } from '../workspace/root.ts';
import { exitCodeOf, formatOption, openSession, printReport, type Session } from '../workspace/session.ts';
import { addReconciliation } from './add-reconciliation.ts';
import {
  checkAdded,
  grantNeeds,
  type NewFile,
  needName,
  needRoot,
  needTeams,
  ownersFor,
  report,
  writeNew,
} from './adding.ts';
import { updateContract } from './update-contract.ts';

const owner = {
  owner: { type: 'string', value: '<team>', help: 'team of owners.yaml that answers for it' },
} as const;
const backup = {
  backup: {
    type: 'string',
    value: '<team>',
    help: 'team that stands in; default: another one of owners.yaml',
  },
} as const;

/** `add contract`, `add connector`, `add pipeline`, `add reconciliation`: files to be edited. What only their author knows is marked,
 * and refused by `check` in a pipeline or reconciliation. Nothing is overwritten, but the document of a contract with `--update`. */
export const addCommands: readonly CommandSpec[] = [
  {
    name: 'add contract',
    summary:
      'Copy an OpenAPI or AsyncAPI document, or its next version, into the workspace, with its provenance',
    positionals: ['<name>'],
    options: {
      ...owner,
      ...formatOption,
      from: { type: 'string', value: '<file|url>', help: 'the document; a URL only on loopback' },
      update: {
        type: 'boolean',
        help: 'it is the next version of a contract that is there: say what changes and who is hit, and put it in its place',
      },
    },
    examples: [
      'tenon add contract billing --from ./billing.openapi.yaml --owner platform',
      'tenon add contract billing --from ./billing-2.openapi.yaml --update',
    ],
    run: async (args, io) => {
      const code = await addContract(args, io);
      if (code === exit.clean && !args.flag('update'))
        io.err(
          `${args.text('owner') === undefined ? `nobody was named to answer for it: give \`steward\` in contracts/${args.positionals[0]}/contract.yaml\n` : ''}next: tenon add connector ${args.positionals[0]}\n`,
        );
      return code;
    },
  },
  {
    name: 'add connector',
    summary:
      'Make a connector manifest from a contract of the workspace or a document, and a connection for it',
    positionals: ['<name>'],
    options: {
      ...owner,
      ...formatOption,
      from: {
        type: 'string',
        value: '<file|url>',
        help: 'an OpenAPI or AsyncAPI document to add as its contract first; a URL only on loopback',
      },
      contract: { type: 'string', value: '<name>', help: 'default: the connector’s own name' },
    },
    examples: [
      'tenon add connector billing --from ./billing.openapi.yaml --owner platform',
      'tenon add connector billing',
    ],
    run: addConnector,
  },
  {
    name: 'add pipeline',
    summary: 'Make a pipeline from an event that starts it and operations to call',
    positionals: ['<name>'],
    options: {
      ...owner,
      ...formatOption,
      ...backup,
      on: { type: 'string', value: '<contract.event>', help: 'the event that starts it' },
      call: {
        type: 'string',
        multiple: true,
        value: '<connector.operation>',
        help: 'a step; may be given several times',
      },
    },
    examples: ['tenon add pipeline order-paid --on shop.orderPaid --call shop.getOrder'],
    run: addPipeline,
  },
  {
    name: 'add reconciliation',
    summary: 'Make a reconciliation from two listings that should hold the same records',
    positionals: ['<name>'],
    options: {
      ...owner,
      ...formatOption,
      ...backup,
      source: {
        type: 'string',
        value: '<connection.operation>',
        help: 'lists the records of the system that is right',
      },
      target: {
        type: 'string',
        value: '<connection.operation>',
        help: 'lists those of the system that follows',
      },
      repair: {
        type: 'string',
        multiple: true,
        value: '<pipeline>',
        help: 'carries these records, and mends what differs; may be given several times',
      },
    },
    examples: [
      'tenon add reconciliation orders-agree --source shop.listOrders --target parts.listOrders --repair order-parts',
    ],
    run: addReconciliation,
  },
];

async function addContract(args: Args, io: Io): Promise<ExitCode> {
  const name = needName(args);
  const from = args.text('from');
  if (from === undefined) throw new UsageError('argument-missing', 'give --from: the document to add');
  if (args.flag('update') && args.text('owner') !== undefined)
    throw new UsageError(
      'arguments-contradict',
      '--owner is for a contract that is new; `steward` in contract.yaml names who answers for it',
    );
  const root = await needRoot(io);
  await needTeams(args, root);
  const source = await readSource(from, io);
  if ('diagnostic' in source) return report([source.diagnostic], root, args, io);

  if (args.flag('update')) return updateContract({ name, from, text: source.text, root }, args, io);
  const added = await newContract({ name, from, text: source.text, root }, args, io);
  const { files, loaded } = added;
  if (loaded.value === undefined) return refuseContract(added, root, args, io);
  const written = await writeNew(
    root,
    files,
    'give `--update` if this is the next version of that contract, or take another name',
  );
  if (!Array.isArray(written)) return report([written], root, args, io);
  await report(loaded.diagnostics, root, args, io);
  io.err(contractWords(loaded.value));
  return hasErrors(loaded.diagnostics) ? exit.findings : exit.clean;
}

/** A contract as it would be once its files are written. */
interface NewContract {
  readonly files: readonly NewFile[];
  readonly loaded: Checked<Contract>;
}

async function newContract(
  {
    name,
    from,
    text,
    root,
  }: { readonly name: string; readonly from: string; readonly text: string; readonly root: string },
  args: Args,
  io: Io,
): Promise<NewContract> {
  const { file, version } = aboutDocument(from, text);
  const document = `contracts/${name}/${file}`;
  const provenance = provenanceOf({
    source: sourceOf(from, root, io.cwd),
    version,
    text,
    at: io.clock.now(),
  });
  const policy = contractPolicy(args.text('owner') ?? VACANT.owner, provenance);
  const files = [
    { path: document, text },
    { path: `contracts/${name}/contract.yaml`, text: policy },
  ];
  return { files, loaded: await loadChanged(name, document, root, textsOf(files)) };
}

const textsOf = (files: readonly NewFile[]): ReadonlyMap<string, string> =>
  new Map(files.map(({ path, text }) => [path, text]));

async function refuseContract(
  { files, loaded: { diagnostics } }: NewContract,
  root: string,
  args: Args,
  io: Io,
  more = '',
): Promise<ExitCode> {
  await printReport({ diagnostics, checked: {} }, root, args, io, textsOf(files));
  io.err(`nothing was written${more}\n`);
  return exitCodeOf(diagnostics);
}

function contractWords({ name, operations, events }: Contract): string {
  return `added contract ${name}: ${plural(operations.size, 'operations')}, ${plural(events.size, 'events')}\n`;
}

/** Whatever stands in the way is found before the first file is written: the contract alone would be in the way of the next try. */
async function addConnector(args: Args, io: Io): Promise<ExitCode> {
  const name = needName(args);
  const root = await needRoot(io);
  await needTeams(args, root);
  const from = args.text('from');
  if (from !== undefined && args.text('contract') !== undefined)
    throw new UsageError(
      'arguments-contradict',
      '--from adds a contract of the connector’s own name; leave --contract out',
    );
  const before = await openSession(io);
  if (!('workspace' in before)) return report(before.diagnostics, root, args, io);
  let added: NewContract | undefined;
  if (from !== undefined) {
    const source = await readSource(from, io);
    if ('diagnostic' in source) return report([source.diagnostic], root, args, io);
    added = await newContract({ name, from, text: source.text, root }, args, io);
    const { value, diagnostics } = added.loaded;
    if (value === undefined) return refuseContract(added, root, args, io);
    if (hasErrors(diagnostics))
      return refuseContract(
        added,
        root,
        args,
        io,
        `; mend the document, or let \`tenon add contract ${name} --from ${from}\` take it as it is, to be mended by an overlay`,
      );
  }
  const contract = added?.loaded.value ?? needContract(args.text('contract') ?? name, before.workspace);
  const { manifest, readme, guesses } = scaffoldConnector(
    contract,
    name,
    args.text('owner') ?? contract.policy?.steward ?? VACANT.owner,
  );
  const config = await readFile(join(root, CONFIG_FILE), 'utf8');
  const connected = addConnection(config, contract, name);
  const written = await writeNew(
    root,
    [
      ...(added?.files ?? []),
      { path: `connectors/${name}/connector.yaml`, text: manifest },
      { path: `connectors/${name}/README.md`, text: readme },
    ],
    'leave `--from` out to make the connector from the contract that is there, or take another name',
  );
  if (!Array.isArray(written)) return report([written], root, args, io);
  await writeFile(join(root, CONFIG_FILE), connected);
  if (added !== undefined) io.err(contractWords(contract));
  const listed = guesses
    .slice(0, GUESSES_SHOWN_MAX)
    .map((guess) => `  ${guess}\n`)
    .join('');
  const unlisted =
    guesses.length > GUESSES_SHOWN_MAX ? `  and ${guesses.length - GUESSES_SHOWN_MAX} more\n` : '';
  io.err(
    `added connector ${name}${connected === config ? `; \`connections\` of ${CONFIG_FILE} is left as it is` : ` and its connection in ${CONFIG_FILE}`}\n${guesses.length === 0 ? '' : `${plural(guesses.length, 'guesses')} to review, marked in connectors/${name}/connector.yaml:\n${listed}${unlisted}`}next:\n${afterConnector(name, contract)}`,
  );
  return checkAdded(before.diagnostics, root, args, io);
}

/** What is to be done, in the order in which it builds on what is before: a pipeline's key is made from what is said of its event. */
function afterConnector(name: string, { name: contract, format, events }: Contract): string {
  const ids = [...events.keys()];
  const named = ids.slice(0, EVENTS_NAMED_MAX).join(', ');
  const more = ids.length > EVENTS_NAMED_MAX ? ` and ${ids.length - EVENTS_NAMED_MAX} more` : '';
  const manifest = `connectors/${name}/connector.yaml`;
  const places =
    format === 'asyncapi'
      ? [`    give each that is to start something under \`sources\` of ${manifest}`]
      : [
          `    give each that is to start something under \`webhooks\` of ${manifest}, with \`webhookSecrets\` of the`,
          '    connection, or under `sources` where a listing is to be polled for it',
        ];
  return [
    ...(ids.length === 0
      ? []
      : [`  the contract tells of ${plural(ids.length, 'events')}: ${named}${more}`, ...places]),
    `  tenon test connector ${name}`,
    `  tenon add pipeline <name> --on ${ids.length === 0 ? `<contract.event> --call ${name}.<operation>` : `${contract}.${ids[0]}`}`,
    '',
  ].join('\n');
}

/** A vendor's document may have hundreds. */
const GUESSES_SHOWN_MAX = 20;
const EVENTS_NAMED_MAX = 6;

async function addPipeline(args: Args, io: Io): Promise<ExitCode> {
  const name = needName(args);
  const on = args.text('on');
  if (on === undefined)
    throw new UsageError('argument-missing', 'give --on: the event that starts it, such as shop.orderPaid');
  const session = await openSession(io);
  if (!('workspace' in session)) return report(session.diagnostics, session.root, args, io);
  const { workspace, root } = session;
  await needTeams(args, root);
  const [contractName, eventName] = splitAtDot(on);
  const contract = workspace.contracts.get(contractName);
  const event = contract?.events.get(eventName);
  if (!contract || !event) {
    const known = [...workspace.contracts.values()].flatMap((each) =>
      [...each.events.keys()].map((id) => `${each.name}.${id}`),
    );
    throw new UsageError(
      'argument-unknown',
      `no contract of the workspace has the event ${on}; there are: ${known.join(', ') || 'none'}`,
    );
  }
  const calls = args.texts('call').map((call) => {
    const [connector, operationName] = splitAtDot(call);
    const manifest = workspace.connectors.get(connector);
    const operations = manifest && workspace.contracts.get(manifest.contract)?.operations;
    const operation = operations?.get(operationName);
    if (!manifest || !operation) {
      const known = operations
        ? `${connector} has: ${[...operations.keys()].join(', ')}`
        : `there are the connectors: ${[...workspace.connectors.keys()].join(', ') || 'none'}`;
      throw new UsageError(
        'argument-unknown',
        `no connector of the workspace has the operation ${call}; ${known}`,
      );
    }
    return { call, operation, manifest };
  });
  const { owner, backup } = ownersFor(args, workspace, [calls[0]?.manifest.owner, contract.policy?.steward]);
  const contractOf = (manifest: ConnectorManifest): Contract => workspace.contracts.get(manifest.contract)!;
  const manifests = [...workspace.connectors.values()].filter(
    (manifest) => manifest.contract === contractName,
  );
  const { connections } = workspace.config;
  const incoming = incomingOver({ contract, definition: event }, workspace).map(
    (each) => connections[each]!.connector,
  );
  const facts = { name, owner, backup, contract, contractOf, event, manifests, incoming, calls };
  const text = scaffoldPipeline(facts);
  const written = await writeNew(root, [{ path: join('pipelines', `${name}.pipeline.yaml`), text }]);
  if (!Array.isArray(written)) return report([written], root, args, io);
  await grantNeeds(name, root, io);
  io.err(
    `added pipelines/${name}.pipeline.yaml, and what it calls to \`grants\` in ${CONFIG_FILE}\nnext:\n${text.includes('TODO: ') ? '  give what is marked TODO\n' : ''}  tenon check, and after a change of what it calls tenon grants --write\n  tenon generate\n`,
  );
  return checkAdded(session.diagnostics, root, args, io);
}

/** A contract may come from a file or from loopback; nothing is fetched from anywhere else. */
async function readSource(
  from: string,
  { cwd, startedIn }: Pick<Io, 'cwd' | 'startedIn'>,
): Promise<{ readonly text: string } | { readonly diagnostic: Diagnostic }> {
  const refuse = (message: string) => ({
    diagnostic: cliDiagnostic('contract-source-unreadable', { message }),
  });
  if (!/^https?:/i.test(from)) {
    const text = await readFile(resolve(cwd, from), 'utf8').catch(() => undefined);
    if (text !== undefined) return { text };
    const meant = startedIn === undefined ? undefined : resolve(startedIn, from);
    const isMeant = meant !== undefined && (await exists(meant));
    return refuse(
      `there is no readable file ${resolve(cwd, from)}${isMeant ? `; paths are relative to the folder of --in: from there it is ${relative(cwd, meant)}` : ''}`,
    );
  }
  if (!URL.canParse(from)) return refuse(`${from} is no address`);
  const url = new URL(from);
  if (!/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname))
    return refuse(`${url.hostname} is not on this machine`);
  try {
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
    return response.ok ? { text: await response.text() } : refuse(`${from} answered ${response.status}`);
  } catch {
    return refuse(`${from} did not answer`);
  }
}

const FETCH_TIMEOUT_MS = 30_000;

function needContract(name: string, { contracts }: Session['workspace']): Contract {
  const contract = contracts.get(name);
  if (contract === undefined)
    throw new UsageError(
      'argument-unknown',
      `the workspace has no contract ${name}; run \`tenon add contract ${name} --from …\` first`,
    );
  return contract;
}

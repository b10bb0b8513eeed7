import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { ConnectorManifest, OwnSchemes } from '@tenon/connector';
import type { Contract } from '@tenon/contract';
import { didYouMean, isObject, type Json, Secret, seededRandom } from '@tenon/model';
import type { WorkspaceConnection } from '@tenon/pipeline';
import { definitionName, isSchemaObject, type JsonSchema, sample, validatorFor } from '@tenon/schema';
import {
  deliver,
  FIXTURES_FILE,
  type Rows,
  readFixtures,
  readRows,
  type Sandbox,
  type SandboxOptions,
  startMailSandbox,
  startSandbox,
  UNSAID_FIX,
} from '@tenon/testkit';
import { parseDocument } from 'yaml';
import { givenUrl } from '../client/given-url.ts';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { plural } from '../render/index.ts';
import { variableOf } from '../serve/connection-addresses.ts';
import { ConnectorCodeError } from '../serve/connector-code-error.ts';
import { loadConnectorModule } from '../serve/connector-module.ts';
import { SANDBOXES_VARIABLE } from '../serve/sandbox-addresses.ts';
import { oneLine } from '../text/printable.ts';
import { splitAtDot } from '../text/split-at-dot.ts';
import { readServerConfig } from '../workspace/root.ts';
import { exitCodeOf, openSession, printReport, type Session } from '../workspace/session.ts';
import { deliveredWords } from './delivered-words.ts';

/** Sandboxes of a workspace's systems, and signed test deliveries: what `tenon dev` needs to be tried without a vendor. */
export const sandboxCommands: readonly CommandSpec[] = [
  {
    name: 'sandbox',
    summary: 'Run a stateful sandbox of each system of the workspace, from its contract',
    positionals: ['[connection...]'],
    options: {
      port: {
        type: 'string',
        value: '<port>',
        help: 'of the first sandbox; the others follow. Default: free ones',
      },
      seed: { type: 'string', value: '<n>', help: 'same seed, same data; default 1' },
      rows: {
        type: 'string',
        value: '<file>',
        help: 'YAML or JSON: what there is to begin with, by connection and resource; of such a connection nothing else is found. Default: `data` of fixtures/conformance.yaml beside the manifest, and what is asked for and not there is made up',
      },
    },
    examples: [
      'tenon sandbox > sandbox.env',
      'tenon sandbox billing --port 4800',
      'tenon sandbox --rows rows.yaml > sandbox.env',
    ],
    run: async (args, io) => withSession(args, io, (session) => runSandboxes(session, args, io)),
  },
  {
    name: 'deliver',
    summary: 'Send a signed test webhook to the Tenon of this workspace',
    positionals: ['<connection.event>'],
    options: {
      payload: {
        type: 'string',
        value: '<file>',
        help: 'JSON file; default: an example made from the contract',
      },
      id: { type: 'string', value: '<id>', help: 'delivery id; the same one again is the same delivery' },
      url: { type: 'string', value: '<url>', help: 'default: the Tenon of this workspace' },
    },
    examples: [
      'tenon deliver shop.orderPaid',
      'tenon deliver crm.subscriptionUpgraded --payload upgrade.json --id msg_1',
    ],
    run: async (args, io) => withSession(args, io, (session) => deliverOne(session, args, io)),
  },
];

async function runSandboxes(session: Session, args: Args, io: Io): Promise<ExitCode> {
  const { workspace } = session;
  const wanted = args.positionals.length > 0 ? args.positionals : Object.keys(workspace.config.connections);
  const seed = wholeNumber(args, 'seed') ?? 1;
  const rows = await rowsGiven(args, wanted, io);
  let port = wholeNumber(args, 'port');
  await using running = new AsyncDisposableStack();
  // Printed once all of them run: a shell that has read some addresses would call what has ended.
  const exports: string[] = [];
  const addresses: string[] = [];
  const listed: string[] = [];
  /** Of a server of somebody else's: a credential made up is of no use there. */
  const foreign = new Set<string>();
  let isUnsaid = false;
  let started = 0;
  for (const name of wanted) {
    const connection = workspace.config.connections[name];
    const manifest = connection && workspace.connectors.get(connection.connector);
    const contract = manifest && workspace.contracts.get(manifest.contract);
    if (!connection || !manifest || !contract) {
      throw new UsageError(
        'argument-unknown',
        `there is no connection ${name}; there are: ${Object.keys(workspace.config.connections).join(', ')}`,
      );
    }
    const given = rows.get(name);
    const unasked = unaskedWords(connection, manifest, contract);
    if (unasked !== undefined) {
      if (given !== undefined)
        throw new UsageError('rows-unfit', `${given.place}: it ${unasked.why}, so no rows; take it out`);
      listed.push(`${name}: ${unasked.words}\n`);
      if (!unasked.isOurs) foreign.add(name);
      continue;
    }
    const options = { ...(port !== undefined && { port }), clock: io.clock };
    if (given !== undefined && isMail(contract))
      throw new UsageError(
        'rows-unfit',
        `${given.place}: expected a connection whose system keeps rows; a mail server keeps what is sent to it, and begins with none: take it out`,
      );
    const starting = isMail(contract)
      ? startMailSandbox({ ...options, controlPort: 0 })
      : startWith(
          given ?? (await fixtureRows(connection.connector, session, io)),
          // Whoever says which rows there are wants a 404 for the others.
          { contract, manifest, seed, imagine: given === undefined, ...options },
          io,
        );
    const sandbox = await starting.catch((error: unknown) => {
      if (!isObject(error) || error['code'] !== 'EADDRINUSE') throw error;
      throw new UsageError(
        'argument-invalid',
        `--port: ${port}, for ${name}, is taken; give another, or none for free ones`,
      );
    });
    running.defer(() => sandbox.close());
    started += 1;
    const control = 'controlUrl' in sandbox ? sandbox.controlUrl : sandbox.url;
    const held =
      'state' in sandbox
        ? `; ${plural(Object.values(sandbox.state()).flat().length, 'rows')} to begin with, more by POST to ${control}/_sandbox/rows, changes by PATCH`
        : '';
    listed.push(`${name}: faults at ${control}/_sandbox/faults${held}\n`);
    if ('unsaid' in sandbox)
      for (const { operation, words } of sandbox.unsaid) {
        listed.push(`${placeOf(operation, contract)}: ${name}.${operation}: ${words}\n`);
        isUnsaid = true;
      }
    if (port !== undefined) port += 1;
    const variable = variableOf(connection.baseUrl);
    if ('state' in sandbox) addresses.push(sandbox.url);
    exports.push(variable ? `export ${variable}=${sandbox.url}\n` : `# ${oneLine(name)}: ${sandbox.url}\n`);
    // Read by nobody while it is a sandbox that is called, and needed to start.
    for (const url of Object.values(connection.tokenUrls ?? {})) {
      const tokens = variableOf(url);
      if (tokens !== undefined) exports.push(`export ${tokens}=${sandbox.url}\n`);
    }
  }
  for (const line of listed) io.err(line);
  for (const line of exports) io.out(line);
  // Beside what is there: another `tenon sandbox` may have printed some as well.
  if (addresses.length > 0)
    io.out(`export ${SANDBOXES_VARIABLE}=${[`\${${SANDBOXES_VARIABLE}:-}`, ...addresses].join(',')}\n`);
  const own = wanted.filter((name) => !foreign.has(name));
  for (const name of secretNames(session, own))
    io.out(`export ${name}=sandbox-${name.toLowerCase().replaceAll('_', '-')}\n`);
  if (started === 0) return exit.clean;
  if (isUnsaid) io.err(`an operation whose effect the contract does not tell: ${UNSAID_FIX}\n`);
  io.err(`${plural(started, 'sandboxes')}; Ctrl-C stops\n`);
  await io.interrupted();
  return exit.clean;
}

/** What a sandbox begins with. */
interface Beginning {
  readonly rows: Rows;
  /** For what is said of a row. */
  readonly place: string;
  /** Was it asked for? Fixtures are for the checks of a connector: what does not fit in them stops nobody here. */
  readonly isGiven: boolean;
}

async function startWith(beginning: Beginning, options: SandboxOptions, io: Io): Promise<Sandbox> {
  const { rows, place, isGiven } = beginning;
  const untaken: string[] = [];
  const sandbox = await startSandbox({ ...options, data: rows, onUntaken: (words) => untaken.push(words) });
  const lines = untaken.map((words) => `${place}: ${words}`);
  if (isGiven && lines.length > 0) {
    await sandbox.close();
    throw new UsageError('rows-unfit', `${lines.join('\n')}\ncorrect it, or start without --rows`);
  }
  for (const line of lines) io.err(`${line}; left out: ${MEND}\n`);
  return sandbox;
}

const MEND = 'correct it, or give --rows';

/** What `--rows` names, by connection. */
async function rowsGiven(
  args: Args,
  wanted: readonly string[],
  io: Io,
): Promise<ReadonlyMap<string, Beginning>> {
  const named = args.text('rows');
  if (named === undefined) return new Map();
  const file = resolve(io.cwd, named);
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined)
    throw new UsageError('argument-unknown', `--rows: there is no readable file ${file}`);
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem) throw new UsageError('rows-unfit', `--rows: ${file}: ${problem.message}`);
  // As JSON: YAML has values that no answer could hold.
  const given: unknown = JSON.parse(JSON.stringify(document.toJS() ?? null));
  if (!isObject(given))
    throw new UsageError('rows-unfit', `--rows: ${file}: expected rows by connection and resource`);
  return new Map(
    Object.entries(given).map(([connection, value]) => {
      if (!wanted.includes(connection))
        throw new UsageError(
          'rows-unfit',
          `--rows: no sandbox of a connection ${connection} is asked for; of these: ${wanted.join(', ')}`,
        );
      const rows = readRows(value);
      const place = `--rows: ${file}: ${connection}`;
      if (typeof rows === 'string') throw new UsageError('rows-unfit', `${place}: ${rows}`);
      return [connection, { rows, place, isGiven: true }];
    }),
  );
}

/** What the connector's own checks begin with is a good beginning to try it by, too. */
async function fixtureRows(connector: string, { root, workspace }: Session, io: Io): Promise<Beginning> {
  const file = `${workspace.connectorFolders.get(connector)}/${FIXTURES_FILE}`;
  const { value, diagnostics } = readFixtures(
    file,
    await readFile(join(root, file), 'utf8').catch(() => undefined),
  );
  for (const { range, message } of value ? [] : diagnostics)
    io.err(`${file}:${range?.start.line}:${range?.start.column}: ${message}\n`);
  if (!value) io.err(`${file}: no rows to begin with: ${MEND}\n`);
  return { rows: value?.data ?? {}, place: `${file}: data`, isGiven: false };
}

function placeOf(operation: string, contract: Contract): string {
  const at = contract.locate(contract.operations.get(operation)!);
  return at === undefined ? contract.name : `${at.file}:${at.range.start.line}:${at.range.start.column}`;
}

function isMail(contract: Contract): boolean {
  return contract.servers.some((server) => /^smtps?$/.test(server.protocol));
}

interface Unasked {
  /** For what follows from it. */
  readonly why: string;
  readonly words: string;
  /** Nothing of anybody else's is called. */
  readonly isOurs: boolean;
}

/** Why there is no sandbox of a connection: it has nothing to call, or its code calls by other means than a sandbox answers. */
function unaskedWords(
  connection: WorkspaceConnection,
  { transport }: ConnectorManifest,
  contract: Contract,
): Unasked | undefined {
  if (isMail(contract) || [...contract.operations.values()].some(({ kind }) => kind === 'http'))
    return undefined;
  if (transport === 'http') {
    const why = 'has nothing to call';
    return { why, words: `${why}; \`tenon deliver\` sends its events`, isOurs: true };
  }
  const variable = variableOf(connection.baseUrl);
  const protocol = contract.servers[0]?.protocol;
  const address =
    variable === undefined
      ? 'its baseUrl stands in tenon.config.yaml, and is called as it stands'
      : `set ${variable} to a server of your own${protocol === undefined ? '' : ` (${protocol}://…)`}`;
  const credentials = secretsOf(connection);
  const also =
    credentials.length === 0
      ? ''
      : `${variable === undefined ? '; its' : ', and its'} credentials: ${credentials.join(', ')}`;
  return {
    why: 'has no sandbox',
    words: `no sandbox, for it is asked by ${transport}, not over HTTP: ${address}${also}`,
    isOurs: false,
  };
}

/** Variables of the credentials: any value does in a sandbox, and a real one has no business there. */
function secretNames({ workspace }: Session, wanted: readonly string[]): string[] {
  return [...new Set(wanted.flatMap((name) => secretsOf(workspace.config.connections[name]!)))];
}

function secretsOf({ webhookSecrets, credentials }: WorkspaceConnection): string[] {
  const references = [
    ...webhookSecrets,
    ...Object.values(credentials).flatMap((fields) => Object.values(fields)),
  ];
  return references.flatMap((reference) => variableOf(reference) ?? []);
}

function noWebhook(given: string, { config, connectors }: Session['workspace']): string {
  const known = Object.values(config.connections).flatMap(({ name, connector }) =>
    Object.keys(connectors.get(connector)?.webhooks ?? {}).map((event) => `${name}.${event}`),
  );
  const near = didYouMean(given, known);
  return near === undefined
    ? `${given} is no webhook of a connection here; there are: ${known.join(', ') || 'none'}`
    : `${given} is no webhook of a connection here; did you mean ${near}?`;
}

async function deliverOne(session: Session, args: Args, io: Io): Promise<ExitCode> {
  const { workspace, root } = session;
  const [name, eventName] = splitAtDot(args.positionals[0]!);
  const connection = workspace.config.connections[name];
  const manifest = connection && workspace.connectors.get(connection.connector);
  const webhook = manifest?.webhooks[eventName];
  const contract = manifest && workspace.contracts.get(manifest.contract);
  const event = contract?.events.get(eventName);
  if (!connection || !webhook || !contract || !event)
    throw new UsageError('argument-unknown', noWebhook(args.positionals[0]!, workspace));
  const [reference] = connection.webhookSecrets;
  const value = reference?.startsWith('env:') ? io.env[reference.slice('env:'.length)] : undefined;
  if (!reference || !value)
    throw new UsageError(
      'argument-missing',
      `set ${reference?.slice('env:'.length) ?? 'webhookSecrets of the connection'}: deliveries are signed with it`,
    );

  const own = await ownSchemes(session, connection.connector);
  if (own instanceof ConnectorCodeError) {
    io.err(`${own.words}\n`);
    return exit.failed;
  }
  const file = args.text('payload');
  const payload =
    file === undefined
      ? examplePayload(event.message.examples[0]?.payload, event.message.payload, contract)
      : await readPayload(file, io);
  const named = args.text('url') ?? io.env['TENON_URL'];
  if (named !== undefined)
    givenUrl(
      args.text('url') === undefined ? 'TENON_URL' : '--url',
      named,
      'a delivery is known by its signature',
    );
  const base = named ?? (await readServerConfig(root)).url;
  try {
    const [answer] = await deliver(
      `${base}/hooks/${name}/${eventName}`,
      webhook,
      new Secret(reference, value),
      payload,
      {
        id: args.text('id') ?? `test_${io.clock.now()}`,
        clock: io.clock,
        ...(own && { own }),
      },
    );
    io.err(`${answer!.status}\n`);
    for (const line of deliveredWords(answer!.body)) io.err(`${line}\n`);
    io.out(`${answer!.body}\n`);
    return answer!.status < 300 ? exit.clean : exit.failed;
  } catch {
    io.err(`no Tenon answers at ${base}; start it with \`tenon dev\`\n`);
    return exit.failed;
  }
}

/** Signatures in a form of the sender's own are made by the connector's code. */
async function ownSchemes(
  { workspace, root }: Session,
  connector: string,
): Promise<OwnSchemes | ConnectorCodeError | undefined> {
  try {
    return (await loadConnectorModule(root, workspace.connectorFolders.get(connector)!)).webhookSchemes;
  } catch (error) {
    if (error instanceof ConnectorCodeError) return error;
    throw error;
  }
}

/** What the contract's author wrote, of the message, else of its schema; made up where nobody did. */
function examplePayload(example: unknown, schema: JsonSchema, contract: Contract): Json {
  // An example of a contract is JSON, as the document is.
  if (example !== undefined) return example as Json;
  const written = writtenExample(schema, contract);
  if (written !== undefined) return written;
  const made = sample(schema, {
    random: seededRandom(1),
    definitions: contract.definitions,
    examples: 1,
  });
  if (made === undefined)
    throw new UsageError('argument-missing', 'the contract allows no example to be made; give --payload');
  return made;
}

/** Of a schema, or of the one that it refers to: the first that fits. One that does not is found by `tenon check`. */
function writtenExample(schema: JsonSchema, { definitions }: Contract): Json | undefined {
  const fits = validatorFor(schema, definitions);
  let at: JsonSchema | undefined = schema;
  for (const seen = new Set<JsonSchema>(); isSchemaObject(at) && !seen.has(at); ) {
    seen.add(at);
    const found = (at.examples ?? []).find((each) => fits(each as Json).length === 0);
    if (found !== undefined) return found as Json;
    const name = definitionName(at);
    at = name === undefined ? undefined : definitions[name];
  }
  return undefined;
}

async function readPayload(file: string, io: Io): Promise<Json> {
  try {
    return JSON.parse(await readFile(resolve(io.cwd, file), 'utf8')) as Json;
  } catch {
    throw new UsageError('argument-invalid', `${resolve(io.cwd, file)} is no readable JSON file`);
  }
}

function wholeNumber(args: Args, option: string): number | undefined {
  const text = args.text(option);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new UsageError('argument-invalid', `--${option} is a whole number`);
  return Number(text);
}

async function withSession(
  args: Args,
  io: Io,
  act: (session: Session) => Promise<ExitCode>,
): Promise<ExitCode> {
  const session = await openSession(io);
  if (!('workspace' in session)) {
    await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
    return exitCodeOf(session.diagnostics);
  }
  return act(session);
}

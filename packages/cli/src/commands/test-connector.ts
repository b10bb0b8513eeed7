import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConnectionConfig, ConnectorManifest } from '@tenon/connector';
import type { Diagnostic } from '@tenon/model';
import {
  type CheckOutcome,
  type ConformanceReport,
  type ConformanceTarget,
  conformanceChecks,
  loadSubject,
  type Previous,
  runConformance,
  type Subject,
} from '@tenon/testkit';
import { type Args, type CommandSpec, UsageError } from '../command.ts';
import { type ExitCode, exit } from '../exit.ts';
import type { Io } from '../io.ts';
import { asDocument } from '../json-answer.ts';
import {
  type ConformanceFormat,
  conformanceFormats,
  renderConformance,
  renderOutcome,
} from '../render/conformance.ts';
import { resolveTokenUrls } from '../serve/connection-addresses.ts';
import { ConnectorCodeError } from '../serve/connector-code-error.ts';
import { loadConnectorModule } from '../serve/connector-module.ts';
import { readersTokens } from '../serve/kept-tokens.ts';
import { openSecrets } from '../serve/secret-managers.ts';
import { previousConnectors } from '../workspace/connector-versions.ts';
import { loadBase } from '../workspace/contract-base.ts';
import { exitCodeOf, openSession, printReport, type Session } from '../workspace/session.ts';
import { guardTarget } from './real-target.ts';

/** `tenon test connector`: the conformance kit over connectors of the workspace. */
export const testConnectorCommand: CommandSpec = {
  name: 'test connector',
  summary: 'Put connectors through the conformance kit, in a sandbox made from their contract',
  positionals: ['[name...]'],
  options: {
    format: { type: 'string', value: '<format>', help: 'how it is printed', choices: conformanceFormats },
    target: {
      type: 'string',
      value: '<url>',
      help: 'a real system instead of the sandbox: the one that the manifest declares under `sandbox`, or one on this machine',
    },
    connection: {
      type: 'string',
      value: '<name>',
      help: 'whose credentials are used there; default: the connector’s first',
    },
    'allow-effects': {
      type: 'boolean',
      help: 'also run what changes something there; only where its data is made up',
    },
    against: {
      type: 'string',
      value: '<ref|dir>',
      help: 'the version before, which the version number is held against; default: origin/main, main or HEAD where there is one',
    },
    only: {
      type: 'string',
      multiple: true,
      value: '<number>',
      help: 'only this check; may be given several times',
    },
    list: { type: 'boolean', help: 'say what the checks are, and run none' },
  },
  examples: [
    'tenon test connector billing',
    'tenon test connector billing --target https://sandbox.billing.example --allow-effects',
    'tenon test connector --format junit > conformance.xml',
  ],
  run: async (args, io) => {
    if (args.flag('list')) {
      const all = conformanceChecks.map(({ number, name, title }) => ({ number, name, title }));
      if (args.text('format') === 'json') io.out(asDocument(all));
      else for (const { number, name, title } of all) io.out(`${number}  ${name}: ${title}\n`);
      return exit.clean;
    }
    const session = await openSession(io);
    if (!('workspace' in session)) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return exitCodeOf(session.diagnostics);
    }
    return testConnectors(session, args, io);
  },
};

function codeError(error: unknown): ConnectorCodeError {
  if (error instanceof ConnectorCodeError) return error;
  throw error;
}

async function testConnectors(session: Session, args: Args, io: Io): Promise<ExitCode> {
  const { workspace } = session;
  const given = args.positionals;
  const names = given.length > 0 ? given : [...workspace.connectors.keys()].sort();
  const unread = unreadOf(session, given);
  if (unread.length > 0) return reportRefused(unread, names.length, session.root, args, io);
  const strange = names.find((name) => !workspace.connectors.has(name));
  if (strange !== undefined) throw new UsageError('argument-unknown', noSuch(strange, session));
  const only = onlyOf(args);
  const format = (args.text('format') ?? 'human') as ConformanceFormat;
  const before = await previousVersions(session, args, io);
  const judged: { readonly subject: Subject; readonly target: ConformanceTarget | undefined }[] = [];
  const refused: Diagnostic[] = [];
  for (const name of names) {
    const manifest = workspace.connectors.get(name)!;
    const target = await targetOf(manifest, session, args, io);
    const folder = workspace.connectorFolders.get(name)!;
    const previous = await before(name);
    const module = await loadConnectorModule(session.root, folder, { anyApi: true }).catch(codeError);
    if (module instanceof ConnectorCodeError) {
      refused.push(module.diagnostic);
      continue;
    }
    const subject = await loadSubject({
      workspace,
      diagnostics: session.diagnostics,
      name,
      module,
      read: (path) => readFile(join(session.root, path), 'utf8').catch(() => undefined),
      ...(previous && { previous }),
    });
    if (typeof subject === 'string') throw new UsageError('argument-unknown', subject);
    if ('refused' in subject) refused.push(...subject.refused);
    else judged.push({ subject, target });
  }
  if (refused.length > 0) return reportRefused(refused, names.length, session.root, args, io);
  const reports: ConformanceReport[] = [];
  for (const { subject, target } of judged) {
    const { name, version } = subject.manifest;
    if (format === 'human') io.out(`${name} ${version}\n`);
    const onCheck = (outcome: CheckOutcome): void => {
      if (format === 'human') io.out(renderOutcome(outcome, io.color));
    };
    reports.push(
      await runConformance(subject, {
        onCheck,
        clock: io.clock,
        random: io.random,
        ...(only && { only }),
        ...(target && { target }),
      }),
    );
  }
  io.out(renderConformance(format, reports));
  return exitOf(reports);
}

/** What is wrong with the files of connectors that no check can be run of: of those named, or of all. */
function unreadOf({ workspace, diagnostics }: Session, given: readonly string[]): readonly Diagnostic[] {
  const isMeant = (name: string): boolean => given.length === 0 || given.includes(name);
  const contracts = [...workspace.connectors.values()].flatMap(({ name, contract }) =>
    isMeant(name) && !workspace.contracts.has(contract) ? [`contracts/${contract}/`] : [],
  );
  return diagnostics.filter((one) => {
    if (one.severity !== 'error' || one.file === undefined) return false;
    const unread = unreadManifest(one.file, workspace);
    return unread === undefined ? contracts.some((folder) => one.file!.startsWith(folder)) : isMeant(unread);
  });
}

/** Of a manifest that was not taken: what its folder is called, since nobody knows what it calls itself. */
function unreadManifest(file: string, { connectorFolders }: Session['workspace']): string | undefined {
  const [, folder, name] =
    /^((?:connectors|node_modules)\/(?:.+\/)?([^/]+))\/connector\.yaml$/.exec(file) ?? [];
  return folder === undefined || [...connectorFolders.values()].includes(folder) ? undefined : name;
}

function noSuch(name: string, { workspace, diagnostics }: Session): string {
  const files = diagnostics.flatMap(({ file }) =>
    file !== undefined && unreadManifest(file, workspace) !== undefined ? [file] : [],
  );
  const unread = files.length === 0 ? '' : `; ${[...new Set(files)].join(', ')} cannot be read`;
  return `there is no connector ${name}; there are: ${[...workspace.connectors.keys()].join(', ') || 'none'}${unread}`;
}

async function reportRefused(
  diagnostics: readonly Diagnostic[],
  connectors: number,
  root: string,
  args: Args,
  io: Io,
): Promise<ExitCode> {
  await printReport({ diagnostics, checked: { connectors } }, root, args, io);
  return exitCodeOf(diagnostics);
}

/** Findings before anything else; a check that could not be carried out leaves the rest standing. */
function exitOf(reports: readonly ConformanceReport[]): ExitCode {
  const results = new Set(reports.flatMap(({ outcomes }) => outcomes.map(({ result }) => result)));
  if (results.has('failed')) return exit.findings;
  return results.has('error') ? exit.partlyDone : exit.clean;
}

function onlyOf(args: Args): number[] | undefined {
  const given = args.texts('only');
  if (given.length === 0) return undefined;
  return given.map((text) => {
    const check = conformanceChecks.find(({ number, name }) => String(number) === text || name === text);
    if (check === undefined)
      throw new UsageError(
        'argument-unknown',
        `there is no check ${text}; \`tenon test connector --list\` shows them`,
      );
    return check.number;
  });
}

/** Refs that a version before is looked for at, where none is named: the first that is there. */
const USUAL_BASES = ['origin/main', 'main', 'HEAD'];

/** A function that finds a connector as it stood before; what is new has no version before. */
async function previousVersions(
  session: Session,
  args: Args,
  io: Io,
): Promise<(name: string) => Promise<Previous | undefined>> {
  const named = args.text('against');
  for (const against of named === undefined ? USUAL_BASES : [named]) {
    const base = await loadBase(against, session.root, io.cwd, new Map());
    if (base.contracts.size === 0) {
      if (named !== undefined)
        throw new UsageError(
          'argument-unknown',
          `${against} is neither a folder with contracts nor a git ref here`,
        );
      continue;
    }
    return previousConnectors(base, session);
  }
  return async () => undefined;
}

/** The real system to test against, guarded (`guardTarget`); effects only when asked for. */
async function targetOf(
  manifest: ConnectorManifest,
  session: Session,
  args: Args,
  io: Io,
): Promise<ConformanceTarget | undefined> {
  const url = args.text('target');
  if (url === undefined) return undefined;
  const wantsEffects = args.flag('allow-effects');
  const { isHere } = guardTarget(manifest, url, 'target', wantsEffects);
  const connections = Object.values(session.workspace.config.connections).filter(
    ({ connector }) => connector === manifest.name,
  );
  const wanted = args.text('connection');
  const connection = wanted === undefined ? connections[0] : connections.find(({ name }) => name === wanted);
  if (wanted !== undefined && connection === undefined)
    throw new UsageError(
      'argument-unknown',
      `connector ${manifest.name} has no connection ${wanted}; it has: ${connections.map(({ name }) => name).join(', ') || 'none'}`,
    );
  const bare: ConnectionConfig = {
    name: manifest.name,
    connector: manifest.name,
    baseUrl: url,
    credentials: {},
    webhookSecrets: [],
  };
  return {
    url: url.replace(/\/$/, ''),
    connection: {
      ...bare,
      ...connection,
      ...(connection?.tokenUrls && { tokenUrls: resolveTokenUrls(connection.tokenUrls, io) }),
    },
    secrets: openSecrets(session.workspace.config.secrets, session.root, io).store,
    tokens: await readersTokens(session.root, io),
    mayChange: wantsEffects,
    isAlone: isHere,
  };
}

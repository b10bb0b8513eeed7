import type { Contract, HttpOperation, Operation, SecurityScheme } from '@tenon/contract';
import { isObject } from '@tenon/model';
import { writeConnection } from '@tenon/pipeline';
import { Document, isNode } from 'yaml';
import { CALLS_OFF, effectOf, type GuessedEffect } from './effect.ts';

/** What is scaffolded for a connector: its manifest, and a README that tells the same to people. */
export interface ScaffoldedConnector {
  readonly manifest: string;
  readonly readme: string;
  /** Guesses that a person must look at, each in one line. */
  readonly guesses: readonly string[];
}

/**
 * A manifest for every operation of a contract: effects, scopes, idempotency, paging, versions, ways back and health as far
 * as the contract tells. What it does not tell is guessed with care (an effect is never called harmless to repeat without
 * reason) and marked `review` where it stands.
 */
export function scaffoldConnector(contract: Contract, name: string, owner: string): ScaffoldedConnector {
  const operations = [...contract.operations.values()];
  const hasOperations = operations.length > 0;
  const hasHttp = operations.some(({ kind }) => kind === 'http');
  const hasScopes = knowsScopes(contract);
  const guesses: string[] = [];
  const hasMessages = operations.some(({ kind }) => kind === 'message');
  if (hasMessages)
    guesses.push(
      'transport: the code that speaks to the broker gives it; docs/connectors.md says how one that comes with Tenon is taken',
    );
  const scopes = { read: new Set<string>(), write: new Set<string>() };
  const entries = operations.map((operation) => {
    const entry = operationEntry(operation, contract, hasScopes ? undefined : name);
    for (const scope of entry.scopes) scopes[entry.effect === 'read' ? 'read' : 'write'].add(scope);
    for (const key of Object.keys(entry.review))
      guesses.push(`operations.${operation.id}.${key}: ${entry.review[key]}`);
    return [operation.id, entry] as const;
  });
  const isLimited = operations.some(
    (operation) => operation.kind === 'http' && operation.responses.some(({ status }) => status === '429'),
  );
  const health = operations.find(
    (operation) =>
      operation.kind === 'http' &&
      operation.method === 'get' &&
      !operation.parameters.some(({ required }) => required),
  );
  // What only tells of events is not logged in to.
  const auth =
    hasOperations || contract.format === 'asyncapi'
      ? [...contract.securitySchemes.values()].flatMap(authEntry)
      : [];
  const tokenHosts = new Set(auth.flatMap(({ tokenUrl }) => hostOf(tokenUrl)));
  const manifest = {
    apiVersion: 'tenon/v1',
    kind: 'Connector',
    metadata: { name, version: '0.1.0', owner },
    contract: contract.name,
    ...(hasMessages && { transport: 'bus' }),
    auth,
    ...(tokenHosts.size > 0 && { egress: [...tokenHosts] }),
    ...(scopes.read.size + scopes.write.size > 0 && { identities: identities(scopes) }),
    defaults: {
      timeout: '10s',
      ...(isLimited && { rateLimit: { quota: 10, window: '1s', headers: ['RateLimit', 'Retry-After'] } }),
    },
    ...(hasOperations && {
      operations: Object.fromEntries(
        entries.map(([id, { review: _review, scopes: own, ...entry }]) => [
          id,
          { ...entry, ...(own.length > 0 && { scopes: own }) },
        ]),
      ),
    }),
    ...(hasHttp && {
      health: health ? { operation: health.id } : false,
      sandbox: false,
    }),
  };
  if (!hasScopes && hasOperations)
    guesses.push(
      `identities: the contract names no scopes; \`${name}.read\` and \`${name}.write\` stand for a credential each`,
    );
  if (isLimited)
    guesses.push(
      'defaults.rateLimit: the contract knows a limit and does not say which; 10 calls a second is a careful start',
    );
  if (!health && hasHttp)
    guesses.push('health: no read without input was found; name one, and `with` what it needs');
  if (hasHttp)
    guesses.push(
      'sandbox: where can it be tried? `{ server: https://…, synthetic: true }`, or leave `false`',
    );
  const document = new Document(JSON.parse(JSON.stringify(manifest)));
  document.commentBefore =
    ' yaml-language-server: $schema=../../generated/schema/connector.schema.json\n Made from the contract. ' +
    (guesses.length > 0 ? 'Go through what is marked `review`; then ' : 'Next: ') +
    `\`tenon test connector ${name}\`.`;
  for (const guess of guesses) mark(document, guess);
  return {
    manifest: document.toString({ lineWidth: 110 }),
    readme: readmeOf(contract, name, entries),
    guesses,
  };
}

/** Does the contract name scopes anywhere? Then made-up ones would be scopes that it does not know. */
function knowsScopes({ securitySchemes, operations }: Contract): boolean {
  const listed = [...securitySchemes.values()].some(({ flows }) =>
    Object.values(flows ?? {}).some(
      (flow) => isObject(flow) && isObject(flow['scopes']) && Object.keys(flow['scopes']).length > 0,
    ),
  );
  return (
    listed ||
    [...operations.values()].some(({ security }) =>
      security.some((way) => Object.values(way).flat().length > 0),
    )
  );
}

/** Puts a guess beside what it is about; what has no place in the manifest is said at its end. */
function mark(document: Document, guess: string): void {
  const [path = '', ...rest] = guess.split(': ');
  const text = ` review: ${rest.join(': ')}`;
  const node = document.getIn(path.split('.'), true);
  if (isNode(node)) node.comment = text;
  else document.comment = document.comment ? `${document.comment}\n review: ${guess}` : ` review: ${guess}`;
}

function readmeOf(
  contract: Contract,
  name: string,
  entries: readonly (readonly [string, OperationEntry])[],
): string {
  const effects = new Map(entries.map(([id, { effect }]) => [id, effect]));
  const rows = entries.map(([id, entry]) => {
    const repeat = entry.effect === 'read' ? 'harmless' : REPEATS[entry.idempotency?.mode ?? 'none'];
    const back = entry.compensation
      ? `\`${entry.compensation.operation}\`${effects.get(entry.compensation.operation) === 'delete' ? ' (deletes)' : ''}`
      : entry.effect === 'read'
        ? '–'
        : 'none';
    return `| \`${id}\` | ${entry.effect} | ${entry.scopes.map((scope) => `\`${scope}\``).join(' ') || 'none'} | ${repeat} | ${back} |`;
  });
  const events = [...contract.events.keys()].map((event) => `\`${event}\``);
  const table =
    rows.length === 0
      ? ''
      : `\n| operation | effect | scope | a repeat | way back |\n|---|---|---|---|---|\n${rows.join('\n')}\n`;
  return `# ${name}\n\nSpeaks \`contracts/${contract.name}\` (${contract.title} ${contract.version}).\n${table}${events.length > 0 ? `\nEvents of the contract: ${events.join(', ')}. Add those that arrive to \`webhooks\`, and what they are signed with to \`webhookSecrets\` of the connection.\n` : ''}`;
}

const REPEATS: Readonly<Record<string, string>> = {
  header: 'harmless with the same key',
  natural: 'harmless',
  none: 'does it twice: a lost answer stays in doubt without a probe',
};

interface OperationEntry {
  readonly effect: GuessedEffect | 'send';
  readonly scopes: readonly string[];
  readonly idempotency?: { readonly mode: string; readonly name?: string };
  readonly pagination?: Readonly<Record<string, unknown>>;
  readonly concurrency?: 'etag';
  readonly compensation?: { readonly operation: string };
  /** By member: why a person must look at it. */
  readonly review: Readonly<Record<string, string>>;
}

function operationEntry(
  operation: Operation,
  contract: Contract,
  prefix: string | undefined,
): OperationEntry {
  const named = [...new Set(Object.values(operation.security[0] ?? {}).flat())];
  if (operation.kind === 'message')
    return {
      effect: 'send',
      scopes: scopesFor(named, prefix, false),
      idempotency: { mode: 'none' },
      review: { idempotency: 'do consumers know a message again by an id?' },
    };
  const { effect, review: reviewed } = effectOf(operation, readAbove(operation, contract));
  const scopes = scopesFor(named, prefix, effect === 'read');
  const pagination = effect === 'read' ? paginationOf(operation, contract) : undefined;
  if (effect === 'read')
    return {
      effect,
      scopes,
      ...(pagination && { pagination }),
      review: {
        ...(reviewed !== undefined && { effect: reviewed }),
        ...(pagination && { pagination: 'told by the names of its parameters' }),
      },
    };
  const idempotency = idempotencyOf(operation);
  const undo = effect === 'create' ? undoOf(operation, contract) : undefined;
  const takesVersion = operation.parameters.some(
    ({ in: place, name }) => place === 'header' && /^if-match$/i.test(name),
  );
  return {
    effect,
    scopes,
    idempotency,
    ...(takesVersion && { concurrency: 'etag' as const }),
    ...(undo && { compensation: { operation: undo.id } }),
    review: {
      ...(idempotency.mode === 'none' && {
        idempotency: 'what does a second one do? With `none`, add a `probe`',
      }),
      ...(undo && {
        compensation:
          undo.method === 'delete'
            ? 'it deletes what was made: a pipeline that uses it says why that is right, in `# tenon: allow compensation-deletes because <reason>`'
            : 'does it undo this one wholly, and for how long?',
      }),
      ...(reviewed !== undefined && { effect: reviewed }),
    },
  };
}

/** What reads the thing that an operation is done to: the GET of the address without its last part. */
function readAbove({ path }: HttpOperation, contract: Contract): HttpOperation | undefined {
  const above = path.replace(/\/[^/]*\/?$/, '');
  return [...contract.operations.values()].find(
    (other): other is HttpOperation =>
      other.kind === 'http' && other.method === 'get' && other.path === above,
  );
}

/** Scopes of the contract; where it has none, one for reading and one for writing, which stand for two credentials. */
function scopesFor(named: readonly string[], prefix: string | undefined, isRead: boolean): readonly string[] {
  return prefix === undefined ? named : [`${prefix}.${isRead ? 'read' : 'write'}`];
}

/** Names that paging parameters go by; what the answer says decides whether it is a cursor. */
const PAGING = {
  cursor: /^(cursor|after|starting_?after|page_?token|next_?token|next_?page_?token|continue|marker)$/i,
  page: /^(page|page_?number)$/i,
  offset: /^(offset|start|start_?at|skip)$/i,
  limit: /^(limit|page_?size|per_?page|size|count|max_?results|first)$/i,
} as const;
const NEXT = /^(next|next_?cursor|next_?token|next_?page_?token|cursor|after|continue)$/i;

function paginationOf(
  operation: HttpOperation,
  contract: Contract,
): Readonly<Record<string, unknown>> | undefined {
  const query = operation.parameters.filter(({ in: place }) => place === 'query').map(({ name }) => name);
  const named = (kind: keyof typeof PAGING): string | undefined =>
    query.find((name) => PAGING[kind].test(name));
  const answer = operation.responses.find(({ status }) => /^2/.test(status));
  if (answer?.headers.some(({ name }) => /^link$/i.test(name))) return { type: 'link' };
  const shape = shapeOf(answer?.content[0]?.schema, contract);
  const list = Object.entries(shape.properties).find(
    ([, member]) => shapeOf(member, contract).type === 'array',
  )?.[0];
  const items = list === undefined ? {} : { items: `/${list}` };
  const cursor = named('cursor');
  const next = Object.keys(shape.properties).find((name) => NEXT.test(name));
  if (cursor !== undefined && next !== undefined)
    return { type: 'cursor', in: cursor, out: `/${next}`, ...items };
  const isList = shape.type === 'array' || list !== undefined;
  const page = named('page');
  if (page !== undefined && isList) return { type: 'page', in: page, ...items };
  const [offset, limit] = [named('offset'), named('limit')];
  return offset !== undefined && limit !== undefined && isList
    ? { type: 'offset', in: offset, limit, ...items }
    : undefined;
}

interface Shape {
  readonly type?: unknown;
  readonly properties: Readonly<Record<string, unknown>>;
}

/** Type and members of a schema, one reference deep and with its `allOf`: enough to guess from. */
function shapeOf(schema: unknown, { definitions }: Contract, depth = 0): Shape {
  if (!isObject(schema) || depth > 5) return { properties: {} };
  const reference = schema['$ref'];
  if (typeof reference === 'string')
    return shapeOf(definitions[reference.slice('#/$defs/'.length)], { definitions } as Contract, depth + 1);
  const parts = Array.isArray(schema['allOf'])
    ? schema['allOf'].map((part) => shapeOf(part, { definitions } as Contract, depth + 1))
    : [];
  const own = isObject(schema['properties']) ? schema['properties'] : {};
  return {
    type: schema['type'] ?? parts.find(({ type }) => type !== undefined)?.type,
    properties: Object.assign({}, ...parts.map(({ properties }) => properties), own),
  };
}

/** What calls off or removes what a creation makes: an action so named, which leaves a trace, else DELETE of one of them. */
function undoOf(operation: HttpOperation, contract: Contract): HttpOperation | undefined {
  const path = operation.path.replace(/\/$/, '');
  const below = [...contract.operations.values()].filter(
    (other): other is HttpOperation => other.kind === 'http' && other.path.startsWith(`${path}/{`),
  );
  const item = (other: HttpOperation): string => other.path.slice(path.length + 1);
  const removal = below.find((other) => other.method === 'delete' && /^\{[^}/]+\}$/.test(item(other)));
  const calledOff = below.find(
    (other) =>
      other.method === 'post' && CALLS_OFF.test(other.path) && /^\{[^}/]+\}\/[^/]+$/.test(item(other)),
  );
  return calledOff ?? removal;
}

/** Methods that RFC 9110 §9.2.2 calls idempotent, and the header that its draft successor for POST names. */
function idempotencyOf(operation: HttpOperation): { readonly mode: string; readonly name?: string } {
  const header = operation.parameters.find(
    (parameter) => parameter.in === 'header' && /^(x-)?idempotency-key$/i.test(parameter.name),
  );
  if (header) return { mode: 'header', name: header.name };
  return { mode: operation.method === 'put' || operation.method === 'delete' ? 'natural' : 'none' };
}

function identities(scopes: {
  readonly read: ReadonlySet<string>;
  readonly write: ReadonlySet<string>;
}): object {
  return {
    ...(scopes.read.size > 0 && { reader: [...scopes.read] }),
    ...(scopes.write.size > 0 && { writer: [...scopes.write] }),
  };
}

interface AuthEntry {
  readonly id: string;
  readonly type: string;
  readonly tokenUrl?: string;
}

/** Where tokens come from is called beside the system itself. */
function hostOf(tokenUrl: string | undefined): readonly string[] {
  return tokenUrl !== undefined && URL.canParse(tokenUrl) ? [new URL(tokenUrl).host] : [];
}

function authEntry(scheme: SecurityScheme): readonly (AuthEntry & Readonly<Record<string, unknown>>)[] {
  if (scheme.type === 'apiKey' && scheme.name)
    return [{ id: scheme.id, type: 'apiKey', in: scheme.in, name: scheme.name }];
  if (scheme.type === 'http' && scheme.scheme === 'basic') return [{ id: scheme.id, type: 'basic' }];
  if (scheme.type === 'http' || scheme.type === 'openIdConnect') return [{ id: scheme.id, type: 'bearer' }];
  const flow = scheme.flows?.['clientCredentials'];
  if (scheme.type === 'oauth2' && isObject(flow) && typeof flow['tokenUrl'] === 'string') {
    return [{ id: scheme.id, type: 'oauth2', flow: 'clientCredentials', tokenUrl: flow['tokenUrl'] }];
  }
  return scheme.type === 'oauth2' ? [{ id: scheme.id, type: 'bearer' }] : [];
}

const CREDENTIALS: Readonly<Record<string, readonly string[]>> = {
  apiKey: ['value'],
  bearer: ['token'],
  basic: ['username', 'password'],
  oauth2: ['clientId', 'clientSecret'],
};

/**
 * The configuration with a connection for the connector in it; every other byte stays as it is, and so does a connection
 * of that name. Where it is and what it authenticates with are asked of the environment.
 */
export function addConnection(config: string, contract: Contract, name: string): string {
  const prefix = name.toUpperCase().replaceAll('-', '_');
  // Webhooks come in: nothing is called, and nothing is logged in to.
  const isCalled = contract.operations.size > 0 || contract.format === 'asyncapi';
  // One way to authenticate is enough, and the first is the one that the contract prefers.
  const schemes = (isCalled ? [...contract.securitySchemes.values()] : []).flatMap(authEntry).slice(0, 1) as {
    id: string;
    type: string;
  }[];
  const credentials = Object.fromEntries(
    schemes.map(({ id, type }) => [
      id,
      Object.fromEntries((CREDENTIALS[type] ?? []).map((field) => [field, `env:${prefix}_${snake(field)}`])),
    ]),
  );
  const connection = { connector: name, ...(isCalled && { baseUrl: `env:${prefix}_URL` }), credentials };
  return writeConnection(config, name, connection) ?? config;
}

function snake(field: string): string {
  return field.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

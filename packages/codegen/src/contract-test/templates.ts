/** A generated contract test but for its data, which goes to `interactions.js`: the same for every contract. */

export const INTERACTIONS_DTS = `
type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

/** One exchange that pipelines rely on: what they send, and what they read of the answer. */
export interface Interaction {
  readonly operation: string;
  /** Name of the adapter's function. */
  readonly call: string;
  readonly description: string;
  /** Provider state: what must be so before. */
  readonly state: string;
  readonly input: { readonly [key: string]: Json };
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly query: Readonly<Record<string, string | readonly string[]>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: Json;
    /** A body that is not JSON, as the adapter writes it. */
    readonly bytes?: { readonly type: string; readonly base64: string };
    /** The header of the idempotency key: every request has a key of its own. */
    readonly keyHeader?: string;
    /** The version that a write is based on, sent as If-Match. */
    readonly ifMatch?: string;
  };
  readonly response: {
    readonly status: number;
    /** With Pact's matchers. */
    readonly body?: Json;
    /** Of an answer of bytes or text, which may hold anything: its type, and what every \`content-type\` that fits it matches. */
    readonly media?: { readonly type: string; readonly pattern: string };
  };
  /** Pointers that are read and that the contract promises; \`*\` for each list item. */
  readonly reads: readonly string[];
}

/** One event that pipelines rely on. */
export interface Message {
  readonly event: string;
  readonly description: string;
  /** With Pact's matchers. */
  readonly contents: Json;
  readonly reads: readonly string[];
  /** Stem of its validator's name. */
  readonly call: string;
  /** A whole one. */
  readonly example: Json;
}

export declare const contract: string;
/** Entry document from the workspace's root, and headers that satisfy its security with any credential. */
export declare const source: { readonly document: string; readonly headers: Readonly<Record<string, string>> };
export declare const interactions: readonly Interaction[];
export declare const messages: readonly Message[];
`;

export const PACT_JS = `
import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { httpTransport } from '@tenon/connector';
import { Secret, systemClock, systemRandom } from '@tenon/model';
import pact from '@pact-foundation/pact';
import * as adapter from './adapter.js';
import { contract, interactions, messages, source } from './interactions.js';

const { MatchersV3, Pact, Verifier } = pact;
const CONSUMER = 'pipelines';
const PACTS = fileURLToPath(new URL('./pacts', import.meta.url));
const EVENTS = \`\${contract}-events\`;
const LOG_LEVEL = 'error';

/** Where the pacts are written: over HTTP, and for events. */
export const pactFiles = {
  http: join(PACTS, \`\${CONSUMER}-\${contract}.json\`),
  events: join(PACTS, \`\${CONSUMER}-\${EVENTS}.json\`),
};

/** Forgets the pacts of an earlier run, which may ask for more than pipelines read now. */
export async function clearPacts() {
  await rm(PACTS, { recursive: true, force: true });
  await mkdir(PACTS, { recursive: true });
}

/**
 * Plays one interaction through the adapter against Pact's mock of the provider, and records it. Pact has no way to say a
 * body in parts with a media type for each: such a one goes to the provider itself. Nor can it say bytes that may be any:
 * of an answer of these it records the media type, and what the adapter makes of them is seen with the provider itself.
 */
export async function playInteraction(interaction) {
  if (interaction.request.bytes) return playProvider(interaction);
  const played = await playMock(interaction);
  return interaction.response.media && played?.ok ? playProvider(interaction) : played;
}

async function playProvider(interaction) {
  const provider = await startProvider();
  try {
    return await callAdapter(provider.url, interaction, provider.headers);
  } finally {
    await provider.close();
  }
}

function playMock(interaction) {
  const { description, state, request, response } = interaction;
  const mock = new Pact({ consumer: CONSUMER, provider: contract, dir: PACTS, logLevel: LOG_LEVEL });
  return mock
    .addInteraction()
    .given(state)
    .uponReceiving(description)
    .withRequest(request.method, request.path, (builder) => {
      if (Object.keys(request.query).length > 0) builder.query(request.query);
      const headers = headersOf(request, MatchersV3.like('contract-test'));
      if (Object.keys(headers).length > 0) builder.headers(headers);
      if (request.body !== undefined) builder.jsonBody(request.body);
    })
    .willRespondWith(response.status, (builder) => {
      if (response.body !== undefined) builder.jsonBody(response.body);
      if (response.media)
        builder.headers({ 'content-type': MatchersV3.regex(\`(?i)\${response.media.pattern}\`, response.media.type) });
    })
    .executeTest((server) => callAdapter(server.url, interaction));
}

/** Of the input, and those that the runtime has sent beside it. */
function headersOf({ headers, keyHeader, ifMatch }, key) {
  return { ...headers, ...(keyHeader && { [keyHeader]: key }), ...(ifMatch && { 'If-Match': ifMatch }) };
}

async function callAdapter(url, interaction, headers = {}) {
  const transport = testTransport(url, headers);
  const { ifMatch } = interaction.request;
  try {
    const client = Object.values(adapter)[0](transport);
    return await client[interaction.call](interaction.input, { idempotencyKey: randomUUID(), ...(ifMatch && { ifMatch }) });
  } finally {
    await transport.close();
  }
}

/** Records what is read of one event, and gives an example of it to \`read\`. */
export async function playMessage(message, read) {
  const mock = new Pact({ consumer: CONSUMER, provider: EVENTS, dir: PACTS, logLevel: LOG_LEVEL });
  return mock
    .addAsynchronousInteraction()
    .expectsToReceive(message.description, (builder) => builder.withJSONContent(message.contents))
    .executeTest(async () => read(MatchersV3.reify(message.contents)));
}

/**
 * Holds a provider to the recorded pacts. \`headers\` are added to each request (a credential); \`states\` prepare what an
 * interaction takes for granted, by its state. Rejects with what differs.
 */
export async function verifyProvider(baseUrl, { headers = {}, states = {} } = {}) {
  if (interactions.every(({ request }) => request.bytes)) return;
  const prepared = Object.fromEntries(interactions.map(({ state }) => [state, states[state] ?? (async () => {})]));
  const keyHeaders = new Set(interactions.flatMap(({ request }) => request.keyHeader?.toLowerCase() ?? []));
  await new Verifier({
    provider: contract,
    providerBaseUrl: baseUrl,
    pactUrls: [pactFiles.http],
    logLevel: LOG_LEVEL,
    stateHandlers: prepared,
    requestFilter: (request, _response, next) => {
      Object.assign(request.headers, headers);
      // A key that was taken before stands for another effect: a provider refuses it, or gives the stored answer.
      for (const name of keyHeaders) if (request.headers[name]) request.headers[name] = randomUUID();
      next();
    },
  })
    .verifyProvider()
    .catch(inWords);
}

/** Holds a sender of events to the recorded pacts: \`produce\` makes an event by its id. */
export async function verifyEvents(produce) {
  if (messages.length === 0) return;
  await new pact.MessageProviderPact({
    provider: EVENTS,
    pactUrls: [pactFiles.events],
    logLevel: LOG_LEVEL,
    messageProviders: Object.fromEntries(messages.map(({ event, description }) => [description, () => produce(event)])),
  })
    .verify()
    .catch(inWords);
}

const MISMATCHES_SHOWN = 5;

/** Pact rejects with all that it has done, in JSON: what a person needs of it is a line for each interaction that differs. */
function inWords(error) {
  let report;
  try {
    report = JSON.parse(error.message);
  } catch {
    throw error;
  }
  const lines = (report.errors ?? []).map(({ interaction, mismatch }) => {
    const found = (mismatch?.mismatches ?? []).map((one) => (one.path ? \`\${one.path}: \${one.mismatch}\` : one.mismatch));
    const more = found.length > MISMATCHES_SHOWN ? [\`and \${found.length - MISMATCHES_SHOWN} more\`] : [];
    const words = [...found.slice(0, MISMATCHES_SHOWN), ...more].join('; ') || (mismatch?.message ?? 'no answer that can be compared');
    return \`    \${String(interaction).split(' - ').at(-1)}: \${words}\`;
  });
  throw lines.length > 0 ? new Error(\`these differ:\\n\${lines.join('\\n')}\`) : error;
}

/** The provider of TENON_PROVIDER_URL, or else a sandbox of the contract in which everything asked for exists. */
export async function startProvider() {
  const url = process.env.TENON_PROVIDER_URL;
  if (url) {
    const headers = JSON.parse(process.env.TENON_PROVIDER_HEADERS ?? '{}');
    return { url, headers, close: async () => {} };
  }
  const { serveSandboxes } = await import('@tenon/testkit');
  const { served, close } = await serveSandboxes({
    root: fileURLToPath(new URL('../..', import.meta.url)),
    sandboxes: { [contract]: { contract: source.document, imagine: true } },
  });
  return { url: served[0].url, headers: source.headers, close };
}

/**
 * Sends one interaction's request as it is, and gives back status, media type (lower-case, empty where the answer names
 * none) and the body as the adapter reads it: JSON parsed, text as it is, anything else as base64, none as null.
 */
export async function exchange(baseUrl, { request, response: promised }, headers = {}) {
  const url = new URL(baseUrl.replace(/\\/$/, '') + request.path);
  for (const [name, value] of Object.entries(request.query))
    for (const item of [value].flat()) url.searchParams.append(name, item);
  const { bytes } = request;
  const type = bytes?.type ?? (request.body === undefined ? undefined : 'application/json');
  const body = bytes ? Buffer.from(bytes.base64, 'base64') : JSON.stringify(request.body);
  const response = await fetch(url, {
    method: request.method,
    headers: { accept: promised.media?.type ?? 'application/json', ...(type && { 'content-type': type }), ...headersOf(request, randomUUID()), ...headers },
    ...(type && { body }),
  });
  const mediaType = (response.headers.get('content-type') ?? '').toLowerCase();
  const received = Buffer.from(await response.arrayBuffer());
  return { status: response.status, mediaType, body: decoded(received, mediaType) };
}

function decoded(bytes, mediaType) {
  if (bytes.length === 0) return null;
  if (mediaType === '' || /^(?:application\\/json|text\\/json|[^;]+\\+json)\\s*(?:;|$)/.test(mediaType))
    return JSON.parse(bytes.toString('utf8'));
  return bytes.toString(mediaType.startsWith('text/') ? 'utf8' : 'base64');
}

/** What a pointer names; \`*\` gives each item of a list. Empty where there is nothing. */
export function valuesAt(value, pointer) {
  let here = [value];
  for (const token of pointer.split('/').slice(1)) {
    const key = token.replaceAll('~1', '/').replaceAll('~0', '~');
    here = here.flatMap((item) => {
      if (key === '*') return Array.isArray(item) ? item : [];
      return item !== null && typeof item === 'object' && Object.hasOwn(item, key) ? [item[key]] : [];
    });
  }
  return here;
}

/**
 * The transport that pipelines use, with no credentials but those of the provider, and without the check of
 * answers, since the mock answers with what is read and nothing else.
 */
function testTransport(baseUrl, headers) {
  const auth = Object.keys(headers).map((name) => ({ id: name, type: 'apiKey', in: 'header', name }));
  const credentials = Object.fromEntries(auth.map(({ id }) => [id, { value: id }]));
  const transport = httpTransport({
    connection: { name: 'contract-test', connector: contract, baseUrl, credentials, webhookSecrets: [] },
    secrets: { resolve: async (name) => new Secret(name, headers[name]) },
    clock: systemClock,
    random: systemRandom,
  });
  return {
    call: ({ operation, ...request }) =>
      transport.call({ ...request, operation: { ...operation, auth, result: true, http: withoutSchemas(operation.http) } }),
    close: () => transport.close(),
  };
}

function withoutSchemas(http) {
  return { ...http, responses: http.responses.map(({ schema: _schema, ...response }) => response) };
}
`;

export const PACT_DTS = `
import type { Interaction, Message } from './interactions.js';

export declare const pactFiles: { readonly http: string; readonly events: string };

export declare function clearPacts(): Promise<void>;

export declare function playInteraction(interaction: Interaction): Promise<
  | { readonly ok: true; readonly status: number; readonly body: unknown }
  | { readonly ok: false; readonly failure: { readonly code: string; readonly message: string } }
  | undefined
>;

export declare function playMessage<T>(message: Message, read: (payload: unknown) => T): Promise<T | undefined>;

export interface ProviderOptions {
  /** Added to each request: a credential. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Prepares what an interaction takes for granted, by its \`state\`. */
  readonly states?: Readonly<Record<string, () => Promise<void>>>;
}

/** Holds a provider to the recorded pacts. Rejects with what differs. */
export declare function verifyProvider(baseUrl: string, options?: ProviderOptions): Promise<void>;

/** Holds a sender of events to the recorded pacts. */
export declare function verifyEvents(produce: (event: string) => Promise<unknown>): Promise<void>;

export interface Provider {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

/** The provider of TENON_PROVIDER_URL, or else a sandbox of the contract in which everything asked for exists. */
export declare function startProvider(): Promise<Provider>;

export declare function exchange(
  baseUrl: string,
  interaction: Interaction,
  headers?: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly mediaType: string; readonly body: unknown }>;

export declare function valuesAt(value: unknown, pointer: string): unknown[];
`;

/** The test file: what it needs in any case, then a part for calls and one for events. */
export function contractTest(has: { readonly calls: boolean; readonly events: boolean }): string {
  const data = [...(has.calls ? ['interactions'] : []), ...(has.events ? ['messages'] : [])];
  const pact = [
    'clearPacts',
    ...(has.calls ? ['exchange', 'playInteraction', 'startProvider', 'verifyProvider'] : []),
    ...(has.events ? ['playMessage', 'verifyEvents'] : []),
    'valuesAt',
  ].sort();
  return `
import { beforeAll, describe, expect, test } from 'vitest';
import { ${data.join(', ')} } from './interactions.js';
import { ${pact.join(', ')} } from './pact.js';
import * as validators from './validators.js';
${CHECKS}${has.calls ? CALL_TESTS : ''}${has.events ? EVENT_TESTS : ''}`;
}

const CHECKS = `
type Check = { (value: unknown): boolean; errors?: unknown };
const checks: Readonly<Record<string, Check>> = { ...validators };

/** Does the value fit? Where not, the failure shows why. */
function expectValid(name: string, value: unknown): void {
  const check = checks[name];
  if (check) expect({ fits: check(value), errors: check.errors }).toEqual({ fits: true, errors: null });
}

function expectRead(value: unknown, pointers: readonly string[]): void {
  for (const pointer of pointers)
    if (!pointer.includes('/*')) expect(valuesAt(value, pointer), pointer).toHaveLength(1);
}

beforeAll(clearPacts);
`;

const CALL_TESTS = `
describe('what pipelines send and read', () => {
  test.each(interactions)('$description', async (interaction) => {
    expectValid(\`\${interaction.call}Input\`, interaction.input);
    const result = await playInteraction(interaction);
    expect(result).toMatchObject({ ok: true, status: interaction.response.status });
    if (result?.ok) expectRead(result.body, interaction.reads);
    if (result?.ok && interaction.response.media) expect(typeof result.body, 'bytes or text').toBe('string');
  });
});

/** Against TENON_PROVIDER_URL (with TENON_PROVIDER_HEADERS, a JSON object), else against the contract's own sandbox. */
describe('the provider', () => {
  test('keeps the pacts', async () => {
    const provider = await startProvider();
    try {
      await verifyProvider(provider.url, { headers: provider.headers });
    } finally {
      await provider.close();
    }
  });

  test.each(interactions)('answers $operation with the declared status and every required field', async (interaction) => {
    const provider = await startProvider();
    try {
      const { status, mediaType, body } = await exchange(provider.url, interaction, provider.headers);
      // The test before has deleted it; that one holds the provider to its answer.
      if (interaction.request.method === 'DELETE' && [404, 410].includes(status)) return;
      const asked = \`\${interaction.request.method} \${interaction.request.path}\`;
      expect({ status, body }, asked).toMatchObject({ status: interaction.response.status });
      const { media } = interaction.response;
      if (media) expect(mediaType, 'content-type').toMatch(new RegExp(media.pattern));
      expectValid(\`\${interaction.call}Result\`, body);
    } finally {
      await provider.close();
    }
  });
});
`;

const EVENT_TESTS = `
describe('what pipelines read of events', () => {
  test.each(messages)('$description', async (message) => {
    expectRead(await playMessage(message, (payload) => payload), message.reads);
  });
});

describe('the sender of events', () => {
  test.each(messages)('an example of $event is what the contract says', ({ call, example }) =>
    expectValid(\`\${call}Event\`, example));

  test('keeps the pacts', () =>
    verifyEvents(async (event) => messages.find((message) => message.event === event)?.example));
});
`;

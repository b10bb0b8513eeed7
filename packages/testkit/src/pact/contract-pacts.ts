import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pact from '@pact-foundation/pact';
import { type CallRequest, type CallResult, httpTransport, type Transport } from '@tenon/connector';
import { fromPointer, isObject, type JsonObject, Secret, systemClock, systemRandom } from '@tenon/model';
import { serveSandboxes } from '../serve.ts';

const { MatchersV3, Pact, Verifier, MessageProviderPact } = pact;
const CONSUMER = 'pipelines';
const LOG_LEVEL = 'error';

/** One exchange that pipelines rely on, as generation writes it. */
export interface PactInteraction {
  readonly description: string;
  readonly call: string;
  readonly state: string;
  readonly input: JsonObject;
  readonly request: {
    readonly method: string;
    readonly path: string;
    readonly query: Readonly<Record<string, string | readonly string[]>>;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
    readonly bytes?: { readonly type: string; readonly base64: string };
    readonly keyHeader?: string;
    readonly ifMatch?: string;
  };
  readonly response: {
    readonly status: number;
    readonly body?: unknown;
    readonly media?: { readonly type: string; readonly pattern: string };
  };
}

/** One event that pipelines rely on. */
export interface PactMessage {
  readonly event: string;
  readonly description: string;
  readonly contents: unknown;
}

/** What is generated of one contract. */
export interface GeneratedContract {
  readonly contract: string;
  readonly interactions: readonly PactInteraction[];
  readonly messages: readonly PactMessage[];
  readonly source: { readonly document: string; readonly headers: Readonly<Record<string, string>> };
  /** Makes its client, whose functions are called as `call` of an interaction says. */
  readonly adapter: (transport: Transport) => Readonly<Record<string, AdapterCall>>;
  /** Address of a file in its folder, which lies two below the workspace. */
  readonly at: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

type AdapterCall = (
  input: JsonObject,
  options: { readonly idempotencyKey: string; readonly ifMatch?: string },
) => Promise<CallResult>;

type Headers = Readonly<Record<string, string>>;

export interface Provider {
  readonly url: string;
  readonly headers: Headers;
  close(): Promise<void>;
}

export interface ContractPacts {
  /** Where the pacts are written: over HTTP, and for events. */
  readonly pactFiles: { readonly http: string; readonly events: string };
  clearPacts(): Promise<void>;
  playInteraction(interaction: PactInteraction): Promise<CallResult | undefined>;
  playMessage<T>(message: PactMessage, read: (payload: unknown) => T): Promise<T | undefined>;
  verifyProvider(
    baseUrl: string,
    options?: {
      readonly headers?: Headers;
      readonly states?: Readonly<Record<string, () => Promise<void>>>;
    },
  ): Promise<void>;
  verifyEvents(produce: (event: string) => Promise<unknown>): Promise<void>;
  startProvider(): Promise<Provider>;
  exchange: typeof exchange;
  valuesAt: typeof valuesAt;
}

/** The tests of both sides of one generated contract; `pact.js` in its folder hands on what they are. */
export function contractPacts(generated: GeneratedContract): ContractPacts {
  const { contract, interactions, messages, source, at, env } = generated;
  const folder = fileURLToPath(new URL('./pacts', at));
  const eventsOf = `${contract}-events`;
  const pactFiles = {
    http: join(folder, `${CONSUMER}-${contract}.json`),
    events: join(folder, `${CONSUMER}-${eventsOf}.json`),
  };
  return {
    pactFiles,
    clearPacts,
    playInteraction,
    playMessage,
    verifyProvider,
    verifyEvents,
    startProvider,
    exchange,
    valuesAt,
  };

  /** Forgets the pacts of an earlier run, which may ask for more than pipelines read now. */
  async function clearPacts(): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
  }

  /**
   * Plays one interaction through the adapter against Pact's mock of the provider, and records it. Pact has no way to say a
   * body in parts with a media type for each: such a one goes to the provider itself. Nor can it say bytes that may be any:
   * of an answer of these it records the media type, and what the adapter makes of them is seen with the provider itself.
   */
  async function playInteraction(interaction: PactInteraction): Promise<CallResult | undefined> {
    if (interaction.request.bytes) return playProvider(interaction);
    const played = await playMock(interaction);
    return interaction.response.media && played?.ok ? playProvider(interaction) : played;
  }

  async function playProvider(interaction: PactInteraction): Promise<CallResult> {
    const provider = await startProvider();
    try {
      return await callAdapter(provider.url, interaction, provider.headers);
    } finally {
      await provider.close();
    }
  }

  function playMock(interaction: PactInteraction): Promise<CallResult | undefined> {
    const { description, state, request, response } = interaction;
    const mock = new Pact({ consumer: CONSUMER, provider: contract, dir: folder, logLevel: LOG_LEVEL });
    return mock
      .addInteraction()
      .given(state)
      .uponReceiving(description)
      .withRequest(request.method, request.path, (builder) => {
        // Lists are read, not kept.
        const query = request.query as Record<string, string | string[]>;
        if (Object.keys(query).length > 0) builder.query(query);
        const headers = headersOf(request, MatchersV3.like('contract-test'));
        if (Object.keys(headers).length > 0) builder.headers(headers);
        if (request.body !== undefined) builder.jsonBody(request.body);
      })
      .willRespondWith(response.status, (builder) => {
        if (response.body !== undefined) builder.jsonBody(response.body);
        const { media } = response;
        if (media) builder.headers({ 'content-type': MatchersV3.regex(`(?i)${media.pattern}`, media.type) });
      })
      .executeTest((server) => callAdapter(server.url, interaction, {}));
  }

  async function callAdapter(
    url: string,
    interaction: PactInteraction,
    headers: Headers,
  ): Promise<CallResult> {
    const transport = testTransport(contract, url, headers);
    const { ifMatch } = interaction.request;
    try {
      const call = generated.adapter(transport)[interaction.call]!;
      return await call(interaction.input, { idempotencyKey: randomUUID(), ...(ifMatch && { ifMatch }) });
    } finally {
      await transport.close();
    }
  }

  /** Records what is read of one event, and gives an example of it to `read`. */
  async function playMessage<T>(message: PactMessage, read: (payload: unknown) => T): Promise<T | undefined> {
    // Generation writes it as one.
    const template = message.contents as Template;
    const mock = new Pact({ consumer: CONSUMER, provider: eventsOf, dir: folder, logLevel: LOG_LEVEL });
    return mock
      .addAsynchronousInteraction()
      .expectsToReceive(message.description, (builder) => builder.withJSONContent(message.contents))
      .executeTest(async () => read(MatchersV3.reify(template)));
  }

  /**
   * Holds a provider to the recorded pacts. `headers` are added to each request (a credential); `states` prepare what an
   * interaction takes for granted, by its state. Rejects with what differs.
   */
  async function verifyProvider(
    baseUrl: string,
    { headers = {}, states = {} }: NonNullable<Parameters<ContractPacts['verifyProvider']>[1]> = {},
  ): Promise<void> {
    if (interactions.every(({ request }) => request.bytes)) return;
    const prepared = Object.fromEntries(
      interactions.map(({ state }) => [state, states[state] ?? (async () => {})]),
    );
    const keyHeaders = new Set(interactions.flatMap(({ request }) => request.keyHeader?.toLowerCase() ?? []));
    await new Verifier({
      provider: contract,
      providerBaseUrl: baseUrl,
      pactUrls: [pactFiles.http],
      logLevel: LOG_LEVEL,
      stateHandlers: prepared,
      requestFilter: (
        request: { headers: Record<string, unknown> },
        _response: unknown,
        next: () => void,
      ) => {
        Object.assign(request.headers, headers);
        // A key that was taken before stands for another effect: a provider refuses it, or gives the stored answer.
        for (const name of keyHeaders) if (request.headers[name]) request.headers[name] = randomUUID();
        next();
      },
    })
      .verifyProvider()
      .catch(inWords);
  }

  /** Holds a sender of events to the recorded pacts: `produce` makes an event by its id. */
  async function verifyEvents(produce: (event: string) => Promise<unknown>): Promise<void> {
    if (messages.length === 0) return;
    await new MessageProviderPact({
      provider: eventsOf,
      pactUrls: [pactFiles.events],
      logLevel: LOG_LEVEL,
      messageProviders: Object.fromEntries(
        messages.map(({ event, description }) => [description, () => produce(event)]),
      ),
    })
      .verify()
      .catch(inWords);
  }

  /** The provider of TENON_PROVIDER_URL, or else a sandbox of the contract in which everything asked for exists. */
  async function startProvider(): Promise<Provider> {
    const url = env['TENON_PROVIDER_URL'];
    if (url) {
      // What `tenon test` puts there.
      const headers: Headers = JSON.parse(env['TENON_PROVIDER_HEADERS'] ?? '{}');
      return { url, headers, close: async () => {} };
    }
    const { served, close } = await serveSandboxes({
      root: fileURLToPath(new URL('../..', at)),
      sandboxes: { [contract]: { contract: source.document, imagine: true } },
    });
    return { url: served[0]!.url, headers: source.headers, close };
  }
}

/** With Pact's matchers. */
type Template = Parameters<typeof MatchersV3.reify>[0];

/** Of the input, and those that the runtime has sent beside it. */
function headersOf<T>(
  { headers, keyHeader, ifMatch }: PactInteraction['request'],
  key: T,
): Record<string, string | T> {
  return { ...headers, ...(keyHeader && { [keyHeader]: key }), ...(ifMatch && { 'If-Match': ifMatch }) };
}

const MISMATCHES_SHOWN = 5;

/** Pact rejects with all that it has done, in JSON: what a person needs of it is a line for each interaction that differs. */
function inWords(error: Error): never {
  let report: PactReport;
  try {
    report = JSON.parse(error.message);
  } catch {
    throw error;
  }
  const lines = (report.errors ?? []).map(({ interaction, mismatch }) => {
    const found = (mismatch?.mismatches ?? []).map((one) =>
      one.path ? `${one.path}: ${one.mismatch}` : one.mismatch,
    );
    const more = found.length > MISMATCHES_SHOWN ? [`and ${found.length - MISMATCHES_SHOWN} more`] : [];
    const words =
      [...found.slice(0, MISMATCHES_SHOWN), ...more].join('; ') ||
      (mismatch?.message ?? 'no answer that can be compared');
    return `    ${String(interaction).split(' - ').at(-1)}: ${words}`;
  });
  throw lines.length > 0 ? new Error(`these differ:\n${lines.join('\n')}`) : error;
}

/** As far as it is read here. */
interface PactReport {
  readonly errors?: readonly {
    readonly interaction?: unknown;
    readonly mismatch?: {
      readonly message?: string;
      readonly mismatches?: readonly { readonly path?: string; readonly mismatch: string }[];
    };
  }[];
}

/**
 * Sends one interaction's request as it is, and gives back status, media type (lower-case, empty where the answer names
 * none) and the body as the adapter reads it: JSON parsed, text as it is, anything else as base64, none as null.
 */
export async function exchange(
  baseUrl: string,
  { request, response: promised }: PactInteraction,
  headers: Headers = {},
): Promise<{ readonly status: number; readonly mediaType: string; readonly body: unknown }> {
  const url = new URL(baseUrl.replace(/\/$/, '') + request.path);
  for (const [name, value] of Object.entries(request.query))
    for (const item of [value].flat()) url.searchParams.append(name, item);
  const { bytes } = request;
  const type = bytes?.type ?? (request.body === undefined ? undefined : 'application/json');
  const body = bytes ? Buffer.from(bytes.base64, 'base64') : JSON.stringify(request.body);
  const response = await fetch(url, {
    method: request.method,
    headers: {
      accept: promised.media?.type ?? 'application/json',
      ...(type && { 'content-type': type }),
      ...headersOf(request, randomUUID()),
      ...headers,
    },
    ...(type && { body }),
  });
  const mediaType = (response.headers.get('content-type') ?? '').toLowerCase();
  const received = Buffer.from(await response.arrayBuffer());
  return { status: response.status, mediaType, body: decoded(received, mediaType) };
}

function decoded(bytes: Buffer, mediaType: string): unknown {
  if (bytes.length === 0) return null;
  if (mediaType === '' || /^(?:application\/json|text\/json|[^;]+\+json)\s*(?:;|$)/.test(mediaType))
    return JSON.parse(bytes.toString('utf8'));
  return bytes.toString(mediaType.startsWith('text/') ? 'utf8' : 'base64');
}

/** What a pointer names; `*` gives each item of a list. Empty where there is nothing. */
export function valuesAt(value: unknown, pointer: string): unknown[] {
  let here: readonly unknown[] = [value];
  for (const key of fromPointer(pointer))
    here = here.flatMap((item): readonly unknown[] => {
      if (key === '*') return Array.isArray(item) ? item : [];
      return isObject(item) && Object.hasOwn(item, key) ? [item[key]] : [];
    });
  return [...here];
}

/** Whether a provider keeps its contract is no matter of how soon it answers: the deadline of the manifest is for runs. */
const ANSWER_MS_MAX = 45_000;

/**
 * The transport that pipelines use, with no credentials but those of the provider, and without the check of
 * answers, since the mock answers with what is read and nothing else.
 */
function testTransport(contract: string, baseUrl: string, headers: Headers): Transport {
  const auth = Object.keys(headers).map(
    (name) => ({ id: name, type: 'apiKey', in: 'header', name }) as const,
  );
  const transport = httpTransport({
    connection: {
      name: 'contract-test',
      connector: contract,
      baseUrl,
      credentials: Object.fromEntries(auth.map(({ id }) => [id, { value: `env:${id}` as const }])),
      webhookSecrets: [],
    },
    secrets: {
      resolve: async (reference) => new Secret(reference, headers[reference.slice('env:'.length)]!),
    },
    clock: systemClock,
    random: systemRandom,
  });
  return {
    call: ({ operation, ...request }) =>
      transport.call({
        ...request,
        operation: asPlayed({ ...operation, auth, result: true, timeoutMs: ANSWER_MS_MAX }),
      }),
    close: () => transport.close(),
  };
}

function asPlayed(operation: CallRequest['operation']): CallRequest['operation'] {
  const { http } = operation;
  if (http === undefined) return operation;
  const responses = http.responses.map(({ schema: _schema, ...response }) => response);
  return { ...operation, http: { ...http, responses } };
}

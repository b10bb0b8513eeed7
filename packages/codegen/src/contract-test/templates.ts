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

/** What is the same for every contract is in the testkit (`contractPacts`). */
export const PACT_JS = `
import { contractPacts } from '@tenon/testkit/pact';
import * as adapter from './adapter.js';
import { contract, interactions, messages, source } from './interactions.js';

export const {
  pactFiles,
  clearPacts,
  playInteraction,
  playMessage,
  verifyProvider,
  verifyEvents,
  startProvider,
  exchange,
  valuesAt,
} = contractPacts({
  contract,
  interactions,
  messages,
  source,
  adapter: Object.values(adapter)[0],
  at: import.meta.url,
  env: process.env,
});
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
    if (result && !result.ok) throw new Error(\`\${result.failure.code}: \${result.failure.message}\`);
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

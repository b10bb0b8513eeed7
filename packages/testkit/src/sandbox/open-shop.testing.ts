import { readFileSync } from 'node:fs';
import { type Contract, loadContractText } from '@tenon/contract';
import type { Clock } from '@tenon/model';
import { type Sandbox, type SandboxOptions, startSandbox } from './sandbox.ts';

/** The small made-up contract that the sandbox's tests speak of. */
export async function shopContract(): Promise<Contract> {
  const file = new URL('../fixtures/shop.openapi.yaml', import.meta.url);
  const { value, diagnostics } = await loadContractText(
    'shop',
    'shop.openapi.yaml',
    readFileSync(file, 'utf8'),
  );
  if (value === undefined || diagnostics.some(({ severity }) => severity === 'error'))
    throw new Error(`the fixture does not load: ${diagnostics.map(({ message }) => message).join('; ')}`);
  return value;
}

/** Always noon of the same day: what is stamped is the same in every run. */
export const noon: Clock = {
  now: () => Date.UTC(2026, 5, 1, 12),
  setTimer: (delayMs, fire) => {
    const timer = setTimeout(fire, delayMs);
    return () => clearTimeout(timer);
  },
};

interface Said {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  // What a body holds is each test's own business.
  // biome-ignore lint/suspicious/noExplicitAny: asserted on field by field
  readonly json: any;
}

export type Ask = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Said>;

/** A sandbox of the shop, closed when the test is over, and a way to ask it. */
export async function openShop(
  onTestFinished: (close: () => Promise<void>) => void,
  options: Partial<SandboxOptions> = {},
): Promise<{ sandbox: Sandbox; ask: Ask }> {
  const sandbox = await startSandbox({ contract: await shopContract(), clock: noon, ...options });
  onTestFinished(() => sandbox.close());
  return { sandbox, ask: asker(sandbox.url) };
}

export function asker(url: string): Ask {
  return async (method, path, body, headers = {}) => {
    const isText = typeof body === 'string';
    const response = await fetch(url + path, {
      method,
      headers: { ...(body !== undefined && !isText && { 'content-type': 'application/json' }), ...headers },
      ...(body !== undefined && { body: isText ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, text, json: parsed(text) };
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not JSON: tests of spoilt bodies look at `text`.
    return undefined;
  }
}

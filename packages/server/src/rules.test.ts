import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret, systemClock } from '@tenon/model';
import { type Runtime, runtimeRules } from '@tenon/runtime';
import { afterEach, describe, expect, test } from 'vitest';
import { serverCases } from './rules.cases.ts';
import { serverRules } from './rules.ts';
import { type ServerOptions, startServer, type TenonServer } from './server.ts';

let server: TenonServer | undefined;
const logged: string[] = [];
afterEach(async () => {
  await server?.close();
  server = undefined;
  logged.length = 0;
});

const runtime: Partial<Runtime> = {
  findRuns: async (filter) => {
    if (filter?.key === 'breaks') throw new Error('broken');
    return [];
  },
  run: () => undefined,
  cancel: async () => ({ ok: true }),
};

async function start(more: Partial<ServerOptions> = {}): Promise<string> {
  server = await startServer({
    // What the routes of the cases call.
    runtime: runtime as Runtime,
    clock: systemClock,
    host: '127.0.0.1',
    port: 0,
    connections: new Map([
      [
        'crm',
        {
          contract: 'crm',
          webhooks: { upgraded: { verify: 'standard-webhooks', toleranceMs: 300_000, id: 'webhook-id' } },
          secrets: async () => [new Secret('env:HOOK', 'whsec_MDEyMzQ1Njc4OWFiY2RlZg==')],
        },
      ],
    ]),
    operators: [
      { name: 'ada', role: 'operator', token: new Secret('env:ADA', 'ada-token') },
      { name: 'vera', role: 'viewer', token: new Secret('env:VERA', 'vera-token') },
    ],
    log: ({ code }) => logged.push(code),
    ...more,
  });
  return server.url;
}

describe.each(Object.entries(serverCases))('%s', (code, { fires, silent }) => {
  test('comes up where it should', async () => expect(await fires(start, () => logged)).toContain(code));
  test('does not where it should not', async () =>
    expect(await silent(start, () => logged)).not.toContain(code));
});

test('no other code is given', () => {
  const folder = import.meta.dirname;
  const files = readdirSync(folder).filter(
    (file) => file.endsWith('.ts') && !/\.(test|cases)\.ts$/.test(file),
  );
  const given = files.flatMap((file) =>
    [...readFileSync(join(folder, file), 'utf8').matchAll(/code: '([A-Z]+(?:_[A-Z]+)+)'/g)].map(
      ([, code]) => code!,
    ),
  );
  const known = new Set<string>([...Object.keys(serverRules), ...Object.keys(runtimeRules)]);
  expect(given.filter((code) => !known.has(code))).toEqual([]);
});

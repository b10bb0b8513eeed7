import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileTokenVault, type TokenVault, type Transport } from '@tenon/connector';
import { checkWorkspace, loadWorkspace } from '@tenon/pipeline';
import { type ConformanceTarget, loadSubject, runConformance } from '@tenon/testkit';
import { expect, it, onTestFinished } from 'vitest';

const root = new URL('../../..', import.meta.url).pathname;

/** The vaults that the kit gives a connector's own transport, against a system of somebody else's. */
async function vaultsGiven(more: Partial<ConformanceTarget>): Promise<readonly (TokenVault | undefined)[]> {
  const { value: workspace, diagnostics } = await loadWorkspace(root);
  if (workspace === undefined) throw new Error(JSON.stringify(diagnostics));
  const given: (TokenVault | undefined)[] = [];
  const nothing: Transport = {
    call: async () => ({
      ok: false,
      failure: { class: 'permanent', code: 'TEST_NOTHING', message: 'no', delivery: 'notSent' },
    }),
    close: async () => {},
  };
  const subject = await loadSubject({
    workspace,
    diagnostics: [...diagnostics, ...checkWorkspace(workspace).diagnostics],
    name: 'mail',
    module: {
      transports: {
        smtp: ({ tokens }) => {
          given.push(tokens);
          return nothing;
        },
      },
    },
    read: async () => undefined,
  });
  if (typeof subject === 'string' || 'refused' in subject)
    throw new Error('the mail connector is no subject');
  const connection = {
    name: 'post',
    connector: 'mail',
    baseUrl: 'smtp://x',
    credentials: {},
    webhookSecrets: [],
  };
  const secrets = { resolve: () => Promise.reject(new Error('none')) };
  await runConformance(subject, {
    target: { url: 'smtp://x', connection, secrets, mayChange: false, isAlone: false, ...more },
  });
  return given;
}

it('a token that a real system rotates is kept where the next call looks for it', {
  timeout: 60_000,
}, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-kit-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const tokens = fileTokenVault(folder);
  const given = await vaultsGiven({ tokens });
  expect(given.length).toBeGreaterThan(0);
  expect(new Set(given)).toEqual(new Set([tokens]));
});

it('a system on this machine that gives tokens itself takes the place of no real one', {
  timeout: 60_000,
}, async () => {
  const tokens = fileTokenVault('/nowhere');
  const given = await vaultsGiven({ tokens, isAlone: true });
  expect(given.length).toBeGreaterThan(0);
  expect(given).not.toContain(tokens);
});

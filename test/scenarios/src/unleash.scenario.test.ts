import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret } from '@tenon/model';
import { deliver } from '@tenon/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LogLine, TenonProcess } from './demo/child.ts';
import { tenon } from './tenon.ts';
import { startUnleash, type UnleashServer } from './unleash-server.ts';
import { unleashWorkspace } from './unleash-workspace.ts';

const mustHaveServices = process.env['TENON_REQUIRE_SERVICES'] === '1';
const SECRET = `whsec_${Buffer.from('a secret of this scenario alone').toString('base64')}`;
/** Longer than the installation, the server's start and generation for 211 operations take together. */
const SETUP_MS = 300_000;
const RUN_MS = 60_000;

/** Pipelines against a real system that nobody here wrote, from the document that it serves itself. */
describe('Unleash', () => {
  let unleash: UnleashServer | undefined;
  let process_: TenonProcess;
  let root: string;
  let missing = '';

  beforeAll(async () => {
    const started = await startUnleash();
    if (!started.ok) {
      if (mustHaveServices) throw new Error(started.reason);
      missing = started.reason;
      return;
    }
    unleash = started.server;
    root = mkdtempSync(join(tmpdir(), 'tenon-unleash-'));
    await unleashWorkspace(root, unleash.url);
    process_ = new TenonProcess(
      join(root, 'tenon.db'),
      {
        UNLEASH_URL: unleash.url,
        UNLEASH_VALUE: unleash.adminToken,
        SHOP_URL: 'http://127.0.0.1:9',
        SHOP_KEY: 'not used here',
        SHOP_WEBHOOK_SECRET: SECRET,
      },
      root,
    );
    await process_.start();
  }, SETUP_MS);

  afterAll(async () => {
    await process_?.stop();
    await unleash?.stop();
    if (root) rmSync(root, { recursive: true, force: true });
  });

  it('passes the checks', async (context) => {
    if (missing) return context.skip(missing);
    const check = await tenon(root, ['check']);
    // The document's own warnings (deprecations, two paths that are one) are Unleash's to mend, and stay in sight.
    expect(check.out).not.toMatch(/^error/m);
    expect(check.out).toContain('in 2 pipelines, 6 steps');
    expect(check.code).toBe(0);
    expect((await tenon(root, ['generate', '--check'])).code).toBe(0);
  });

  it('makes, describes and tags a real flag, once for three deliveries', {
    timeout: RUN_MS,
  }, async (context) => {
    if (missing) return context.skip(missing);
    const runId = await begin('order-1', 3);
    await approve(runId);
    await ended(runId, 'succeeded');
    expect(await flag('order-1')).toMatchObject({
      archived: false,
      description: 'Made for order-1',
      type: 'release',
    });
    expect(await happened('order-1')).toEqual([
      'feature-created',
      'feature-metadata-updated',
      'feature-tagged',
    ]);
  });

  it('archives the flag again when a later step is refused for good', {
    timeout: RUN_MS,
  }, async (context) => {
    if (missing) return context.skip(missing);
    const runId = await begin('refused-1');
    await approve(runId);
    await ended(runId, 'compensated');
    // Archived is not deleted: the flag is gone from its project, and the archive has it.
    expect((await fetch(`${unleash!.url}${FLAGS}/refused-1`, { headers: authorized() })).status).toBe(404);
    const archive = await ask('/api/admin/search/features?archived=IS:true');
    expect(archive['features']).toMatchObject([{ name: 'refused-1' }]);
    expect(await happened('refused-1')).toEqual([
      'feature-created',
      'feature-metadata-updated',
      'feature-archived',
    ]);
  });

  it('outlives a crash of that server in the middle of a run', { timeout: RUN_MS }, async (context) => {
    if (missing) return context.skip(missing);
    const runId = await begin('order-2');
    await unleash!.kill();
    await approve(runId);
    await seen(
      runId,
      (line) => line.kind === 'retry' && line.step === 'described',
      'a call that nobody answers',
    );
    await unleash!.start();
    await ended(runId, 'succeeded');
    expect(await happened('order-2')).toEqual([
      'feature-created',
      'feature-metadata-updated',
      'feature-tagged',
    ]);
  });

  it('outlives a crash of its own in the middle of a run', { timeout: RUN_MS }, async (context) => {
    if (missing) return context.skip(missing);
    const runId = await begin('order-3');
    await process_.kill();
    await process_.start();
    await approve(runId);
    await ended(runId, 'succeeded');
    expect(await happened('order-3')).toEqual([
      'feature-created',
      'feature-metadata-updated',
      'feature-tagged',
    ]);
  });

  /** Delivers an event, some times over, and waits until its run asks for the approval. */
  async function begin(orderId: string, times = 1): Promise<string> {
    const webhook = { verify: 'standard-webhooks', toleranceMs: 300_000, id: 'webhook-id' } as const;
    const payload = { id: `evt-${orderId}`, orderId, occurredAt: '2026-11-02T10:15:00Z' };
    const since = process_.lines.length;
    const answers = await deliver(
      `${process_.url}/hooks/shop/orderPaid`,
      webhook,
      new Secret('env:SHOP_WEBHOOK_SECRET', SECRET),
      payload,
      { id: `msg-${orderId}`, times },
    );
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: times }, () => 202));
    const asked = await process_.waitFor(
      (line) => line.kind === 'waiting' && line.step === 'approval',
      `the approval of ${orderId}`,
      undefined,
      since,
    );
    return asked.runId!;
  }

  async function approve(runId: string): Promise<void> {
    const argv = [
      'approvals',
      'approve',
      runId,
      'approval',
      '--reason',
      'looked at it',
      '--url',
      process_.url,
    ];
    const { code, out, err } = await tenon(root, argv);
    expect(code, out + err).toBe(0);
  }

  async function seen(runId: string, fits: (line: LogLine) => boolean, what: string): Promise<LogLine> {
    return process_.waitFor((line) => line.runId === runId && fits(line), what, undefined, 0);
  }

  async function ended(runId: string, state: string): Promise<void> {
    const line = await seen(
      runId,
      ({ kind, details }) =>
        kind === 'state' && ENDED.includes(String(details?.['state'] ?? details?.['to'])),
      `the end of ${runId}`,
    );
    expect(line.details?.['state'] ?? line.details?.['to'], story(runId)).toBe(state);
  }

  /** What the ledger says of a run, for a failing test to show. */
  function story(runId: string): string {
    const lines = process_.lines.filter((line) => line.runId === runId);
    return lines
      .map(({ kind, step, details }) => `${kind} ${step ?? ''} ${JSON.stringify(details)}`)
      .join('\n');
  }

  function authorized(): Record<string, string> {
    return { authorization: unleash!.adminToken };
  }

  async function ask(path: string): Promise<Record<string, unknown>> {
    const response = await fetch(unleash!.url + path, { headers: authorized() });
    expect(response.status, path).toBe(200);
    return (await response.json()) as Record<string, unknown>;
  }

  async function flag(name: string): Promise<Record<string, unknown>> {
    return ask(`${FLAGS}/${name}`);
  }

  /** Types of everything that Unleash recorded of a flag, in order: its own word on how often something happened. */
  async function happened(name: string): Promise<unknown[]> {
    const { events } = (await ask(`/api/admin/search/events?feature=IS:${name}&limit=50`)) as {
      events: { id: number; type: string }[];
    };
    return events.sort((a, b) => a.id - b.id).map(({ type }) => type);
  }
});

const FLAGS = '/api/admin/projects/default/features';
const ENDED = ['succeeded', 'compensated', 'failed', 'cancelled', 'inDoubt'];

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { verifyWebhook, type WebhookManifest } from '@tenon/connector';
import { Secret } from '@tenon/model';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readBytes } from '../sandbox/wire.ts';
import { deliver } from './deliver.ts';

const schemes: [WebhookManifest['verify'], string][] = [
  ['standard-webhooks', 'webhook-id'],
  ['stripe', '/id'],
  ['github', 'x-github-delivery'],
  ['slack', '/event_id'],
];

describe('deliver', () => {
  it.each(schemes)('signs as %s, so that the receiver verifies each of the repeats', async (verify, id) => {
    const manifest: WebhookManifest = { verify, toleranceMs: 300_000, id };
    const secret = new Secret('env:HOOK', 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
    const seen: unknown[] = [];
    const server = createServer(async (request, response) => {
      const body = (await readBytes(request))!;
      const headers = Object.fromEntries(
        Object.entries(request.headers).map(([name, value]) => [name, String(value)]),
      );
      const verdict = verifyWebhook(manifest, [secret], { headers, body, receivedAtMs: Date.now() });
      seen.push(verdict.ok ? [verdict.deliveryId, verdict.payload] : verdict.code);
      response.writeHead(verdict.ok ? 202 : 401).end('noted');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hooks`;
    const payload = { id: 'd1', event_id: 'd1', plan: 'team' };
    const answers = await deliver(url, manifest, secret, payload, { id: 'd1', times: 3 });
    expect(answers).toEqual(Array.from({ length: 3 }, () => ({ status: 202, body: 'noted' })));
    expect(seen).toEqual(Array.from({ length: 3 }, () => ['d1', payload]));
  });
});

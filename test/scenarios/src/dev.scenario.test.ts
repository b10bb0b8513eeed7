import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { commands, type Io, runCommandLine } from 'tenon';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tenon } from './tenon.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenon-dev-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('tenon dev', () => {
  it('goes on serving the version before while an edit is faulty, takes the mended one, and says of what it warns', {
    timeout: 120_000,
  }, async () => {
    await tenon(root, ['init']);
    const pipeline = join(root, 'pipelines/order-paid.pipeline.yaml');
    const sound = readFileSync(pipeline, 'utf8');
    let said = '';
    let interrupt = (): void => undefined;
    const interrupted = new Promise<void>((resolve) => {
      interrupt = resolve;
    });
    const io: Io = {
      out: () => undefined,
      err: (text) => {
        said += text;
      },
      cwd: root,
      // Nothing is called: the pipelines wait for webhooks.
      env: { SHOP_URL: 'http://127.0.0.1:9', SHOP_WEBHOOK_SECRET: 'a secret', SHOP_KEY: 'a key' },
      color: false,
      clock: systemClock,
      random: systemRandom,
      interrupted: () => interrupted,
    };
    const ended = runCommandLine(commands, ['dev', '--port', '0'], io);
    const [, url] = await heard(/serving on (http:\S+?);/);

    writeFileSync(pipeline, sound.replace('shop.getOrder', 'shop.getOrdr'));
    await heard(/still serving what was there before the edit, on (http:\S+?):/);
    expect(said).toContain('unknown-operation');
    expect((await fetch(`${url}/v1/health`)).status).toBe(200);

    said = '';
    writeFileSync(pipeline, sound);
    const [, after] = await heard(/serving on (http:\S+?);/);
    expect((await fetch(`${after}/v1/health`)).status).toBe(200);

    said = '';
    const unused = "  - id: again\n    call: shop.getOrder\n    with: { orderId: '${ event.orderId }' }\n";
    writeFileSync(pipeline, sound.replace('  - id: shipment', `${unused}  - id: shipment`));
    await heard(/serving on (http:\S+?);/);
    expect(said).toContain('step-unused');
    interrupt();
    expect(await ended).toBe(0);

    async function heard(wanted: RegExp): Promise<RegExpExecArray> {
      await expect.poll(() => said, { timeout: 60_000 }).toMatch(wanted);
      return wanted.exec(said)!;
    }
  });
});

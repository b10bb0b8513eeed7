import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tenon } from './tenon.ts';

let root: string;
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'tenon-fix-'));
  await tenon(root, ['init']);
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const pipeline = 'pipelines/order-paid.pipeline.yaml';

function edit(file: string, ...changes: readonly (readonly [string, string])[]): string {
  const path = join(root, file);
  const before = readFileSync(path, 'utf8');
  writeFileSync(
    path,
    changes.reduce((text, [find, put]) => text.replace(find, put), before),
  );
  return before;
}

describe('tenon check --fix', () => {
  it('mends misspelt names everywhere, to the very text that was there before', async () => {
    const before = edit(
      pipeline,
      ['call: shop.createShipment', 'call: shop.createShipmnt'],
      ['event: shop.orderPaid', 'event: shop.orderPayed'],
      ['${ event.orderId }"', '${ event.ordreId }"'],
      ['steps.order.items', 'steps.ordr.items'],
      ["status == 'sent'", "status == 'sendt'"],
      ['limits: {', 'limit: {'],
      ['team: fulfilment', 'team: fullfilment'],
    );
    const config = edit('tenon.config.yaml', ['connector: shop', 'connector: shopp']);
    expect((await tenon(root, ['check'])).code).toBe(3);
    const fixed = await tenon(root, ['check', '--fix']);
    expect(readFileSync(join(root, pipeline), 'utf8')).toBe(before);
    expect(readFileSync(join(root, 'tenon.config.yaml'), 'utf8')).toBe(config);
    expect(fixed.code).toBe(0);
    expect(fixed.err).toContain(`~ ${pipeline}: 7 changes`);
  });

  it('leaves alone what needs a decision', async () => {
    const path = join(root, pipeline);
    edit(pipeline, ['"${ steps.order.id }"', '"${ steps.order.number }"']);
    const broken = readFileSync(path, 'utf8');
    expect((await tenon(root, ['check', '--fix'])).code).toBe(3);
    expect(readFileSync(path, 'utf8')).toBe(broken);
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tenon } from './tenon.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tenon-init-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const petstore = `openapi: 3.0.3
info: { title: Pets, version: 1.2.0 }
servers: [{ url: https://pets.example }]
security: [{ key: [] }]
paths:
  /pets/{petId}:
    get:
      operationId: getPet
      parameters: [{ name: petId, in: path, required: true, schema: { type: string } }]
      responses:
        '200':
          description: The pet
          content: { application/json: { schema: { $ref: '#/components/schemas/Pet' } } }
components:
  securitySchemes: { key: { type: apiKey, in: header, name: X-Key } }
  schemas:
    Pet: { type: object, required: [id], properties: { id: { type: string }, name: { type: string } } }
`;

describe('tenon init', () => {
  it('makes a workspace that passes tenon ci at once', { timeout: 120_000 }, async () => {
    const made = await tenon(root, ['init']);
    expect(made).toMatchObject({ code: 0 });
    const ci = await tenon(root, ['ci']);
    expect(ci.out).toContain('0 findings');
    expect(ci.code).toBe(0);
  });

  it('overwrites nothing', async () => {
    writeFileSync(join(root, 'owners.yaml'), 'mine');
    writeFileSync(join(root, 'README.md'), 'mine too');
    const made = await tenon(root, ['init', '--format', 'json']);
    expect(made.code).toBe(3);
    expect(JSON.parse(made.out).findings).toMatchObject([
      { code: 'workspace-file-exists', message: 'owners.yaml exists already' },
    ]);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe('mine too');
  });

  it('grows by a contract, its connector and a pipeline, and passes once its author has said what only they know', {
    timeout: 120_000,
  }, async () => {
    await tenon(root, ['init']);
    writeFileSync(join(root, 'pets.yaml'), petstore);
    expect(
      await tenon(root, ['add', 'contract', 'pets', '--from', 'pets.yaml', '--owner', 'platform']),
    ).toMatchObject({ code: 0, out: '' });
    expect(await tenon(root, ['add', 'connector', 'pets', '--owner', 'platform'])).toMatchObject({
      code: 0,
      out: '',
    });
    const pipeline = [
      'add',
      'pipeline',
      'order-pet',
      '--on',
      'shop.orderPaid',
      '--call',
      'pets.getPet',
      '--owner',
      'platform',
    ];
    const added = await tenon(root, pipeline);
    expect(added).toMatchObject({ code: 3, out: expect.stringMatching(/^error placeholder-left /) });
    expect(added.out).toContain('\n1 error in 2 pipelines, ');
    const file = join(root, 'pipelines/order-pet.pipeline.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace(/"TODO: [^"]*"/, '${ event.orderId }'));
    // It fetches, and what to do with what it fetched is left to its author: told, and no reason to fail.
    expect((await tenon(root, ['generate', '--check'])).code).toBe(5);
    expect((await tenon(root, ['generate'])).code).toBe(0);
    expect((await tenon(root, ['generate', '--check'])).code).toBe(0);
    const checked = await tenon(root, ['check']);
    expect(checked).toMatchObject({ code: 0, out: expect.stringContaining('step-unused') });
    expect(checked.out).toContain('1 warning');
  });

  it('a pipeline made for an effect has its body and an owner, and only wants what nobody can guess', async () => {
    await tenon(root, ['init']);
    const added = await tenon(root, [
      'add',
      'pipeline',
      'ship-again',
      '--on',
      'shop.orderPaid',
      '--call',
      'shop.createShipment',
      '--format',
      'json',
    ]);
    expect(added.code).toBe(3);
    expect(JSON.parse(added.out).findings).toMatchObject([
      { code: 'placeholder-left', message: 'a value is still to be given: items (array)' },
    ]);
    const text = readFileSync(join(root, 'pipelines/ship-again.pipeline.yaml'), 'utf8');
    expect(text).toContain('team: fulfilment');
    expect(text).toContain('orderId: ${ event.orderId }');
  });

  it('refuses to fetch a contract from anywhere but this machine', async () => {
    await tenon(root, ['init']);
    const added = await tenon(root, [
      'add',
      'contract',
      'evil',
      '--from',
      'https://vendor.example/openapi.json',
      '--format',
      'json',
    ]);
    expect(added.code).toBe(3);
    expect(JSON.parse(added.out).findings[0].code).toBe('contract-source-unreadable');
  });

  it('says what to do outside a workspace, with the usage code', async () => {
    const check = await tenon(root, ['check']);
    expect(check.code).toBe(2);
    expect(check.out).toContain('run `tenon init`');
  });
});

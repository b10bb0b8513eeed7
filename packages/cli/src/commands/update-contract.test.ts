import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { runCommand } from '../testing/run-command.ts';
import { addCommands } from './add.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-update-'));
  await writeFile(join(folder, 'tenon.config.yaml'), 'apiVersion: tenon/v1\nkind: Workspace\n');
});
afterEach(() => rm(folder, { recursive: true }));

const add = (...options: string[]) =>
  runCommand(addCommands, ['add', 'contract', 'shop', ...options], {
    cwd: folder,
    clock: { now: () => Date.parse('2026-11-29T09:00:00Z'), steady: () => 0, setTimer: () => () => {} },
  });

const write = (file: string, text: string) => writeFile(join(folder, file), text);
const read = (file: string) => readFile(join(folder, file), 'utf8');
const update = (from: string, ...options: string[]) => add('--from', from, '--update', ...options);

/** A shop with one event and a member that may go. */
const shop = (version: string, properties: string) => `openapi: 3.1.0
info: { title: Shop, version: ${version} }
paths:
  /orders:
    get:
      operationId: listOrders
      responses:
        '200': { description: All., content: { application/json: { schema: { type: object, required: [id], properties: { ${properties} } } } } }
`;
const ONE = shop('1.0.0', 'id: { type: string }, note: { type: string }');

describe('add contract --update', () => {
  beforeEach(async () => {
    await write('one.yaml', ONE);
    await add('--from', 'one.yaml', '--owner', 'sales');
  });

  it('says what changes, puts the document in its place, and says what to do next', async () => {
    const two = shop('1.1.0', 'id: { type: string }, note: { type: string }, total: { type: integer }');
    await write('two.yaml', two);
    const { code, said } = await update('two.yaml');
    expect([code, said]).toEqual([
      exit.clean,
      expect.stringContaining('updated contract shop from 1.0.0 to 1.1.0'),
    ]);
    expect(said).toContain('tenon generate, then tenon check; tenon diff --against HEAD');
    expect(await read('contracts/shop/openapi.yaml')).toBe(two);
    const policy = await read('contracts/shop/contract.yaml');
    for (const line of [
      'source: "two.yaml"',
      'version: "1.1.0"',
      `digest: ${sha256(two)}`,
      "fetched: '2026-11-29'",
    ])
      expect(policy).toContain(line);
  });

  it('ends with findings where the change breaks somebody, showing the place as it was', async () => {
    const policy = await read('contracts/shop/contract.yaml');
    await write('contracts/shop/contract.yaml', `${policy}blocks: [breaking]\n`);
    await write('two.yaml', shop('2.0.0', 'id: { type: integer }, note: { type: string }'));
    const { code, out, said } = await update('two.yaml');
    expect(code).toBe(exit.findings);
    expect(out).toContain('contracts/shop/openapi.yaml');
    expect(out).toMatch(/id: \{ type: integer \}/);
    expect(said).toContain('what stands in the way');
    const json = await update('one.yaml', '--format', 'json');
    expect(JSON.parse(json.out)).toMatchObject({
      contracts: [{ contract: 'shop', base: { version: '2.0.0' }, revision: { version: '1.0.0' } }],
    });
  });

  it('changes no more of contract.yaml than where the document came from, and keeps the overlay', async () => {
    const policy = `# ours
apiVersion:   tenon/v1
kind: Contract
steward: sales   # since spring
provenance:
    version: '1.0.0'   # as they say
    source:   "one.yaml"
classes: { personal: [ '/a' ] }
`;
    await write('contracts/shop/contract.yaml', policy);
    const overlay = `overlay: 1.0.0
info: { title: Ours, version: '1' }
actions:
  - { target: '$.paths', update: { /more: { get: { operationId: more, responses: { '204': { description: none } } } } } }
`;
    await write('contracts/shop/overlay.yaml', overlay);
    await write(
      'two.yaml',
      shop('1.1.0', 'id: { type: string }, note: { type: string }, new: { type: string }'),
    );
    const { out, said } = await update('two.yaml');
    expect(await read('contracts/shop/contract.yaml')).toBe(
      policy.replace("'1.0.0'", '"1.1.0"').replace('"one.yaml"', '"two.yaml"'),
    );
    expect(await read('contracts/shop/overlay.yaml')).toBe(overlay);
    expect(out + said, 'what the overlay adds is on both sides').not.toContain('more');
  });

  it('writes nothing that cannot be read, that is of another format, or that is there', async () => {
    const before = await read('contracts/shop/contract.yaml');
    await write('broken.yaml', 'openapi: 3.1.0\ninfo: [\n');
    const broken = await update('broken.yaml');
    expect([broken.code, broken.said]).toEqual([
      exit.findings,
      expect.stringContaining('nothing was written'),
    ]);
    await write('async.yaml', 'asyncapi: 3.0.0\ninfo: { title: Shop, version: 2.0.0 }\n');
    expect(await update('async.yaml')).toMatchObject({
      code: exit.usage,
      said: expect.stringContaining('is openapi, and async.yaml is asyncapi'),
    });
    expect(await update('one.yaml')).toMatchObject({
      code: exit.clean,
      said: 'contract shop is this document already\n',
    });
    expect(await read('contracts/shop/openapi.yaml')).toBe(ONE);
    expect(await read('contracts/shop/contract.yaml')).toBe(before);
  });

  it('takes a document as JSON in place of one as YAML, and leaves no second one', async () => {
    const json = JSON.stringify({ openapi: '3.1.0', info: { title: 'Shop', version: '3' }, paths: {} });
    await write('two.json', json);
    const { code, out } = await update('two.json');
    expect([code, out]).toEqual([exit.clean, expect.stringContaining('GET /orders is gone')]);
    expect(out).toContain('before:contracts/shop/openapi.yaml:6:7');
    expect((await readdir(join(folder, 'contracts/shop'))).toSorted()).toEqual([
      'contract.yaml',
      'openapi.json',
    ]);
  });

  const TWO = shop('2.0.0', 'id: { type: string }');
  const JSON_TWO = JSON.stringify({ openapi: '3.1.0', info: { title: 'Shop', version: '2' }, paths: {} });
  const stopAt = (file: string) => mkdir(join(folder, `contracts/shop/${file}.next`));
  const goOn = (file: string) => rm(join(folder, `contracts/shop/${file}.next`), { recursive: true });
  const files = async () => (await readdir(join(folder, 'contracts/shop'))).toSorted();

  it('leaves all as it was where the document cannot be written', async () => {
    const policy = await read('contracts/shop/contract.yaml');
    await write('two.yaml', TWO);
    await stopAt('openapi.yaml');
    await expect(update('two.yaml')).rejects.toThrow('EISDIR');
    expect(await read('contracts/shop/openapi.yaml')).toBe(ONE);
    expect(await read('contracts/shop/contract.yaml')).toBe(policy);
  });

  it.each([
    ['one of the same name', ONE, TWO, 'openapi.yaml'],
    ['JSON in place of YAML', ONE, JSON_TWO, 'openapi.json'],
    ['YAML in place of JSON', JSON_TWO, ONE, 'openapi.yaml'],
  ])('stopped after the document, is finished by a second run: %s', async (_what, one, two, file) => {
    await rm(join(folder, 'contracts'), { recursive: true });
    await write('from', one);
    await add('--from', 'from', '--owner', 'sales');
    await write('two', two);
    await stopAt('contract.yaml');
    await expect(update('two')).rejects.toThrow('EISDIR');
    expect(await files(), 'one document').toEqual(['contract.yaml', 'contract.yaml.next', 'openapi.yaml']);
    expect(await read('contracts/shop/openapi.yaml')).toBe(two);
    await goOn('contract.yaml');
    const { code, said } = await update('two');
    expect(code, said).toBe(exit.clean);
    expect(await files()).toEqual(['contract.yaml', file].toSorted());
    expect(await read(`contracts/shop/${file}`)).toBe(two);
    expect(await read('contracts/shop/contract.yaml')).toContain(`digest: ${sha256(two)}`);
    expect((await update('two')).said, 'and there it ends').toBe('contract shop is this document already\n');
  });

  it.each([
    ["version: '0.9.0'", true],
    ["version: '1.0.0'", false],
    ['source: elsewhere', false],
    ['{}', false],
  ])(
    'knows by the version, where there is no digest, whether contract.yaml is behind: %s',
    async (told, isBehind) => {
      const policy = `apiVersion: tenon/v1\nkind: Contract\nsteward: sales\nprovenance:\n  ${told}\n`;
      await write('contracts/shop/contract.yaml', policy);
      expect((await update('one.yaml')).said.includes('was mended')).toBe(isBehind);
      expect((await read('contracts/shop/contract.yaml')) === policy).toBe(!isBehind);
    },
  );

  it('is asked for: without it the document is there already, and the way is named', async () => {
    const { code, out } = await add('--from', 'one.yaml');
    expect([code, out]).toEqual([exit.findings, expect.stringContaining('--update')]);
    expect((await update('one.yaml', '--owner', 'others')).code).toBe(exit.usage);
    await cp(join(folder, 'one.yaml'), join(folder, 'x.yaml'));
    await rm(join(folder, 'contracts'), { recursive: true });
    expect((await update('x.yaml')).said).toContain('has no contract shop that can be read');
  });
});

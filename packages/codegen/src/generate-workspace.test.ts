import { readFileSync } from 'node:fs';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { expect, test } from 'vitest';
import { type Generation, generateWorkspace } from './generate-workspace.ts';
import { planWrite } from './plan-write.ts';

const openapi = (field: string): string => `
openapi: 3.1.0
info: { title: Shop, version: 1.0.0 }
paths:
  /orders/{id}:
    get:
      operationId: getOrder
      parameters: [{ name: id, in: path, required: true, schema: { type: string } }]
      responses:
        '200':
          description: One.
          content:
            application/json:
              schema: { type: object, required: [${field}], properties: { ${field}: { type: string } } }
`;

const contract = 'apiVersion: tenon/v1\nkind: Contract\nsteward: team\ncompatibility: none\n';
const files = (field: string, names = ['shop', 'stock']): Record<string, string> =>
  Object.fromEntries(
    names.flatMap((name) => [
      [`contracts/${name}/openapi.yaml`, openapi(field)],
      [`contracts/${name}/contract.yaml`, contract],
    ]),
  );

async function generate(texts: Record<string, string>, existing: Map<string, string>): Promise<Generation> {
  const { value } = await loadWorkspaceFiles('/workspace', memoryWorkspaceFiles(texts));
  return generateWorkspace(value!, checkWorkspace(value!), existing);
}

const written = (generation: Generation, before = new Map<string, string>()): Map<string, string> => {
  const after = new Map(before);
  for (const path of planWrite(before, generation).removed) after.delete(path);
  for (const { path, text } of generation.files) after.set(path, text);
  return after;
};

test('a second run makes no contract again and changes no file', async () => {
  const existing = written(await generate(files('state'), new Map()));
  const again = await generate(files('state'), existing);
  expect(again.skipped).toEqual(['shop', 'stock']);
  expect(again.generated).toEqual([]);
  const plan = planWrite(existing, again);
  expect({ ...plan, unchanged: plan.unchanged.length }).toEqual({
    created: [],
    changed: [],
    removed: [],
    drift: [],
    unchanged: existing.size,
  });
});

test('a changed contract is made again, the others are left alone', async () => {
  const existing = written(await generate(files('state'), new Map()));
  const texts = { ...files('state'), 'contracts/stock/openapi.yaml': openapi('level') };
  const generation = await generate(texts, existing);
  expect(generation.generated).toEqual(['stock']);
  const plan = planWrite(existing, generation);
  expect(plan.changed).toContain('generated/stock/types.d.ts');
  expect(plan.changed.every((path) => path.startsWith('generated/stock/'))).toBe(true);
  const outdated = plan.drift.filter(({ code }) => code === 'generated-outdated');
  expect(
    outdated.map(({ message }) => message),
    'one change is one finding',
  ).toEqual([expect.stringMatching(/^generated\/stock is older than what it is made from \(\d+ files\)$/)]);
});

test('a document under another name is another input: the contract test loads it by name', async () => {
  const existing = written(await generate(files('state'), new Map()));
  const { 'contracts/shop/openapi.yaml': text, ...rest } = files('state');
  expect((await generate({ ...rest, 'contracts/shop/openapi.yml': text! }, existing)).generated).toEqual([
    'shop',
  ]);
});

test('a file that was edited or deleted is made again, and drift says which it was', async () => {
  const existing = written(await generate(files('state'), new Map()));
  existing.set('generated/shop/types.d.ts', 'export {};\n');
  existing.delete('generated/shop/adapter.js');
  const generation = await generate(files('state'), existing);
  const { drift } = planWrite(existing, generation);
  expect(drift.map(({ code, file }) => `${code} ${file}`).toSorted()).toEqual([
    'generated-edited generated/shop/types.d.ts',
    'generated-missing generated/shop/adapter.js',
  ]);
  expect(planWrite(written(generation, existing), generation).drift).toEqual([]);
});

test('a contract of which nothing is there yet is one finding', async () => {
  const existing = written(await generate(files('state', ['shop']), new Map()));
  const { drift } = planWrite(existing, await generate(files('state'), existing));
  const missing = drift.filter(({ code }) => code === 'generated-missing');
  expect(missing.map(({ message }) => message)).toEqual(['generated/stock has not been generated']);
});

test('what a contract left behind is removed, what tests left is not', async () => {
  const existing = written(await generate(files('state'), new Map()));
  existing.set('generated/shop/pacts/pipelines-shop.json', '{}');
  existing.set('generated/stock/pacts/pipelines-stock.json', '{}');
  const generation = await generate(files('state', ['shop']), existing);
  const { removed } = planWrite(existing, generation);
  expect(removed).toContain('generated/stock/stamp.json');
  expect(removed.filter((path) => !path.startsWith('generated/stock/') || path.includes('/pacts/'))).toEqual(
    [],
  );
});

test('a stamp that cannot be read is as good as none', async () => {
  const existing = written(await generate(files('state'), new Map()));
  existing.set('generated/shop/stamp.json', '<<<<<<< ours');
  expect((await generate(files('state'), existing)).generated).toEqual(['shop']);
});

test('the package loads no compiler, template engine or validator before something is made', () => {
  const seen = new Set<string>();
  const visit = (file: URL): void => {
    if (seen.has(file.href)) return;
    seen.add(file.href);
    const text = readFileSync(file, 'utf8');
    for (const [, clause, specifier] of text.matchAll(/^(?:import|export)\s([^;]*?)\bfrom '([^']+)'/gms)) {
      if (clause!.startsWith('type ')) continue;
      if (specifier!.startsWith('.')) visit(new URL(specifier!, file));
      else expect(['@tenon/connector', '@tenon/model', '@tenon/pipeline']).toContain(specifier);
    }
  };
  visit(new URL('./index.ts', import.meta.url));
  expect(seen.size).toBeGreaterThan(4);
});

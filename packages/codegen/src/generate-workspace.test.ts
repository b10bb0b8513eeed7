import { readFileSync } from 'node:fs';
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { expect, test } from 'vitest';
import { type Generation, generateWorkspace } from './generate-workspace.ts';
import { planWrite } from './plan-write.ts';
import type { Stamps } from './stamp.ts';

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

async function generate(
  texts: Record<string, string>,
  existing = new Map<string, string>(),
  known?: Stamps,
): Promise<Generation> {
  const { value } = await loadWorkspaceFiles('/workspace', memoryWorkspaceFiles(texts));
  return generateWorkspace(value!, checkWorkspace(value!), existing, known);
}

const written = (generation: Generation, before = new Map<string, string>()): Map<string, string> => {
  const after = new Map(before);
  for (const path of planWrite(before, generation).removed) after.delete(path);
  for (const { path, text } of generation.files) after.set(path, text);
  return after;
};

test('a second run makes no contract again and changes no file', async () => {
  const first = await generate(files('state'));
  const existing = written(first);
  const again = await generate(files('state'), existing, first.stamps);
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
  const first = await generate(files('state'));
  const existing = written(first);
  const texts = { ...files('state'), 'contracts/stock/openapi.yaml': openapi('level') };
  const generation = await generate(texts, existing, first.stamps);
  expect(generation.generated).toEqual(['stock']);
  const plan = planWrite(existing, generation);
  expect(plan.changed).toContain('generated/stock/types.d.ts');
  expect(plan.changed.every((path) => path.startsWith('generated/stock/'))).toBe(true);
  const outdated = plan.drift.filter(({ code }) => code === 'generated-outdated');
  expect(
    outdated.map(({ message }) => message),
    'one change is one finding',
  ).toEqual([expect.stringMatching(/^generated\/stock is not what would be made now \(\d+ files\)$/)]);
});

test('a document under another name is another input: the contract test loads it by name', async () => {
  const first = await generate(files('state'));
  const { 'contracts/shop/openapi.yaml': text, ...rest } = files('state');
  const texts = { ...rest, 'contracts/shop/openapi.yml': text! };
  expect((await generate(texts, written(first), first.stamps)).generated).toEqual(['shop']);
});

test('a file that was edited or deleted is made again, and drift says which it was', async () => {
  const first = await generate(files('state'));
  const existing = written(first);
  existing.set('generated/shop/types.d.ts', 'export {};\n');
  existing.delete('generated/shop/adapter.js');
  const generation = await generate(files('state'), existing, first.stamps);
  const { drift } = planWrite(existing, generation, first.stamps);
  expect(drift.map(({ code, file }) => `${code} ${file}`).toSorted()).toEqual([
    'generated-edited generated/shop/types.d.ts',
    'generated-missing generated/shop/adapter.js',
  ]);
  expect(
    planWrite(existing, generation).drift.map(({ code, file }) => `${code} ${file}`),
    'in a clone that knows no stamps',
  ).toContain('generated-outdated generated/shop/types.d.ts');
  expect(planWrite(written(generation, existing), generation).drift).toEqual([]);
});

test('a contract of which nothing is there yet is one finding', async () => {
  const existing = written(await generate(files('state', ['shop'])));
  const { drift } = planWrite(existing, await generate(files('state'), existing));
  const missing = drift.filter(({ code }) => code === 'generated-missing');
  expect(missing.map(({ message }) => message)).toEqual(['generated/stock has not been generated']);
});

test('what a contract left behind is removed, what tests left is not', async () => {
  const existing = written(await generate(files('state')));
  existing.set('generated/shop/pacts/pipelines-shop.json', '{}');
  existing.set('generated/stock/pacts/pipelines-stock.json', '{}');
  const generation = await generate(files('state', ['shop']), existing);
  const { removed } = planWrite(existing, generation);
  expect(removed).toContain('generated/stock/index.js');
  expect(removed.filter((path) => !path.startsWith('generated/stock/') || path.includes('/pacts/'))).toEqual(
    [],
  );
});

test('a stamp that cannot be read is as good as none, and so is what an earlier version committed', async () => {
  const first = await generate(files('state'));
  const existing = written(first);
  const stamps = new Map([...first.stamps, ['shop', '{"input":']]);
  expect((await generate(files('state'), existing, stamps)).generated).toEqual(['shop']);
  existing.set('generated/shop/stamp.json', '{}');
  expect(planWrite(existing, await generate(files('state'), existing)).removed).toEqual([
    'generated/shop/stamp.json',
  ]);
});

test('two branches that change different parts of a contract change different lines', async () => {
  const linesOf = async (texts: Record<string, string>): Promise<ReadonlySet<string>> =>
    new Set(
      (await generate(texts)).files.flatMap(({ path, text }) =>
        text.split('\n').map((line) => `${path} ${line}`),
      ),
    );
  const more = (path: string): string =>
    openapi('state').replace(
      'paths:\n',
      `paths:\n  ${path}: { get: { responses: { '204': { description: Done. } } } }\n`,
    );
  const [before, ours, theirs] = await Promise.all(
    [openapi('state'), more('/ours'), more('/theirs')].map((text) =>
      linesOf({ ...files('state', ['shop']), 'contracts/shop/openapi.yaml': text }),
    ),
  );
  const gone = (after: ReadonlySet<string>): readonly string[] =>
    [...before!].filter((line) => !after.has(line));
  // What one has taken away, or written otherwise, the other must not have.
  expect([...gone(ours!), ...gone(theirs!)]).toEqual([]);
});

/** A connector of the shop that names some of its operations. */
const connector = (operations: string): Record<string, string> => ({
  'connectors/shop/connector.yaml': `apiVersion: tenon/v1\nkind: Connector\nmetadata: { name: shop, version: 1.0.0, owner: team }\ncontract: shop\nauth: []\nhealth: false\nsandbox: false\noperations: { ${operations} }\n`,
});

test('of a contract that a connector speaks, what it names is made; a name stays whatever else is made', async () => {
  const twice = openapi('state').replace(
    'paths:\n',
    `paths:
  /order/{id}: { get: { operationId: get-order, responses: { '204': { description: Done. } } } }
  /other: { get: { operationId: other, responses: { '200': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Other' } } } } } } }
components: { schemas: { Other: { type: object, properties: { a: { type: string } } } } }
`.replace(/^components.*\n/m, ''),
  );
  const document = `${twice}components: { schemas: { Other: { type: object, properties: { a: { type: string } } } } }\n`;
  const texts = { ...files('state', ['shop']), 'contracts/shop/openapi.yaml': document };
  const made = async (more: Record<string, string>) => {
    const { files: all } = await generate({ ...texts, ...more });
    const operations = all.flatMap(({ path }) => /operations\/(.*)\.js$/.exec(path)?.[1] ?? []);
    const text = (file: string) => all.find(({ path }) => path === `generated/shop/${file}`)!.text;
    return { operations, definitions: text('definitions.js'), adapter: text('adapter.js') };
  };
  const whole = await made({});
  expect(whole.operations).toEqual(['get-order-2', 'get-order', 'other']);
  expect(whole.definitions).toContain('"Other"');
  const some = await made(connector('getOrder: { effect: read }'));
  expect(some.operations).toEqual(['get-order-2']);
  expect(some.definitions).not.toContain('"Other"');
  expect(some.adapter).toContain('getOrder_2');
  expect((await made(connector('other: { effect: read }'))).definitions).toContain('"Other"');
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

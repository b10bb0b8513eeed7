import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CheckStore, checkFiles, type KeptCheck } from './check-files.ts';
import { memoryWorkspaceFiles } from './load/workspace-files.ts';
import {
  CHILD,
  CONFIG,
  CONNECTOR,
  CONTRACT,
  childPipeline,
  PIPELINE,
  POLICIES,
  parented,
  RECONCILIATION,
  reconciled,
  secondPipeline,
  swap,
  testFiles,
} from './test-workspace.ts';

const SECOND = 'pipelines/parcel-left.pipeline.yaml';
const parent = parented()[PIPELINE];
const FILES: Readonly<Record<string, string>> = {
  ...testFiles,
  [PIPELINE]: typeof parent === 'function' ? parent(testFiles[PIPELINE]!) : '',
  [CHILD]: childPipeline,
  [RECONCILIATION]: String(reconciled()[RECONCILIATION]),
  [SECOND]: secondPipeline(
    "  - { id: order, call: shop.getOrder, with: { orderId: '${ event.orderId }' } }",
  ).replace("event.orderId != ''", "steps.order.status != 'open'"),
};

/** Keeps JSON, as a disk does. */
function memoryStore(): CheckStore & { reads: number; writes: number } {
  let text: { summary: string; details: string } | undefined;
  const store = {
    reads: 0,
    writes: 0,
    read() {
      if (!text) return undefined;
      const { summary, details } = text;
      return {
        summary: JSON.parse(summary) as KeptCheck['summary'],
        details: () => {
          store.reads++;
          return JSON.parse(details) as KeptCheck['details'];
        },
      };
    },
    write(kept: KeptCheck) {
      store.writes++;
      text = { summary: JSON.stringify(kept.summary), details: JSON.stringify(kept.details) };
    },
  };
  return store;
}

const check = async (texts: Readonly<Record<string, string>>, store?: CheckStore): Promise<string> =>
  JSON.stringify(await checkFiles('/workspace', memoryWorkspaceFiles(texts), store ? { store } : {}));

describe('a check with what the last one kept', () => {
  it('says the same, byte for byte, after any edit of any file', async () => {
    const names = Object.keys(FILES).sort();
    const edit = fc.record({
      file: fc.constantFrom(...names),
      at: fc.double({ min: 0, max: 1, noNaN: true }),
      how: fc.constantFrom('cut', 'drop a line', 'twice', 'misspell', 'remove', 'restore', 'rename'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(edit, { minLength: 1, maxLength: 5 }), async (edits) => {
        const store = memoryStore();
        const texts: Record<string, string> = { ...FILES };
        await check(texts, store);
        for (const one of edits) {
          change(texts, one);
          expect(await check(texts, store)).toBe(await check(texts));
        }
      }),
      { numRuns: 25 },
    );
  });

  it('looks at nothing again when nothing changed', async () => {
    const store = memoryStore();
    const first = await check(FILES, store);
    expect(await check(FILES, store)).toBe(first);
    expect(store).toMatchObject({ reads: 0, writes: 1 });
  });

  it.each([
    ['a pipeline', PIPELINE, swap('event.customer.name', 'event.customer.nmae')],
    [
      'what a pipeline gives to one that runs it',
      CHILD,
      swap('parcel: { type: string }', 'box: { type: string }'),
    ],
    [
      'what a pipeline takes of one that runs it',
      CHILD,
      swap('required: [reference, to]', 'required: [reference, to, by]'),
    ],
    ['the time of a pipeline that another one runs', CHILD, swap('deadline: 10m', 'deadline: 1s')],
    ['the tier of a pipeline that another one runs', CHILD, swap('tier: medium', 'tier: high')],
    ['the name of a pipeline that another one runs', CHILD, swap('name: ship', 'name: sheep')],
    ['a contract', CONTRACT, swap('currency: { $ref:', 'curency: { $ref:')],
    ['a connector', CONNECTOR, swap('idempotency: {', 'idempotancy: {')],
    ['a policy', POLICIES, swap('expect: true', 'expect: false')],
    ['the configuration', CONFIG, swap('connector: shop', 'connector: shp')],
    ['the owners', 'owners.yaml', swap('{ name: sales }, ', '')],
  ])('a change of %s is found', async (_what, file, edit) => {
    const store = memoryStore();
    const before = await check(FILES, store);
    const edited = { ...FILES, [file]: edit(FILES[file]!) };
    const after = await check(edited, store);
    expect(after).not.toBe(before);
    expect(after).toBe(await check(edited));
    expect(await check(FILES, store)).toBe(before);
  });

  it('tells a pipeline that runs another one what changed there', async () => {
    const store = memoryStore();
    await check(FILES, store);
    const edited = {
      ...FILES,
      [CHILD]: swap(
        'required: [parcel], properties: { parcel:',
        'required: [box], properties: { box:',
      )(childPipeline),
    };
    const { diagnostics } = await checkFiles('/workspace', memoryWorkspaceFiles(edited), { store });
    expect(diagnostics.map(({ code, file }) => `${code} ${file}`)).toContain(`unknown-field ${PIPELINE}`);
  });

  it('a file that comes into being where none was asks for a new check', async () => {
    const store = memoryStore();
    const before = await check(FILES, store);
    const more = { ...FILES, 'contracts/shop/contract.yaml': 'nonsense: true\n' };
    const after = await check(more, store);
    expect(after).not.toBe(before);
    expect(after).toBe(await check(more));
  });
});

function change(
  texts: Record<string, string>,
  { file, at, how }: { file: string; at: number; how: string },
): void {
  const text = texts[file];
  const lines = text?.split('\n') ?? [];
  const line = Math.floor(at * lines.length);
  if (how === 'restore' || text === undefined) texts[file] = FILES[file]!;
  else if (how === 'remove') delete texts[file];
  else if (how === 'cut') texts[file] = text.slice(0, Math.floor(at * text.length));
  else if (how === 'drop a line') texts[file] = lines.toSpliced(line, 1).join('\n');
  else if (how === 'twice') texts[file] = lines.toSpliced(line, 0, lines[line] ?? '').join('\n');
  else if (how === 'rename') {
    delete texts[file];
    texts[file.replace(/(\.[a-z.]+)$/, '-other$1')] = text;
  } else
    texts[file] = lines
      .with(line % lines.length, (lines[line] ?? '').replace(/[a-z](?=[a-z])/, ''))
      .join('\n');
}

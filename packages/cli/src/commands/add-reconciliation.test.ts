import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { addCommands } from './add.ts';
import { checkCommand } from './check.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('agree');
  await writeFile(join(folder, 'books.yaml'), books);
  await writeFile(join(folder, 'desk.yaml'), desk);
  for (const name of ['books', 'desk'])
    await runIn('add', 'connector', name, '--from', `${name}.yaml`, '--owner', 'fulfilment');
});
afterEach(() => rm(folder, { recursive: true }));

const runIn = (...args: readonly string[]) =>
  runCommand([...addCommands, checkCommand], args, { cwd: folder });

/** A listing by pages, with an operation that writes beside it. */
const listing = (title: string, required: string, list: string, record: string) => `
openapi: 3.1.0
info: { title: ${title}, version: 1.0.0 }
paths:
  /records:
    get:
      operationId: list
      parameters:
        - { name: cursor, in: query, schema: { type: string } }
        ${required}
      responses: { '200': { description: A page., content: { application/json: { schema: ${list} } } } }
    post:
      operationId: create
      responses: { '204': { description: Made. } }
components:
  schemas:
    Record: { type: object, required: [id, amount], properties: { ${record} } }
    Currency: { enum: [EUR, USD] }
`;
const BOTH =
  "currency: { $ref: '#/components/schemas/Currency' }, location: { type: string }, paidOn: { type: string, format: date }, tags: { type: array, items: { type: string } }";
const books = listing(
  'Books',
  '- { name: ledger, in: query, required: true, schema: { type: string }, description: Which book. }',
  "{ type: object, required: [items], properties: { items: { type: array, items: { $ref: '#/components/schemas/Record' } }, next: { type: string } } }",
  'id: { type: string }, amount: { type: integer }, note: { type: string }, order: { type: string }, open: { type: boolean }, updatedAt: { type: string, format: date-time }, ' +
    BOTH,
);
const desk = listing(
  'Desk',
  '',
  "{ type: array, items: { $ref: '#/components/schemas/Record' } }",
  'id: { type: string }, amount: { type: [number, "null"] }, note: { type: integer }, externalId: { type: string }, open: { type: boolean }, createdAt: { type: string, format: date-time }, ' +
    BOTH,
);

const agree = (...more: string[]) =>
  runIn('add', 'reconciliation', 'books-agree', '--source', 'books.list', '--target', 'desk.list', ...more);
const FILE = 'pipelines/books-agree.reconciliation.yaml';

describe('add reconciliation', () => {
  it('takes what it can from the contracts, and leaves the rest to its author', async () => {
    const { code, err, said } = await agree();
    const text = await readFile(join(folder, FILE), 'utf8');
    expect(text).toContain(
      '# Both have these too, and they are not compared: `note` (string in the source, number in the target);\n# `paidOn` (a moment, and each system has its own); `tags` (a list).\ncompare:',
    );
    expect(err).toContain('  note: string in the source, number in the target\n');
    const { source, target, compare, settle, repair, owner } = parse(
      await readFile(join(folder, FILE), 'utf8'),
    );
    expect(source).toEqual({
      read: 'books.list',
      with: { ledger: 'TODO: Which book.' },
      key: 'TODO: a text of the record that is the same in both systems; a record has `id`, `amount`, `note`, `order`, `open`, `updatedAt`, `currency`, `location`, `paidOn`, `tags`',
      id: '${ record.id }',
      changedAt: '${ default(record.updatedAt, null) }',
    });
    expect(target).toEqual({
      read: 'desk.list',
      key: expect.stringMatching(/^TODO: .*`externalId`/),
      id: '${ record.id }',
    });
    // `note` is of another type, and when each wrote its record is its own matter; `location` only ends like one that says when.
    expect([compare, settle, repair]).toEqual([
      {
        amount: '${ record.amount }',
        open: '${ default(record.open, null) }',
        currency: '${ default(record.currency, null) }',
        location: '${ default(record.location, null) }',
      },
      '15m',
      undefined,
    ]);
    expect(owner.backup, 'somebody else').not.toBe(owner.team);
    expect(code, 'nothing made up passes').toBe(exit.findings);
    expect(new Set(said.match(/^error \S+/gm))).toEqual(new Set(['error placeholder-left']));
    expect(said.match(/^error/gm)).toHaveLength(4);
    const config = parse(await readFile(join(folder, 'tenon.config.yaml'), 'utf8'));
    for (const name of ['books', 'desk'])
      expect(config.connections[name].grants['books-agree'].operations).toEqual(['list']);
  });

  it('says so where nothing that both have can be compared', async () => {
    const few = (text: string) =>
      text
        .replace(/amount: \{ type: (?:integer|\[number, "null"\]) \}, /, '')
        .replace(/, open: .*Currency' \}, location: \{ type: string \}/, '')
        .replace('[id, amount]', '[id]');
    for (const [name, text] of [
      ['few', books],
      ['less', desk],
    ] as const) {
      await writeFile(join(folder, `${name}.yaml`), few(text));
      await runIn('add', 'connector', name, '--from', `${name}.yaml`, '--owner', 'fulfilment');
    }
    await agree('--source', 'few.list', '--target', 'less.list');
    const text = await readFile(join(folder, FILE), 'utf8');
    expect(parse(text).compare).toBeUndefined();
    expect(text).toContain(
      '# Nothing is compared but that the records are there. Both have these: `note` (string in',
    );
  });

  it('passes once what was left to its author is given', async () => {
    await agree('--owner', 'platform');
    const text = await readFile(join(folder, FILE), 'utf8');
    const given = text
      .replace(/key: "?TODO: [^\n]*\n(?: {4,}[^\n]*\n)*/, "key: ${ default(record.order, '') }\n")
      .replace(/key: "?TODO: [^\n]*\n(?: {4,}[^\n]*\n)*/, "key: ${ default(record.externalId, '') }\n")
      .replaceAll(/"?TODO: [^\n]*/g, 'main');
    await writeFile(join(folder, FILE), given);
    const { code, said } = await runIn('check');
    expect(code, `${said}\n${given}`).toBe(exit.clean);
  });

  it('takes an operation whose id has dots', async () => {
    await writeFile(
      join(folder, 'dotted.yaml'),
      books.replace('operationId: list', 'operationId: records.list'),
    );
    await runIn('add', 'connector', 'dotted', '--from', 'dotted.yaml', '--owner', 'fulfilment');
    const { said } = await agree('--source', 'dotted.records.list');
    expect(parse(await readFile(join(folder, FILE), 'utf8')).source.read, said).toBe('dotted.records.list');
  });

  it('names the pipelines that carry the records', async () => {
    const { said } = await agree('--repair', 'book-orders');
    expect(parse(await readFile(join(folder, FILE), 'utf8')).repair).toEqual([{ pipeline: 'book-orders' }]);
    expect(said).toContain('error unknown-pipeline');
  });

  it.each([
    [['--source', 'books.list'], 'give --source and --target'],
    [
      ['--source', 'books.list', '--target', 'desk.find'],
      'no connection of the workspace has the operation desk.find',
    ],
    [['--source', 'books.list', '--target', 'desk.create'], 'desk.create is not declared to read'],
  ])('asks for two listings: %s', async (options, says) => {
    const { code, said } = await runIn('add', 'reconciliation', 'books-agree', ...options);
    expect([code, said]).toEqual([exit.usage, expect.stringContaining(says)]);
    await expect(readFile(join(folder, FILE))).rejects.toThrow();
  });

  it('overwrites nothing', async () => {
    await agree();
    expect((await agree()).said).toContain('workspace-file-exists');
  });
});

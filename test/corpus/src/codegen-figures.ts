/**
 * Generates from every document of the corpora, each in a process of its own, compiles all of it strictly, and prints a
 * table: `node --conditions=source test/corpus/src/codegen-figures.ts [name…]`. Exits with 1 when anything fails.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { type CorpusDocument, corpusDocuments } from './corpus.ts';
import { type Generated, generateCorpus } from './generate-corpus.ts';
import { strictCompile } from './strict-compile.ts';

type Measured = Generated & { readonly wallMs: number; readonly rssMegabytes: number };

const all = (['openapi', 'asyncapi', 'versions'] as const).flatMap((folder) => corpusDocuments(folder));
const [mode, ...rest] = process.argv.slice(2);
if (mode === '--one') await one(rest[0]!, rest[1]!);
else
  await table(
    all.filter(({ name }) => mode === undefined || [mode, ...rest].some((part) => name.includes(part))),
  );

async function one(name: string, folder: string): Promise<void> {
  const generated = await generateCorpus(all.find((document) => document.name === name)!, folder);
  const measured: Measured = {
    ...generated,
    wallMs: performance.now(),
    rssMegabytes: process.resourceUsage().maxRSS / 1024,
  };
  process.stdout.write(JSON.stringify(measured));
}

async function table(documents: readonly CorpusDocument[]): Promise<void> {
  const rows: string[] = [];
  let failed = 0;
  for (const { name } of documents) {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-figures-'));
    try {
      const measured = await inOwnProcess(name, folder);
      const errors = await strictCompile(folder);
      if (errors.length > 0) failed += 1;
      rows.push(row(name, measured, errors));
    } catch (error) {
      failed += 1;
      rows.push(`| ${name} | failed: ${error instanceof Error ? error.message.split('\n')[0] : error} |`);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  const head =
    '| document | operations | files | MB | load ms | generate ms | process s | peak MB | tsc --strict |';
  process.stdout.write(`${head}\n|---|--:|--:|--:|--:|--:|--:|--:|---|\n${rows.join('\n')}\n`);
  process.stdout.write(`\n${documents.length - failed} of ${documents.length} generate and compile\n`);
  process.exitCode = failed === 0 && documents.length > 0 ? 0 : 1;
}

async function inOwnProcess(name: string, folder: string): Promise<Measured> {
  const script = fileURLToPath(import.meta.url);
  const flags = ['--conditions=source', script, '--one', name, folder];
  const { stdout } = await promisify(execFile)(process.execPath, flags, {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
  });
  // Printed by `one`, a few lines above.
  return JSON.parse(stdout) as Measured;
}

function row(name: string, measured: Measured, errors: readonly string[]): string {
  const { operations, files, bytes, loadMs, generateMs, wallMs, rssMegabytes } = measured;
  const cells = [
    name,
    operations,
    files,
    (bytes / 1e6).toFixed(1),
    loadMs.toFixed(0),
    generateMs.toFixed(0),
    (wallMs / 1000).toFixed(1),
    rssMegabytes.toFixed(0),
    errors.length === 0 ? 'compiles' : `${errors.length} errors, first: ${errors[0]}`,
  ];
  return `| ${cells.join(' | ')} |`;
}

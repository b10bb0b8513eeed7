/**
 * How long an author waits: diagnostics after a key press, and completion, in a pipeline of 2,000 lines over the
 * repository's own contracts. p50 and p95 in milliseconds, of a text that is new each time.
 * `node --conditions=source test/bench/src/editor.ts`
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { completionAt, diagnosticsOf, openProject } from '@tenon/language-server';
import { nodeWorkspaceFiles } from '@tenon/pipeline';

const ROOT = path.resolve(import.meta.dirname, '../../..');
const FILE = 'pipelines/subscription-upgraded.pipeline.yaml';
const LINES = 2_000;
const WARM_UP = 30;
const MEASURED = 200;

const base = await readFile(path.join(ROOT, FILE), 'utf8');
const text = long(base, LINES);
const project = openProject(ROOT, nodeWorkspaceFiles(ROOT));
project.setText(FILE, text);
const found = diagnosticsOf(await project.snapshot()).get(FILE) ?? [];
console.log(
  `${text.split('\n').length} lines, ${text.match(/- id:/g)?.length} steps, ${found.length} findings`,
);

await measure('diagnostics', async (i) => {
  project.setText(FILE, text.replace('Welcome', `Welcome ${i}`));
  diagnosticsOf(await project.snapshot());
});
// As an editor has it: the text was checked before the author goes on in one expression.
project.setText(FILE, text);
diagnosticsOf(await project.snapshot());
await measure('completion of a field', async (i) => {
  const broken = text.replace("event.plan != 'free' }", `event.${'x'.repeat(i % 3)} }`);
  project.setText(FILE, broken);
  const at = broken.indexOf('where: ${ event.') + 'where: ${ event.'.length;
  if (completionAt(await project.snapshot(), FILE, at).length === 0) throw new Error('nothing was offered');
});
await measure('completion of an operation', async (i) => {
  const broken = text.replace('call: billing.getSubscription', `call: bill${'i'.repeat(i % 3)}`);
  project.setText(FILE, broken);
  const at = broken.indexOf('call: bill') + 'call: bill'.length;
  if (completionAt(await project.snapshot(), FILE, at).length === 0) throw new Error('nothing was offered');
});

async function measure(what: string, once: (i: number) => Promise<void>): Promise<void> {
  const took: number[] = [];
  for (let i = 0; i < WARM_UP + MEASURED; i++) {
    const start = performance.now();
    await once(i);
    if (i >= WARM_UP) took.push(performance.now() - start);
  }
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): string => sorted[Math.floor((sorted.length - 1) * share)]!.toFixed(1);
  console.log(`${what}: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`);
}

/** The pipeline with its steps again and again under other names, until it is long enough. */
function long(source: string, lines: number): string {
  const from = source.indexOf('steps:\n') + 'steps:\n'.length;
  const to = source.indexOf('success:');
  const body = source.slice(from, to);
  const times = Math.ceil((lines - source.split('\n').length) / body.split('\n').length) + 1;
  const copies = Array.from({ length: times }, (_, i) =>
    i === 0
      ? body
      : body
          .replaceAll(/- id: (\w+)/g, (_all, id: string) => `- id: ${id}${i}`)
          .replaceAll(/steps\.(\w+)/g, (_all, id: string) => `steps.${id}${i}`),
  );
  return source.slice(0, from) + copies.join('') + source.slice(to);
}

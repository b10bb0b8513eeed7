import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { generateContract } from '@tenon/codegen';
import { loadContractText } from '@tenon/contract';
import type { CorpusDocument } from './corpus.ts';

export interface Generated {
  readonly files: number;
  readonly bytes: number;
  readonly operations: number;
  readonly loadMs: number;
  readonly generateMs: number;
}

/** Loads a document and writes all that is generated from it below `folder`. */
export async function generateCorpus(document: CorpusDocument, folder: string): Promise<Generated> {
  const name = document.name.replace(/^.*\//, '').replace(/\.[a-z]+$/, '');
  const text = document.text();
  const start = performance.now();
  const { value: contract, diagnostics } = await loadContractText(name, document.name, text);
  if (!contract) throw new Error(`${document.name} does not load: ${diagnostics[0]?.message}`);
  const loaded = performance.now();
  const files = await generateContract({ contract });
  const generated = performance.now();
  for (const file of files) {
    await mkdir(dirname(join(folder, file.path)), { recursive: true });
    await writeFile(join(folder, file.path), file.text);
  }
  return {
    files: files.length,
    bytes: files.reduce((sum, file) => sum + file.text.length, 0),
    operations: contract.operations.size,
    loadMs: loaded - start,
    generateMs: generated - loaded,
  };
}

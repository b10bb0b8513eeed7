import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCorpora } from './corpus.ts';
import { granted } from './granted.ts';
import { REAL_CONTRACTS, type RealContract, realWorkspaceFiles } from './real-workspace.ts';

const root = fileURLToPath(new URL('../pipelines/correct', import.meta.url));

/** Pipelines without a fault over real documents, as one workspace; none when the corpora are absent. */
export async function correctWorkspace(): Promise<Record<string, string> | undefined> {
  if (!hasCorpora) return undefined;
  // The keys are what the table was made of.
  const files = await realWorkspaceFiles(Object.keys(REAL_CONTRACTS) as RealContract[]);
  for (const [file, text] of correctPipelines()) files[`pipelines/${basename(file)}`] = text;
  return granted(files);
}

/** The pipelines alone, by file. */
export function correctPipelines(): ReadonlyMap<string, string> {
  return new Map(
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(pipeline|reconciliation)\.yaml$/.test(file))
      .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );
}

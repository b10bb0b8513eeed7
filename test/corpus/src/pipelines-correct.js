import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { hasCorpora } from './corpus.js';
import { granted } from './granted.js';
import { REAL_CONTRACTS, realWorkspaceFiles } from './real-workspace.js';

const root = fileURLToPath(new URL('../pipelines/correct', import.meta.url));
/** Pipelines without a fault over real documents, as one workspace; none when the corpora are absent. */
export async function correctWorkspace() {
  if (!hasCorpora) return undefined;
  // The keys are what the table was made of.
  const files = await realWorkspaceFiles(Object.keys(REAL_CONTRACTS));
  for (const [file, text] of correctPipelines()) files[`pipelines/${basename(file)}`] = text;
  return granted(files);
}
/** The pipelines alone, by file. */
export function correctPipelines() {
  return new Map(
    readdirSync(root, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.(pipeline|reconciliation)\.yaml$/.test(file))
      .map((file) => [file, readFileSync(join(root, file), 'utf8')]),
  );
}
//# sourceMappingURL=pipelines-correct.js.map

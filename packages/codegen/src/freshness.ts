import { compareText, sha256 } from '@tenon/model';
import { GENERATOR } from './generated-file.ts';

export { isGeneratedPath } from './plan-write.ts';

/**
 * Digest of all that a generation reads and writes: the texts of the workspace's sources (everything below
 * `contracts/`, `connectors/`, `pipelines/`, and the configuration) and of what is below `generated/`, by path. While
 * it is what it was after the last generation, another would change nothing, and nothing need be loaded to know it.
 * Kept by the CLI outside `generated/`: as a committed file it would differ with every comment in a pipeline.
 */
export function freshnessDigest(
  sources: ReadonlyMap<string, string>,
  existing: ReadonlyMap<string, string>,
): string {
  const lines = [`${GENERATOR.version} ${GENERATOR.revision}`];
  for (const texts of [sources, existing])
    for (const path of [...texts.keys()].sort(compareText)) lines.push(`${path} ${sha256(texts.get(path)!)}`);
  return sha256(lines.join('\n'));
}

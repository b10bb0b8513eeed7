import { readFileSync } from 'node:fs';
import { formatDuration } from '@tenon/model';
import { expect, test } from 'vitest';
import { pipelineSchema } from '../../shape/pipeline-schema.ts';
import { retryDefaults } from './retry.ts';

test('editor and page say how soon a call that fails at once is given up, as the defaults have it', () => {
  const { attempts, withinMs, backoff } = retryDefaults;
  const waits = Array.from({ length: attempts - 1 }, (_, index) =>
    Math.min(backoff.initialMs * backoff.factor ** index, backoff.maxMs),
  );
  const longest = `${waits.reduce((sum, wait) => sum + wait, 0) / 1000}s`;
  const said = JSON.stringify(pipelineSchema.$defs?.['retry']);
  const page = readFileSync(new URL('../../../../../docs/pipelines.md', import.meta.url), 'utf8');
  for (const text of [said, page]) {
    expect(text).toContain(`given up within ${longest}`);
    expect(text).toContain(formatDuration(withinMs));
    for (const wait of waits) expect(text).toContain(formatDuration(wait));
  }
});

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { corpusDocuments, hasCorpora, mustHaveCorpora } from './corpus.ts';
import { generateCorpus } from './generate-corpus.ts';
import { strictCompile } from './strict-compile.ts';

/** The largest, GitHub's and Kubernetes' among them, are left to `codegen-figures.ts`, which measures them as well. */
const TEXT_LENGTH_MAX = 1_500_000;

it.skipIf(!hasCorpora && !mustHaveCorpora)(
  'what is generated from real documents compiles with everything strict (corpora absent: skipped)',
  { timeout: 120_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tenon-corpus-'));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const documents = [...corpusDocuments('openapi'), ...corpusDocuments('asyncapi')].filter(
      (document) => document.text().length <= TEXT_LENGTH_MAX,
    );
    expect(documents.length).toBeGreaterThanOrEqual(20);
    for (const document of documents) await generateCorpus(document, folder);
    expect(await strictCompile(folder)).toEqual([]);
  },
);

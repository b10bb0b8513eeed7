import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { diffSchemas, type SchemaDiffOptions } from '@tenon/diff';
import { corpora } from './corpus.ts';

interface ContainmentPair {
  readonly draft: NonNullable<SchemaDiffOptions['dialect']>;
  readonly file: string;
  readonly id: number;
  readonly schema1: unknown;
  readonly schema2: unknown;
  readonly s1SubsetEqOfs2: boolean;
  readonly s2SubsetEqOfs1?: boolean;
}

/** A label of the corpus that a witness refutes; see `containment.adjudicated.json`. */
export interface AdjudicatedLabel {
  readonly file: string;
  readonly sub: unknown;
  readonly sup: unknown;
  readonly label: boolean;
  readonly witness: unknown;
  readonly because: string;
}

export interface ContainmentResult {
  readonly questions: number;
  readonly decided: number;
  readonly wrong: readonly {
    readonly file: string;
    readonly sub: unknown;
    readonly sup: unknown;
    readonly label: boolean;
    readonly witness?: unknown;
  }[];
  readonly undecided: Readonly<Record<string, number>>;
}

export function containmentPairs(): readonly ContainmentPair[] {
  return readLines('containment/dev.jsonl.gz') as readonly ContainmentPair[];
}

export function readLines(file: string): readonly unknown[] {
  const text = gunzipSync(readFileSync(join(corpora, file))).toString('utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}

/** Asks every question of the corpus (both ways where both are labelled); `everyNth` takes a sample. */
export function runContainment(pairs: readonly ContainmentPair[], everyNth = 1): ContainmentResult {
  let questions = 0;
  let decided = 0;
  const wrong: ContainmentResult['wrong'][number][] = [];
  const undecided: Record<string, number> = {};
  for (const [i, pair] of pairs.entries()) {
    if (i % everyNth !== 0) continue;
    const asked: readonly (readonly [unknown, unknown, boolean | undefined])[] = [
      [pair.schema1, pair.schema2, pair.s1SubsetEqOfs2],
      [pair.schema2, pair.schema1, pair.s2SubsetEqOfs1],
    ];
    for (const [sub, sup, label] of asked) {
      if (label === undefined) continue;
      questions++;
      const { request } = diffSchemas(sub, sup, 'request', { dialect: pair.draft });
      if (!request || request.is === 'undecided') {
        const keyword = request?.is === 'undecided' ? request.keyword : 'none';
        undecided[keyword] = (undecided[keyword] ?? 0) + 1;
        continue;
      }
      decided++;
      if ((request.is === 'included') !== label)
        wrong.push({
          file: pair.file,
          sub,
          sup,
          label,
          ...(request.is === 'broken' && { witness: request.witness }),
        });
    }
  }
  return { questions, decided, wrong, undecided };
}

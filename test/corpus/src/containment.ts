import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { diffSchemas, type SchemaDiffOptions } from '@tenon/diff';
import { isObject, type Json } from '@tenon/model';
import { Ajv, type AnySchema } from 'ajv';
import { Ajv2019 } from 'ajv/dist/2019.js';
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

/** A label of the corpus that values refute; see `containment.adjudicated.json`. */
export interface AdjudicatedLabel {
  readonly file: string;
  readonly sub: unknown;
  readonly sup: unknown;
  readonly label: boolean;
  /** Of a label that says included: what the one takes and the other refuses. */
  readonly witness?: unknown;
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
    /** Does a plain Ajv over the documents as written contradict the label? */
    readonly isRefuted: boolean;
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
          isRefuted: refutes(pair.draft, sub, sup, request.is === 'broken' ? request.witness : undefined),
        });
    }
  }
  return { questions, decided, wrong, undecided };
}

/**
 * Asks an Ajv that knows nothing of the diff. A label that says included falls with one value which the first takes
 * and the second refuses; one that says not included falls where the first lists its values and the second takes each.
 */
function refutes(
  draft: ContainmentPair['draft'],
  sub: unknown,
  sup: unknown,
  witness: Json | undefined,
): boolean {
  const [inSub, inSup] = [sub, sup].map((schema) => {
    const options = { strict: false, logger: false, validateFormats: false } as const;
    const ajv = draft === 'draft2019-09' ? new Ajv2019(options) : new Ajv(options);
    // A schema of the corpus is an object or a boolean.
    return ajv.compile(schema as AnySchema);
  });
  if (witness !== undefined) return inSub!(witness) === true && inSup!(witness) === false;
  const values = listedValues(sub);
  return values?.every((value) => inSub!(value) !== true || inSup!(value) === true) ?? false;
}

function listedValues(schema: unknown): readonly unknown[] | undefined {
  if (!isObject(schema)) return undefined;
  if (Object.hasOwn(schema, 'const')) return [schema['const']];
  if (Array.isArray(schema['enum'])) return schema['enum'];
  if (!Array.isArray(schema['anyOf'])) return undefined;
  const lists = schema['anyOf'].map(listedValues);
  return lists.every((list) => list !== undefined) ? lists.flat() : undefined;
}

import { posix } from 'node:path';
import { fromPointer } from '@tenon/model';
import type { Part } from './part.ts';
import { pointerOf } from './place.ts';

/** Tokens that say where a schema is kept, not what it is. */
const CONTAINERS = new Set([
  'components',
  'schemas',
  'properties',
  'definitions',
  '$defs',
  'content',
  'schema',
]);

/**
 * Hands out the names of `definitions`: readable, and the same on every load of the same documents. A schema under
 * `components/schemas` keeps its name; one elsewhere is named after the way to it; one in another file after its own
 * name, with the file's in front where that is taken.
 */
export class SchemaNames {
  readonly #taken = new Set<string>();

  /** The name for a schema of the document `entry` loads. */
  give(part: Part, entry: string): string {
    const name = this.#free(candidatesFor(part, entry));
    this.#taken.add(name);
    return name;
  }

  #free(candidates: readonly string[]): string {
    for (const candidate of candidates) if (!this.#taken.has(candidate)) return candidate;
    const last = candidates.at(-1)!;
    let number = 2;
    while (this.#taken.has(`${last}_${number}`)) number++;
    return `${last}_${number}`;
  }
}

function candidatesFor(part: Part, entry: string): string[] {
  const tokens = tokensOf(part);
  const isComponent = tokens.length === 3 && tokens[0] === 'components' && tokens[1] === 'schemas';
  if (isComponent && part.base === entry) return [tokens[2]!];
  const stem = tidy(posix.basename(part.base).replace(/\.[^.]+$/, ''));
  const named = isComponent ? tokens[2]! : tidy(tokens.filter((token) => !CONTAINERS.has(token)).join('.'));
  if (named === '') return [stem];
  return part.base === entry ? [named] : [named, `${stem}.${named}`];
}

/** Where an overlay added the schema, its way in there without `/actions/<n>/update`. */
function tokensOf(part: Part): string[] {
  const tokens = fromPointer(pointerOf(part.place));
  return part.place.file === part.base ? tokens : tokens.slice(3);
}

function tidy(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]+/g, '_').replaceAll(/^_+|_+$/g, '');
}

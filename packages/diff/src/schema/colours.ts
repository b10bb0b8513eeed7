import { canonicalJson, isObject, sha256 } from '@tenon/model';
import type { JsonSchema } from '@tenon/schema';
import { definitionKey } from './dialect.ts';

type Definitions = Readonly<Record<string, JsonSchema>>;

/**
 * Names for the definitions of several documents that are equal exactly when they mean the same as far as structure
 * shows: partition refinement over the graph of references, so that recursion and renaming do not hide equality.
 */
export class Colours {
  private readonly bySet: readonly ReadonlyMap<string, string>[];
  private readonly signatures: readonly WeakMap<object, string>[];

  constructor(sets: readonly Definitions[]) {
    this.bySet = refine(sets);
    this.signatures = sets.map(() => new WeakMap());
  }

  /** The colour of a definition; one for itself when there is no such definition. */
  of(set: number, name: string): string {
    return this.bySet[set]!.get(name) ?? `?${name}`;
  }

  /** Equal for two schemas that are written alike up to the names of definitions, titles and descriptions. */
  signature(set: number, schema: JsonSchema): string {
    if (typeof schema === 'boolean') return String(schema);
    const known = this.signatures[set]!.get(schema);
    if (known !== undefined) return known;
    const refs: string[] = [];
    const skeleton = canonicalJson(withoutReferences(schema, refs, false));
    const made = sha256(`${skeleton}|${refs.map((name) => this.of(set, name)).join('|')}`);
    this.signatures[set]!.set(schema, made);
    return made;
  }
}

function refine(sets: readonly Definitions[]): readonly ReadonlyMap<string, string>[] {
  const nodes: {
    readonly set: number;
    readonly name: string;
    readonly refs: readonly string[];
    colour: string;
  }[] = [];
  const index = sets.map(() => new Map<string, number>());
  for (const [set, definitions] of sets.entries()) {
    for (const [name, schema] of Object.entries(definitions)) {
      const refs: string[] = [];
      const colour = sha256(canonicalJson(withoutReferences(schema, refs, false)));
      index[set]!.set(name, nodes.push({ set, name, refs, colour }) - 1);
    }
  }
  let count = new Set(nodes.map((node) => node.colour)).size;
  for (let round = 0; round < nodes.length; round++) {
    const next = nodes.map((node) => {
      if (node.refs.length === 0) return node.colour;
      const seen = node.refs.map((ref) => {
        const at = index[node.set]!.get(ref);
        return at === undefined ? `?${ref}` : nodes[at]!.colour;
      });
      return sha256(`${node.colour}|${seen.join('|')}`);
    });
    for (const [i, node] of nodes.entries()) node.colour = next[i]!;
    const now = new Set(next).size;
    if (now === count) break;
    count = now;
  }
  const found = sets.map(() => new Map<string, string>());
  for (const { set, name, colour } of nodes) found[set]!.set(name, colour);
  return found;
}

/** Keywords that neither a validator nor a reader of the diff looks at. */
const ANNOTATIONS = new Set(['title', 'description', 'examples', 'example', '$comment', 'externalDocs']);
const NAMED = new Set(['properties', 'patternProperties', 'dependentSchemas', '$defs', 'dependentRequired']);
const DATA = new Set(['enum', 'const', 'default']);

/** The one part of an `allOf` that says nothing more: `{ allOf: [x] }` is `x`. */
function onlyPart(schema: Readonly<Record<string, unknown>>): unknown {
  const { allOf } = schema;
  if (!Array.isArray(allOf) || allOf.length !== 1) return undefined;
  return Object.keys(schema).every((keyword) => keyword === 'allOf' || ANNOTATIONS.has(keyword))
    ? allOf[0]
    : undefined;
}

/** The schema with each reference replaced by a mark and collected in order. */
function withoutReferences(schema: unknown, refs: string[], isMap: boolean): unknown {
  if (Array.isArray(schema)) return schema.map((item) => withoutReferences(item, refs, false));
  if (!isObject(schema)) return schema;
  if (!isMap) {
    const only = onlyPart(schema);
    if (only !== undefined) return withoutReferences(only, refs, false);
  }
  const made: Record<string, unknown> = {};
  const put = (name: string, value: unknown): void => {
    Object.defineProperty(made, name, { value, enumerable: true, configurable: true, writable: true });
  };
  for (const keyword of Object.keys(schema).sort()) {
    const value = schema[keyword];
    if (isMap) put(keyword, withoutReferences(value, refs, false));
    else if (DATA.has(keyword)) put(keyword, value);
    else if (keyword === '$ref' && typeof value === 'string' && value.startsWith('#/$defs/')) {
      refs.push(definitionKey(value));
      put(keyword, '*');
    } else if (keyword === 'required' && Array.isArray(value)) put(keyword, value.toSorted());
    else if (!ANNOTATIONS.has(keyword)) put(keyword, withoutReferences(value, refs, NAMED.has(keyword)));
  }
  return made;
}

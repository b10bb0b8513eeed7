import { type Document, isMap, isSeq, type Node, type Pair, type ParsedNode, parseAllDocuments } from 'yaml';

/** Parses as a spec is parsed: keys are compared by us, for a place to point at. */
export function parseYaml(text: string): readonly Document.Parsed[] {
  const parsed = parseAllDocuments(text, {
    uniqueKeys: false,
    merge: false,
    logLevel: 'silent',
    schema: 'core',
  });
  return Array.isArray(parsed) ? parsed : [];
}

/** A piece of a spec's text, parsed by itself, and how far into the text it begins. */
export interface YamlPart<T> {
  readonly nodes: T;
  readonly base: number;
}

/** A spec cut at its steps: what stands before, each step, what stands after. */
export interface YamlParts {
  readonly start: number;
  readonly pairs: readonly YamlPart<readonly Pair<ParsedNode, ParsedNode | null>[]>[];
  /** Stands in for the value of the last pair of the first part. */
  readonly steps: { readonly start: number; readonly items: readonly YamlPart<Node>[]; readonly end: number };
  readonly end: number;
}

/** Pieces parsed before, by their text: all but one are as they were at the last key press. */
export interface YamlMemory {
  pieces: Map<string, ParsedNode | undefined>;
}

export function createYamlMemory(): YamlMemory {
  return { pieces: new Map() };
}

/**
 * Parses a spec step by step, taking over every piece whose text did not change. Only where that is sure to give what a
 * parse of the whole gives: a text that is not laid out as almost all are, or has any fault, gives `undefined`.
 */
export function parseParts(text: string, memory: YamlMemory): YamlParts | undefined {
  const cut = cutAtSteps(text);
  if (!cut) return undefined;
  const pieces: YamlMemory['pieces'] = new Map();
  const root = (from: number, to: number): ParsedNode | undefined => {
    const piece = text.slice(from, to);
    const node = pieces.get(piece) ?? memory.pieces.get(piece) ?? soundRoot(piece);
    pieces.set(piece, node);
    return node;
  };
  const head = root(0, cut.steps[0]!);
  const last = isMap(head) ? head.items.at(-1) : undefined;
  if (!isMap(head) || !head.range || last?.value?.range === undefined || !isNothing(last.value))
    return undefined;
  const items: YamlPart<Node>[] = [];
  let lastEnd = 0;
  for (const [index, from] of cut.steps.entries()) {
    const list = root(from, cut.steps[index + 1] ?? cut.tail);
    const [item] = isSeq(list) ? list.items : [];
    if (!isSeq(list) || list.items.length !== 1 || !item) return undefined;
    items.push({ nodes: item as Node, base: from });
    lastEnd = from + list.range[1];
  }
  let end = lastEnd;
  const pairs: YamlPart<readonly Pair<ParsedNode, ParsedNode | null>[]>[] = [{ nodes: head.items, base: 0 }];
  if (text.slice(cut.tail).trim() !== '') {
    const tail = root(cut.tail, text.length);
    if (!isMap(tail)) return undefined;
    pairs.push({ nodes: tail.items, base: cut.tail });
    end = cut.tail + tail.range[1];
  }
  memory.pieces = pieces;
  return { start: head.range[0], pairs, steps: { start: cut.dash, items, end: lastEnd }, end };
}

function isNothing(node: ParsedNode): boolean {
  return 'value' in node && node.value === null && node.range[0] === node.range[1];
}

function soundRoot(piece: string): ParsedNode | undefined {
  const [document, second] = parseYaml(piece);
  if (!document || second || document.errors.length > 0 || document.warnings.length > 0) return undefined;
  return document.contents ?? undefined;
}

interface Cut {
  /** Where each step's line begins, and the steps after the last. */
  readonly steps: readonly number[];
  /** Of the first step. */
  readonly dash: number;
  readonly tail: number;
}

/** `steps:` at the margin, items below it that all begin alike, and keys at the margin after them. */
function cutAtSteps(text: string): Cut | undefined {
  // Carriage returns, tabs and markers have rules of their own that are not worth following.
  if (/\r|\t|^---|^\.\.\.|^%/m.test(text)) return undefined;
  const begin = /^steps:\n/m.exec(text);
  if (!begin) return undefined;
  const steps: number[] = [];
  let indent = -1;
  let at = begin.index + begin[0].length;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const line = text.slice(at, end < 0 ? text.length : end);
    const depth = line.search(/\S/);
    if (depth >= 0 && line[depth] !== '#') {
      const isItem = line.startsWith('- ', depth);
      if (indent < 0) {
        if (!isItem || depth === 0) return undefined;
        indent = depth;
      }
      if (depth === 0) {
        // What goes on at the margin must be a key; an empty one has its place by other rules.
        if (!/^[A-Za-z]/.test(line)) return undefined;
        break;
      }
      if (depth < indent || (depth === indent && !isItem)) return undefined;
      if (depth === indent) steps.push(at);
    }
    at = end < 0 ? text.length : end + 1;
  }
  return steps.length === 0 ? undefined : { steps, dash: steps[0]! + indent, tail: at };
}

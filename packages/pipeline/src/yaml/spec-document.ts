import { textRange } from '@tenon/document';
import type { Diagnostic, Json, Location } from '@tenon/model';
import { isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import { diagnostic } from '../rules.ts';
import { type ScalarOffsets, type ScalarStyle, scalarOffsets } from './scalar-offsets.ts';
import { commentDiagnostic, syntaxDiagnostic, tagDiagnostic } from './traps.ts';
import { parseParts, parseYaml, type YamlMemory, type YamlParts } from './yaml-parts.ts';

/** A YAML text that Tenon's own formats are written in, parsed, every node with its exact place. */
export interface SpecDocument {
  readonly file: string;
  readonly text: string;
  /** Absent when the text is empty or cannot be read at all. */
  readonly root?: SpecNode;
  /** The text is not YAML: `root`, where there is one, is a guess, and checks beyond syntax would mislead. */
  readonly isBroken: boolean;
  /** Syntax errors, duplicate keys and YAML traps. */
  readonly diagnostics: readonly Diagnostic[];
  /** The place between two offsets of `text`. */
  range(start: number, end: number): Location;
  at(node: SpecNode): Location;
}

export type SpecNode = SpecMap | SpecList | SpecScalar;

interface Place {
  /** Offsets into the text; `end` is not included. */
  readonly start: number;
  readonly end: number;
}

export interface SpecMap extends Place {
  readonly kind: 'map';
  readonly entries: readonly SpecEntry[];
}

export interface SpecEntry {
  readonly key: SpecScalar;
  readonly value: SpecNode;
}

export interface SpecList extends Place {
  readonly kind: 'list';
  readonly items: readonly SpecNode[];
}

export interface SpecScalar extends Place {
  readonly kind: 'scalar';
  readonly value: null | boolean | number | string;
  readonly style: ScalarStyle;
  /** Places inside the value, for expressions. */
  offsets(): ScalarOffsets;
}

/** Longest text read and deepest nesting followed; both far above any real spec. */
const TEXT_LENGTH_MAX = 2_000_000;
const DEPTH_MAX = 100;

/**
 * Parses one YAML 1.2 document; with a memory, only those of its steps that it has not seen. Anchors, aliases, tags and merge keys are refused: a spec says what it means
 * where it says it.
 */
export function parseSpec(file: string, text: string, memory?: YamlMemory): SpecDocument {
  const found: Diagnostic[] = [];
  let isBroken = false;
  const range = (start: number, end: number): Location => ({ file, range: textRange(text, start, end) });
  const document = (root?: SpecNode): SpecDocument => ({
    file,
    text,
    ...(root && { root }),
    isBroken,
    diagnostics: found,
    range,
    at: (node) => range(node.start, node.end),
  });
  if (text.length > TEXT_LENGTH_MAX) {
    const message = `the file has ${text.length} characters; at most ${TEXT_LENGTH_MAX} are read`;
    found.push(diagnostic('yaml-too-large', { message, at: range(0, 0) }));
    isBroken = true;
    return document();
  }
  /** How far into the text the nodes begin that are being built. */
  let base = 0;
  const parts = memory && parseParts(text, memory);
  if (parts) return document(whole(parts));
  const [first, second] = parseYaml(text);
  if (!first) return document();
  // One slip makes YAML stumble on every line after it; the first error says it all.
  const [error] = first.errors;
  if (error) refuse(syntaxDiagnostic(error, text, range));
  if (second) {
    const at = range(second.range[0], second.range[0] + 3);
    found.push(diagnostic('yaml-many-documents', { message: 'a second YAML document starts here', at }));
  }
  const root = first.contents ? build(first.contents, 0) : undefined;
  return document(root);

  function whole({ start, pairs, steps, end }: YamlParts): SpecNode {
    const entries: SpecEntry[] = [];
    const seen = new Map<string, SpecScalar>();
    for (const [index, part] of pairs.entries()) {
      base = part.base;
      addEntries(part.nodes, 0, entries, seen);
      if (index > 0) continue;
      const items = steps.items.flatMap((item) => {
        base = item.base;
        return build(item.nodes, 2) ?? [];
      });
      const last = entries.pop();
      const { start: from, end: until } = steps;
      if (last)
        entries.push({
          key: last.key,
          value: { kind: 'list', start: from, end: lastOf(from, until), items },
        });
    }
    return { kind: 'map', start, end: lastOf(start, end), entries };
  }

  function build(node: Node, depth: number): SpecNode | undefined {
    const [start, end] = (node.range ?? [0, 0, 0]).map((offset) => offset + base) as [number, number, number];
    if (depth > DEPTH_MAX) {
      const message = `nested deeper than ${DEPTH_MAX} levels`;
      refuse(diagnostic('yaml-too-large', { message, at: range(start, start + 1) }));
      return undefined;
    }
    if (isAlias(node) || node.anchor !== undefined) {
      const message = isAlias(node) ? `alias *${node.source}` : `anchor &${node.anchor}`;
      const refused = diagnostic('yaml-alias', { message: `${message} in a spec`, at: range(start, end) });
      if (isAlias(node)) {
        // Its value is not here, and would be missed wherever it is needed.
        refuse(refused);
        return undefined;
      }
      found.push(refused);
    }
    if (node.tag !== undefined && !node.tag.startsWith('tag:yaml.org,2002:'))
      refuse(tagDiagnostic(node.tag, text, start, range));
    if (isMap(node))
      return { kind: 'map', start, end: lastOf(start, end), entries: entriesOf(node.items, depth) };
    if (isSeq(node)) {
      const items = node.items.flatMap((item) => build(item as Node, depth + 1) ?? []);
      return { kind: 'list', start, end: lastOf(start, end), items };
    }
    if (isScalar(node)) return scalar(node.value, styleOf(node.type), start, end);
    return undefined;
  }

  /** What follows from it would only mislead. */
  function refuse(one: Diagnostic): void {
    isBroken = true;
    found.push(one);
  }

  function entriesOf(pairs: Pairs, depth: number): SpecEntry[] {
    const entries: SpecEntry[] = [];
    addEntries(pairs, depth, entries, new Map());
    return entries;
  }

  function addEntries(
    pairs: Pairs,
    depth: number,
    entries: SpecEntry[],
    seen: Map<string, SpecScalar>,
  ): void {
    for (const pair of pairs) {
      const key = pair.key === null ? undefined : build(pair.key as Node, depth + 1);
      if (key?.kind !== 'scalar') {
        const at = key ? range(key.start, key.end) : range(0, 0);
        found.push(diagnostic('yaml-key-not-text', { message: 'a key must be a plain text', at }));
        continue;
      }
      const name = String(key.value);
      const earlier = seen.get(name);
      if (earlier) {
        found.push(
          diagnostic('yaml-duplicate-key', {
            message: `\`${name}\` is given twice`,
            at: range(key.start, key.end),
            related: [{ ...range(earlier.start, earlier.end), message: 'first given here' }],
          }),
        );
        continue;
      }
      seen.set(name, key);
      const value = pair.value
        ? build(pair.value as Node, depth + 1)
        : scalar(null, 'plain', key.end, key.end);
      if (value) entries.push({ key, value });
    }
  }

  function scalar(value: unknown, style: ScalarStyle, start: number, end: number): SpecScalar {
    const plain = plainValue(value);
    if (style === 'plain' && typeof plain === 'string') {
      const cut = commentDiagnostic(plain, start, end, text, range);
      if (cut) refuse(cut);
    }
    return new WrittenScalar(plain, style, start, trimmedEnd(start, end, style), text, end);
  }

  /** A block's range runs to the end of its last line, or further; a caret should not. */
  function trimmedEnd(start: number, end: number, style: ScalarStyle): number {
    return style === 'literal' || style === 'folded' ? lastOf(start, end) : end;
  }

  /** Just after the last character between two offsets that is no blank. */
  function lastOf(start: number, end: number): number {
    let last = end;
    while (last > start && /\s/.test(text[last - 1] ?? '')) last--;
    return last;
  }
}

/** A class, since most nodes are scalars and few are asked for their offsets: each would hold a function of its own. */
class WrittenScalar implements SpecScalar {
  readonly kind = 'scalar';
  readonly value: SpecScalar['value'];
  readonly style: ScalarStyle;
  readonly start: number;
  readonly end: number;
  readonly #text: string;
  readonly #writtenEnd: number;
  #offsets: ScalarOffsets | undefined;

  constructor(
    value: SpecScalar['value'],
    style: ScalarStyle,
    start: number,
    end: number,
    text: string,
    writtenEnd: number,
  ) {
    this.value = value;
    this.style = style;
    this.start = start;
    this.end = end;
    this.#text = text;
    this.#writtenEnd = writtenEnd;
  }

  offsets(): ScalarOffsets {
    this.#offsets ??= scalarOffsets(
      this.#text,
      this.start,
      this.#writtenEnd,
      this.style,
      String(this.value ?? ''),
    );
    return this.#offsets;
  }
}

type Pairs = readonly { key: unknown; value: unknown }[];

/** The value of an entry of a map, or `undefined`. */
export function entry(node: SpecNode | undefined, key: string): SpecEntry | undefined {
  return node?.kind === 'map' ? node.entries.find((candidate) => candidate.key.value === key) : undefined;
}

export function child(node: SpecNode | undefined, key: string): SpecNode | undefined {
  return entry(node, key)?.value;
}

/** The node as plain JSON. */
export function jsonOf(node: SpecNode): Json {
  switch (node.kind) {
    case 'scalar':
      return node.value;
    case 'list':
      return node.items.map(jsonOf);
    case 'map':
      return Object.fromEntries(node.entries.map(({ key, value }) => [String(key.value), jsonOf(value)]));
  }
}

function plainValue(value: unknown): null | boolean | number | string {
  if (value === null || typeof value === 'boolean' || typeof value === 'number') return value;
  if (value === undefined) return null;
  return String(value);
}

const STYLES: Readonly<Record<string, ScalarStyle>> = {
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};

function styleOf(type: string | undefined): ScalarStyle {
  return STYLES[type ?? ''] ?? 'plain';
}

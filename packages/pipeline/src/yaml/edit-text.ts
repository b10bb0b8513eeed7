import { isCollection, isNode, type Pair } from 'yaml';

/** A stretch of a text, and what comes in its place. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly put: string;
}

/** The text with these edits; every other byte stays as its author wrote it. */
export function edited(text: string, edits: readonly Edit[]): string {
  return edits
    .toSorted((a, b) => b.from - a.from)
    .reduce((now, { from, to, put }) => now.slice(0, from) + put + now.slice(to), text);
}

/** A text that YAML reads as itself, in quotes where it would not. */
export function plain(text: string): string {
  const isPlain =
    /^[A-Za-z_][\w./-]*(?::[\w./-]+)*$/.test(text) && !/^(?:true|false|null|yes|no|on|off)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}

export function startOf({ key }: Pair): number {
  return rangeOf(key)[0];
}

/** Behind the last thing that stands in a pair: a collection's own range takes in the comments and lines that follow. */
export function endOf({ key, value }: Pair): number {
  if (isCollection(value) && value.flow !== true) {
    const last: unknown = value.items.at(-1);
    if (last !== undefined) return isPair(last) ? endOf(last) : rangeOf(last)[1];
  }
  return isNode(value) ? rangeOf(value)[1] : rangeOf(key)[1];
}

function isPair(value: unknown): value is Pair {
  return typeof value === 'object' && value !== null && 'key' in value;
}

function rangeOf(node: unknown): readonly [number, number, number] {
  if (!isNode(node) || !node.range) throw new Error('a parsed node knows its place');
  return node.range;
}

export function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

export function lineEnd(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end === -1 ? text.length : end;
}

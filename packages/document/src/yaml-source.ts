import {
  CHOMPING_MODE,
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  mergeTag,
  parseEvents,
  SCALAR_STYLE,
} from 'js-yaml';
import { noChildren, type ScalarStyle, type SourceChild, type SourceNode, type Span } from './source-node.ts';

/** YAML 1.2's core schema, with the merge key `<<` that many published contracts use. */
export const yamlSchema = CORE_SCHEMA.withTags(mergeTag);

/** How deep a document may nest, in JSON too. Real contracts stay under 60; the bound keeps recursion off the stack's end. */
export const DEPTH_MAX = 256;

type ScalarEvent = Extract<Event, { type: typeof EVENT_ID.SCALAR }>;

/** The root of a text that js-yaml accepts; parses it again, for events cost too much memory to be kept for all. */
export function yamlSource(text: string): SourceNode {
  const events = parseEvents(text, { maxDepth: DEPTH_MAX });
  return new YamlTree(text, events).root();
}

class YamlTree {
  readonly #text: string;
  readonly #events: readonly Event[];
  /** Of an event that opens a container, the index of the one that closes it, and back; of any other, its own. */
  readonly #mateOf: Int32Array;
  /** Anchor name → indexes of the events that define it, ascending. */
  readonly #anchors = new Map<string, number[]>();

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
    this.#mateOf = new Int32Array(events.length);
    const open: number[] = [];
    for (let i = 0; i < events.length; i++) {
      const event = events[i]!;
      this.#mateOf[i] = i;
      if (event.type === EVENT_ID.POP) {
        const opened = open.pop()!;
        this.#mateOf[opened] = i;
        this.#mateOf[i] = opened;
      } else if (event.type !== EVENT_ID.SCALAR && event.type !== EVENT_ID.ALIAS) open.push(i);
      this.#noteAnchor(event, i);
    }
  }

  root(): SourceNode {
    return this.#node(1, [0, 0]);
  }

  #noteAnchor(event: Event, index: number): void {
    if (event.type === EVENT_ID.ALIAS || !('anchorStart' in event) || event.anchorStart < 0) return;
    const name = this.#text.slice(event.anchorStart, event.anchorEnd);
    const indexes = this.#anchors.get(name);
    if (indexes) indexes.push(index);
    else this.#anchors.set(name, [index]);
  }

  /** `gap`: where an empty value stands, for it has no text of its own. */
  #node(index: number, gap: Span): SourceNode {
    const event = this.#events[index]!;
    if (event.type === EVENT_ID.SCALAR) return this.#scalar(event, gap);
    if (event.type === EVENT_ID.ALIAS) {
      const target = this.#targetOf(event.anchorStart, event.anchorEnd, index);
      const span: Span = [event.anchorStart - 1, event.anchorEnd];
      if (target === undefined) return { span: () => span, children: () => noChildren };
      const node = this.#node(target, gap);
      return { ...(node.style && { style: node.style }), span: () => span, children: () => node.children() };
    }
    let known: ReadonlyMap<string, SourceChild> | undefined;
    return {
      span: () => this.#containerSpan(index),
      children: () => {
        known ??= event.type === EVENT_ID.MAPPING ? this.#members(index) : this.#items(index);
        return known;
      },
    };
  }

  #targetOf(nameStart: number, nameEnd: number, before: number): number | undefined {
    return this.#anchors.get(this.#text.slice(nameStart, nameEnd))?.findLast((index) => index < before);
  }

  #scalar(event: ScalarEvent, gap: Span): SourceNode {
    const style = styleOf(event);
    const span = style === 'empty' ? gap : scalarSpan(this.#text, event);
    return { style, span: () => span, children: () => noChildren };
  }

  #members(index: number): ReadonlyMap<string, SourceChild> {
    const own = new Map<string, SourceChild>();
    const merged: number[] = [];
    const close = this.#mateOf[index]!;
    for (let keyIndex = index + 1; keyIndex < close; ) {
      const valueIndex = this.#mateOf[keyIndex]! + 1;
      const keyEvent = this.#events[keyIndex]!;
      if (keyEvent.type === EVENT_ID.SCALAR) {
        const key =
          keyEvent.valueStart < 0
            ? ([this.#startOf(valueIndex), this.#startOf(valueIndex)] as const)
            : scalarSpan(this.#text, keyEvent);
        const name = keyEvent.valueStart < 0 ? 'null' : keyName(this.#text, keyEvent);
        const colon = this.#text.indexOf(':', key[1]);
        const gap = colon === -1 ? key[1] : colon + 1;
        if (name === '<<' && keyEvent.style === SCALAR_STYLE.PLAIN) merged.push(valueIndex);
        else own.set(name, { key, value: this.#node(valueIndex, [gap, gap]) });
      }
      keyIndex = this.#mateOf[valueIndex]! + 1;
    }
    for (const from of merged) this.#merge(from, own);
    return own;
  }

  /** Members that `<<` brings in stand where the merged mapping has them; own members win. */
  #merge(index: number, into: Map<string, SourceChild>): void {
    const node = this.#node(index, [0, 0]);
    const isList = this.#events[index]!.type === EVENT_ID.SEQUENCE;
    const sources = isList ? [...node.children().values()].map((child) => child.value) : [node];
    for (const source of sources)
      for (const [name, child] of source.children()) if (!into.has(name)) into.set(name, child);
  }

  #items(index: number): ReadonlyMap<string, SourceChild> {
    const found = new Map<string, SourceChild>();
    const close = this.#mateOf[index]!;
    let behind = this.#startOf(index);
    for (let item = index + 1; item < close; item = this.#mateOf[item]! + 1) {
      const value = this.#node(item, this.#emptyItemSpan(behind));
      behind = value.span()[1];
      found.set(String(found.size), { value });
    }
    return found;
  }

  #emptyItemSpan(from: number): Span {
    const dash = this.#text.indexOf('-', from);
    const at = dash === -1 ? from : dash + 1;
    return [at, at];
  }

  #startOf(index: number): number {
    const event = this.#events[index]!;
    if (event.type === EVENT_ID.SCALAR) return event.valueStart < 0 ? 0 : scalarSpan(this.#text, event)[0];
    if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1;
    return 'start' in event ? event.start : 0;
  }

  /** js-yaml gives no end for a container: a block one ends with its last value, a flow one at its bracket. */
  #containerSpan(index: number): Span {
    const event = this.#events[index]!;
    const start = this.#startOf(index);
    const close = this.#mateOf[index]!;
    const isFlow = 'style' in event && event.type !== EVENT_ID.SCALAR && isBracket(this.#text[start]);
    let end = start + (isFlow ? 1 : 0);
    for (let i = close - 1; i > index; i--) {
      const last = this.#events[i]!;
      if (last.type === EVENT_ID.POP) {
        // The innermost container that closes here ends later than anything before it.
        end = Math.max(end, this.#containerSpan(this.#mateOf[i]!)[1]);
        break;
      }
      if (last.type === EVENT_ID.ALIAS) end = Math.max(end, last.anchorEnd);
      else if (last.type === EVENT_ID.SCALAR && last.valueStart >= 0)
        end = Math.max(end, scalarSpan(this.#text, last)[1]);
      else continue;
      break;
    }
    if (!isFlow) return [start, this.#behindColon(index, end)];
    return [start, closingBracket(this.#text, end)];
  }

  /** A block mapping whose last value is empty ends behind that key's colon, a list behind its dash. */
  #behindColon(index: number, end: number): number {
    const last = this.#events[this.#mateOf[index]! - 1]!;
    if (last.type !== EVENT_ID.SCALAR || last.valueStart >= 0) return end;
    const sign = this.#events[index]!.type === EVENT_ID.MAPPING ? ':' : '-';
    const at = this.#text.indexOf(sign, end);
    return at === -1 ? end : at + 1;
  }
}

function isBracket(char: string | undefined): boolean {
  return char === '{' || char === '[';
}

/** The offset behind the bracket that closes a flow container, looking from the end of its last value. */
function closingBracket(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    const char = text[at];
    if (char === '}' || char === ']') return at + 1;
    if (char === '#' && /\s/.test(text[at - 1] ?? ' ')) {
      const lineEnd = text.indexOf('\n', at);
      if (lineEnd === -1) break;
      at = lineEnd;
    }
  }
  return text.length;
}

const STYLES: Readonly<Record<number, ScalarStyle>> = {
  [SCALAR_STYLE.PLAIN]: 'plain',
  [SCALAR_STYLE.SINGLE_QUOTED]: 'single',
  [SCALAR_STYLE.DOUBLE_QUOTED]: 'double',
  [SCALAR_STYLE.LITERAL_BLOCK]: 'literal',
  [SCALAR_STYLE.FOLDED_BLOCK]: 'folded',
};

function styleOf(event: ScalarEvent): ScalarStyle {
  return event.valueStart < 0 ? 'empty' : STYLES[event.style]!;
}

/** From quote to quote, or from the `|` or `>` of a block scalar to the line break behind its last line. */
export function scalarSpan(text: string, event: ScalarEvent): Span {
  const { valueStart, valueEnd, style } = event;
  if (style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED)
    return [valueStart - 1, valueEnd + 1];
  if (style === SCALAR_STYLE.PLAIN) return [valueStart, valueEnd];
  const end = event.chomping === CHOMPING_MODE.KEEP ? valueEnd : blockEnd(text, valueStart, valueEnd);
  return [blockHeader(text, valueStart), end];
}

const BLOCK_HEADER = /[|>][-+0-9]*[ \t]*(?:[ \t]#.*)?$/;

function blockHeader(text: string, valueStart: number): number {
  const breakAt = valueStart - (text[valueStart - 1] === '\n' && text[valueStart - 2] === '\r' ? 2 : 1);
  const isAtBreak = text[valueStart - 1] === '\n' || text[valueStart - 1] === '\r';
  const headerEnd = isAtBreak ? breakAt : valueStart;
  const lineStart =
    Math.max(text.lastIndexOf('\n', headerEnd - 1), text.lastIndexOf('\r', headerEnd - 1)) + 1;
  const found = BLOCK_HEADER.exec(text.slice(lineStart, headerEnd));
  return found ? lineStart + found.index : valueStart;
}

/** Blank lines behind a block scalar are not part of it unless it keeps them (`|+`); its last line's break always is. */
function blockEnd(text: string, valueStart: number, valueEnd: number): number {
  let end = valueEnd;
  while (end > valueStart && /\s/.test(text[end - 1]!)) end--;
  if (text[end] === '\r') end++;
  if (text[end] === '\n') end++;
  return Math.min(end, valueEnd);
}

/** The key as it stands in the parsed value: what its scalar is (a number, `true`), as text. */
export function keyName(text: string, event: ScalarEvent): string {
  if (event.style !== SCALAR_STYLE.PLAIN && event.tagStart < 0) return getScalarValue(text, event);
  const document: Event = {
    type: EVENT_ID.DOCUMENT,
    explicitStart: false,
    explicitEnd: false,
    directives: [],
  };
  const events: Event[] = [document, event, { type: EVENT_ID.POP }];
  return String(constructFromEvents(events, { source: text, schema: yamlSchema })[0]);
}

/** How a scalar is written: `json` for any JSON scalar, the others as YAML names them. */
export type ScalarStyle = 'json' | 'plain' | 'single' | 'double' | 'literal' | 'folded' | 'empty';

/** Start and end offset. */
export type Span = readonly [start: number, end: number];

/**
 * A value as it stands in the text. Children are found when asked for and then kept, so that locating one pointer
 * costs a walk over the containers on its way, and the next pointer nearby costs nothing.
 */
export interface SourceNode {
  span(): Span;
  /** Absent for an object or a list. */
  readonly style?: ScalarStyle;
  /** Members by key, items by index; empty for a scalar. A key given twice names its last value, as parsing does. */
  children(): ReadonlyMap<string, SourceChild>;
}

export interface SourceChild {
  /** Absent for a list item. */
  readonly key?: Span;
  readonly value: SourceNode;
}

export const noChildren: ReadonlyMap<string, SourceChild> = new Map();

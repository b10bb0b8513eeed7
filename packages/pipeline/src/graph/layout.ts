import { compareText } from '@tenon/model';
import type { WorkspaceGraph } from './graph.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** In pixels. */
export const NODE_WIDTH = 190;
export const NODE_HEIGHT = 34;
const COLUMN_GAP = 90;
const ROW_GAP = 18;
/** Orderings tried: crossings hardly fall after a few. */
const SWEEPS = 6;

/**
 * Places nodes in columns, left to right along the edges (Sugiyama's method in its simplest form): cycles are cut at
 * the edge that closes them, a node's column is its longest way from a source, and each column is ordered by where its
 * neighbours stand. The same graph gives the same picture.
 */
export function layoutOf({ nodes, edges }: WorkspaceGraph): {
  /** Upper left corners by node id. */
  readonly places: ReadonlyMap<string, Point>;
  readonly width: number;
  readonly height: number;
} {
  const next = Map.groupBy(
    edges.filter(({ from, to }) => from !== to),
    ({ from }) => from,
  );
  const ranks = ranksOf(
    nodes.map(({ id }) => id),
    (id) => (next.get(id) ?? []).map(({ to }) => to),
  );
  const columns: string[][] = [];
  for (const { id } of nodes) {
    const rank = ranks.get(id) ?? 0;
    columns[rank] = [...(columns[rank] ?? []), id];
  }
  const neighbours = new Map<string, string[]>(nodes.map(({ id }) => [id, []]));
  for (const { from, to } of edges) {
    neighbours.get(from)?.push(to);
    neighbours.get(to)?.push(from);
  }
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const order = sweep % 2 === 0 ? columns : columns.toReversed();
    const rows = new Map(columns.flatMap((column) => column.map((id, row) => [id, row] as const)));
    for (const column of order) {
      const weights = new Map(
        column.map((id) => [
          id,
          mean(
            (neighbours.get(id) ?? []).map((other) => rows.get(other) ?? 0),
            rows.get(id) ?? 0,
          ),
        ]),
      );
      column.sort((a, b) => weights.get(a)! - weights.get(b)! || compareText(a, b));
      for (const [row, id] of column.entries()) rows.set(id, row);
    }
  }
  const tallest = Math.max(1, ...columns.map(({ length }) => length));
  const height = tallest * (NODE_HEIGHT + ROW_GAP) - ROW_GAP;
  const places = new Map<string, Point>();
  for (const [rank, column] of columns.entries()) {
    const used = column.length * (NODE_HEIGHT + ROW_GAP) - ROW_GAP;
    for (const [row, id] of column.entries())
      places.set(id, {
        x: rank * (NODE_WIDTH + COLUMN_GAP),
        y: (height - used) / 2 + row * (NODE_HEIGHT + ROW_GAP),
      });
  }
  return { places, height, width: Math.max(1, columns.length) * (NODE_WIDTH + COLUMN_GAP) - COLUMN_GAP };
}

/** The longest way from a source to each node, without the edges that close a cycle; no column stays empty. */
function ranksOf(
  ids: readonly string[],
  next: (id: string) => readonly string[],
): ReadonlyMap<string, number> {
  const order: string[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const closing = new Set<string>();
  const visit = (id: string): void => {
    state.set(id, 'open');
    for (const to of next(id)) {
      if (state.get(to) === 'open') closing.add(`${id} ${to}`);
      else if (!state.has(to)) visit(to);
    }
    state.set(id, 'done');
    order.unshift(id);
  };
  for (const id of ids) if (!state.has(id)) visit(id);
  const ranks = new Map<string, number>(ids.map((id) => [id, 0]));
  for (const id of order)
    for (const to of next(id))
      if (!closing.has(`${id} ${to}`)) ranks.set(to, Math.max(ranks.get(to) ?? 0, (ranks.get(id) ?? 0) + 1));
  return ranks;
}

function mean(values: readonly number[], otherwise: number): number {
  return values.length === 0 ? otherwise : values.reduce((sum, value) => sum + value, 0) / values.length;
}

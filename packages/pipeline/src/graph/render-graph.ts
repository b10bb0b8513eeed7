import type { GraphEdge, GraphNode, WorkspaceGraph } from './graph.ts';
import { layoutOf, NODE_HEIGHT, NODE_WIDTH, type Point } from './layout.ts';

/** A graph as text for people, JSON for programs, or a picture: Mermaid, Graphviz' language, SVG. */
export const graphFormats = {
  text: renderText,
  json: (graph: WorkspaceGraph): string => `${JSON.stringify(graph, undefined, 2)}\n`,
  mermaid: renderMermaid,
  dot: renderDot,
  svg: renderSvg,
} as const satisfies Record<string, (graph: WorkspaceGraph) => string>;

export type GraphFormat = keyof typeof graphFormats;

function renderText({ nodes, edges }: WorkspaceGraph): string {
  const nameOf = new Map(nodes.map((node) => [node.id, `${node.kind} ${node.name}`]));
  return nodes
    .map((node) => {
      const owner = node.owner === undefined ? '' : ` (${node.owner})`;
      const errors = node.errors === undefined ? '' : `  ${node.errors} errors`;
      const out = edges.filter(({ from }) => from === node.id);
      const lines = out.map((edge) => `  ${labelOf(edge)} → ${nameOf.get(edge.to)}`);
      return [`${node.kind} ${node.name}${owner}${errors}`, ...lines, ''].join('\n');
    })
    .join('\n');
}

function labelOf({ kind, operations }: GraphEdge): string {
  return operations.length === 0 ? kind : `${kind} ${operations.join(', ')}`;
}

const MERMAID_SHAPES: Readonly<Record<GraphNode['kind'], readonly [string, string]>> = {
  contract: ['[/', '/]'],
  event: ['([', '])'],
  pipeline: ['[', ']'],
  system: ['[(', ')]'],
};

function renderMermaid({ nodes, edges }: WorkspaceGraph): string {
  const ids = new Map(nodes.map((node, index) => [node.id, `n${index}`]));
  const text = (value: string): string => `"${value.replaceAll('"', '#quot;')}"`;
  const lines = nodes.map((node) => {
    const [open, close] = MERMAID_SHAPES[node.kind];
    return `  ${ids.get(node.id)}${open}${text(node.name)}${close}`;
  });
  const arrows = edges.map(
    (edge) => `  ${ids.get(edge.from)} -->|${text(labelOf(edge))}| ${ids.get(edge.to)}`,
  );
  return ['flowchart LR', ...lines, ...arrows, ''].join('\n');
}

const DOT_SHAPES: Readonly<Record<GraphNode['kind'], string>> = {
  contract: 'note',
  event: 'ellipse',
  pipeline: 'box',
  system: 'cylinder',
};

function renderDot({ nodes, edges }: WorkspaceGraph): string {
  const text = (value: string): string => `"${value.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
  return [
    'digraph tenon {',
    '  rankdir=LR;',
    ...nodes.map((node) => `  ${text(node.id)} [label=${text(node.name)}, shape=${DOT_SHAPES[node.kind]}];`),
    ...edges.map((edge) => `  ${text(edge.from)} -> ${text(edge.to)} [label=${text(labelOf(edge))}];`),
    '}',
    '',
  ].join('\n');
}

const FILLS: Readonly<Record<GraphNode['kind'], string>> = {
  contract: '#f3f0e6',
  event: '#fdf1d8',
  pipeline: '#dfeaf8',
  system: '#e3f1e4',
};
const MARGIN = 24;

function renderSvg(graph: WorkspaceGraph): string {
  const { places, width, height } = layoutOf(graph);
  const at = (id: string): Point => places.get(id) ?? { x: 0, y: 0 };
  const arrows = graph.edges.map((edge) => {
    const from = at(edge.from);
    const to = at(edge.to);
    const isBack = to.x <= from.x;
    const start = { x: from.x + (isBack ? 0 : NODE_WIDTH), y: from.y + NODE_HEIGHT / 2 };
    const end = { x: to.x + (isBack ? NODE_WIDTH : 0), y: to.y + NODE_HEIGHT / 2 };
    const bend = (end.x - start.x) / 2;
    const curve = `M${start.x},${start.y} C${start.x + bend},${start.y} ${end.x - bend},${end.y} ${end.x},${end.y}`;
    return `<path d="${curve}" class="${edge.kind}" marker-end="url(#arrow)"><title>${escaped(labelOf(edge))}</title></path>`;
  });
  const boxes = graph.nodes.map((node) => {
    const { x, y } = at(node.id);
    const radius = node.kind === 'event' ? NODE_HEIGHT / 2 : 4;
    const stroke = node.errors === undefined ? '#555' : '#b00020';
    return [
      `<g><title>${escaped([`${node.kind} ${node.name}`, node.owner, node.file].filter((one) => one !== undefined).join('\n'))}</title>`,
      `<rect x="${x}" y="${y}" width="${NODE_WIDTH}" height="${NODE_HEIGHT}" rx="${radius}" fill="${FILLS[node.kind]}" stroke="${stroke}"/>`,
      `<text x="${x + NODE_WIDTH / 2}" y="${y + NODE_HEIGHT / 2 + 4}">${escaped(short(node.name))}</text></g>`,
    ].join('');
  });
  const size = { width: width + 2 * MARGIN, height: height + 2 * MARGIN };
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${-MARGIN} ${-MARGIN} ${size.width} ${size.height}" width="${size.width}" height="${size.height}" role="img" aria-label="Contracts, systems, events and pipelines">`,
    '<style>text{font:12px sans-serif;text-anchor:middle}path{fill:none;stroke:#888}.writes,.emits{stroke:#1f5fa8;stroke-width:1.6}.describes{stroke-dasharray:4 3}</style>',
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0,0 L8,4 L0,8 z" style="fill:#666;stroke:none"/></marker></defs>',
    ...arrows,
    ...boxes,
    '</svg>',
    '',
  ].join('\n');
}

/** Characters of a name that fit into its box; the whole is in the tooltip. */
const NAME_LENGTH_MAX = 26;

function short(name: string): string {
  return name.length <= NAME_LENGTH_MAX ? name : `${name.slice(0, NAME_LENGTH_MAX - 1)}…`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

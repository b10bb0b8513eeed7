import { describe, expect, it } from 'vitest';
import { PIPELINE, secondPipeline, swap, testWorkspace } from '../test-workspace.ts';
import { catalogOfSystems, renderCatalog } from './catalog-of-systems.ts';
import { declassificationsOf, renderDeclassifications } from './declassified.ts';
import { graphOf } from './graph.ts';
import { layoutOf } from './layout.ts';
import { type GraphFormat, graphFormats } from './render-graph.ts';

describe('the graph of a workspace', () => {
  it('joins systems, events and pipelines', async () => {
    const { workspace, check } = await testWorkspace();
    const { nodes, edges } = graphOf(check, workspace);
    expect(nodes.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        'contract:shop',
        'event:shop.orderPlaced',
        'pipeline:order-placed',
        'event:news.orderShipped',
      ]),
    );
    const said = edges.map(({ from, kind, to }) => `${from} ${kind} ${to}`);
    expect(said).toContain('event:shop.orderPlaced starts pipeline:order-placed');
    expect(said).toContain('event:shop.orderPaid resumes pipeline:order-placed');
    expect(said).toContain('pipeline:order-placed emits event:news.orderShipped');
    const writes = edges.find(({ kind }) => kind === 'writes');
    expect(writes?.operations).toEqual(expect.arrayContaining(['createCharge', 'refundCharge']));
    const ids = new Set(nodes.map(({ id }) => id));
    for (const { from, to } of edges) expect(ids.has(from) && ids.has(to)).toBe(true);
  });

  it('shows pipelines with errors as such', async () => {
    const { workspace, check } = await testWorkspace({
      [PIPELINE]: swap('event.total > 0', 'event.totl > 0'),
    });
    expect(graphOf(check, workspace).nodes.find(({ kind }) => kind === 'pipeline')?.errors).toBe(1);
  });

  it('joins pipelines through the events between them', async () => {
    const second = secondPipeline("  - id: seen\n    set: '${ event.orderId }'");
    const { workspace, check } = await testWorkspace({ 'pipelines/second.pipeline.yaml': second });
    const starts = graphOf(check, workspace).edges.filter(({ from }) => from === 'event:news.orderShipped');
    expect(starts.map(({ to }) => to)).toEqual(['pipeline:parcel-left']);
  });

  // Its own keys are its formats.
  it.each(Object.keys(graphFormats) as GraphFormat[])(
    'is the same %s each time, and names every node',
    async (format) => {
      const { workspace, check } = await testWorkspace();
      const graph = graphOf(check, workspace);
      const text = graphFormats[format](graph);
      expect(graphFormats[format](graphOf(check, workspace))).toBe(text);
      for (const { name } of graph.nodes) expect(text).toContain(name);
    },
  );

  it('is drawn with every node in a place of its own, also when there are cycles', () => {
    const node = (name: string) => ({ id: name, kind: 'event', name }) as const;
    const edge = (from: string, to: string) => ({ from, to, kind: 'starts', operations: [] }) as const;
    const graph = {
      nodes: ['a', 'b', 'c', 'd'].map(node),
      edges: [edge('a', 'b'), edge('b', 'c'), edge('c', 'a'), edge('c', 'd'), edge('d', 'd')],
    };
    const { places } = layoutOf(graph);
    expect(new Set([...places.values()].map(({ x, y }) => `${x} ${y}`)).size).toBe(4);
    expect(places.get('a')!.x).toBeLessThan(places.get('b')!.x);
    expect(places.get('c')!.x).toBeLessThan(places.get('d')!.x);
  });

  it('cannot be broken out of by a name', () => {
    const graph = { nodes: [{ id: 'x', kind: 'event', name: '<script>"' } as const], edges: [] };
    expect(graphFormats.svg(graph)).not.toContain('<script>');
    expect(graphFormats.mermaid(graph)).not.toContain('>""');
  });
});

describe('the catalog of systems', () => {
  it('tells what each owns, offers and takes part in', async () => {
    const { workspace } = await testWorkspace();
    const shop = catalogOfSystems(workspace).find(({ contract }) => contract === 'shop')!;
    expect(shop.owns).toEqual(['Order.note']);
    expect(shop.steward).toBe('sales');
    expect(shop.flows).toEqual(['order-placed']);
    expect(shop.verbs.find(({ operation }) => operation === 'createCharge')).toMatchObject({
      effect: 'create',
      usedBy: ['order-placed'],
    });
    expect(shop.verbs.find(({ operation }) => operation === 'deleteOrder')?.usedBy).toEqual([]);
    const text = renderCatalog(catalogOfSystems(workspace), 'text');
    expect(text).toContain('createCharge (create): order-placed');
    expect(JSON.parse(renderCatalog(catalogOfSystems(workspace), 'json'))).toHaveLength(
      catalogOfSystems(workspace).length,
    );
  });
});

describe('what is declassified', () => {
  it('is listed with its reason and place, for an audit', async () => {
    const { workspace, diagnostics } = await testWorkspace({
      [PIPELINE]: swap(
        "to: '${ event.customer.name }'",
        "to: \"${ 'to ' + declassify(event.customer.email, 'the carrier writes to them, art. 6') }\"",
      ),
    });
    expect(diagnostics).toEqual([]);
    const found = declassificationsOf(workspace);
    expect(found).toMatchObject([
      {
        pipeline: 'order-placed',
        owner: 'sales',
        value: 'event.customer.email',
        reason: 'the carrier writes to them, art. 6',
      },
    ]);
    expect(renderDeclassifications(found, 'text')).toContain(`${PIPELINE}:46:`);
    expect(renderDeclassifications([], 'text')).toBe('nothing is declassified\n');
  });
});

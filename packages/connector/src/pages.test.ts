import type { Json, JsonObject } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { faultServer, harness, json, operationPlan } from './http/fault-server.testing.ts';
import type { PaginationManifest } from './manifest.ts';
import { type Page, type PagesOptions, pages, pagesToTheEnd } from './pages.ts';
import type { CallResult, Transport } from './transport.ts';

type Answer = (input: JsonObject) => { readonly body: Json; readonly headers?: Record<string, string> };

async function listing(
  pagination: PaginationManifest | undefined,
  answer: Answer,
  input: JsonObject = {},
  options: PagesOptions = {},
  read: typeof pages = pages,
) {
  const inputs: JsonObject[] = [];
  const transport: Transport = {
    call: async (request): Promise<CallResult> => {
      inputs.push(request.input);
      return { ok: true, status: 200, headers: {}, ...answer(request.input) };
    },
    close: async () => {},
  };
  const operation = operationPlan(pagination === undefined ? {} : { pagination });
  const found: Page[] = await all(read(transport, { operation, input }, options));
  return { inputs, items: found.flatMap((page) => (page.ok ? page.items : [page.failure.code])) };
}

async function all(found: AsyncIterable<Page>): Promise<Page[]> {
  const list: Page[] = [];
  for await (const page of found) list.push(page);
  return list;
}

describe('pages', () => {
  it('follows a cursor to its end, a cursor of 0 included', async () => {
    const next: Record<string, Json> = { start: 0, '0': 'b', b: null };
    const found = await listing(
      { type: 'cursor', in: 'after', out: '/next', items: '/items' },
      ({ after = 'start' }) => ({
        body: { items: [after], next: next[String(after)] ?? null },
      }),
    );
    expect(found.items).toEqual(['start', 0, 'b']);
  });

  it('follows a cursor that goes into the body, and keeps the rest of it', async () => {
    const found = await listing(
      { type: 'cursor', in: '/body/page/after', out: '/next', items: '/items' },
      ({ body }) => {
        const after = Number((body as { page?: { after?: number } }).page?.after ?? 0);
        return { body: { items: [after], next: after < 2 ? after + 1 : null } };
      },
      { tenant: 't', body: { filter: { state: 'open' }, page: { size: 1 } } },
    );
    expect(found.items).toEqual([0, 1, 2]);
    expect(found.inputs[2]).toEqual({
      tenant: 't',
      body: { filter: { state: 'open' }, page: { size: 1, after: 2 } },
    });
    expect(found.inputs[0], 'what was given is not changed').toEqual({
      tenant: 't',
      body: { filter: { state: 'open' }, page: { size: 1 } },
    });
  });

  it('counts pages and items that the body asks for', async () => {
    const all = ['a', 'b', 'c', 'd', 'e'];
    const counted = await listing(
      { type: 'offset', in: '/body/from', limit: '/body/size', items: '' },
      ({ body }) => {
        const { from = 0, size } = body as { from?: number; size: number };
        return { body: all.slice(from, from + size) };
      },
      { body: { size: 2 } },
    );
    expect(counted.items).toEqual(all);
    expect(counted.inputs.map(({ body }) => (body as { from?: number }).from)).toEqual([undefined, 2, 4]);
    const paged = await listing({ type: 'page', in: '/body/page', start: 0, items: '' }, ({ body }) => ({
      body: ((body as { page?: number } | undefined)?.page ?? 0) < 2 ? [body ?? null] : [],
    }));
    expect(paged.inputs).toEqual([{}, { body: { page: 1 } }, { body: { page: 2 } }]);
  });

  it('counts pages until one is empty', async () => {
    const found = await listing({ type: 'page', in: 'page', items: '', start: 0 }, ({ page = 0 }) => ({
      body: Number(page) < 2 ? [page] : [],
    }));
    expect(found.items).toEqual([0, 1]);
    expect(found.inputs).toEqual([{}, { page: 1 }, { page: 2 }]);
  });

  it('counts items until a page is short', async () => {
    const all = ['a', 'b', 'c', 'd', 'e'];
    const found = await listing(
      { type: 'offset', in: 'skip', limit: 'take', items: '/rows' },
      ({ skip = 0, take }) => ({ body: { rows: all.slice(Number(skip), Number(skip) + Number(take)) } }),
      { take: 2 },
    );
    expect(found.items).toEqual(all);
    expect(found.inputs).toHaveLength(3);
  });

  it('follows a next link by its known parameters, never by its host', async () => {
    await using elsewhere = await faultServer((_seen, response) => json(response, 200, []));
    const page = {
      key: 'page',
      name: 'page',
      in: 'query',
      required: false,
      style: 'form',
      explode: true,
      allowReserved: false,
    } as const;
    const plan = operationPlan({
      pagination: { type: 'link', items: '' },
      input: { type: 'object', properties: { page: { type: 'integer' } } },
      http: { method: 'GET', bodyTypes: [], parameters: [page] },
    });
    await using test = await harness((seen, response) => {
      const last = seen.url.includes('page=2');
      const link = `<${elsewhere.baseUrl}/x?page=1>; rel="prev", <${elsewhere.baseUrl}/x?page=2&evil=1>; title="a, b"; rel="next"`;
      json(response, 200, [seen.url], last ? {} : { link });
    }, plan);
    const found = await all(pages(test.transport, { operation: plan, input: {} }));
    expect(found.flatMap((entry) => (entry.ok ? entry.items : [entry.failure.code]))).toEqual([
      '/things',
      '/things?page=2',
    ]);
    expect(elsewhere.seen).toEqual([]);
  });

  it('gives the single answer where no pagination is declared', async () => {
    expect((await listing(undefined, () => ({ body: { a: 1 } }))).items).toEqual([{ a: 1 }]);
  });

  it.each<[string, PaginationManifest, Answer, string]>([
    [
      'a cursor that comes back',
      { type: 'cursor', in: 'after', out: '/next', items: '/items' },
      ({ after }) => ({ body: { items: [after ?? 0], next: after === 'a' ? 'b' : 'a' } }),
      'PAGES_REPEAT',
    ],
    [
      'pages that never end',
      { type: 'page', in: 'page', items: '', start: 1 },
      ({ page = 1 }) => ({ body: [page] }),
      'PAGES_TOO_MANY',
    ],
    [
      'a page number that is ignored',
      { type: 'page', in: 'page', items: '', start: 1 },
      () => ({ body: [1] }),
      'PAGES_REPEAT',
    ],
    [
      'a body without the list',
      { type: 'page', in: 'page', items: '/items', start: 1 },
      () => ({ body: {} }),
      'PAGES_ITEMS_ABSENT',
    ],
  ])('ends with a failure at %s', async (_name, pagination, answer, code) => {
    const found = await listing(pagination, answer, {}, { pagesMax: 5 });
    expect(found.items.at(-1)).toBe(code);
    expect(found.inputs.length).toBeLessThanOrEqual(5);
  });

  it('holds no more bytes of items than it may', async () => {
    const answer: Answer = ({ page = 1 }) => ({ body: ['x'.repeat(10), page] });
    const found = await listing(
      { type: 'page', in: 'page', items: '', start: 1 },
      answer,
      {},
      { bytesMax: 40 },
    );
    expect(found.items).toEqual(['xxxxxxxxxx', 1, 'xxxxxxxxxx', 2, 'PAGES_TOO_LARGE']);
  });

  it('gives a failed call back as it is, after the pages before it', async () => {
    const plan = operationPlan({
      pagination: { type: 'page', in: 'page', items: '', start: 1 },
      http: { method: 'GET', bodyTypes: [] },
    });
    let calls = 0;
    await using test = await harness(
      (_seen, response) => (++calls === 1 ? json(response, 200, ['a']) : json(response, 503, {})),
      plan,
    );
    const found = await all(pages(test.transport, { operation: plan, input: {} }));
    expect(found).toMatchObject([
      { ok: true, items: ['a'] },
      { ok: false, failure: { class: 'transient', status: 503 } },
    ]);
  });
});

describe('a listing from whose end absence is concluded', () => {
  const counted = { type: 'page', in: 'page', items: '', start: 1 } as const;

  /** Two items a page; before the nth page that is asked for somebody does something to the list. */
  async function walked(
    pagination: PaginationManifest,
    list: string[],
    meanwhile: Record<number, () => void> = {},
  ) {
    let asked = 0;
    const { items } = await listing(
      pagination,
      ({ page = 1 }) => {
        meanwhile[++asked]?.();
        const from = (Number(page) - 1) * 2;
        const next = from + 2 < list.length ? Number(page) + 1 : null;
        const body = list.slice(from, from + 2);
        return { body: pagination.type === 'cursor' ? { items: body, next } : body };
      },
      {},
      {},
      pagesToTheEnd,
    );
    return { items: items.join(''), asked };
  }

  it('is walked through twice where its pages are counted, and nothing was removed', async () => {
    expect(await walked(counted, [...'abc'])).toEqual({ items: 'abcabc', asked: 6 });
  });

  it('is walked through once where it is said to be stable, or has one page', async () => {
    expect(await walked({ ...counted, stable: true }, [...'abc'])).toEqual({ items: 'abc', asked: 3 });
    expect(await walked(counted, [])).toEqual({ items: '', asked: 1 });
    const cursor = { type: 'cursor', in: 'page', out: '/next', items: '/items' } as const;
    expect(await walked(cursor, [...'abc'])).toEqual({ items: 'abc', asked: 2 });
    expect(await walked({ ...cursor, stable: false }, [...'abc'])).toEqual({ items: 'abcabc', asked: 4 });
  });

  it('shows what has moved to a page that was read', async () => {
    const list = [...'abcd'];
    const { items } = await walked(counted, list, { 2: () => list.shift() });
    expect(items.slice(0, 3), 'c was not seen').toBe('abd');
    expect(items.slice(3)).toBe('bcdbcd');
  });

  it('may have grown meanwhile', async () => {
    const list = [...'abcd'];
    expect((await walked(counted, list, { 4: () => list.push('e'), 5: () => list.unshift('z') })).asked).toBe(
      7,
    );
  });

  it('proves nothing where it is never at rest', async () => {
    const list = [...'abcdefghijklmnopqrstuvwxyz'];
    const { items } = await walked(
      counted,
      list,
      Object.fromEntries(Array.from({ length: 99 }, (_, at) => [at, () => list.shift()])),
    );
    expect(items.endsWith('PAGES_MOVED')).toBe(true);
  });
});

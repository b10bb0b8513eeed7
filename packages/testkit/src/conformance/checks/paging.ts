import { pages } from '@tenon/connector';
import { canonicalJson, isObject, type JsonObject } from '@tenon/model';
import { pagingNames } from '../../sandbox/paging.ts';
import { type Bench, type BenchOperation, isHttp, keyOf } from '../bench.ts';
import { type Check, Tally, type Verdict } from '../check.ts';
import { exampleInput, inputValidator } from '../example-input.ts';

const PAGE_SIZE = 2;
const ROWS = 7;
/** Where a listing lets nobody choose its page: more than the sandbox puts on one. */
const ROWS_UNSIZED = 45;
const PAGES_MAX = 25;

/** 6xx: listings. */
export const pagingChecks: readonly Check[] = [
  {
    number: 601,
    name: 'paging-declared',
    title: 'a listing that pages says how',
    why: 'Without it a listing ends with its first page, and nobody notices before there are enough rows.',
    fix: 'Declare `pagination` for the listings named.',
    needs: 'sandbox',
    run: (bench) => {
      const tally = new Tally();
      for (const operation of listings(bench)) {
        const names = pagingNames({ operation: operation.operation });
        const pagesBy = names.cursor ?? names.page ?? names.offset;
        if (pagesBy === undefined && operation.declared.pagination === undefined) continue;
        tally.expect(
          operation.declared.pagination !== undefined,
          `${operation.name}: it takes \`${pagesBy}\`, and the manifest declares no pagination`,
        );
      }
      return tally.verdict('listings', 'no listing pages');
    },
  },
  {
    number: 602,
    name: 'paging-complete',
    title: 'a listing gives every row once',
    why: 'A gap is a row that is never looked at; a row twice is an effect twice.',
    fix: 'See that `in`, `out`, `items`, `start` and `limit` are those of the system. Where it pages otherwise than its contract shows, say so there: `x-tenon-sandbox: { page: … }`.',
    needs: 'sandbox',
    run: async (bench) =>
      forListings(bench, async (operation, tally) => {
        const wanted = await fill(bench, operation);
        if (wanted === undefined) return;
        const found: string[] = [];
        for await (const page of pages(bench.transport(), request(bench, operation), {
          pagesMax: PAGES_MAX,
        })) {
          if (!page.ok) {
            tally.problem(`${operation.name}: ${page.failure.code}`);
            break;
          }
          found.push(...page.items.map((item) => canonicalJson(item)));
        }
        const distinct = new Set(found);
        tally.expect(
          distinct.size === found.length,
          `${operation.name}: ${found.length - distinct.size} rows came twice`,
        );
        if (distinct.size !== wanted)
          tally.problem(`${operation.name}: ${distinct.size} of ${wanted} rows came`);
      }),
  },
  {
    number: 603,
    name: 'paging-ends',
    title: 'a listing ends, even where the other side gives the same page for ever',
    why: 'A listing without end holds its run, and the quota of everyone, until somebody kills it.',
    fix: 'Take the next position from the answer only, and do not make one up.',
    needs: 'sandbox',
    run: async (bench) =>
      forListings(bench, async (operation, tally) => {
        if ((await fill(bench, operation)) === undefined) return;
        const first = await bench.call(operation, request(bench, operation).input);
        if (!first.ok) return;
        const headers =
          first.headers['link'] === undefined ? {} : { headers: { link: first.headers['link'] } };
        bench.sandbox.faults.add({
          fault: { kind: 'status', status: 200, body: first.body, ...headers },
          operation: operation.name,
        });
        let count = 0;
        for await (const _page of pages(bench.transport(), request(bench, operation), {
          pagesMax: PAGES_MAX,
        }))
          count += 1;
        tally.expect(
          count < PAGES_MAX,
          `${operation.name}: after ${count} times the same page it still went on`,
        );
      }),
  },
  {
    number: 604,
    name: 'paging-failure-surfaces',
    title: 'a listing that fails on a later page says so',
    why: 'A listing that ends quietly at a failure looks whole.',
    fix: 'Give the failure; the pages before it stand.',
    needs: 'sandbox',
    run: async (bench) =>
      forListings(bench, async (operation, tally) => {
        if ((await fill(bench, operation)) === undefined) return;
        bench.sandbox.faults.add({
          fault: { kind: 'status', status: 503 },
          operation: operation.name,
          nth: 2,
        });
        let failed = false;
        let count = 0;
        for await (const page of pages(bench.transport(), request(bench, operation), {
          pagesMax: PAGES_MAX,
        })) {
          failed ||= !page.ok;
          count += 1;
        }
        if (count > 1 || failed)
          tally.expect(failed, `${operation.name}: its second page failed, and it ended as if whole`);
      }),
  },
];

type HttpBenchOperation = BenchOperation & {
  readonly operation: Extract<BenchOperation['operation'], { kind: 'http' }>;
};

function listings(bench: Bench): HttpBenchOperation[] {
  return bench.reads.filter(isHttp).filter(({ role }) => role?.kind === 'list');
}

async function forListings(
  bench: Bench,
  look: (operation: HttpBenchOperation, tally: Tally) => Promise<void>,
): Promise<Verdict> {
  const tally = new Tally();
  for (const operation of bench.reads
    .filter(isHttp)
    .filter(({ declared }) => declared.pagination !== undefined)) {
    bench.again();
    await look(operation, tally);
  }
  return tally.verdict('listings', 'no listing with a declared pagination, and rows to fill it with');
}

/** More rows than fit on one page, made by the connector's own creation; how many the listing must show. */
async function fill(bench: Bench, operation: HttpBenchOperation): Promise<number | undefined> {
  const creation = bench.effects.find(
    ({ role }) => role?.kind === 'create' && role.collection.key === operation.role?.collection.key,
  );
  const name = operation.role?.collection.name;
  if (name === undefined) return undefined;
  const rows = (): number => bench.sandbox.state()[name]?.length ?? 0;
  const count = sized(bench, operation) === undefined ? ROWS_UNSIZED : ROWS;
  if (creation)
    for (let n = 0; n < count; n++) {
      const input = await bench.prepared(creation, n + 1);
      await bench.call(
        creation,
        { ...input, ...scopeOf(bench, operation, creation, input) },
        { idempotencyKey: `row-${n}` },
      );
    }
  return rows() > PAGE_SIZE ? rows() : undefined;
}

/** Rows are made under the parents that the listing will name, and with what it cannot be asked without. */
function scopeOf(
  bench: Bench,
  listing: BenchOperation,
  creation: BenchOperation,
  made: JsonObject,
): JsonObject {
  const input = exampleInput(bench.subject, listing, 0);
  const parents = (listing.role?.scope ?? []).flatMap((name) => {
    const value = input[keyOf(listing, name, 'path') ?? name];
    const key = keyOf(creation, name, 'path');
    return key === undefined || value === undefined ? [] : [[key, value] as const];
  });
  const { body } = made;
  if (!isObject(body)) return Object.fromEntries(parents);
  const needed = (listing.plan.http?.parameters ?? []).filter(
    ({ required, in: place, name }) => required && place === 'query' && Object.hasOwn(body, name),
  );
  const shared = needed.flatMap(({ key, name }) =>
    input[key] === undefined ? [] : [[name, input[key]] as const],
  );
  // A body of JSON with values of JSON.
  return { ...Object.fromEntries(parents), body: { ...(body as JsonObject), ...Object.fromEntries(shared) } };
}

/** The listing asked in small pages, where it lets one ask. */
function request(bench: Bench, operation: HttpBenchOperation): Parameters<typeof pages>[1] {
  return {
    operation: operation.plan,
    input: sized(bench, operation) ?? exampleInput(bench.subject, operation, 0),
  };
}

function sized(bench: Bench, operation: HttpBenchOperation): JsonObject | undefined {
  const input = exampleInput(bench.subject, operation, 0);
  const { pagination } = operation.declared;
  const name =
    pagination?.type === 'offset' ? pagination.limit : pagingNames({ operation: operation.operation }).limit;
  const key = name === undefined ? undefined : keyOf(operation, name, 'query');
  const fits = inputValidator(operation.plan);
  const small = key === undefined ? undefined : { ...input, [key]: PAGE_SIZE };
  return small && fits(small).length === 0 ? small : undefined;
}

import { type Page, type PaginationManifest, pages, pagingRole, withInput } from '@tenon/connector';
import { atPointer, canonicalJson, isObject, type Json, type JsonObject, toPointer } from '@tenon/model';
import { inputGap } from '@tenon/pipeline';
import { pagingNames } from '../../sandbox/paging.ts';
import { type Bench, type BenchOperation, isHttp, keyOf } from '../bench.ts';
import { type Check, Tally, type Verdict } from '../check.ts';
import { exampleInput, inputValidator } from '../example-input.ts';
import { says } from '../says.ts';

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
    fix: 'Correct the member of `pagination` that the finding names, in the operation’s entry of `connector.yaml`: `items` is where the rows stand in an answer, `out` where the next cursor does, `in` the parameter that takes it (`start`, `limit` and `id` likewise). Where these are right and the contract’s names do not show how the system pages, say it in the contract: `x-tenon-sandbox: { page: … }`, in the same words.',
    needs: 'sandbox',
    run: async (bench) =>
      forListings(bench, async (operation, tally, rows) => {
        const { where, pagination } = operation;
        const found: string[] = [];
        let count = 0;
        let last: Page | undefined;
        for await (const page of pages(bench.transport(), request(bench, operation), {
          pagesMax: PAGES_MAX,
        })) {
          last = page;
          if (!page.ok) break;
          count += 1;
          found.push(...page.items.map((item) => canonicalJson(item)));
        }
        const distinct = new Set(found).size;
        tally.look();
        if (distinct < found.length)
          tally.problem(
            `${where}: expected each row once; ${found.length - distinct} of ${found.length} had come before, so ${mover(pagination)} does not lead to the page after`,
          );
        if (distinct === rows && last?.ok !== false) return;
        const ended = await endOf(bench, operation, last);
        tally.problem(
          `${where}: expected all ${rows} rows that the sandbox holds; ${distinct} came, on ${count === 1 ? '1 page' : `${count} pages`}: ${ended}`,
        );
      }),
  },
  {
    number: 603,
    name: 'paging-ends',
    title: 'a listing ends, even where the other side gives the same page for ever',
    why: 'A listing without end holds its run, and the quota of everyone, until somebody kills it.',
    fix: 'In the connector’s own code (`src/index.ts`), hand on what an answer says of the next page as it stands there, and make none up where it says nothing. The listing itself ends where a page or a position comes again.',
    needs: 'sandbox',
    run: async (bench) =>
      forListings(bench, async (operation, tally) => {
        const first = await bench.call(operation, request(bench, operation).input);
        if (!first.ok) {
          tally.leave(`${operation.name}: its first page failed (602 says why)`);
          return;
        }
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
          `${operation.where}: the sandbox answered each call with the same first page, and the listing was expected to end at the second; after ${count} calls it still asked for the next, so the connector’s transport gave it a next page that no answer named`,
        );
      }),
  },
  {
    number: 604,
    name: 'paging-failure-surfaces',
    title: 'a listing that fails on a later page says so',
    why: 'A listing that ends quietly at a failure looks whole.',
    fix: 'In the connector’s own code (`src/index.ts`), give a call that was refused as a failure (`{ ok: false, failure }`), never as an answer with no rows. The pages before it stand.',
    needs: 'sandbox',
    run: async (bench) =>
      forListings(bench, async (operation, tally, rows) => {
        bench.sandbox.faults.add({
          fault: { kind: 'status', status: 503 },
          operation: operation.name,
          nth: 2,
        });
        const found = new Set<string>();
        let failed = false;
        let count = 0;
        for await (const page of pages(bench.transport(), request(bench, operation), {
          pagesMax: PAGES_MAX,
        })) {
          failed ||= !page.ok;
          count += 1;
          if (page.ok) for (const item of page.items) found.add(canonicalJson(item));
        }
        if (!failed && found.size === rows)
          tally.leave(`${operation.name}: the page that was refused came all the same (207 looks for that)`);
        else if (count > 1 || failed)
          tally.expect(
            failed,
            `${operation.where}: the sandbox answered the call for the second page with 503, and the listing was expected to end with that failure; it ended after ${count} pages as if they were all`,
          );
        else tally.leave(`${operation.name}: no second page was asked for (602 says why)`);
      }),
  },
];

type HttpBenchOperation = BenchOperation & {
  readonly operation: Extract<BenchOperation['operation'], { kind: 'http' }>;
};

function listings(bench: Bench): HttpBenchOperation[] {
  return bench.reads.filter(isHttp).filter(({ role }) => role?.kind === 'list');
}

/** A listing whose pages are looked at, and how the manifest says that it pages. */
type PagedOperation = HttpBenchOperation & {
  readonly pagination: PaginationManifest;
  /** For findings: the operation, and what of the manifest leads through its pages. */
  readonly where: string;
};

async function forListings(
  bench: Bench,
  look: (operation: PagedOperation, tally: Tally, rows: number) => Promise<void>,
): Promise<Verdict> {
  const tally = new Tally();
  for (const operation of bench.reads.filter(isHttp)) {
    const { pagination } = operation.declared;
    if (pagination === undefined) continue;
    bench.again();
    const rows = await fill(bench, operation);
    const where = `${operation.name}, by \`pagination: ${written(pagination)}\``;
    if (typeof rows === 'number') await look({ ...operation, pagination, where }, tally, rows);
    else tally.leave(`${operation.name}: ${rows}`);
  }
  return tally.verdict('listings', 'no read of the manifest declares `pagination`');
}

/** As it may stand in a manifest. */
function written(pagination: PaginationManifest): string {
  const members = Object.entries(pagination).filter(([, value]) => value !== '');
  return `{ ${members.map(([name, value]) => `${name}: ${value}`).join(', ')} }`;
}

/** What of a pagination asks for the page after. */
function mover(pagination: PaginationManifest): string {
  return pagination.type === 'link' ? 'the `Link` header' : `\`in: ${pagination.in}\``;
}

/** How a listing came to its end: what was looked for in the answer or said by it, and what else stood there. */
async function endOf(bench: Bench, operation: PagedOperation, last: Page | undefined): Promise<string> {
  const { pagination } = operation;
  if (last === undefined) return 'there was no page';
  if (!last.ok) {
    switch (last.failure.code) {
      case 'PAGES_ITEMS_ABSENT': {
        const answer = await bench.call(operation, request(bench, operation).input);
        return `an answer has no list at ${pagination.items === '' ? 'its top, where `items` is not given' : `\`items: ${pagination.items}\``}${answer.ok ? membersOf(answer.body) : ''}`;
      }
      case 'PAGES_REPEAT':
        return `the same page or position came again, so ${mover(pagination)} does not lead to the page after`;
      case 'PAGES_TOO_MANY':
        return 'it went on after that, to pages without new rows';
      default:
        return `then a call failed: ${says(last)}`;
    }
  }
  if ('more' in pagination && atPointer(last.body, pagination.more ?? '') === false)
    return `the last answer says at \`more: ${pagination.more}\` that there are no others`;
  switch (pagination.type) {
    case 'cursor':
      return atPointer(last.body, pagination.out) === undefined
        ? `the last answer has nothing at \`out: ${pagination.out}\`, where the next cursor is looked for${membersOf(last.body)}`
        : `the last answer says at \`out: ${pagination.out}\` that there are no others`;
    case 'after':
      return `the last row has nothing at \`id: ${pagination.id}\`, where its id is looked for${membersOf(last.items.at(-1) ?? null)}`;
    case 'page':
    case 'offset':
      return 'the last page had no more rows';
    case 'link':
      return 'the last answer has no `Link` header with `rel="next"`';
  }
}

function membersOf(value: Json): string {
  if (!isObject(value)) return '';
  const names = Object.keys(value);
  return names.length === 0
    ? '; it is empty'
    : `; it has ${names.map((name) => `\`${toPointer([name])}\``).join(', ')}`;
}

/** More rows than fit on one page, made by the connector's own creation; how many the listing must show, or why there are too few. */
async function fill(bench: Bench, operation: HttpBenchOperation): Promise<number | string> {
  const creation = bench.effects.find(
    ({ role }) => role?.kind === 'create' && role.collection.key === operation.role?.collection.key,
  );
  const name = operation.role?.collection.name;
  if (name === undefined) return 'the contract does not tell of what it is a listing';
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
  if (rows() > PAGE_SIZE) return rows();
  const made = creation
    ? `by ${creation.name} there are ${rows()}`
    : `no operation of the manifest makes any`;
  return `it needs more than ${PAGE_SIZE} rows of \`${name}\`, and ${made}; give them under \`data: { ${name}: [ … ] }\` in \`fixtures/conformance.yaml\``;
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
  const place = lengthInBody(operation);
  const fits = inputValidator(operation.plan);
  if (place !== undefined) {
    const small = withInput(input, place, PAGE_SIZE);
    if (fits(small).length === 0) return small;
  }
  const name =
    pagination?.type === 'offset' ? pagination.limit : pagingNames({ operation: operation.operation }).limit;
  const key = name === undefined ? undefined : keyOf(operation, name, 'query');
  const small = key === undefined ? undefined : { ...input, [key]: PAGE_SIZE };
  return small && fits(small).length === 0 ? small : undefined;
}

/** Where a listing that pages by its body is told there how many rows a page has. */
function lengthInBody({ declared: { pagination }, plan }: HttpBenchOperation): string | undefined {
  if (pagination === undefined || pagination.type === 'link' || !pagination.in.startsWith('/'))
    return undefined;
  if (pagination.type === 'offset') return pagination.limit;
  const name = (inputGap(plan, '/body/ ')?.candidates ?? []).find((one) => pagingRole(one) === 'limit');
  return name === undefined ? undefined : toPointer(['body', name]);
}

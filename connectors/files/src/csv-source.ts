import { createHash } from 'node:crypto';
import {
  ConnectionEnd,
  connectionProblem,
  goodbye,
  type IncomingMessage,
  MessageRefused,
  type Source,
  type SourceContext,
  sourceLoop,
} from '@tenon/connector';
import { sleep } from '@tenon/model';
import { CsvReader, type CsvRow, RowTooLong } from './csv-reader.ts';
import { type FileSeen, type Folder, Gone } from './folder.ts';
import { type CsvLayout, dialectOf, type Problem, type RowReading, rowReading } from './layout.ts';
import { openFolder } from './open-folder.ts';

/** Where a source has come in the file that it is in: stored with the last of the rows that it covers. */
interface Position {
  readonly digest: string;
  readonly row: number;
}

/**
 * Takes files out of a folder (`plan.from`: `folder/pattern`), oldest name first, each row an event.
 *
 * ```
 * folder/x.csv ─same size and time at two looks, renamed→ folder/.tenon-<group>/x.csv ─all rows stored, renamed→ folder/done/<digest>-x.csv
 *                                                              └─ no rows to be had from it: held as one message → folder/refused/…
 * ```
 * The rename is the claim: of two that try, one has the file. What a process that ended had claimed, the next goes on with, from
 * the position stored with the rows; a row is known by the file's digest and its number, so one that is read twice, or a file that
 * is sent twice, takes effect once. A row that cannot be read is held as it came, with its line and column, and stops nothing, unless the
 * layout says that such a file is held whole: then all of it is looked at before its first row is taken.
 */
export function csvSource(context: SourceContext, layouts: Readonly<Record<string, CsvLayout>>): Source {
  const { plan, clock, random } = context;
  const slash = plan.from.lastIndexOf('/');
  const folderPath = plan.from.slice(0, Math.max(0, slash));
  const pattern = plan.from.slice(slash + 1);
  const inside = (...parts: readonly string[]): string =>
    [folderPath, ...parts].filter((part) => part !== '').join('/');
  const claims = `.tenon-${plan.group}`;
  const loop = sourceLoop(context, session, problemOf);
  return { canReject: false, stop: () => loop.stop() };

  async function session(signal: AbortSignal, consuming: () => void): Promise<void> {
    const layout = layoutOf();
    const folder = await openFolder(context, 'take files');
    const over = new AbortController();
    const end = new ConnectionEnd();
    void folder.ended.then(() => {
      over.abort();
      end.come(new ConnectionEnded());
    });
    const ended = AbortSignal.any([signal, over.signal]);
    try {
      for (const name of [claims, 'done', 'refused']) await folder.makeFolder(inside(name));
      let before: readonly FileSeen[] = [];
      while (!ended.aborted) {
        for (const { name } of await folder.list(inside(claims))) {
          // A read over a connection that has ended may never say so itself.
          await end.during(take(folder, layout, name, ended));
          if (ended.aborted) break;
        }
        if (ended.aborted) break;
        const now = (await folder.list(folderPath)).filter(({ name }) => isWanted(name, pattern));
        consuming();
        const isClaimed = await claim(folder, now, before);
        before = now;
        if (!isClaimed) await sleep(clock, plan.everyMs / 2 + (random.next() * plan.everyMs) / 2, ended);
      }
    } finally {
      await goodbye(clock, () => folder.close());
    }
    if (!signal.aborted) throw new ConnectionEnded();
  }

  function layoutOf(): CsvLayout {
    const name = plan.events[0]?.name.split('.').at(-1) ?? '';
    const layout = Object.hasOwn(layouts, name) ? layouts[name] : undefined;
    if (layout === undefined) throw new LayoutMissing(name);
    return layout;
  }

  /** The first that nobody has written to since the last look, so that what is still being sent is left alone. */
  async function claim(
    folder: Folder,
    now: readonly FileSeen[],
    before: readonly FileSeen[],
  ): Promise<boolean> {
    const settled = now.find((file) =>
      before.some(
        ({ name, bytes, modifiedMs }) =>
          name === file.name && bytes === file.bytes && modifiedMs === file.modifiedMs,
      ),
    );
    if (settled === undefined) return false;
    try {
      // Not `place`: that may be a link and its removal, and between the two another could link it too. Nothing of ours is
      // overwritten, since whatever was claimed has been taken before.
      await folder.replace(inside(settled.name), inside(claims, settled.name));
      return true;
    } catch (error) {
      // Another process was faster.
      if (error instanceof Gone) return false;
      throw error;
    }
  }

  async function take(folder: Folder, layout: CsvLayout, name: string, ended: AbortSignal): Promise<void> {
    const path = inside(claims, name);
    const digest = await digestOf(folder.read(path));
    const from = positionOf(context.cursor());
    const done = from?.digest === digest ? from.row : 0;
    const file = { name, digest };
    const batch: IncomingMessage[] = [];
    let isRefused = false;
    // Of a file whose rows are being taken some are on disk: how it was judged then holds.
    const isJudged = layout.badRows === 'holdFile' && done === 0;
    const bad = isJudged ? await badRows(folder.read(path), layout, file) : undefined;
    const rows = bad === undefined ? rowsOf(folder.read(path), layout) : [bad];
    for await (const read of rows) {
      if (ended.aborted) return;
      // What stands for all rows stands before the first; said again, it is known.
      if (read.row <= done && read !== bad) continue;
      if (read.isWholeFile) isRefused = true;
      batch.push(incoming(file, read));
      if (batch.length >= plan.prefetchMax) await store(batch.splice(0), digest);
    }
    if (batch.length > 0) await store(batch, digest);
    await folder.replace(path, inside(isRefused ? 'refused' : 'done', `${digest.slice(0, 16)}-${name}`));
  }

  /** One message for a file with rows that cannot be taken, in place of all its rows; nothing for one without. */
  async function badRows(
    bytes: AsyncIterable<Uint8Array>,
    layout: CsvLayout,
    file: { readonly name: string; readonly digest: string },
  ): Promise<RowRead | undefined> {
    let rows = 0;
    let count = 0;
    let first: (RowRead & { readonly problem: Problem }) | undefined;
    const places: string[] = [];
    for await (const read of rowsOf(bytes, layout)) {
      // It is held as one message in any case.
      if (read.isWholeFile) return read;
      rows++;
      const problem = read.problem ?? misfitOf(read, file);
      if (problem === undefined) continue;
      first ??= { ...read, problem };
      if (count++ < PLACES_MAX) places.push(`${problem.line}:${problem.column}`);
    }
    if (first === undefined) return undefined;
    const more = count > PLACES_MAX ? ` and ${count - PLACES_MAX} more` : '';
    const what = `${first.problem.what}; ${count} of ${rows} rows cannot be taken, so none was: ${places.join(', ')}${more}`;
    const { raw, line, problem } = first;
    return { row: 0, raw, line, problem: { ...problem, what }, isWholeFile: true };
  }

  /** What of a row its contract does not allow. */
  function misfitOf(read: RowRead, file: Parameters<typeof incoming>[0]): Problem | undefined {
    const what = context.misfit?.(incoming(file, read));
    return what === undefined ? undefined : { line: read.line, column: 1, what };
  }

  /** All of them, the last when the others are stored: it carries how far that is. */
  async function store(batch: readonly IncomingMessage[], digest: string): Promise<void> {
    const last = batch.at(-1)!;
    const before = await Promise.all(batch.slice(0, -1).map((message) => context.deliver(message)));
    if (before.some((settlement) => settlement !== 'accepted')) throw new Returned();
    const position: Position = { digest, row: Number(last.headers['row']) };
    if ((await context.deliver({ ...last, cursor: JSON.stringify(position) })) !== 'accepted')
      throw new Returned();
  }
}

/** Places of rows named at most in what is said of a file. */
const PLACES_MAX = 20;

/** One row as it was read, or why the file has no more of them. */
interface RowRead {
  /** Counts from 1, the header is not one. */
  readonly row: number;
  readonly raw: string;
  readonly line: number;
  readonly value?: object;
  readonly problem?: Problem;
  readonly isWholeFile?: true;
}

async function* rowsOf(bytes: AsyncIterable<Uint8Array>, layout: CsvLayout): AsyncGenerator<RowRead> {
  let row = 0;
  let reading: RowReading | undefined;
  let line = 1;
  const refused = (what: string, raw = ''): RowRead => ({
    row: row + 1,
    raw,
    line,
    problem: { line, column: 1, what },
    isWholeFile: true,
  });
  try {
    for await (const one of csvRows(bytes, layout)) {
      line = one.line;
      if (reading === undefined) {
        const header = rowReading(layout, one);
        if ('problem' in header) {
          line = header.problem.line;
          yield refused(header.problem.what, one.raw);
          return;
        }
        reading = header;
        continue;
      }
      row++;
      yield { row, raw: one.raw, line: one.line, ...reading.read(one) };
    }
    if (reading === undefined) yield refused('the file has no header');
  } catch (error) {
    if (error instanceof RowTooLong) {
      line = error.line;
      yield refused(error.message);
    } else if (
      error instanceof TypeError &&
      'code' in error &&
      error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA'
    )
      yield refused(`somewhere behind this line it is not ${layout.encoding ?? 'utf-8'}`);
    else throw error;
  }
}

async function* csvRows(bytes: AsyncIterable<Uint8Array>, layout: CsvLayout): AsyncGenerator<CsvRow> {
  const decoder = new TextDecoder(layout.encoding ?? 'utf-8', { fatal: true });
  const reader = new CsvReader(dialectOf(layout));
  for await (const piece of bytes) yield* reader.push(decoder.decode(piece, { stream: true }));
  yield* reader.push(decoder.decode());
  yield* reader.end();
}

function incoming(
  file: { readonly name: string; readonly digest: string },
  { row, raw, line, value, problem }: RowRead,
): IncomingMessage {
  return {
    id: `${file.digest}:${row}`,
    headers: { file: file.name, row: String(row), line: String(line), digest: file.digest },
    redelivered: false,
    ...(problem === undefined
      ? { body: Buffer.from(JSON.stringify(value)), contentType: 'application/json' }
      : {
          body: Buffer.from(raw),
          contentType: 'text/csv',
          problem: `${file.name}:${problem.line}:${problem.column}: ${problem.what}`,
        }),
  };
}

async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of bytes) hash.update(piece);
  return hash.digest('hex');
}

function positionOf(cursor: string | undefined): Position | undefined {
  // This source's own cursor, as it was staged with the rows.
  return cursor === undefined ? undefined : (JSON.parse(cursor) as Position);
}

/** `*` is any run of letters; what a sender writes under a name of its own until it is whole is never wanted. */
function isWanted(name: string, pattern: string): boolean {
  if (name.startsWith('.') || /\.(part|partial|filepart|tmp|temp)$/i.test(name)) return false;
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

class Returned extends Error {}
class ConnectionEnded extends Error {
  readonly code = 'ECONNRESET';
}
class LayoutMissing extends Error {}

function problemOf(error: unknown): string {
  if (error instanceof Returned) return 'a row could not be taken; it is read again';
  if (error instanceof LayoutMissing) return `no layout is known for ${error.message}`;
  if (error instanceof Gone) return 'the folder, or a file in it, is not there';
  if (error instanceof MessageRefused) return error.message;
  return connectionProblem(error);
}

import { createHash } from 'node:crypto';
import {
  keptConnection,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import { isObject, type Json, type JsonObject } from '@tenon/model';
import { type Folder, Gone } from './folder.ts';
import { type CsvLayout, writeCsv } from './layout.ts';
import { openFolder } from './open-folder.ts';

/** One part of a path that walks nowhere and hides from nobody. */
const NAME_PART = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,120}$/;

/**
 * Files as operations: the channel's address is the path, the effect says what is done. `update` writes the whole file in place of
 * what was there, `create` only where there is none (one of the same content counts as this one), `delete` takes it away. A
 * file is written under a name of its own and then renamed, so nobody sees half of one: until the rename is asked for nothing has
 * happened (`notSent`); one without an answer is `lost`, and harmless to repeat.
 */
export function csvTransport(
  context: TransportContext,
  layouts: Readonly<Record<string, CsvLayout>>,
): Transport {
  const kept = keptConnection<Folder>(context.clock, open, (folder) => folder.close());
  return messageTransport(context, { publish, close: () => kept.close() }, { parameter: NAME_PART });

  async function open(): Promise<Folder> {
    const folder = await openFolder(context, 'write files');
    void folder.ended.then(() => kept.lost(folder));
    return folder;
  }

  async function publish(message: OutgoingMessage, publishing: Publishing): Promise<Json> {
    const { operation, address: path } = message;
    if (operation.effect === 'delete') {
      const folder = await kept.get();
      publishing.sending();
      await answered(folder.remove(path));
      return null;
    }
    const bytes = contentOf(message);
    const folder = await kept.get();
    const slash = path.lastIndexOf('/') + 1;
    // The same call writes to the same name, so that an attempt that ended half way leaves nothing behind for long.
    const mark = createHash('sha256').update(message.id).digest('hex').slice(0, 16);
    const draft = `${path.slice(0, slash)}.${path.slice(slash)}.${mark}.tmp`;
    await answered(folder.write(draft, bytes), 'notSent');
    publishing.signal.throwIfAborted();
    publishing.sending();
    if (operation.effect !== 'create') await answered(folder.replace(draft, path));
    else if (!(await answered(folder.place(draft, path)))) {
      await folder.remove(draft);
      if (!(await isSame(folder, path, bytes)))
        throw new MessageRefused('duplicate', 'there is another file of that name already');
    }
    return { path, bytes: bytes.length, digest: createHash('sha256').update(bytes).digest('hex') };
  }

  function contentOf({ operation, input }: OutgoingMessage): Buffer {
    const name = operation.operation;
    const layout = Object.hasOwn(layouts, name) ? layouts[name] : undefined;
    if (layout === undefined)
      throw new MessageRefused('permanent', 'no layout is known for it; nothing was written', 'notSent');
    const written = writeCsv(layout, rowsOf(input));
    if ('misfit' in written)
      throw new MessageRefused(
        'validation',
        `${written.misfit} cannot be written in its column; nothing was written`,
        'notSent',
      );
    return encoded(written.text, layout);
  }
}

/** The contract says that there is a list of objects; it was held against it. */
function rowsOf({ body }: JsonObject): readonly JsonObject[] {
  const rows = isObject(body) ? body['rows'] : undefined;
  return Array.isArray(rows) ? rows.filter((row): row is JsonObject => isObject(row)) : [];
}

function encoded(text: string, { encoding = 'utf-8' }: CsvLayout): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text);
  if (encoding === 'utf-16le') return Buffer.from(`\ufeff${text}`, 'utf16le');
  const bytes = Array.from(text, (letter) => WINDOWS_1252.indexOf(letter));
  if (bytes.includes(-1))
    throw new MessageRefused('validation', `a value has a letter that ${encoding} has not`, 'notSent');
  return Buffer.from(bytes);
}

/** The letter of each byte. */
const WINDOWS_1252 = new TextDecoder('windows-1252').decode(
  Uint8Array.from({ length: 256 }, (_, byte) => byte),
);

async function isSame(folder: Folder, path: string, bytes: Buffer): Promise<boolean> {
  const there: Uint8Array[] = [];
  for await (const piece of folder.read(path)) there.push(piece);
  return Buffer.concat(there).equals(bytes);
}

/** The other side's own answers, apart from a connection that ended. */
async function answered<T>(work: Promise<T>, delivery: 'answered' | 'notSent' = 'answered'): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (error instanceof Gone) throw new MessageRefused('notFound', 'there is no such folder', delivery);
    if (code === 3 || code === 'EACCES' || code === 'EPERM')
      throw new MessageRefused('permission', 'writing there is not allowed', delivery);
    if (code === 4 || code === 'ENOSPC' || code === 'EROFS')
      throw new MessageRefused('transient', 'the other side could not do it', delivery);
    throw error;
  }
}

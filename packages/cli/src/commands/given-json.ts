import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDocument } from '@tenon/document';
import { type Args, UsageError } from '../command.ts';
import type { Io } from '../io.ts';

/** What `--<option>` or `--<option>-file` gives as JSON; nothing where neither is given. */
export async function givenJson(option: 'result' | 'input' | 'event', args: Args, io: Io): Promise<unknown> {
  const text = args.text(option);
  const file = args.text(`${option}-file`);
  if (text !== undefined && file !== undefined)
    throw new UsageError('arguments-contradict', `give --${option} or --${option}-file, not both`);
  if (text !== undefined) return parseJson(text, `--${option}`);
  if (file === undefined) return undefined;
  const read = await readFile(resolve(io.cwd, file), 'utf8').catch(() => undefined);
  if (read === undefined)
    throw new UsageError('argument-unknown', `--${option}-file: there is no file ${file} to be read`);
  return parseJson(read, `--${option}-file`);
}

function parseJson(text: string, option: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    if (text.trim() === '') throw new UsageError('argument-invalid', `${option} is empty, which is not JSON`);
    // Why, and where, is looked for only where something is wrong.
    const [fault] = parseDocument(option, text, { format: 'json' }).diagnostics;
    const at = fault?.range?.start;
    const where = at === undefined ? '' : ` at ${at.line}:${at.column}`;
    const why = fault === undefined ? '' : `: ${[fault.message, fault.fix].filter(Boolean).join('; ')}`;
    throw new UsageError('argument-invalid', `${option} is not JSON${where}${why}`);
  }
}

import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TEMPLATE = join(import.meta.dirname, '../../templates/init');

/** A folder of its own with the workspace that `tenon init` makes; whoever asks removes it. */
export async function initFolder(name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), `tenon-${name}-`));
  await cp(TEMPLATE, folder, { recursive: true });
  return folder;
}

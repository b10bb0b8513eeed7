import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { GeneratedFile } from '../generated-file.ts';

const TSC = fileURLToPath(new URL('../../../../node_modules/.bin/tsc', import.meta.url));
const FLAGS =
  '--noEmit --strict --exactOptionalPropertyTypes --skipLibCheck false --module nodenext --target es2024 --pretty false'.split(
    ' ',
  );
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** What the workspace's compiler says, with everything strict, of these files. */
export async function strictErrors(
  files: readonly GeneratedFile[],
  only = /\.(?:d\.)?ts$/,
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'tenon-types-'));
  try {
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    for (const { path, text } of files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), text);
    }
    const roots = files.map(({ path }) => path).filter((path) => only.test(path));
    const list = join(folder, 'tsconfig.json');
    await writeFile(list, JSON.stringify({ compilerOptions: { types: [] }, files: roots }));
    const run = promisify(execFile)(TSC, ['-p', list, ...FLAGS], {
      cwd: folder,
      maxBuffer: OUTPUT_BYTES_MAX,
    });
    const output = await run.then(({ stdout }) => stdout).catch(outputOf);
    return output.split('\n').filter((line) => /error TS/.test(line));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A compiler that found errors exits with 2 and tells them on stdout; one that did not run at all has none. */
function outputOf(error: unknown): string {
  const { stdout } = error as { readonly stdout?: string };
  if (stdout === undefined || stdout === '') throw error;
  return stdout;
}

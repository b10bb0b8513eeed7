import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { GeneratedFile } from '../generated-file.ts';

/** Within the package, so that what generated code imports is found; `.tenon` is ignored by git. */
const HOME = fileURLToPath(new URL('../../.tenon', import.meta.url));

export interface PackageFolder extends AsyncDisposable {
  readonly folder: string;
  /** A generated module, loaded: `generated/example/adapter.js`. */
  load(path: string): Promise<Record<string, unknown>>;
}

/** Writes files where Node can run them. */
export async function packageFolder(files: readonly GeneratedFile[]): Promise<PackageFolder> {
  await mkdir(HOME, { recursive: true });
  const folder = await mkdtemp(join(HOME, 'package-'));
  for (const { path, text } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  return {
    folder,
    load: (path) => import(join(folder, path)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

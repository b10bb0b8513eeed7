import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const TSC = fileURLToPath(new URL('../../../node_modules/.bin/tsc', import.meta.url));
const FLAGS = '--noEmit --strict --skipLibCheck false --module nodenext --target es2024 --pretty false'.split(
  ' ',
);
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024;

/** Lines of error of the workspace's compiler over all declarations below a folder, everything strict. */
export async function strictCompile(folder: string): Promise<string[]> {
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  const config = { compilerOptions: { types: [] }, include: ['**/*.d.ts'] };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  const run = promisify(execFile)(TSC, ['-p', 'tsconfig.json', ...FLAGS], {
    cwd: folder,
    maxBuffer: OUTPUT_BYTES_MAX,
  });
  return run.then(
    () => [],
    (error: { readonly stdout?: string }) => {
      const lines = (error.stdout ?? '').split('\n').filter((line) => line.includes('error TS'));
      // A compiler that did not run has said nothing: that is no success.
      if (lines.length === 0) throw error;
      return lines;
    },
  );
}

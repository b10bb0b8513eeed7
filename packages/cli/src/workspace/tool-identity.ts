import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The packages whose code decides what a check says; other libraries are pinned by their `package.json`s. */
const PACKAGES = [
  '@tenon/model',
  '@tenon/document',
  '@tenon/schema',
  '@tenon/expression',
  '@tenon/contract',
  '@tenon/connector',
  '@tenon/pipeline',
] as const;

/**
 * What this tool is, down to the byte: its own code, the versions of what it stands on, and the Node it runs in. A
 * version number would not do: who works on Tenon changes the code and not the number.
 */
export function toolIdentity(): string {
  const hash = createHash('sha256');
  hash.update(`node ${process.version} ${process.arch}\n`);
  const folders = [
    join(import.meta.dirname, '..'),
    ...PACKAGES.map((name) => dirname(fileURLToPath(import.meta.resolve(name)))),
  ];
  for (const folder of folders) {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.[jt]s$/.test(file) && !/\.(d|test)\.ts$/.test(file))
      .sort();
    for (const file of ['../package.json', ...files]) {
      const text = readFileSync(join(folder, file));
      hash.update(`${file} ${text.length}\n`).update(text);
    }
  }
  return hash.digest('hex');
}

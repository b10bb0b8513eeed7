import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
/** Real documents that tests read in place, beside the repository. */
export const corpora = join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/corpora');
export const hasCorpora = existsSync(corpora);
/** Without the corpora a test skips; with this set it must not. */
export const mustHaveCorpora = process.env['TENON_REQUIRE_SERVICES'] === '1';
/** The documents of one folder of the corpora, in order of name; none when the corpora are absent. */
export function corpusDocuments(folder) {
  if (!hasCorpora) return [];
  return readdirSync(join(corpora, folder))
    .sort()
    .map((file) => ({
      name: `${folder}/${file.replace(/\.gz$/, '')}`,
      text: () => {
        const bytes = readFileSync(join(corpora, folder, file));
        return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8');
      },
    }));
}
//# sourceMappingURL=corpus.js.map

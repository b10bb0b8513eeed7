import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { type Contract, type HttpOperation, loadContractText } from '@tenon/contract';
import { seededRandom } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { successSchema } from './answer.ts';
import { contractSchemas } from './contract-schemas.ts';
import { sampleRequest } from './sample-request.ts';
import { startSandbox } from './sandbox.ts';

/** Real documents, read in place beside the repository. */
const corpora = fileURLToPath(new URL('../../../../../shared/corpora/openapi/', import.meta.url));
const hasCorpora = existsSync(corpora);
const mustHaveCorpora = process.env['TENON_REQUIRE_SERVICES'] === '1';
/** With TENON_CORPUS_WHOLE=1 every operation is asked, and the counts are printed (two minutes); else some of each. */
const isWhole = process.env['TENON_CORPUS_WHOLE'] === '1';
const ASKED_MAX = isWhole ? Number.POSITIVE_INFINITY : 4;
const SHARE_MIN = 0.8;

describe.skipIf(!hasCorpora && !mustHaveCorpora)(
  'sandboxes of real contracts (need ../shared/corpora)',
  () => {
    const files = hasCorpora ? readdirSync(corpora).sort() : [];

    it('has the documents', () => {
      expect(files).toHaveLength(18);
    });

    it.each(files)(
      '%s answers sampled requests with what its contract says',
      { timeout: 300_000 },
      async (file) => {
        const text = gunzipSync(readFileSync(corpora + file)).toString('utf8');
        const { value: contract } = await loadContractText(file, file.replace('.gz', ''), text);
        if (contract === undefined) throw new Error('the document does not load');
        for (const methods of [['get'], ['post', 'put', 'patch', 'delete']]) {
          const { asked, wrong } = await askAll(contract, methods);
          const share = asked === 0 ? 1 : 1 - wrong.length / asked;
          if (isWhole)
            console.log(
              [`${file} ${methods.join(',')}: ${asked - wrong.length}/${asked}`, ...wrong].join('\n  '),
            );
          expect(share, wrong.join('\n')).toBeGreaterThanOrEqual(SHARE_MIN);
        }
      },
    );
  },
);

async function askAll(
  contract: Contract,
  methods: readonly string[],
): Promise<{ asked: number; wrong: string[] }> {
  const all = [...contract.operations.values()].filter(
    (operation) => operation.kind === 'http' && methods.includes(operation.method),
  );
  const step = Math.max(1, Math.ceil(all.length / ASKED_MAX));
  // Narrowed by the filter above, which TypeScript does not carry through the step.
  const operations = all.filter((_, index) => index % step === 0) as HttpOperation[];
  const schemas = contractSchemas(contract);
  const sandbox = await startSandbox({ contract, imagine: true });
  const wrong: string[] = [];
  let asked = 0;
  try {
    for (const operation of operations) {
      const request = sampleRequest(contract, operation, { random: seededRandom(7), schemas });
      if (request === undefined) continue;
      asked += 1;
      const { method, path, headers, body } = request;
      const response = await fetch(sandbox.url + path, {
        method,
        headers,
        redirect: 'manual',
        ...(body !== undefined && { body }),
      });
      const problem = problemOf(operation, response, await response.text(), schemas);
      if (problem !== undefined) wrong.push(`${operation.id} ${method} ${path}: ${problem}`.slice(0, 400));
    }
  } finally {
    await sandbox.close();
  }
  return { asked, wrong };
}

function problemOf(
  operation: HttpOperation,
  response: Response,
  text: string,
  { response: side }: ReturnType<typeof contractSchemas>,
): string | undefined {
  if (!response.ok) return `${response.status} ${text}`;
  const schema = successSchema(operation, response.status, side);
  if (schema === undefined) return undefined;
  try {
    const issue = side.issues(schema, JSON.parse(text))[0];
    return issue === undefined ? undefined : `${issue.pointer} ${issue.message}`;
  } catch {
    // Not JSON where the contract says JSON: that is the finding.
    return `not JSON: ${text.slice(0, 80)}`;
  }
}

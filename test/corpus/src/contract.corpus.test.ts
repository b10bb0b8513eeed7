import { loadContractText } from '@tenon/contract';
import type { JsonSchema } from '@tenon/schema';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { corpusDocuments, hasCorpora, mustHaveCorpora } from './corpus.ts';

const documents = [
  ...corpusDocuments('openapi'),
  ...corpusDocuments('versions'),
  ...corpusDocuments('asyncapi'),
];

describe.skipIf(!hasCorpora && !mustHaveCorpora)('the corpora (absent: skipped)', () => {
  it('are there', () => expect(documents.length).toBeGreaterThanOrEqual(38));

  it.each(documents)('$name loads without an error and can be worked with', async ({ name, text }) => {
    const { value, diagnostics } = await loadContractText(name, name, text());
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    expect(value!.operations.size + value!.events.size).toBeGreaterThan(0);
    const [operation] = value!.operations.values();
    if (operation) expect(value!.locate(operation)?.range.start.offset).toBeGreaterThan(1);
  });

  it.each(documents)('$name has schemas that Ajv compiles as JSON Schema 2020-12', async ({ name, text }) => {
    const { value } = await loadContractText(name, name, text());
    const ajv = new Ajv2020({ strict: false, logger: false, validateFormats: false, inlineRefs: false });
    const $defs: Record<string, JsonSchema> = value!.definitions;
    // The meta-schema judges all definitions; compiling each of thousands would take minutes, so every 20th is.
    expect(ajv.validateSchema({ $defs }), JSON.stringify(ajv.errors?.slice(0, 3))).toBe(true);
    ajv.addSchema({ $id: 'all', $defs });
    const names = Object.keys($defs).filter((_, index) => index % 20 === 0);
    for (const definition of names)
      ajv.compile({
        $ref: `all#/$defs/${encodeURIComponent(definition.replaceAll('~', '~0').replaceAll('/', '~1'))}`,
      });
  });
});

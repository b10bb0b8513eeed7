import { type Contract, loadContractText } from '@tenon/contract';
import { definitionName, type JsonSchema, subschemas } from '@tenon/schema';
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

  it.each(documents)(
    '$name loads without an error, whole, in JSON Schema 2020-12',
    async ({ name, text }) => {
      const { value, diagnostics } = await loadContractText(name, name, text());
      expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
      const contract = value!;
      expect(contract.operations.size + contract.events.size).toBeGreaterThan(0);
      for (const operation of contract.operations.values())
        expect(contract.originOf(operation)?.pointer).toMatch(/^\/(?:paths|operations)\//);
      expect(danglingReferences(contract)).toEqual([]);
      expectAjvTakes(contract.definitions);
    },
  );
});

/** Names that schemas refer to and `definitions` does not have. */
function danglingReferences(contract: Contract): string[] {
  const missing = new Set<string>();
  const queue: JsonSchema[] = Object.values(contract.definitions);
  for (const operation of contract.operations.values()) {
    queue.push(...operation.parameters.map(({ schema }) => schema));
    if (operation.kind === 'message') queue.push(...operation.messages.map(({ payload }) => payload));
    else
      for (const holder of [...(operation.body ? [operation.body] : []), ...operation.responses])
        queue.push(...holder.content.flatMap(({ schema }) => (schema === undefined ? [] : [schema])));
  }
  queue.push(...[...contract.events.values()].map(({ message }) => message.payload));
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    const named = definitionName(here);
    if (named !== undefined && !Object.hasOwn(contract.definitions, named)) missing.add(named);
    for (const child of subschemas(here)) queue.push(child.schema);
  }
  return [...missing];
}

function expectAjvTakes($defs: Readonly<Record<string, JsonSchema>>): void {
  const ajv = new Ajv2020({ strict: false, logger: false, validateFormats: false, inlineRefs: false });
  // The meta-schema judges all definitions; compiling each of thousands would take minutes, so every 20th is.
  expect(ajv.validateSchema({ $defs }), JSON.stringify(ajv.errors?.slice(0, 3))).toBe(true);
  ajv.addSchema({ $id: 'all', $defs });
  const names = Object.keys($defs).filter((_, index) => index % 20 === 0);
  for (const name of names)
    ajv.compile({
      $ref: `all#/$defs/${encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'))}`,
    });
}

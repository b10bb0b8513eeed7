import { type Contract, type HttpOperation, loadContractText, type MediaType } from '@tenon/contract';
import type { Random } from '@tenon/model';
import { reachableDefinitions } from '@tenon/schema';
import { corpusDocuments } from './corpus.ts';
import { choose, type Whole } from './equivalence.ts';

/** The request body of one operation of a real document, as a small contract of its own. */
export interface Subject {
  readonly name: string;
  readonly whole: Whole;
  contractWith(whole: Whole): Contract;
}

/** Bodies with more definitions than this are left to the version pairs: two thousand rounds have to end. */
const DEFINITIONS_MAX = 150;

/** Bodies of requests and responses of the real documents, in a random order of operations. */
export async function subjects(random: Random, perDocument: number): Promise<readonly Subject[]> {
  const found: Subject[] = [];
  for (const document of corpusDocuments('openapi')) {
    const file = document.name.replace('openapi/', '');
    const { value: contract } = await loadContractText('case', file, document.text());
    if (!contract) continue;
    const operations = [...contract.operations.values()].filter((operation) => operation.kind === 'http');
    let taken = 0;
    for (let tries = 0; tries < perDocument * 6 && taken < perDocument; tries++) {
      const operation = choose(operations, random);
      const media = operation && bodyOf(operation);
      if (!operation || media?.schema === undefined) continue;
      const definitions = reachableDefinitions(media.schema, contract.definitions);
      if (Object.keys(definitions).length > DEFINITIONS_MAX) continue;
      taken++;
      found.push(subjectOf(contract, operation, media, { schema: media.schema, definitions }));
    }
  }
  return found;
}

function bodyOf(operation: HttpOperation): MediaType | undefined {
  return operation.body?.content[0] ?? operation.responses[0]?.content[0];
}

function subjectOf(contract: Contract, operation: HttpOperation, media: MediaType, whole: Whole): Subject {
  const alone: HttpOperation = { ...operation, parameters: [], responses: [], security: [] };
  return {
    name: `${contract.title} ${operation.id}`,
    whole,
    contractWith: ({ schema, definitions }) => ({
      ...contract,
      digest: `made ${digests++}`,
      definitions,
      events: new Map(),
      operations: new Map([
        [operation.id, { ...alone, body: { required: true, content: [{ ...media, schema }] } }],
      ]),
    }),
  };
}

let digests = 0;

import type { Contract } from '@tenon/contract';
import { type GeneratedFile, headerLine } from '../generated-file.ts';
import { literal } from '../source-text.ts';
import type { Surface } from '../surface.ts';
import { type InteractionSource, interactionsOf, type Uncovered } from './interactions.ts';
import { contractTest, INTERACTIONS_DTS, PACT_DTS, PACT_JS } from './templates.ts';

/** Contract tests of both sides, from what pipelines use; none where they use nothing that a pact can say. */
export function contractTestFiles(
  surface: Surface,
  from: InteractionSource,
  folder: string,
): GeneratedFile[] {
  const { interactions, messages, uncovered } = interactionsOf(surface, from);
  if (interactions.length + messages.length === 0) return [];
  const { contract } = surface;
  const header = headerLine(contract);
  const source = { document: contract.files[0] ?? '', headers: credentialHeaders(contract) };
  const data = [
    `export const contract = ${literal(contract.name)};\n`,
    `export const source = ${literal(source)};\n`,
    `export const interactions = ${literal(interactions)};\n`,
    `export const messages = ${literal(messages)};\n`,
  ];
  return [
    { path: `${folder}/interactions.js`, text: `${header}\n${notCovered(uncovered)}\n${data.join('\n')}` },
    { path: `${folder}/interactions.d.ts`, text: header + INTERACTIONS_DTS },
    { path: `${folder}/pact.js`, text: header + PACT_JS },
    { path: `${folder}/pact.d.ts`, text: header + PACT_DTS },
    {
      path: `${folder}/contract.test.ts`,
      text: header + contractTest({ calls: interactions.length > 0, events: messages.length > 0 }),
    },
  ];
}

function notCovered(uncovered: readonly Uncovered[]): string {
  return uncovered.map(({ operation, reason }) => `// No pact for ${operation}: ${reason}.\n`).join('');
}

/** A sandbox takes any credential of the kind that the contract asks for. */
function credentialHeaders(contract: Contract): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const { type, scheme, in: place, name } of contract.securitySchemes.values()) {
    if (type === 'apiKey' && place === 'header' && name !== undefined)
      headers[name.toLowerCase()] = CREDENTIAL;
    else if (type === 'http' && scheme?.toLowerCase() === 'basic')
      headers['authorization'] = `Basic ${btoa('contract:test')}`;
    else if (type !== 'apiKey' && type !== 'mutualTLS') headers['authorization'] = `Bearer ${CREDENTIAL}`;
  }
  return headers;
}

const CREDENTIAL = 'contract-test';

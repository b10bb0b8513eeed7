import { reachableDefinitions } from '@tenon/schema';
import type { Finding } from '../finding.ts';
import { INTERNATIONAL_FORMATS } from '../schema/international-formats.ts';

/**
 * A witness as a test file (vitest and Ajv) that stands by itself: it holds as long as the contract refuses what the
 * finding says it refuses. `undefined` for a finding without a whole message as its witness, and where a format
 * stands that ajv-formats does not know.
 */
export function contractTest(finding: Finding): string | undefined {
  if (finding.witness === undefined || !finding.refusal) return undefined;
  const { schema, definitions } = finding.refusal;
  const document = { $defs: reachableDefinitions(schema, definitions), allOf: [schema] };
  if (hasInternationalFormat(document)) return undefined;
  const refusing = finding.acceptedBy === 'base' ? 'revision' : 'base';
  const title = `the ${refusing} refuses what the ${finding.acceptedBy} accepts: ${finding.message} (${finding.rule})`;
  return `// Written from finding ${finding.fingerprint}.
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { expect, test } from 'vitest';

const schema = ${JSON.stringify(document, null, 2)};

const witness = ${JSON.stringify(finding.witness, null, 2)};

test(${JSON.stringify(title)}, () => {
  const ajv = new Ajv2020({ strict: false });
  addFormats.default(ajv);
  expect(ajv.validate(schema, witness)).toBe(false);
});
`;
}

/** Would plain Ajv with ajv-formats refuse another set of values than ours? */
function hasInternationalFormat(document: object): boolean {
  const text = JSON.stringify(document);
  return Object.keys(INTERNATIONAL_FORMATS).some((name) => text.includes(`"format":"${name}"`));
}

import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles } from '@tenon/pipeline';
import { describe, expect, test } from 'vitest';
import { hasCorpora, mustHaveCorpora } from './corpus.ts';
import { realWorkspaceFiles } from './real-workspace.ts';

const CONNECTOR = 'connectors/hubspot/connector.yaml';
const SEARCH = 'post-/crm/objects/2026-09/{objectType}/search_/crm/objects/2026-03/{objectType}/search';
const manifest = (place: string): string => `apiVersion: tenon/v1
kind: Connector
metadata: { name: hubspot, version: 1.0.0, owner: platform }
contract: hubspot
auth: [{ id: oauth, type: oauth2, flow: refreshToken, tokenUrl: /oauth/v1/token }]
operations:
  '${SEARCH}':
    effect: read
    pagination: { type: cursor, in: ${place}, out: /paging/next/after, items: /results }
`;

/** What is found of pagination by the whole document. */
async function said(place: string): Promise<readonly string[]> {
  const files = { ...(await realWorkspaceFiles(['hubspot'])), [CONNECTOR]: manifest(place) };
  const { value } = await loadWorkspaceFiles('/corpus', memoryWorkspaceFiles(files));
  return checkWorkspace(value!)
    .diagnostics.filter(({ code }) => code === 'manifest-pagination-unknown')
    .map(
      ({ message, file, range, fix }) =>
        `${file}:${range?.start.line}:${range?.start.column} ${message}; ${fix}`,
    );
}

describe.skipIf(!hasCorpora && !mustHaveCorpora)('a search by POST in a whole document', () => {
  test('pages by its body', async () => {
    expect(await said('/body/after')).toEqual([]);
  });

  test('has neither a parameter that pages nor another place for it', async () => {
    expect(await said('after')).toEqual([
      expect.stringMatching(new RegExp(`^${CONNECTOR}:9:\\d+ .* has no parameter \`after\``)),
    ]);
    expect(await said('/body/afer')).toEqual([expect.stringMatching(/has no `\/body\/afer`; .*after/)]);
    expect(await said('/body/filterGroups/0/filters')).toEqual([expect.stringContaining('no item of it')]);
  });
});

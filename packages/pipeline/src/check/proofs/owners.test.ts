import { expect, test } from 'vitest';
import { CONNECTOR, type Edits, PIPELINE, swap, testFiles, testWorkspace } from '../../test-workspace.ts';

const CONTRACT_YAML = 'contracts/shop/contract.yaml';

async function unknownTeams(edits: Edits) {
  const { diagnostics } = await testWorkspace(edits);
  return diagnostics.map(({ code, file, message, fix }) => ({ code, file, message, fix }));
}

test('stewards of contracts and owners of connectors are teams', async () => {
  const found = await unknownTeams({
    [CONTRACT_YAML]: swap('steward: sales', 'steward: sale'),
    [CONNECTOR]: swap('owner: sales', 'owner: nonesuch'),
  });
  expect(found).toEqual([
    {
      code: 'unknown-team',
      file: CONNECTOR,
      message: '`nonesuch` is not in owners.yaml',
      fix: 'add the team to owners.yaml',
    },
    {
      code: 'unknown-team',
      file: CONTRACT_YAML,
      message: '`sale` is not in owners.yaml',
      fix: expect.stringContaining('sales'),
    },
  ]);
});

test('whoever answers for the Tenon is a team', async () => {
  const found = await unknownTeams({
    'tenon.config.yaml': swap(
      'kind: Workspace',
      'kind: Workspace\nserver: { owner: { team: platfrom, escalation: pager } }',
    ),
  });
  expect(found).toMatchObject([{ code: 'unknown-team', file: 'tenon.config.yaml' }]);
});

test.each([
  [{}, 'name a team of owners.yaml: sales, platform, finance'],
  [{ 'owners.yaml': null }, 'name a team'],
])('`unowned` is nobody, with owners.yaml and without', async (edits: Edits, fix) => {
  const found = await unknownTeams({ ...edits, [CONTRACT_YAML]: swap('steward: sales', 'steward: unowned') });
  const message = '`unowned` is no team: who answers here is still to be named';
  expect(found).toEqual([{ code: 'unknown-team', file: CONTRACT_YAML, message, fix }]);
});

test('`unowned` may be the name of a team', async () => {
  const teams = 'teams: [{ name: unowned }, ';
  expect(
    await unknownTeams({
      'owners.yaml': swap('teams: [', teams),
      [PIPELINE]: swap('backup: platform', 'backup: unowned'),
    }),
  ).toEqual([]);
});

test('an installed connector is owned by those who published it', async () => {
  expect(
    await unknownTeams({
      [CONNECTOR]: null,
      'package.json': '{ "dependencies": { "shop-connector": "1.0.0" } }',
      'node_modules/shop-connector/connector.yaml': testFiles[CONNECTOR]!.replace('sales', 'somebody'),
    }),
  ).toEqual([]);
});

test('an owners.yaml that is no YAML makes nobody unknown', async () => {
  const found = await unknownTeams({ 'owners.yaml': 'teams: [{ name: sales }' });
  expect(found.map(({ code }) => code)).not.toContain('unknown-team');
  expect(found).not.toEqual([]);
});

test('who decides approvals does so for teams that there are', async () => {
  const operators = (team: string) => ({
    'tenon.config.yaml': swap(
      'kind: Workspace',
      `kind: Workspace\nserver: { operators: [{ name: finn, role: approver, teams: [${team}], token: 'env:FINN' }] }`,
    ),
  });
  expect(await unknownTeams(operators('finance'))).toEqual([]);
  expect(await unknownTeams(operators('finanze'))).toMatchObject([
    { code: 'unknown-team', file: 'tenon.config.yaml', message: '`finanze` is not in owners.yaml' },
  ]);
});

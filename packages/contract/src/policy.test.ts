import { expect, it } from 'vitest';
import { contractOf, openapi } from './load.testing.ts';

it('contract.yaml is read whole', async () => {
  const { policy } = await contractOf(
    {
      'a.yaml': openapi(
        'paths: {}\ncomponents: { schemas: { "A%/b": { properties: { mail: { type: string } } } } }',
      ),
      'contract.yaml': [
        'apiVersion: tenon/v1',
        'kind: Contract',
        'steward: team-billing',
        'systemOfRecord: [/components/schemas/A%~1b/properties/mail]',
        'compatibility: full',
        'deprecationWindow: 90d',
        'provenance: { source: https://x.example, version: "2", digest: "sha256:0", fetched: "2026-11-01" }',
        'classes: { /components/schemas/A%~1b/properties/mail: personal }',
        'residency: eu',
        'blocks: [breaking]',
      ].join('\n'),
    },
    { policy: 'contract.yaml' },
  );
  expect(policy).toEqual({
    file: 'contract.yaml',
    steward: 'team-billing',
    systemOfRecord: ['/components/schemas/A%~1b/properties/mail'],
    compatibility: 'full',
    deprecationWindowMs: 90 * 86_400_000,
    provenance: { source: 'https://x.example', version: '2', digest: 'sha256:0', fetched: '2026-11-01' },
    classes: { '/components/schemas/A%~1b/properties/mail': 'personal' },
    residency: 'eu',
    blocks: ['breaking'],
  });
});

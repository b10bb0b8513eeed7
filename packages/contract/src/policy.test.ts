import type { SchemaObject } from '@tenon/schema';
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
        'retention: { personal: 30d, secret: 1d }',
        'blocks: [breaking]',
      ].join('\n'),
    },
    { policy: 'contract.yaml' },
  );
  expect(policy).toEqual({
    file: 'contract.yaml',
    steward: 'team-billing',
    stewardAt: expect.objectContaining({ file: 'contract.yaml' }),
    systemOfRecord: ['/components/schemas/A%~1b/properties/mail'],
    compatibility: 'full',
    deprecationWindowMs: 90 * 86_400_000,
    provenance: { source: 'https://x.example', version: '2', digest: 'sha256:0', fetched: '2026-11-01' },
    classes: { '/components/schemas/A%~1b/properties/mail': 'personal' },
    residency: 'eu',
    retentionMs: { personal: 30 * 86_400_000, secret: 86_400_000 },
    blocks: ['breaking'],
  });
});

it('a data class holds for the field itself, however its pointer leads there', async () => {
  const files = {
    'a.yaml': openapi(
      [
        "paths: { /a: { get: { responses: { default: { $ref: '#/components/responses/R' } } } } }",
        'components:',
        "  responses: { R: { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/S' } } } } }",
        '  schemas: { S: { properties: { mail: { type: string } } } }',
      ].join('\n'),
    ),
    'o.yaml':
      "overlay: 1.0.0\ninfo: { title: o, version: '1' }\nactions: [{ target: $.components.schemas.S.properties, update: { phone: { type: string } } }]\n",
    'contract.yaml': [
      'steward: us',
      'classes:',
      '  /paths/~1a/get/responses/default/content/application~1json/schema/properties/mail: personal',
      '  /components/schemas/S/properties/phone: secret',
    ].join('\n'),
  };
  const contract = await contractOf(files, { overlay: 'o.yaml', policy: 'contract.yaml' });
  const properties = (contract.definitions['S'] as SchemaObject).properties!;
  const classOf = (name: string) =>
    contract.policy!.classes[contract.originOf(properties[name] as object)!.pointer];
  expect([classOf('mail'), classOf('phone')]).toEqual(['personal', 'secret']);
});

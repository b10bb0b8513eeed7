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

it('a field that its contract calls a password is a secret, unless the policy says otherwise', async () => {
  const files = {
    'a.yaml': openapi(
      [
        'paths: { /keys: { post: { parameters: [{ name: pin, in: query, schema: { type: string, format: password } }],',
        "  responses: { '201': { description: made, content: { application/json: { schema: { $ref: '#/components/schemas/Key' } } } } } } } }",
        'components:',
        '  schemas:',
        '    Key: { properties: { id: { type: string }, value: { type: string, format: password, writeOnly: true }, iban: { type: string, format: password } } }',
        '    Shared: { type: string, format: password }',
        '    User: { properties: { secret: { $ref: "#/components/schemas/Shared" }, note: { type: string, writeOnly: true }, format: { type: string, enum: [password] } } }',
      ].join('\n'),
    ),
    'contract.yaml': 'steward: us\nclasses: { /components/schemas/Key/properties/iban: financial }\n',
  };
  const { policy } = await contractOf(files, { policy: 'contract.yaml' });
  expect(policy?.classes).toEqual({
    '/components/schemas/Key/properties/iban': 'financial',
    '/components/schemas/Key/properties/value': 'secret',
    '/components/schemas/Shared': 'secret',
    '/paths/~1keys/post/parameters/0/schema': 'secret',
  });
});

it('an overlay says that one is none', async () => {
  const files = {
    'a.yaml': openapi(
      'paths: {}\ncomponents: { schemas: { Key: { properties: { hint: { type: string, format: password } } } } }',
    ),
    'o.yaml':
      "overlay: 1.0.0\ninfo: { title: o, version: '1' }\nactions: [{ target: $.components.schemas.Key.properties.hint.format, remove: true }]\n",
    'contract.yaml': 'steward: us\n',
  };
  const { policy } = await contractOf(files, { overlay: 'o.yaml', policy: 'contract.yaml' });
  expect(policy?.classes).toEqual({});
});

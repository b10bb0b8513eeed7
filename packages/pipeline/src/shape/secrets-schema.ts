import type { SchemaObject } from '@tenon/schema';
import { duration, object, text } from './schema-parts.ts';

export const secretReference = (description: string): SchemaObject => ({
  type: 'string',
  format: 'tenon-secret-reference',
  description: `${description} A reference, such as \`env:NAME\`, \`file:path\` or \`vault:mount/path#field\`; never the secret itself.`,
});

const keep = duration('How long a value is used before it is asked for again. Default 1m.');

/** Managers that `vault:`, `aws:` and `gcp:` references are read from. */
export const secretsSchema: SchemaObject = object('Managers that keep secrets.', [], {
  vault: object(
    'HashiCorp Vault, secrets engine KV version 2. One of `token`, `appRole` and `kubernetes` says who asks.',
    ['address'],
    {
      address: text('Its URL, or `env:NAME`.'),
      namespace: text('Namespace, where it has any.'),
      token: secretReference('A token of its own; renewed while its lease allows.'),
      appRole: object('A login by role and secret id.', ['roleId', 'secretId'], {
        roleId: secretReference('The role’s id.'),
        secretId: secretReference('The secret id; read anew for each login.'),
        mount: text('Where the method is mounted. Default `approle`.'),
      }),
      kubernetes: object('A login by the token of the workload.', ['role'], {
        role: text('The role that the workload logs in to.'),
        token: secretReference('Default: where the orchestrator mounts it.'),
        mount: text('Where the method is mounted. Default `kubernetes`.'),
      }),
      keep,
    },
  ),
  aws: object('AWS Secrets Manager, by its own library, which the workspace installs.', [], {
    region: text('Default: as the library finds it.'),
    keep,
  }),
  gcp: object('Google Secret Manager, by its own library, which the workspace installs.', [], {
    project: text('Project of references that name none.'),
    keep,
  }),
});

import type { SchemaObject } from '@tenon/schema';
import { OPERATOR_ROLES } from './operator-roles.ts';
import { duration, header, object, text } from './schema-parts.ts';
import { secretReference, secretsSchema } from './secrets-schema.ts';

/** `tenon.config.yaml`: engine, server and connections of this workspace. */
export const configSchema: SchemaObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Tenon workspace',
  ...object('Settings of a workspace.', ['apiVersion', 'kind'], {
    ...header('Workspace'),
    engine: object('What carries out runs.', ['type'], {
      type: { enum: ['embedded'], description: '`embedded`: in process, on SQLite.' },
      file: text('The database file. Default `.tenon/tenon.db`.'),
      encryption: object(
        'Encrypts all data in the database: payloads, results, decisions, failures, cursors. For good: a file that was once encrypted is not opened without its keys.',
        ['keys'],
        {
          keys: {
            type: 'array',
            minItems: 1,
            description:
              'Keys that wrap the data keys. The first wraps what is new; the others open what they wrapped, until `tenon data rewrap` has been run.',
            items: object('One key.', ['id', 'key'], {
              id: text('What it is called, for ever: it stands beside what it wrapped.', {
                pattern: '^[A-Za-z0-9_-]{1,64}$',
                patternErrorMessage: 'letters, digits, "_" and "-"',
              }),
              key: secretReference('32 random bytes, as base64 or hex.'),
            }),
          },
          folder: text(
            'Where the data keys lie. Default: `<database>.keys`. Never in the backup of the database: what is erased is erased in its copies because the keys are not in them.',
          ),
        },
      ),
    }),
    server: object('Where the server listens.', [], {
      host: text('Default `127.0.0.1`.'),
      port: { type: 'integer', minimum: 0, maximum: 65_535, description: 'Default 4700.' },
      owner: object(
        'Who answers for what no pipeline owns, such as a disk that is full: named in its alarms.',
        ['team'],
        {
          team: text('A team.'),
          backup: text('Who stands in for it.'),
          escalation: text('Where an alarm goes, as in `owner.escalation` of a pipeline.'),
        },
      ),
      operators: {
        type: 'array',
        description: 'Who may use the operations API. Default: one local operator, on loopback only.',
        items: object('One person or program.', ['name', 'role', 'token'], {
          name: text('Recorded with everything it does.'),
          role: {
            enum: [...OPERATOR_ROLES],
            description:
              'What it may do: `scraper` is given `/metrics` alone, `viewer` reads, `approver` decides approvals too, `operator` may do everything.',
          },
          teams: {
            type: 'array',
            minItems: 1,
            items: text('A team of owners.yaml.'),
            description: 'The teams whose approvals (`approve.by`) they decide. Default: those of all.',
          },
          token: secretReference('Its bearer token.'),
        }),
      },
    }),
    ledger: object('How the ledger is signed, so that a change shows.', [], {
      name: text('Name that checkpoints and verifiers call this ledger by, such as `tenon.example/ledger`.', {
        pattern: '^[^\\s+]+$',
        patternErrorMessage: 'no space and no "+"',
      }),
      key: secretReference(
        'The Ed25519 private key (PKCS #8 PEM) that signs checkpoints. Default: one is made in `.tenon/ledger.key`.',
      ),
      checkpoints: object('Where signed checkpoints go.', [], {
        file: text(
          'They are appended here. Default `.tenon/ledger.checkpoints`; better a place that whoever may change the database cannot write.',
        ),
        witness: text('A URL that each checkpoint is sent to with POST, or `env:NAME`.'),
        every: duration('Most time between an entry and a checkpoint over it. Default 1m.'),
        rows: { type: 'integer', minimum: 1, description: 'Most rows without a checkpoint. Default 10000.' },
      }),
    }),
    secrets: secretsSchema,
    quotas: object('Where quotas of accounts are counted that several processes use.', ['redis'], {
      redis: text('Address of a Redis server, `redis://host:6379` or `env:NAME`.'),
      password: secretReference('Its password.'),
      prefix: text('Of the keys there. Default `tenon`; the same for all that share a quota.'),
    }),
    connections: {
      type: 'object',
      description: 'Connectors configured for one account each, by name.',
      propertyNames: { pattern: '^[A-Za-z][A-Za-z0-9_-]*$' },
      additionalProperties: object('One connection.', ['connector'], {
        connector: text('Name of the connector.'),
        baseUrl: text(
          'URL of the account, or `env:NAME`, read when the process starts. Not needed where nothing is called over it: webhooks come in without.',
        ),
        credentials: {
          type: 'object',
          description: 'By id of the auth scheme in `connector.yaml`.',
          additionalProperties: {
            type: 'object',
            description:
              'The fields of the scheme’s type: `value`; `token`; `username` and `password`; `clientId` with `clientSecret`, `refreshToken`, `privateKey` or `subjectToken`; `certificate` and `privateKey`; `accessKeyId` and `secretAccessKey`; `secret` and `keyId`.',
            additionalProperties: secretReference('A part of the credential.'),
          },
        },
        tokenUrls: {
          type: 'object',
          description:
            'By id of an oauth2 scheme in `connector.yaml`: where its tokens come from for this account, in place of the manifest’s `tokenUrl`. A vendor’s test system has another than its production.',
          additionalProperties: text(
            'A URL, or `env:NAME`, read when the process starts. Its host is asked for tokens and for nothing else.',
          ),
        },
        webhookSecrets: {
          type: 'array',
          description: 'Secrets that webhooks are signed with; all are tried.',
          items: secretReference('One secret.'),
        },
        sources: {
          type: 'array',
          uniqueItems: true,
          description:
            'Events under the connector’s `sources` that are taken in over this connection. Default: all. Where several connections have one connector, say here which of them is asked for what; `[]`: none.',
          items: text('The id of an event.'),
        },
        region: text(
          'Where the account is, such as `eu`. Personal data that a contract keeps in another region (`residency`) is not sent there. Default: that of its contract.',
        ),
        quota: object(
          'The quota of `connector.yaml` is that of an account which other processes use as well; counted where `quotas` says.',
          ['account', 'share'],
          {
            account: text('What the account is called, by all that use it.', {
              pattern: '^[A-Za-z0-9._-]{1,100}$',
              patternErrorMessage: 'letters, digits, ".", "_" and "-"',
            }),
            share: {
              type: 'number',
              exclusiveMinimum: 0,
              maximum: 1,
              description:
                'Part of the quota that this process keeps to while the store cannot be asked. The shares of all together are 1.',
            },
          },
        ),
        identity: text('The identity in `connector.yaml` whose scopes the credentials hold.'),
        owners: {
          type: 'array',
          minItems: 1,
          description: 'Teams whose pipelines may use the connection. Default: all, while they are one team.',
          items: text('A team.'),
        },
        maintenance: {
          type: 'array',
          description:
            'Windows in which its owner works on it: calls are held, and go when the window is over.',
          items: object('One window.', ['schedule', 'for'], {
            schedule: text('When it begins, as five fields of cron: `0 2 * * SUN`.', {
              pattern: '^\\S+( +\\S+){4,5}$',
              patternErrorMessage: 'five fields as of cron, such as "0 2 * * SUN"',
            }),
            zone: text('The zone of the schedule, such as `Europe/Berlin`. Default `UTC`.'),
            for: duration('How long it lasts.'),
          }),
        },
        grants: {
          type: 'object',
          description:
            'What each pipeline may do over the connection, by its name; nothing by default. Written by `tenon grants --write`.',
          additionalProperties: object('What one pipeline may do.', ['operations'], {
            operations: {
              type: 'array',
              description: 'Operations that it may call.',
              items: text('An operation id.'),
            },
            scopes: {
              type: 'array',
              description: 'Scopes that its calls may carry. Default: none.',
              items: text('A scope of the manifest.'),
            },
            hosts: {
              type: 'array',
              description:
                'Hosts of the manifest’s `egress` that its calls may reach, besides the base URL’s. Default: none.',
              items: text('A host.'),
            },
          }),
        },
      }),
    },
  }),
};

import { dataClasses } from '@tenon/contract';
import type { SchemaObject } from '@tenon/schema';
import { header, object, text } from './schema-parts.ts';

/** `owners.yaml`: the directory that owners named in specs are checked against. */
export const ownersSchema: SchemaObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Tenon owners',
  ...object('The teams and roles that exist.', ['apiVersion', 'kind', 'teams'], {
    ...header('Owners'),
    teams: {
      type: 'array',
      description: 'Teams and roles.',
      items: object('One team or role.', ['name'], {
        name: text('As specs name it.'),
        description: text('What it answers for.'),
        contact: text('Where to reach it.'),
        escalation: text('Where a page goes.'),
        cleared: {
          type: 'array',
          uniqueItems: true,
          items: { enum: [...dataClasses], description: 'A data class of `contract.yaml`.' },
          description: 'Classes of data that its people may be shown, in approvals. Default: none.',
        },
      }),
    },
  }),
};

import type { SchemaObject } from '@tenon/schema';
import { ownerPart } from './pipeline-schema.ts';
import {
  dottedName,
  duration,
  expression,
  header,
  identifierName,
  kebabName,
  object,
  template,
  text,
} from './schema-parts.ts';

const side = (what: string): SchemaObject =>
  object(what, ['read', 'key'], {
    read: dottedName(
      '`<connection>.<operation>` that lists the records; it must only read.',
      'shop.listOrders',
    ),
    with: template(
      'Its input; the page is filled in. May read `input.at` (when the comparison began), `input.from` and `input.to` (the `window`).',
    ),
    items: text(
      'JSON Pointer to the list in an answer. Default: where the connector’s `pagination` says, else the answer itself.',
      { pattern: '^(/[^/]*)*$', patternErrorMessage: 'a JSON Pointer such as /items' },
    ),
    where: expression('Over `record`: records without it are left out.'),
    key: template('Text over `record` that is the same in both systems.'),
    id: template(
      'Text over `record` that names it in this system alone. The same id twice is one record, seen on two pages; without it, it is a duplicate.',
    ),
    changedAt: expression(
      'Over `record`: when it was changed last (RFC 3339, or milliseconds since the epoch). What `settle` goes by.',
    ),
  });

const tolerance: SchemaObject = {
  description:
    'How far both may lie apart: a number, a share (`1%`), or a time (`2s`) for moments. Default: not at all.',
  oneOf: [
    { type: 'number', minimum: 0, description: 'An absolute difference.' },
    {
      type: 'string',
      pattern: '^(\\d+(\\.\\d+)?%|(\\d+(ms|s|m|h|d))+)$',
      patternErrorMessage: 'a number, a share such as 0.5%, or a time such as 2s',
      description: 'A share of the larger value, or a time between two moments.',
    },
  ],
};

const field = (what: string, record: string): SchemaObject => ({
  oneOf: [
    expression(`${record} The same on both sides.`),
    object(what, ['source', 'target'], {
      source: expression(`${record} Of the source.`),
      target: expression(`${record} Of the target.`),
      tolerance,
    }),
  ],
});

/** `pipelines/*.reconciliation.yaml`: two systems that should hold the same, and how that is seen to. */
export const reconciliationSchema: SchemaObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Tenon reconciliation',
  ...object(
    'Two systems that should hold the same records: what is compared, when, and how a difference is mended.',
    ['apiVersion', 'kind', 'metadata', 'owner', 'source', 'target'],
    {
      ...header('Reconciliation'),
      metadata: object('What it is called.', ['name', 'version', 'description'], {
        name: kebabName('Unique in the workspace, among pipelines too: grants go by it.'),
        version: { type: 'integer', minimum: 1, description: 'Raise it with each change.' },
        description: text('What must agree, in one sentence.'),
      }),
      // The same as a pipeline's: whoever is on call for the one is for the other.
      owner: ownerPart,
      schedule: object(
        'When it is carried out by itself. Without one: by `tenon reconcile` alone.',
        ['cron', 'zone'],
        {
          cron: text('Five fields (minute hour day month weekday), or six with seconds first.', {
            pattern: '^\\S+( +\\S+){4,5}$',
            patternErrorMessage: 'five or six fields, such as 0 3 * * *',
          }),
          zone: text('IANA name of the time zone: `Europe/Berlin`.'),
          missed: {
            enum: ['skip', 'once'],
            description: 'What was due while nobody was there: left out, or made up for once (default).',
          },
          jitter: duration('By how much it is put off, by chance. Default 0s.'),
        },
      ),
      source: side('The system that is right: what is here and not in the target is missing.'),
      target: side('The system that follows: what is here and not in the source is extra.'),
      compare: {
        type: 'object',
        description: 'Values that must agree in records of one key, by name.',
        propertyNames: identifierName('A name.'),
        additionalProperties: field('Two values that must agree.', 'Over `record`.'),
      },
      totals: {
        type: 'object',
        description:
          'Numbers that must agree when they are added up over all records, by name. How many there are always must.',
        propertyNames: identifierName('A name.'),
        additionalProperties: field('Two numbers that are added up.', 'Over `record`, a number.'),
      },
      settle: duration(
        'A record changed later than this before the comparison began is still on its way: it is counted, not reported. Needs `changedAt`.',
      ),
      window: duration('What `input.from` lies before `input.to`. Default: both sides are read whole.'),
      confirm: duration(
        'After this long both sides are read once more, and only what differs both times is reported. Default: one reading.',
      ),
      deadline: duration('It is given up after this long. Default 6h.'),
      alarm: object('When its owner is told.', ['above'], {
        above: { type: 'integer', minimum: 0, description: 'More differences than this. Default 0.' },
      }),
      list: {
        type: 'integer',
        minimum: 0,
        maximum: 100_000,
        description: 'Differences that are kept one by one; all are counted. Default 10,000.',
      },
      repair: {
        type: 'array',
        minItems: 1,
        description:
          'Pipelines that carry these records: a difference is mended by replaying what they hold of it.',
        items: object('One pipeline.', ['pipeline'], {
          pipeline: kebabName('Its name.'),
          entity: template(
            'Text over `key`, or over `record` of the source: the value of the pipeline’s `orderBy`, or of its `identity.key`. Default `${ key }`.',
          ),
          start: object(
            'Starts it for a missing record that no listed pipeline has had an event of.',
            ['with'],
            {
              with: template('Input of the pipeline, which must be `manual`; over `record` of the source.'),
            },
          ),
        }),
      },
    },
  ),
};

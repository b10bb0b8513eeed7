import type { SchemaObject } from '@tenon/schema';
import { expression, header, identifierName, object, text } from './schema-parts.ts';

/** `pipelines/policies/*.yaml`: named conditions with their own tests, kept apart from sequencing. */
export const policySchema: SchemaObject = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Tenon policies',
  ...object('Named business rules.', ['apiVersion', 'kind', 'policies'], {
    ...header('Policies'),
    owner: text('The team that answers for these rules.'),
    policies: {
      type: 'object',
      description: 'By name; pipelines call them as `policy.<name>(…)`.',
      propertyNames: { pattern: '^[A-Za-z_][A-Za-z0-9_]*$', patternErrorMessage: 'letters, digits and "_"' },
      additionalProperties: object('One rule.', ['description', 'parameters', 'condition', 'tests'], {
        description: text('The rule, in the words of its owner.'),
        parameters: { type: 'array', items: identifierName('A parameter.'), description: 'In order.' },
        condition: expression('Over the parameters only.'),
        tests: {
          type: 'array',
          minItems: 1,
          description: 'Examples that `tenon check` runs.',
          items: object('One example.', ['given', 'expect'], {
            given: { type: 'object', description: 'A value for each parameter.' },
            expect: { type: 'boolean', description: 'What the rule must say.' },
          }),
        },
      }),
    },
  }),
};

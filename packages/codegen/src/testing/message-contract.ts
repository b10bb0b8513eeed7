import type { Contract, Message, MessageOperation } from '@tenon/contract';
import type { JsonSchema } from '@tenon/schema';
import { contractOf } from './contract-of.ts';

const message = (name: string, payload: JsonSchema): Message => ({
  name,
  contentType: 'application/json',
  payload,
  examples: [],
  bindings: {},
});

const send = (id: string, messages: readonly Message[]): MessageOperation => ({
  kind: 'message',
  id,
  derivedId: false,
  tags: [],
  deprecated: false,
  security: [],
  extensions: {},
  channel: id,
  address: `lights/{lamp}/${id}`,
  parameters: [],
  messages,
  bindings: {},
});

/** A contract over channels, with names that generated code uses itself. */
export function messageContract(): Contract {
  const definitions: Record<string, JsonSchema> = {
    Operations: {
      type: 'object',
      title: 'Events',
      properties: { level: { type: 'integer' } },
      required: ['level'],
    },
    'Turn on': {
      description: 'A command. */ export const injected = 1; /*',
      anyOf: [{ $ref: '#/$defs/Operations' }, { type: 'array', items: { $ref: '#/$defs/Turn%20on' } }],
    },
    Transport: { type: 'object', properties: { lights: { $ref: '#/$defs/Bag' } } },
    Bag: {
      type: 'object',
      properties: { size: { type: 'number' } },
      additionalProperties: { type: 'string' },
    },
  };
  const operations = [
    send('turnOn', [message('Turn on', { $ref: '#/$defs/Turn%20on' })]),
    send('put', [message('Bag', { $ref: '#/$defs/Bag' }), message('Text', { type: ['string', 'null'] })]),
  ];
  return {
    ...contractOf({ name: 'lights', definitions }),
    format: 'asyncapi',
    formatVersion: '3.0.0',
    operations: new Map(operations.map((operation) => [operation.id, operation])),
    events: new Map([
      [
        'measured',
        {
          id: 'measured',
          source: 'channel',
          deprecated: false,
          message: message('Measured', {
            type: 'object',
            properties: { lumens: { type: 'integer', minimum: 0 } },
            required: ['lumens'],
          }),
          extensions: {},
        },
      ],
    ]),
  };
}

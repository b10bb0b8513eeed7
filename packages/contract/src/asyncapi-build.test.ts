import { describe, expect, it } from 'vitest';
import { contractOf } from './load.testing.ts';

const VERSION_3 = `
asyncapi: 3.0.0
info: { title: Billing, version: '1' }
defaultContentType: application/json
servers: { bus: { host: 'bus.example:5672', pathname: /main, protocol: amqp, security: [{ $ref: '#/components/securitySchemes/user' }] } }
channels:
  invoices:
    address: invoices.{region}
    parameters: { region: { enum: [eu, us], default: eu } }
    bindings: { x-own: { a: 1 } }
    messages:
      invoicePaid: { $ref: '#/components/messages/InvoicePaid' }
      invoiceVoided: { payload: { type: object } }
  commands:
    address: commands
    messages: { void: { payload: { type: string }, correlationId: { location: '$message.header#/id' } }, done: { payload: { type: boolean } } }
operations:
  sendInvoices: { action: send, channel: { $ref: '#/channels/invoices' } }
  voidInvoice:
    action: receive
    channel: { $ref: '#/channels/commands' }
    messages: [{ $ref: '#/channels/commands/messages/void' }]
    reply: { channel: { $ref: '#/channels/commands' }, messages: [{ $ref: '#/channels/commands/messages/done' }] }
    security: [{ $ref: '#/components/securitySchemes/user' }]
components:
  securitySchemes: { user: { type: userPassword } }
  messages:
    InvoicePaid:
      name: InvoicePaidV2
      traits: [{ headers: { type: object, properties: { id: { type: string } } }, bindings: { amqp: { messageType: paid } } }]
      payload: { schemaFormat: application/schema+json;version=draft-07, schema: { $ref: '#/components/schemas/Invoice' } }
      examples: [{ name: one, payload: { id: a } }]
  schemas: { Invoice: { type: object, properties: { id: { type: string } } } }
`;

describe('AsyncAPI 3, which speaks from the described system', () => {
  it('makes an event of what it sends', async () => {
    const contract = await contractOf({ 'a.yaml': VERSION_3 });
    expect([...contract.events.keys()]).toEqual(['invoicePaid', 'invoiceVoided']);
    expect(contract.events.get('invoicePaid')).toMatchObject({
      source: 'channel',
      channel: 'invoices',
      address: 'invoices.{region}',
      message: {
        name: 'InvoicePaidV2',
        contentType: 'application/json',
        payload: { $ref: '#/$defs/Invoice' },
        headers: { properties: { id: { type: 'string' } } },
        bindings: { amqp: { messageType: 'paid' } },
        examples: [{ name: 'one', payload: { id: 'a' } }],
      },
    });
  });

  it('makes an operation of what it receives, with its reply', async () => {
    const contract = await contractOf({ 'a.yaml': VERSION_3 });
    expect([...contract.operations.keys()]).toEqual(['voidInvoice']);
    expect(contract.operations.get('voidInvoice')).toMatchObject({
      kind: 'message',
      channel: 'commands',
      messages: [{ name: 'void', payload: { type: 'string' }, correlationId: '$message.header#/id' }],
      reply: { address: 'commands', messages: [{ name: 'done' }] },
      security: [{ user: [] }],
    });
    expect(contract.servers).toEqual([{ url: 'amqp://bus.example:5672/main', protocol: 'amqp' }]);
  });
});

const VERSION_2 = `
asyncapi: 2.6.0
info: { title: Billing, version: '1' }
servers: { bus: { url: bus.example, protocol: kafka } }
channels:
  invoices/{region}:
    parameters: { region: { schema: { type: string, enum: [eu] } } }
    subscribe:
      operationId: onInvoice
      message: { oneOf: [{ $ref: '#/components/messages/Paid' }, { messageId: invoiceVoided, payload: { type: object } }] }
    publish:
      message: { payload: { type: integer, exclusiveMinimum: 0 } }
components: { messages: { Paid: { payload: { type: string } } } }
`;

describe('AsyncAPI 2, which speaks from the side of clients', () => {
  it('makes an event of what they may subscribe to, an operation of what they may publish', async () => {
    const contract = await contractOf({ 'a.yaml': VERSION_2 });
    expect([...contract.events.keys()]).toEqual(['Paid', 'invoiceVoided']);
    expect([...contract.operations.keys()]).toEqual(['publishInvoicesRegion']);
    expect(contract.operations.get('publishInvoicesRegion')).toMatchObject({
      derivedId: true,
      address: 'invoices/{region}',
      parameters: [{ name: 'region', in: 'channel', schema: { type: 'string', enum: ['eu'] } }],
      messages: [{ payload: { type: 'integer', exclusiveMinimum: 0 } }],
    });
    expect(contract.servers[0]?.url).toBe('kafka://bus.example');
  });
});

import { manualClock, seededRandom } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import type { OperationPlan } from '../operation-plan.ts';
import type { CallRequest, TransportContext } from '../transport.ts';
import {
  basicCredentials,
  CredentialsMissing,
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publisher,
} from './message-transport.ts';

const plan: OperationPlan = {
  name: 'bus.publish',
  connector: 'bus',
  operation: 'publish',
  contract: { name: 'bus', version: '1.0.0', digest: 'sha256:0' },
  transport: 'bus',
  effect: 'send',
  idempotency: { mode: 'header', name: 'message-id' },
  scopes: [],
  timeoutMs: 5_000,
  failures: [],
  auth: [],
  egress: [],
  input: {
    type: 'object',
    required: ['region', 'body'],
    properties: { region: { type: 'string' }, body: { type: 'object', required: ['id'] } },
  },
  result: { type: 'null' },
  message: {
    channel: 'orders',
    address: 'orders.{region}',
    parameters: [
      {
        key: 'region',
        name: 'region',
        in: 'channel',
        required: true,
        style: 'simple',
        explode: false,
        allowReserved: false,
      },
    ],
    contentType: 'application/json',
    bindings: {},
    orderBy: '/id',
  },
};
const request: CallRequest = {
  operation: plan,
  input: { region: 'eu', body: { id: 7 } },
  idempotencyKey: 'k1',
};

function open(publish: Publisher['publish']) {
  const clock = manualClock(1_000);
  const context: TransportContext = {
    clock,
    random: seededRandom(1),
    connection: { name: 'bus', connector: 'bus', baseUrl: 'bus://x', credentials: {}, webhookSecrets: [] },
    secrets: { resolve: () => Promise.reject(new Error('no such variable')) },
  };
  return { clock, context, transport: messageTransport(context, { publish, close: async () => {} }) };
}

async function sent(operation: OperationPlan, more: Partial<CallRequest> = {}): Promise<OutgoingMessage> {
  let seen: OutgoingMessage | undefined;
  const { transport } = open(async (message) => {
    seen = message;
    return null;
  });
  expect(await transport.call({ ...request, ...more, operation })).toMatchObject({ ok: true, body: null });
  return seen!;
}

describe('a message that is sent', () => {
  it('has its address filled in, its key as id, its order key and its trace', async () => {
    const message = await sent(plan, { traceparent: '00-a-b-01', correlationId: 'c1' });
    expect(message).toMatchObject({
      address: 'orders.eu',
      id: 'k1',
      orderKey: '7',
      contentType: 'application/json',
      headers: { traceparent: '00-a-b-01', 'x-correlation-id': 'c1' },
    });
    expect(Buffer.from(message.body).toString()).toBe('{"id":7}');
  });

  it('carries the digest of a key that no header can hold, the same each time', async () => {
    const [one, two] = await Promise.all([
      sent(plan, { idempotencyKey: 'für alle\n' }),
      sent(plan, { idempotencyKey: 'für alle\n' }),
    ]);
    expect(one.id).toMatch(/^[0-9a-f]{64}$/);
    expect(two.id).toBe(one.id);
  });

  it('has the headers of its input, below those that are its own; one that cannot be sent is refused', async () => {
    const headers = { 'X-Tenant': 'a', attempt: 3, traceparent: 'spoofed', left: null };
    const input = { ...request.input, headers };
    const message = await sent(plan, { input, traceparent: '00-a-b-01' });
    expect(message.headers).toEqual({ 'x-tenant': 'a', attempt: '3', traceparent: '00-a-b-01' });
    const { transport } = open(async () => {
      throw new Error('it must not be sent');
    });
    const evil = { ...request.input, headers: { tenant: 'a\r\nx-evil: 1' } };
    expect(await transport.call({ ...request, input: evil })).toMatchObject({
      failure: { class: 'validation', code: 'MESSAGE_HEADER_UNSAFE', delivery: 'notSent' },
    });
  });

  const envelope = { type: 'order.placed', source: '/shop', prefix: 'ce-' } as const;

  it('may be a CloudEvent whose attributes stand in headers', async () => {
    const message = await sent({
      ...plan,
      message: { ...plan.message!, envelope: { mode: 'binary', ...envelope } },
    });
    expect(message.headers).toMatchObject({
      'ce-specversion': '1.0',
      'ce-id': 'k1',
      'ce-type': 'order.placed',
      'ce-source': '/shop',
      'ce-partitionkey': '7',
      'ce-time': '1970-01-01T00:00:01.000Z',
    });
    expect(Buffer.from(message.body).toString()).toBe('{"id":7}');
  });

  it('or one JSON object', async () => {
    const message = await sent({
      ...plan,
      message: { ...plan.message!, envelope: { mode: 'structured', ...envelope } },
    });
    expect(message.contentType).toBe('application/cloudevents+json; charset=utf-8');
    expect(JSON.parse(Buffer.from(message.body).toString())).toMatchObject({
      specversion: '1.0',
      id: 'k1',
      type: 'order.placed',
      datacontenttype: 'application/json',
      data: { id: 7 },
    });
  });
});

describe('a message that is not sent', () => {
  const never: Publisher['publish'] = () => Promise.reject(new Error('must not be called'));

  it.each([
    ['MESSAGE_OPERATION_UNBOUND', { operation: { ...plan, message: undefined } }],
    ['MESSAGE_REQUEST_INVALID', { input: { region: 'eu', body: {} } }],
    ['MESSAGE_KEY_MISSING', { idempotencyKey: undefined }],
    ['MESSAGE_ADDRESS_INVALID', { input: { region: 'eu.>', body: { id: 1 } } }],
    ['MESSAGE_ADDRESS_INVALID', { input: { region: '', body: { id: 1 } } }],
    ['MESSAGE_TIMEOUT', { deadlineAt: 999 }],
  ])('%s', async (code, change) => {
    const { transport } = open(never);
    // Each row leaves out or spoils one part on purpose.
    const spoilt = { ...request, ...change } as CallRequest;
    expect(await transport.call(spoilt)).toMatchObject({ ok: false, failure: { code, delivery: 'notSent' } });
  });

  it('MESSAGE_CREDENTIALS_MISSING, without the name of what is missing', async () => {
    const { transport, context } = open(async () => {
      await basicCredentials(
        {
          ...context,
          connection: {
            ...context.connection,
            credentials: { login: { username: 'env:U', password: 'env:P' } },
          },
        },
        'publish',
      );
      return null;
    });
    const result = await transport.call(request);
    expect(result).toMatchObject({
      failure: { code: 'MESSAGE_CREDENTIALS_MISSING', class: 'auth', delivery: 'notSent' },
    });
    expect(JSON.stringify(result)).not.toContain('no such variable');
    expect(new CredentialsMissing('x')).toBeInstanceOf(Error);
  });
});

describe('the fate of a message', () => {
  it.each([
    [false, 'notSent'],
    [true, 'lost'],
  ])('when the connection breaks and sending had begun: %s', async (begun, delivery) => {
    const { transport } = open((_message, { sending }) => {
      if (begun) sending();
      return Promise.reject(Object.assign(new Error('secret text of the broker'), { code: 'ECONNRESET' }));
    });
    const result = await transport.call(request);
    expect(result).toMatchObject({
      failure: { code: 'MESSAGE_CONNECTION_FAILED', class: 'transient', delivery },
    });
    expect(JSON.stringify(result)).toContain('ECONNRESET');
    expect(JSON.stringify(result)).not.toContain('secret text');
  });

  it('when no answer comes: lost, at the deadline', async () => {
    const { transport, clock } = open((_message, { sending }) => {
      sending();
      return new Promise(() => {});
    });
    const result = transport.call(request);
    clock.advance(5_000);
    expect(await result).toMatchObject({
      failure: { code: 'MESSAGE_TIMEOUT', class: 'timeout', delivery: 'lost' },
    });
  });

  it('when its connection is there only after the call was given up as not sent: it is not sent any more', async () => {
    const connected = Promise.withResolvers<void>();
    const written: string[] = [];
    const { transport, clock } = open(async (message, { sending }) => {
      await connected.promise;
      sending();
      written.push(message.id);
      return null;
    });
    const result = transport.call(request);
    clock.advance(5_000);
    expect(await result).toMatchObject({ failure: { code: 'MESSAGE_TIMEOUT', delivery: 'notSent' } });
    connected.resolve();
    await new Promise((resolve) => setImmediate(resolve));
    expect(written).toEqual([]);
  });

  it('when a switch is set while it waits for its connection: it is called off', async () => {
    const connected = Promise.withResolvers<void>();
    const written: string[] = [];
    const { transport } = open(async (message, { sending }) => {
      await connected.promise;
      sending();
      written.push(message.id);
      return null;
    });
    let isKilled = false;
    const result = transport.call({ ...request, isCalledOff: () => isKilled });
    isKilled = true;
    connected.resolve();
    expect(await result).toMatchObject({ ok: false, calledOff: true, failure: { delivery: 'notSent' } });
    expect(written).toEqual([]);
  });

  it('when the broker says no: answered, whatever had been sent', async () => {
    const { transport } = open((_message, { sending }) => {
      sending();
      return Promise.reject(new MessageRefused('notFound', 'no queue takes it', 'answered', 312));
    });
    expect(await transport.call(request)).toMatchObject({
      failure: { code: 'MESSAGE_REFUSED', class: 'notFound', delivery: 'answered', status: 312 },
    });
  });

  it('when the contract promises no reply: whatever the broker acknowledges with, it has happened', async () => {
    const { transport } = open(async () => ({ offset: 1 }));
    expect(await transport.call(request)).toMatchObject({ ok: true, body: null });
  });

  it('when the answer is not what the contract says: it has happened', async () => {
    const { transport } = open(async () => ({ offset: 1 }));
    const result = { type: 'object', required: ['sequence'] } as const;
    expect(await transport.call({ ...request, operation: { ...request.operation, result } })).toMatchObject({
      failure: { code: 'MESSAGE_ANSWER_INVALID', class: 'contract', delivery: 'answered', status: 200 },
    });
  });
});

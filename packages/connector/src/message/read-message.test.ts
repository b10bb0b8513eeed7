import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { IncomingMessage } from '../source.ts';
import type { SourceEvent, SourcePlan } from '../source-plan.ts';
import {
  binaryCloudEvent,
  binaryHeaders,
  type CloudEvent,
  structuredBody,
  structuredCloudEvent,
} from './cloud-event.ts';
import { readMessage } from './read-message.ts';

const placed: SourceEvent = {
  name: 'bus.placed',
  contentType: 'application/json',
  id: 'message',
  isHeard: true,
};

function plan(...events: readonly SourceEvent[]): SourcePlan {
  return {
    connector: 'bus',
    contract: { name: 'bus', version: '1.0.0', digest: 'sha256:0' },
    transport: 'bus',
    channel: 'orders',
    from: 'orders',
    address: 'orders',
    group: 'tenon',
    prefetchMax: 10,
    create: false,
    invalid: 'quarantine',
    everyMs: 1_000,
    bindings: {},
    events: events.length > 0 ? events : [placed],
  };
}

function message(body: unknown, more: Partial<IncomingMessage> = {}): IncomingMessage {
  const bytes = typeof body === 'string' ? body : JSON.stringify(body);
  return { id: 'm1', body: Buffer.from(bytes), headers: {}, redelivered: false, ...more };
}

describe('a message', () => {
  it('is its one event, under the broker’s id', () => {
    expect(readMessage(plan(), message({ id: 1 }, { headers: { traceparent: 't' } }))).toEqual({
      as: 'event',
      event: placed,
      payload: { id: 1 },
      deliveryId: 'm1',
      traceparent: 't',
    });
  });

  it('has its id where the manifest says', () => {
    const read = (id: string, headers = {}) =>
      readMessage(plan({ ...placed, id }), message({ event: { id: 42 } }, { headers }));
    expect(read('header:X-Event-Id', { 'x-event-id': 'e9' })).toMatchObject({ deliveryId: 'e9' });
    expect(read('/event/id')).toMatchObject({ deliveryId: '42' });
    expect(read('/nowhere')).not.toHaveProperty('deliveryId');
    // An empty one would be that of all such messages.
    expect(read('header:X-Event-Id', { 'x-event-id': '' })).not.toHaveProperty('deliveryId');
    expect(readMessage(plan(), message({}, { id: '' }))).not.toHaveProperty('deliveryId');
    // Neither would one that is cut in the middle of a character be one of its own.
    expect(readMessage(plan(), message({}, { id: 'm\ud83d' }))).not.toHaveProperty('deliveryId');
  });

  it('has its order key where the manifest says; what has none keeps its order among its like', () => {
    const ordered = plan({ ...placed, orderBy: '/customer' });
    expect(readMessage(ordered, message({ customer: 'c1' }))).toMatchObject({ orderKey: 'c1' });
    expect(readMessage(ordered, message({}))).toMatchObject({ orderKey: '' });
    expect(readMessage(plan(), message({}))).not.toHaveProperty('orderKey');
  });

  it('is told from others of its place by its type; one that nobody listens to is let go', () => {
    const two = plan(
      { ...placed, type: { at: 'header:type', is: 'placed' } },
      { ...placed, name: 'bus.lost', type: { at: '/kind', is: 'lost' }, isHeard: false },
    );
    expect(readMessage(two, message({}, { headers: { type: 'placed' } }))).toMatchObject({
      event: { name: 'bus.placed' },
    });
    expect(readMessage(two, message({ kind: 'lost' }))).toMatchObject({ as: 'unheard' });
  });

  it('of a type that the contract does not know is nobody’s: MESSAGE_TYPE_UNKNOWN', () => {
    const one = plan({ ...placed, type: { at: 'header:type', is: 'placed' } });
    const read = readMessage(
      one,
      message({ private: 'ada@northwind.example' }, { headers: { type: 'other' } }),
    );
    expect(read).toMatchObject({
      as: 'invalid',
      failure: { code: 'MESSAGE_TYPE_UNKNOWN', class: 'contract' },
    });
    expect(read.as === 'invalid' && read.failure.message).not.toContain('ada');
  });

  it.each([
    ['no JSON', 'oh', undefined],
    ['another content type', '<a/>', 'application/xml'],
  ])('that cannot be read is kept as it came: %s', (_name, body, contentType) => {
    const read = readMessage(plan(), message(body, contentType === undefined ? {} : { contentType }));
    expect(read).toMatchObject({
      as: 'invalid',
      failure: { code: 'MESSAGE_UNREADABLE' },
      payload: { base64: Buffer.from(body).toString('base64') },
    });
  });

  it('that its source could not translate is kept as it came, with the place that the source names', () => {
    const read = readMessage(
      plan(),
      message('a;b', { contentType: 'text/csv', problem: 'x.csv:2:3: amount is not a number' }),
    );
    expect(read).toMatchObject({
      as: 'invalid',
      failure: {
        code: 'MESSAGE_UNREADABLE',
        message: 'the message cannot be read: x.csv:2:3: amount is not a number',
      },
      payload: { contentType: 'text/csv', base64: Buffer.from('a;b').toString('base64') },
    });
  });

  it('may be a text, where its contract says so', () => {
    const text = plan({ ...placed, contentType: 'text/plain' });
    expect(readMessage(text, message('hello'))).toMatchObject({ payload: 'hello' });
  });
});

describe('a CloudEvent', () => {
  const event: CloudEvent = {
    id: 'e 1%',
    source: '/shop',
    type: 'order.placed',
    subject: 'Größe "L"',
    partitionKey: 'c1',
  };

  it('in headers is known by source and id, and ordered by its partition key', () => {
    const read = readMessage(plan(), message({ id: 1 }, { headers: binaryHeaders(event, 'ce-') }));
    expect(read).toMatchObject({ payload: { id: 1 }, deliveryId: '/shop#e 1%', orderKey: 'c1' });
  });

  it('in one object is opened, unless the contract describes the object itself', () => {
    const body = structuredBody(event, { id: 1 });
    const structured = { contentType: 'application/cloudevents+json; charset=utf-8' };
    expect(readMessage(plan(), message(body, structured))).toMatchObject({
      payload: { id: 1 },
      deliveryId: '/shop#e 1%',
    });
    const whole = plan({ ...placed, contentType: 'application/cloudevents+json' });
    expect(readMessage(whole, message(body, structured))).toMatchObject({
      payload: { data: { id: 1 }, type: 'order.placed' },
    });
  });

  it('with bytes as data is read by its own content type', () => {
    const body = {
      ...structuredBody({ ...event, dataContentType: 'application/json' }, null),
      data_base64: Buffer.from('{"id":2}').toString('base64'),
    };
    expect(readMessage(plan(), message(body, { contentType: 'application/cloudevents+json' }))).toMatchObject(
      { payload: { id: 2 } },
    );
  });

  it('tells its type', () => {
    const typed = plan({ ...placed, type: { at: 'cloudevent:type', is: 'order.placed' } });
    expect(readMessage(typed, message({}, { headers: binaryHeaders(event, 'ce_') }))).toMatchObject({
      as: 'event',
    });
  });

  it('comes out as it went in, in both modes', () => {
    const text = fc.string({ minLength: 1, unit: 'grapheme' }).filter((one) => !/[\0\r\n]/.test(one));
    const events = fc.record(
      { id: text, source: text, type: text, subject: text },
      { requiredKeys: ['id', 'source', 'type'] },
    );
    fc.assert(
      fc.property(events, fc.jsonValue(), (one, data) => {
        expect(binaryCloudEvent(binaryHeaders(one, 'ce-'), undefined)).toEqual(one);
        expect(structuredCloudEvent(structuredBody(one, data))).toEqual({ event: one, data });
      }),
    );
  });
});

import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import {
  type CallRequest,
  type CallResult,
  type ConnectorModule,
  defineConnector,
  httpTransport,
  type Transport,
  type TransportContext,
  type WebhookScheme,
} from '@tenon/connector';
import { isObject, type JsonObject } from '@tenon/model';
import type { Edits } from './judge.ts';

/** A connector that breaks one promise, and the check that must find it, alone. */
export interface BrokenConnector {
  readonly caughtBy: number;
  readonly breaks: string;
  readonly edits?: Edits;
  readonly module?: ConnectorModule;
  readonly previous?: Edits;
}

const MANIFEST = 'connectors/parts/connector.yaml';
const CONTRACT = 'contracts/parts/openapi.yaml';
const README = 'connectors/parts/README.md';

export const brokenConnectors: readonly BrokenConnector[] = [
  {
    caughtBy: 101,
    breaks: 'names an operation that the contract does not have',
    edits: {
      ...manifest(after('operations:', '  archiveOrder: { effect: read, scopes: [orders.read] }')),
      [README]: (text) => `${text}\n\`archiveOrder\``,
    },
  },
  {
    caughtBy: 102,
    breaks: 'has an example in its contract that does not fit',
    edits: contract(
      swap('{ id: evt_1, orderId: order_1, version: 3 }', '{ id: evt_1, orderId: order_1, version: third }'),
    ),
  },
  {
    caughtBy: 103,
    breaks: 'keeps an operation out of its README',
    edits: { [README]: swap('`refundOrder`', 'refunding') },
  },
  {
    caughtBy: 104,
    breaks: 'takes an operation away in a patch',
    edits: manifest(swap('version: 1.0.0', 'version: 1.0.1')),
    previous: manifest(after('operations:', '  archiveOrder: { effect: read, scopes: [orders.read] }')),
  },
  {
    caughtBy: 105,
    breaks: 'is written for a connector API that is yet to come',
    module: { ...defineConnector({}), api: 99 },
  },
  {
    caughtBy: 106,
    breaks: 'has no health call',
    edits: manifest(swap('health: { operation: listOrders }', '')),
  },
  {
    caughtBy: 107,
    breaks: 'names no sandbox',
    edits: manifest(swap("sandbox: { server: 'https://sandbox.parts.example', synthetic: true }", '')),
  },
  {
    caughtBy: 108,
    breaks: 'may reach a host that has nothing to do with it',
    edits: manifest(before('operations:', 'egress: [metrics.elsewhere.example]')),
  },
  {
    caughtBy: 109,
    breaks: 'can undo, and does not say so',
    edits: manifest(swap('    compensation: { operation: cancelOrder, within: 30d }\n', '')),
  },
  {
    caughtBy: 201,
    breaks: 'loses the body of an answer',
    module: carried((inner) => ({
      answer: (result, { operation }) =>
        operation.operation === 'getOrder' && result.ok ? { ...result, body: null } : result,
      inner,
    })),
  },
  {
    caughtBy: 202,
    breaks: 'leaves out what is false, zero or empty',
    module: carried((inner) => ({
      request: (request) => ({ ...request, input: withoutFalsy(request.input) }),
      inner,
    })),
  },
  {
    caughtBy: 203,
    breaks: 'sends whatever it is given',
    module: carried((inner) => ({
      request: (request) => ({ ...request, operation: { ...request.operation, input: true } }),
      inner,
    })),
  },
  {
    caughtBy: 204,
    breaks: 'believes every answer',
    module: carried((inner) => ({
      request: (request) => ({
        ...request,
        operation: {
          ...request.operation,
          result: true,
          http: {
            ...request.operation.http!,
            responses: request.operation.http!.responses.map(({ schema: _schema, ...rest }) => rest),
          },
        },
      }),
      inner,
    })),
  },
  {
    caughtBy: 205,
    breaks: 'takes no answer that has grown a field',
    edits: contract(
      swap(
        '    Order:\n      type: object\n',
        '    Order:\n      type: object\n      additionalProperties: false\n',
      ),
    ),
  },
  {
    caughtBy: 206,
    breaks: 'takes an answer that it cannot read for none',
    module: carried((inner) => ({
      answer: (result) =>
        !result.ok && result.failure.code === 'HTTP_RESPONSE_MALFORMED' ? ok({ id: 'x' }) : result,
      inner,
    })),
  },
  {
    caughtBy: 207,
    breaks: 'retries by itself',
    module: carried((inner) => ({
      call: async (request) => {
        const first = await inner.call(request);
        return !first.ok && first.failure.status === 503 ? inner.call(request) : first;
      },
      inner,
    })),
  },
  {
    caughtBy: 208,
    breaks: 'loses the trace',
    module: carried((inner) => ({ request: ({ traceparent: _trace, ...request }) => request, inner })),
  },
  {
    caughtBy: 301,
    breaks: 'takes "not found" for an empty answer',
    module: carried((inner) => ({
      answer: (result) => (!result.ok && result.failure.status === 410 ? ok(null) : result),
      inner,
    })),
  },
  {
    caughtBy: 302,
    breaks: 'has a rule that an earlier one takes all answers from',
    edits: manifest(
      after(
        '  failures:',
        '    - { status: 5xx, class: transient }\n    - { status: 507, class: permanent }',
      ),
    ),
  },
  {
    caughtBy: 302,
    breaks: 'has a rule over a field that its contract does not have',
    edits: manifest(swap("body.code == 'exists'", "body.cod == 'exists'")),
  },
  {
    caughtBy: 303,
    breaks: 'has no class for a status of its contract',
    edits: contract(
      after(
        "        '422': { $ref: '#/components/responses/Refused' }",
        "        '424': { $ref: '#/components/responses/Refused' }",
      ),
    ),
  },
  {
    caughtBy: 304,
    breaks: 'takes a gateway’s word for the service’s',
    module: carried((inner) => ({
      answer: (result) =>
        !result.ok && (result.failure.status === 502 || result.failure.status === 504)
          ? { ok: false, failure: { ...result.failure, delivery: 'answered' } }
          : result,
      inner,
    })),
  },
  {
    caughtBy: 305,
    breaks: 'fails with a code that nobody can look up',
    module: carried((inner) => ({
      answer: (result) =>
        !result.ok && result.failure.status === 400
          ? { ok: false, failure: { ...result.failure, code: 'E42' } }
          : result,
      inner,
    })),
  },
  {
    caughtBy: 401,
    breaks: 'calls a refused credential a passing trouble',
    edits: manifest(
      swap(
        'getOrder: { effect: read, scopes: [orders.read] }',
        'getOrder: { effect: read, scopes: [orders.read], failures: [{ status: 401, class: transient }] }',
      ),
    ),
  },
  {
    caughtBy: 402,
    breaks: 'fetches a token for each caller',
    module: perCall(),
  },
  {
    caughtBy: 403,
    breaks: 'has one identity for all',
    edits: manifest(
      swap('  reader: [orders.read]\n  writer: [orders.write]', '  everyone: [orders.read, orders.write]'),
    ),
  },
  {
    caughtBy: 404,
    breaks: 'calls home when it is made',
    module: carried((inner, context) => {
      void fetch(`${context.connection.baseUrl}/warm-up`).catch(() => {});
      return { inner };
    }),
  },
  {
    caughtBy: 405,
    breaks: 'puts a credential into an address',
    module: carried((inner, context) => ({
      call: async (request) => {
        const secret = await context.secrets.resolve('env:clientSecret', {
          connection: 'parts',
          use: 'test',
        });
        return inner.call(withQuery(request, 'key', secret.reveal()));
      },
      inner,
    })),
  },
  {
    caughtBy: 406,
    breaks: 'tells its credential when it fails',
    module: carried((inner, context) => ({
      call: async (request) => {
        const result = await inner.call(request);
        if (result.ok || result.failure.status !== 401) return result;
        const secret = await context.secrets.resolve('env:clientSecret', {
          connection: 'parts',
          use: 'test',
        });
        return { ok: false, failure: { ...result.failure, message: `refused with ${secret.reveal()}` } };
      },
      inner,
    })),
  },
  {
    caughtBy: 407,
    breaks: 'quotes the request when it fails',
    module: carried((inner) => ({
      answer: (result, request) =>
        !result.ok && result.failure.status === 400
          ? { ok: false, failure: { ...result.failure, message: `refused ${JSON.stringify(request.input)}` } }
          : result,
      inner,
    })),
  },
  {
    caughtBy: 408,
    breaks: 'prints what it sends',
    module: carried((inner) => ({
      request: (request) => {
        // Only then, so that a run of the tests is not told of every call.
        if (JSON.stringify(request.input).includes('canary')) console.debug('sending', request.input);
        return request;
      },
      inner,
    })),
  },
  {
    caughtBy: 409,
    breaks: 'signs the time and nothing else',
    edits: manifest(
      auth(
        'id: signature, type: hmac, sign: "${ timestamp }", headers: { X-Sign: "${ timestamp }.${ signature }" }',
      ),
    ),
  },
  {
    caughtBy: 409,
    breaks: 'declares a signature that it does not send',
    edits: manifest(auth('id: signature, type: awsSigV4, service: parts')),
    module: unprovedBy('signature'),
  },
  {
    caughtBy: 410,
    breaks: 'goes without its certificate where it cannot show it',
    edits: manifest(auth('id: certificate, type: mtls')),
    module: unprovedBy('certificate'),
  },
  {
    caughtBy: 402,
    breaks: 'exchanges a token for each caller',
    edits: manifest(swap('flow: clientCredentials', 'flow: tokenExchange')),
    module: perCall(),
  },
  {
    caughtBy: 501,
    breaks: 'does not hear seconds',
    module: carried((inner) => ({
      answer: (result) => withoutWait(result, (waitMs) => waitMs < 10_000),
      inner,
    })),
  },
  {
    caughtBy: 502,
    breaks: 'does not read dates',
    module: carried((inner) => ({
      answer: (result) => withoutWait(result, (waitMs) => waitMs > 90_000),
      inner,
    })),
  },
  {
    caughtBy: 503,
    breaks: 'declares no quota, and its contract documents one',
    edits: manifest(swap('  rateLimit: { quota: 100, window: 10s }\n', '')),
  },
  {
    caughtBy: 504,
    breaks: 'keeps a longer wait to itself',
    module: carried((inner) => ({
      answer: (result) => withoutWait(result, (waitMs) => waitMs > 20_000 && waitMs < 90_000),
      inner,
    })),
  },
  {
    caughtBy: 601,
    breaks: 'reads the first page and stops',
    edits: manifest(swap('    pagination: { type: cursor, in: after, out: /next, items: /items }\n', '')),
  },
  {
    caughtBy: 602,
    breaks: 'looks for the next page in the wrong place',
    edits: manifest(swap('out: /next', 'out: /first')),
  },
  {
    caughtBy: 603,
    breaks: 'makes up pages where there are none',
    module: carried((inner) => endless(inner)),
  },
  {
    caughtBy: 604,
    breaks: 'ends quietly at a page that fails',
    module: carried((inner) => ({
      answer: (result, { input }) =>
        !result.ok && result.failure.status === 503 && input['after'] !== undefined
          ? ok({ items: [], next: null })
          : result,
      inner,
    })),
  },
  {
    caughtBy: 701,
    breaks: 'calls an effect a read',
    edits: manifest(
      swap(
        'printOrder: { effect: send, scopes: [orders.write], idempotency: { mode: natural } }',
        'printOrder: { effect: read, scopes: [orders.read] }',
      ),
    ),
  },
  {
    caughtBy: 702,
    breaks: 'sends its key where nobody looks',
    edits: manifest(swap('name: Idempotency-Key', 'name: X-Request-Key')),
  },
  {
    caughtBy: 703,
    breaks: 'calls a payment harmless to repeat',
    edits: manifest(
      swap(
        'refundOrder: { effect: create, scopes: [orders.write], idempotency: { mode: none } }',
        'refundOrder: { effect: create, scopes: [orders.write], idempotency: { mode: natural } }',
      ),
    ),
  },
  {
    caughtBy: 704,
    breaks: 'calls a lost answer a failure',
    module: carried((inner) => ({
      answer: (result) =>
        !result.ok &&
        result.failure.delivery === 'lost' &&
        result.failure.status === undefined &&
        result.failure.code === 'HTTP_CALL_TIMEOUT'
          ? { ok: false, failure: { ...result.failure, delivery: 'answered' } }
          : result,
      inner,
    })),
  },
  {
    caughtBy: 705,
    breaks: 'is in doubt about what it never sent',
    module: carried((inner) => ({
      answer: (result) =>
        !result.ok && result.failure.class === 'transient' && result.failure.delivery === 'notSent'
          ? { ok: false, failure: { ...result.failure, delivery: 'lost' } }
          : result,
      inner,
    })),
  },
  {
    caughtBy: 706,
    breaks: 'probes by what never comes back',
    edits: manifest((text) =>
      text.replaceAll(
        'order.externalId == request.body.externalId',
        'order.customer == request.body.externalId',
      ),
    ),
  },
  {
    caughtBy: 707,
    breaks: 'takes any other for its own effect',
    edits: manifest((text) =>
      text
        .replace(/with: \{ externalId: .*\}'? \}\n/, 'with: {}\n')
        .replace(/found: .*\n/, "found: '${ body.items.size() > 0 ? body.items[0] : null }'\n"),
    ),
  },
  {
    caughtBy: 708,
    breaks: 'undoes something else',
    edits: manifest(
      swap(
        'compensation: { operation: cancelOrder, within: 30d }',
        'compensation: { operation: putSettings }',
      ),
    ),
  },
  {
    caughtBy: 708,
    breaks: 'undoes by an operation of which its contract does not say what it does',
    edits: contract(swap('      x-tenon-sandbox: { set: { status: cancelled } }\n', '')),
  },
  {
    caughtBy: 708,
    breaks: 'undoes without any change to what was done',
    edits: contract(swap('{ set: { status: cancelled } }', '{ set: { status: open } }')),
  },
  {
    caughtBy: 709,
    breaks: 'undoes twice what was done once',
    edits: manifest(
      swap(
        'compensation: { operation: cancelOrder, within: 30d }',
        'compensation: { operation: refundOrder }',
      ),
    ),
  },
  {
    caughtBy: 710,
    breaks: 'calls a stale version a passing trouble',
    edits: manifest(swap('{ status: 412, class: conflict }', '{ status: 412, class: transient }')),
  },
  {
    caughtBy: 801,
    breaks: 'has no deadline',
    module: carried((inner) => ({
      request: ({ deadlineAt: _deadline, ...request }) => ({
        ...request,
        operation: { ...request.operation, timeoutMs: 6_000 },
      }),
      inner,
    })),
  },
  {
    caughtBy: 802,
    breaks: 'cannot be stopped',
    module: carried((inner) => ({ request: ({ signal: _signal, ...request }) => request, inner })),
  },
  {
    caughtBy: 803,
    breaks: 'goes wherever an answer points',
    module: carried((inner, context) => ({
      call: async (request) => {
        const result = await inner.call(request);
        if (result.ok || result.failure.code !== 'HTTP_REDIRECT_REFUSED') return result;
        await fetch(`${context.connection.baseUrl}${request.operation.http!.path}`, {
          redirect: 'follow',
          signal: AbortSignal.timeout(100),
        }).catch(() => {});
        return result;
      },
      inner,
    })),
  },
  {
    caughtBy: 804,
    breaks: 'lets an id name another path',
    module: carried((inner, context) => ({
      call: async (request) => {
        const result = await inner.call(request);
        if (result.ok || result.failure.code !== 'HTTP_PATH_UNSAFE') return result;
        const { method, path } = request.operation.http!;
        const raw = path.replace('{orderId}', String(request.input['orderId']));
        await fetch(`${context.connection.baseUrl}${raw}`, { method }).then(
          (response) => response.text(),
          () => '',
        );
        return result;
      },
      inner,
    })),
  },
  {
    caughtBy: 805,
    breaks: 'keeps an announced end to itself',
    module: carried((inner) => ({
      answer: (result) =>
        result.ok ? { ...result, headers: without(result.headers, ['deprecation', 'sunset']) } : result,
      inner,
    })),
  },
  {
    caughtBy: 901,
    breaks: 'looks for the id of a delivery where none is',
    edits: {
      ...manifest(swap('id: /id,', 'id: /eventId,')),
      ...contract(
        after(
          '        orderId: { type: string }\n        version: { type: integer }',
          '        eventId: { type: string }',
        ),
      ),
    },
  },
  {
    caughtBy: 902,
    breaks: 'believes a checksum',
    ...signedBy({ key: () => undefined, covers: 'time and body' }),
  },
  { caughtBy: 903, breaks: 'signs the time alone', ...signedBy({ key: (secret) => secret, covers: 'time' }) },
  {
    caughtBy: 904,
    breaks: 'takes deliveries of last month',
    edits: manifest(swap('tolerance: 5m', 'tolerance: 30d')),
  },
  {
    caughtBy: 905,
    breaks: 'knows deliveries by a header that nobody signs',
    edits: manifest(swap('id: /id,', 'id: x-delivery-id,')),
  },
  {
    caughtBy: 906,
    breaks: 'parses whatever comes',
    ...signedBy({
      key: (secret) => secret,
      covers: 'time and body',
      types: ['application/json', 'text/plain'],
    }),
  },
];

function manifest(edit: (text: string) => string): Edits {
  return { [MANIFEST]: edit };
}

function contract(edit: (text: string) => string): Edits {
  return { [CONTRACT]: edit };
}

/** Fails where there is nothing to swap: an edit that does nothing would break nothing. */
function swap(from: string, to: string): (text: string) => string {
  return (text) => {
    if (!text.includes(from)) throw new Error(`there is no ${from}`);
    return text.replace(from, () => to);
  };
}

/** One more way to authenticate, after the one that is there. */
function auth(scheme: string): (text: string) => string {
  return swap('tokenUrl: /token }\n', `tokenUrl: /token }\n  - { ${scheme} }\n`);
}

function after(line: string, more: string): (text: string) => string {
  return swap(`${line}\n`, `${line}\n${more}\n`);
}

function before(line: string, more: string): (text: string) => string {
  return swap(`${line}\n`, `${more}\n${line}\n`);
}

interface Carrier {
  readonly inner: Transport;
  readonly request?: (request: CallRequest) => CallRequest;
  readonly answer?: (result: CallResult, request: CallRequest) => CallResult;
  readonly call?: (request: CallRequest) => Promise<CallResult>;
}

/** A module whose own transport is HTTP's with something wrong on the way there or back. */
function carried(make: (inner: Transport, context: TransportContext) => Carrier): ConnectorModule {
  return defineConnector({
    transports: {
      own: (context) => {
        const {
          inner,
          request: there = (same) => same,
          answer: back = (same) => same,
          call,
        } = make(httpTransport(context), context);
        return {
          call: call ?? (async (request) => back(await inner.call(there(request)), request)),
          close: () => inner.close(),
        };
      },
    },
  });
}

/** A module that calls without any proof where it was to give that of a scheme. */
function unprovedBy(scheme: string): ConnectorModule {
  return carried((inner, context) => ({
    request: (request) =>
      scheme in context.connection.credentials
        ? { ...request, operation: { ...request.operation, auth: [] } }
        : request,
    inner,
  }));
}

/** The same call with one more parameter in its address. */
function withQuery(request: CallRequest, name: string, value: string): CallRequest {
  const { operation, input } = request;
  const { http, input: schema } = operation;
  if (http === undefined || typeof schema !== 'object') return request;
  const field = { key: name, name, in: 'query', required: false, style: 'form', explode: true } as const;
  return {
    ...request,
    operation: {
      ...operation,
      input: { ...schema, properties: { ...schema.properties, [name]: true } },
      http: { ...http, parameters: [...http.parameters, { ...field, allowReserved: false }] },
    },
    input: { ...input, [name]: value },
  };
}

/** A module that shares nothing between its callers. */
function perCall(): ConnectorModule {
  return defineConnector({
    transports: {
      own: (context) => ({
        call: async (request) => {
          const inner = httpTransport(context);
          const result = await inner.call(request);
          // Closing waits for what the other side still holds; a call that has ended does not.
          void inner.close();
          return result;
        },
        close: async () => {},
      }),
    },
  });
}

function endless(inner: Transport): Carrier {
  let before = '';
  let made = 0;
  return {
    inner,
    answer: (result, { operation }) => {
      if (!result.ok || operation.operation !== 'listOrders' || !isObject(result.body)) return result;
      const text = JSON.stringify(result.body);
      const isSame = text === before;
      before = text;
      if (!isSame) return result;
      made += 1;
      return {
        ...result,
        body: {
          ...(result.body as JsonObject),
          items: [{ externalId: `made-up-${made}` }],
          next: `made-up-${made}`,
        },
      };
    },
  };
}

function ok(body: JsonObject | null): CallResult {
  return { ok: true, status: 200, body, headers: {} };
}

function withoutWait(result: CallResult, isUnheard: (waitMs: number) => boolean): CallResult {
  if (result.ok || result.failure.retryAfterMs === undefined || !isUnheard(result.failure.retryAfterMs))
    return result;
  const { retryAfterMs: _wait, ...failure } = result.failure;
  return { ok: false, failure };
}

function withoutFalsy(input: JsonObject): JsonObject {
  const { body } = input;
  if (!isObject(body)) return input;
  return {
    ...input,
    body: Object.fromEntries(
      Object.entries(body as JsonObject).filter(([name, value]) => value || REQUIRED.includes(name)),
    ),
  };
}

const REQUIRED = ['externalId', 'customer', 'pieces'];

function without(
  headers: Readonly<Record<string, string>>,
  names: readonly string[],
): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

interface Signing {
  readonly key: (secret: string) => string | undefined;
  readonly covers: 'time' | 'time and body';
  readonly types?: readonly string[];
}

/** A connector with a signature scheme of its own. */
function signedBy(signing: Signing): Pick<BrokenConnector, 'edits' | 'module'> {
  return {
    edits: manifest(swap('verify: stripe', 'verify: own-parts')),
    module: defineConnector({ webhookSchemes: { 'own-parts': ownScheme(signing) } }),
  };
}

/** `x-parts-signature: <seconds>.<hex>`. */
export function ownScheme({ key, covers, types = ['application/json'] }: Signing): WebhookScheme {
  const digest = (secret: string, timestamp: string, body: Uint8Array): Buffer => {
    const value = key(secret);
    const hash = value === undefined ? createHash('sha256') : createHmac('sha256', value);
    hash.update(timestamp);
    if (covers === 'time and body') hash.update(body);
    return hash.digest();
  };
  const parse = (body: Uint8Array) => ({ payload: JSON.parse(Buffer.from(body).toString('utf8')) });
  return {
    parsers: Object.fromEntries(types.map((type) => [type, parse])),
    read: (headers) => {
      const [timestamp, signature] = (headers['x-parts-signature'] ?? '').split('.');
      if (!timestamp || !signature) return undefined;
      return { signatures: [Buffer.from(signature, 'hex')], timestamp, sentAtMs: Number(timestamp) * 1_000 };
    },
    matches: ({ signatures, timestamp }, secrets, body) =>
      secrets.some((secret) => {
        const expected = digest(secret.reveal(), timestamp ?? '', body);
        return signatures.some(
          (signature) => signature.length === expected.length && timingSafeEqual(signature, expected),
        );
      }),
    sign: (secret, { body, sentAtMs }) => {
      const timestamp = String(Math.floor(sentAtMs / 1_000));
      return {
        'x-parts-signature': `${timestamp}.${digest(secret.reveal(), timestamp, body).toString('hex')}`,
      };
    },
  };
}

import type { JsonObject } from '@tenon/model';
import type { SwitchRequest } from '@tenon/runtime';
import type { JsonSchema } from '@tenon/schema';
import { prometheusText } from './metrics.ts';
import { acted, type Route, withReason } from './route.ts';

const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 200 };
const keys: JsonSchema = { type: 'array', maxItems: 1_000, items: { type: 'string', maxLength: 1_000 } };
const scopes: readonly JsonSchema[] = [
  { everything: { const: true } },
  { pipeline: name },
  { connection: name },
  { connector: name },
].map((properties) => ({
  type: 'object',
  required: Object.keys(properties),
  properties,
  additionalProperties: false,
}));

/** Members of a request by kind of switch; those that are not required have a default. */
const kinds: Readonly<
  Record<
    SwitchRequest['kind'],
    { readonly required: readonly string[]; readonly properties: Record<string, JsonSchema> }
  >
> = {
  kill: {
    required: ['scope'],
    properties: { scope: { oneOf: [...scopes] }, sparesCompensation: { type: 'boolean' } },
  },
  pause: { required: ['pipeline'], properties: { pipeline: name, onlyKeys: keys } },
  flag: {
    required: ['pipeline', 'expiresAtMs'],
    properties: {
      pipeline: name,
      keys,
      events: { type: 'array', maxItems: 100, items: name },
      share: { type: 'number', minimum: 0, maximum: 1 },
      expiresAtMs: { type: 'integer' },
    },
  },
  rollback: {
    required: ['pipeline'],
    properties: { pipeline: name, version: { type: 'integer', minimum: 1 } },
  },
  scale: {
    required: ['pipeline', 'concurrency'],
    properties: { pipeline: name, concurrency: { type: 'integer', minimum: 1, maximum: 10_000 } },
  },
};

const defaults: Readonly<Record<SwitchRequest['kind'], JsonObject>> = {
  kill: { sparesCompensation: false },
  pause: { onlyKeys: [] },
  flag: { keys: [], events: [], share: 0 },
  rollback: {},
  scale: {},
};

/** Operations by which people steer what flows. */
export const controlRoutes: readonly Route[] = [
  {
    operationId: 'getFlow',
    method: 'GET',
    path: '/v1/flow',
    permission: 'read',
    handle: ({ runtime }) => ({ body: runtime.flow() }),
  },
  {
    operationId: 'getMetrics',
    method: 'GET',
    path: '/metrics',
    permission: 'measure',
    handle: ({ runtime, deliveries, sources, tokensRefused }) => ({
      text: prometheusText({ ...runtime.flow(), deliveries, sources, tokensRefused }),
      type: 'text/plain; version=0.0.4; charset=utf-8',
    }),
  },
  {
    operationId: 'listSwitches',
    method: 'GET',
    path: '/v1/switches',
    permission: 'read',
    handle: ({ runtime }) => ({ body: { switches: runtime.switches() } }),
  },
  {
    operationId: 'setSwitch',
    method: 'POST',
    path: '/v1/switches',
    permission: 'operate',
    body: withReason(
      {
        switch: {
          oneOf: Object.entries(kinds).map(([kind, { required, properties }]) => ({
            type: 'object',
            required: ['kind', ...required],
            properties: { kind: { const: kind }, ...properties },
            additionalProperties: false,
          })),
        },
      },
      ['switch'],
    ),
    handle: async ({ runtime, actor, body }) => {
      // Held against the schema above before it gets here.
      const asked = body['switch'] as JsonObject & SwitchRequest;
      const request = { ...defaults[asked.kind], ...asked };
      const made = await runtime.setSwitch(request, actor.name, String(body['reason']));
      if (made.ok) return { body: { ...made.switch, ...(made.replaced && { replaced: made.replaced }) } };
      const isUnknown = made.code === 'SWITCH_SUBJECT_UNKNOWN';
      const [status, title] = isUnknown ? [404, 'Nothing of that name'] : [409, 'Not switched'];
      return { problem: { status, code: made.code, title, detail: made.message } };
    },
  },
  {
    operationId: 'liftSwitch',
    method: 'POST',
    path: '/v1/switches/lift',
    permission: 'operate',
    body: withReason({ id: name }, ['id']),
    handle: async ({ runtime, actor, body }) =>
      acted(await runtime.liftSwitch(String(body['id']), actor.name, String(body['reason']))),
  },
];

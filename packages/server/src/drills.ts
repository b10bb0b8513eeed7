import type { DrillKind, DrillRequest, DrillVerdict, LiveDrillRequest } from '@tenon/runtime';
import type { JsonSchema } from '@tenon/schema';
import { type Answer, absent, acted, type Route, reasonOnly, withReason } from './route.ts';

const KINDS: readonly DrillKind[] = ['killSwitch', 'flag', 'rotation', 'replay', 'restore', 'walkthrough'];
const VERDICTS: readonly DrillVerdict[] = ['passed', 'failed', 'inconclusive'];

const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 200 };
const trial: JsonSchema = {
  type: 'object',
  required: ['payload'],
  properties: { payload: true, headers: { type: 'object' }, connection: name },
  additionalProperties: false,
};

/** Members of a live drill by its kind; those that are not required have a default. */
const live: Readonly<
  Record<
    LiveDrillRequest['kind'],
    { readonly required: readonly string[]; readonly properties: Record<string, JsonSchema> }
  >
> = {
  killSwitch: {
    required: ['pipeline'],
    properties: {
      pipeline: name,
      holdMs: { type: 'integer', minimum: 3_000, maximum: 300_000 },
      settleMs: { type: 'integer', minimum: 1_000, maximum: 600_000 },
      trial,
    },
  },
  flag: { required: ['pipeline', 'trial'], properties: { pipeline: name, trial } },
  replay: {
    required: ['pipeline', 'fromMs', 'toMs'],
    properties: {
      pipeline: name,
      fromMs: { type: 'integer', minimum: 0 },
      toMs: { type: 'integer', minimum: 0 },
      apply: { type: 'boolean' },
    },
  },
  rotation: {
    required: ['connection'],
    properties: {
      connection: name,
      waitMs: { type: 'integer', minimum: 1_000, maximum: 3_600_000 },
      watchMs: { type: 'integer', minimum: 0, maximum: 600_000 },
    },
  },
};

const sentence: JsonSchema = { type: 'string', minLength: 1, maxLength: 1_000 };

/** What is drilled where it runs, and what is due. */
export const drillRoutes: readonly Route[] = [
  {
    operationId: 'listDrills',
    method: 'GET',
    path: '/v1/drills',
    permission: 'read',
    handle: ({ runtime }) => ({ body: runtime.drills() }),
  },
  {
    operationId: 'recordDrill',
    method: 'POST',
    path: '/v1/drills',
    permission: 'operate',
    body: withReason(
      {
        drill: {
          type: 'object',
          required: ['kind', 'verdict'],
          properties: {
            kind: { enum: [...KINDS] },
            pipeline: name,
            connection: name,
            verdict: { enum: [...VERDICTS] },
            startedAtMs: { type: 'integer', minimum: 0 },
            endedAtMs: { type: 'integer', minimum: 0 },
            findings: { type: 'array', maxItems: 50, items: sentence },
            figures: { type: 'object', maxProperties: 50, additionalProperties: { type: 'number' } },
            people: { type: 'array', maxItems: 50, items: name },
          },
          additionalProperties: false,
        },
      },
      ['drill'],
    ),
    handle: async ({ runtime, actor, body }) => {
      // Held against the schema above before it gets here.
      const request = body['drill'] as unknown as DrillRequest;
      const entered = await runtime.recordDrill(request, actor.name, String(body['reason']));
      return entered.ok ? { status: 201, body: entered.drill } : refused(entered);
    },
  },
  {
    operationId: 'beginDrill',
    method: 'POST',
    path: '/v1/drills/live',
    permission: 'operate',
    body: withReason(
      {
        drill: {
          oneOf: Object.entries(live).map(([kind, { required, properties }]) => ({
            type: 'object',
            required: ['kind', ...required],
            properties: { kind: { const: kind }, ...properties },
            additionalProperties: false,
          })),
        },
      },
      ['drill'],
    ),
    handle: async ({ runtime, actor, body }) => {
      // Held against the schema above before it gets here.
      const request = body['drill'] as unknown as LiveDrillRequest;
      const begun = await runtime.beginDrill(request, actor.name, String(body['reason']));
      return begun.ok ? { status: 202, body: begun.drill } : refused(begun);
    },
  },
  {
    operationId: 'getDrill',
    method: 'GET',
    path: '/v1/drills/:id',
    permission: 'read',
    handle: ({ runtime, params }) => {
      const drill = runtime.drill(params['id']!);
      return drill ? { body: drill } : absent('DRILL_UNKNOWN', `no drill ${params['id']} is at hand`);
    },
  },
  {
    operationId: 'stopDrill',
    method: 'POST',
    path: '/v1/drills/:id/stop',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, params, body }) =>
      acted(await runtime.stopDrill(params['id']!, actor.name, String(body['reason']))),
  },
];

function refused(given: { readonly ok: false; readonly code: string; readonly message: string }): Answer {
  const { code, message: detail } = given;
  if (code !== 'DRILL_SUBJECT_UNKNOWN') return acted(given);
  return { problem: { status: 404, code, title: 'Nothing of that name', detail } };
}

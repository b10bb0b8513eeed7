import type { DrillKind, DrillRequest, DrillVerdict } from '@tenon/runtime';
import type { JsonSchema } from '@tenon/schema';
import { type Answer, acted, type Route, withReason } from './route.ts';

const KINDS: readonly DrillKind[] = ['killSwitch', 'flag', 'rotation', 'replay', 'restore', 'walkthrough'];
const VERDICTS: readonly DrillVerdict[] = ['passed', 'failed', 'inconclusive'];

const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 200 };
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
];

function refused(given: { readonly ok: false; readonly code: string; readonly message: string }): Answer {
  const { code, message: detail } = given;
  if (code !== 'DRILL_SUBJECT_UNKNOWN') return acted(given);
  return { problem: { status: 404, code, title: 'Nothing of that name', detail } };
}

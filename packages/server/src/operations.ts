import { isDeeperThan, isObject, JSON_LEVELS_MAX, type Json, type JsonObject } from '@tenon/model';
import { type RunFilter, type RunState, runStates } from '@tenon/runtime';
import { compileValidator } from '@tenon/schema';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { acceptAnswer } from './accept-answer.ts';
import { Access } from './access.ts';
import { cancellationRoutes } from './cancellations.ts';
import { controlRoutes } from './control.ts';
import type { DeliveryCounts } from './delivery-counts.ts';
import { drillRoutes } from './drills.ts';
import { eraseRoute } from './erase.ts';
import { decidesFor, type Operator, roleGrants } from './operators.ts';
import { acceptProblem, type Problem, refuseUnread, sendProblem } from './problem.ts';
import { protectionRoutes } from './protection.ts';
import { badQuery, limitOf } from './query.ts';
import { recheckRoute } from './recheck.ts';
import { reconciliationRoutes } from './reconciliations.ts';
import { replayRoutes } from './replays.ts';
import { type Answer, acted, type Call, name, type Route, reasonOnly, withReason } from './route.ts';
import { secretsRoute } from './secrets.ts';
import type { ServerOptions } from './server.ts';

const RUNS_LISTED = 50;

/** The operations of `contracts/operations`, by id; a test holds this table and the contract together. */
export const routes: readonly Route[] = [
  eraseRoute,
  recheckRoute,
  ...protectionRoutes,
  secretsRoute,
  {
    operationId: 'triggerPipeline',
    method: 'POST',
    path: '/v1/pipelines/:pipeline/runs',
    permission: 'operate',
    body: {
      type: 'object',
      required: ['input'],
      properties: { input: { type: 'object' } },
      additionalProperties: false,
    },
    handle: async ({ runtime, actor, params, body }) => {
      const result = await runtime.trigger(params['pipeline']!, body['input'] as JsonObject, actor.name);
      if (!result.ok) return { problem: acceptProblem(result.failure) };
      return { status: 202, body: acceptAnswer(result, runtime, 'operator') };
    },
  },
  {
    operationId: 'listEvents',
    method: 'GET',
    path: '/v1/events',
    permission: 'read',
    handle: ({ runtime }) => ({ body: { events: runtime.eventNames().map((name) => ({ name })) } }),
  },
  { operationId: 'listRuns', method: 'GET', path: '/v1/runs', permission: 'read', handle: listRuns },
  {
    operationId: 'getRun',
    method: 'GET',
    path: '/v1/runs/:runId',
    permission: 'read',
    handle: ({ runtime, params }) => {
      const run = runtime.run(params['runId']!);
      return run ? { body: run } : { problem: notFound('run') };
    },
  },
  {
    operationId: 'resumeRun',
    method: 'POST',
    path: '/v1/runs/:runId/resume',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, params, body }) =>
      acted(await runtime.resume(params['runId']!, actor.name, String(body['reason']))),
  },
  {
    operationId: 'markDone',
    method: 'POST',
    path: '/v1/runs/:runId/done',
    permission: 'operate',
    body: withReason({ step: name, result: true }, ['step']),
    handle: async ({ runtime, actor, params, body }) =>
      acted(
        await runtime.markDone(
          params['runId']!,
          String(body['step']),
          actor.name,
          String(body['reason']),
          body['result'],
        ),
      ),
  },
  {
    operationId: 'markUndone',
    method: 'POST',
    path: '/v1/runs/:runId/undone',
    permission: 'operate',
    body: withReason({ step: name }, ['step']),
    handle: async ({ runtime, actor, params, body }) =>
      acted(
        await runtime.markUndone(params['runId']!, String(body['step']), actor.name, String(body['reason'])),
      ),
  },
  {
    operationId: 'cancelRun',
    method: 'POST',
    path: '/v1/runs/:runId/cancel',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, params, body }) =>
      acted(await runtime.cancel(params['runId']!, actor.name, String(body['reason']))),
  },
  {
    operationId: 'closeRun',
    method: 'POST',
    path: '/v1/runs/:runId/close',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, params, body }) =>
      acted(await runtime.closeRun(params['runId']!, actor.name, String(body['reason']))),
  },
  {
    operationId: 'getPlan',
    method: 'GET',
    path: '/v1/plans/:planHash',
    permission: 'read',
    handle: ({ runtime, params }) => {
      const plan = runtime.plan(params['planHash']!);
      return plan ? { body: plan } : { problem: notFound('plan') };
    },
  },
  {
    operationId: 'getTrace',
    method: 'GET',
    path: '/v1/trace',
    permission: 'read',
    handle: ({ runtime, query }) => {
      const { runId, key, correlationId } = query;
      if (query['system'] === 'true') return { body: { entries: runtime.trace({ system: true }) } };
      if (runId === undefined && key === undefined && correlationId === undefined) {
        return { problem: badQuery('name a run: runId, key or correlationId') };
      }
      return {
        body: {
          entries: runtime.trace({
            ...(runId !== undefined && { runId }),
            ...(key !== undefined && { key }),
            ...(correlationId !== undefined && { correlationId }),
          }),
        },
      };
    },
  },
  {
    operationId: 'listInDoubt',
    method: 'GET',
    path: '/v1/in-doubt',
    permission: 'read',
    handle: ({ runtime }) => ({ body: { inDoubt: runtime.inDoubt() } }),
  },
  {
    operationId: 'settleInDoubt',
    method: 'POST',
    path: '/v1/in-doubt/:runId/:stepId',
    permission: 'operate',
    body: withReason({ verdict: { enum: ['confirm', 'redo', 'compensate'] }, result: true }, ['verdict']),
    handle: async ({ runtime, actor, params, body }) =>
      acted(
        await runtime.settle(
          params['runId']!,
          params['stepId']!,
          body['verdict'] as 'confirm' | 'redo' | 'compensate',
          actor.name,
          String(body['reason']),
          body['result'],
        ),
      ),
  },
  {
    operationId: 'listForwardFixes',
    method: 'GET',
    path: '/v1/forward-fixes',
    permission: 'read',
    handle: ({ runtime }) => ({ body: { forwardFixes: runtime.forwardFixes() } }),
  },
  {
    operationId: 'closeForwardFix',
    method: 'POST',
    path: '/v1/forward-fixes/:runId/:stepId',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, params, body }) =>
      acted(await runtime.closeFix(params['runId']!, params['stepId']!, actor.name, String(body['reason']))),
  },
  {
    operationId: 'listApprovals',
    method: 'GET',
    path: '/v1/approvals',
    permission: 'read',
    handle: ({ runtime, actor }) => ({
      body: { approvals: runtime.approvals((team) => decidesFor(actor, team)) },
    }),
  },
  {
    operationId: 'decideApproval',
    method: 'POST',
    path: '/v1/approvals/:runId/:stepId',
    permission: 'decide',
    body: withReason({ decision: { enum: ['approve', 'reject'] } }, ['decision']),
    handle: async ({ runtime, actor, params, body }) =>
      acted(
        await runtime.decide(
          params['runId']!,
          params['stepId']!,
          body['decision'] as 'approve' | 'reject',
          actor.name,
          String(body['reason']),
          actor.teams,
        ),
      ),
  },
  ...cancellationRoutes,
  ...replayRoutes,
  ...reconciliationRoutes,
  ...controlRoutes,
  ...drillRoutes,
];

export function addOperations(
  app: FastifyInstance,
  options: ServerOptions,
  deliveries: DeliveryCounts,
): void {
  /** Whoever has shown a token, from then on until the answer. */
  const actors = new WeakMap<FastifyRequest, Operator>();
  const access = new Access(options.operators, options.clock, options.log);

  // Whether it is up is anybody's to ask; what it runs, and what it is connected to, is not.
  app.get('/v1/health', async (request, reply) => {
    const { authorization } = request.headers;
    const refusal = options.runtime.intakeRefusal();
    const health = refusal === undefined ? { status: 'ok' } : { status: 'refusing', code: refusal.code };
    if (authorization === undefined) return health;
    const asked = access.of(authorization, request.raw.socket.remoteAddress);
    if (!asked.ok) return sendProblem(reply, asked.problem);
    if (!roleGrants[asked.actor.role].includes('read')) return health;
    return { ...health, pipelines: options.runtime.pipelinesInForce(), sources: options.consumers?.() ?? [] };
  });
  // Senders are told the same, so it is nothing to hide from anybody.
  app.get('/v1/ready', (_request, reply) => {
    const refusal = options.runtime.intakeRefusal();
    return refusal === undefined ? reply.send({ status: 'ok' }) : sendProblem(reply, acceptProblem(refusal));
  });
  for (const route of routes) {
    const validate = route.body === undefined ? undefined : compileValidator(route.body);
    app.route({
      method: route.method,
      url: route.path,
      // Before a byte of the body is read: nobody but an operator makes us hold one.
      onRequest: (request, reply, done) => {
        const asked = access.of(request.headers.authorization, request.raw.socket.remoteAddress);
        if (!asked.ok) return void refuseUnread(reply, asked.problem);
        const { actor } = asked;
        if (!roleGrants[actor.role].includes(route.permission)) {
          options.log({
            code: 'ACCESS_ROLE_REFUSED',
            message: `${actor.name} (${actor.role}) asked for ${route.operationId}`,
          });
          return void refuseUnread(reply, notAllowed(actor, route));
        }
        actors.set(request, actor);
        done();
      },
      handler: async (request, reply) => {
        const body = validate ? readBody(request, validate) : {};
        if ('problem' in body) return sendProblem(reply, body.problem as Problem);
        const answer = await route.handle({
          runtime: options.runtime,
          deliveries,
          tokensRefused: access.refused,
          sources: options.consumers?.() ?? [],
          // Put there above: without it no handler is reached.
          actor: actors.get(request)!,
          params: request.params as Record<string, string>,
          query: singleQuery(request),
          body: body as JsonObject,
        });
        return sendAnswer(reply, answer);
      },
    });
  }
}

async function listRuns({ runtime, query }: Call): Promise<Answer> {
  const { pipeline, state, key, orderKey, connection, planHash } = query;
  const limit = limitOf(query, RUNS_LISTED);
  if (typeof limit !== 'number') return { problem: limit };
  if (state !== undefined && !runStates.some((one) => one === state)) {
    return { problem: badQuery(`state must be one of ${runStates.join(', ')}`) };
  }
  const version = query['version'] === undefined ? undefined : Number(query['version']);
  if (version !== undefined && !(Number.isSafeInteger(version) && version > 0)) {
    return { problem: badQuery('version must be a whole number from 1 on') };
  }
  if (query['open'] !== undefined && query['open'] !== 'true') {
    return { problem: badQuery('open is `true`, or is left out') };
  }
  const filter: RunFilter = {
    limit,
    ...(pipeline !== undefined && { pipeline }),
    // One of the states, as just checked.
    ...(state !== undefined && { state: state as RunState }),
    ...(key !== undefined && { key }),
    ...(orderKey !== undefined && { orderKey }),
    ...(connection !== undefined && { connection }),
    ...(version !== undefined && { version }),
    ...(planHash !== undefined && { planHash }),
    ...(query['open'] !== undefined && { open: true }),
  };
  return { body: { runs: await runtime.findRuns(filter) } };
}

function readBody(
  request: FastifyRequest,
  validate: ReturnType<typeof compileValidator>,
): object | { problem: Problem } {
  let value: unknown;
  try {
    value = JSON.parse(request.body instanceof Uint8Array ? Buffer.from(request.body).toString('utf8') : '');
  } catch {
    return { problem: { status: 400, code: 'HTTP_BODY_UNREADABLE', title: 'The body is not JSON' } };
  }
  if (isDeeperThan(value, JSON_LEVELS_MAX))
    return { problem: { status: 400, code: 'HTTP_BODY_UNREADABLE', title: 'The body is nested too deep' } };
  const [issue] = validate(value);
  if (issue) {
    return {
      problem: {
        status: 400,
        code: 'HTTP_BODY_INVALID',
        title: 'The body does not fit',
        detail: `${issue.pointer === '' ? 'the body' : issue.pointer} ${issue.message}`,
        pointer: issue.pointer,
      },
    };
  }
  return isObject(value) ? (value as Record<string, Json>) : {};
}

function sendAnswer(reply: FastifyReply, answer: Answer): FastifyReply {
  if (answer === 'done') return reply.code(204).send();
  if ('problem' in answer) return sendProblem(reply, answer.problem);
  if ('text' in answer) return reply.type(answer.type).send(answer.text);
  return reply.code(answer.status ?? 200).send(answer.body);
}

function singleQuery(request: FastifyRequest): Record<string, string> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.query as Record<string, unknown>)) {
    if (typeof value === 'string') query[name] = value;
  }
  return query;
}

function notAllowed(actor: Operator, route: Route): Problem {
  return {
    status: 403,
    code: 'ACCESS_ROLE_REFUSED',
    title: 'Not allowed',
    detail: `${actor.name} is ${actor.role}; ${route.operationId} needs a role that may ${route.permission}`,
  };
}

function notFound(what: string): Problem {
  return { status: 404, code: 'HTTP_RESOURCE_UNKNOWN', title: `No such ${what}` };
}

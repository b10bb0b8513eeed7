import { verifyWebhook } from '@tenon/connector';
import type { Json } from '@tenon/model';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { acceptedRun } from './accepted-run.ts';
import { acceptProblem, type Problem, sendProblem } from './problem.ts';
import type { ServerOptions } from './server.ts';

/**
 * `POST /hooks/{connection}/{event}`: signature and age over the raw bytes, then the runtime's `accept`, and only when
 * that has resolved, that is, when the event is on disk, 202.
 */
export function addIntake(app: FastifyInstance, options: ServerOptions): void {
  app.post<{ Params: { connection: string; event: string } }>(
    '/hooks/:connection/:event',
    async (request, reply) => {
      const { connection: name, event } = request.params;
      const refuse = (problem: Problem) => {
        options.log({
          code: problem.code,
          message: problem.detail ?? problem.title,
          connection: name,
          event,
        });
        return sendProblem(reply, problem);
      };
      const connection = options.connections.get(name);
      const webhook =
        connection && Object.hasOwn(connection.webhooks, event) ? connection.webhooks[event] : undefined;
      if (!connection || !webhook) {
        return refuse({
          status: 404,
          code: 'WEBHOOK_EVENT_UNKNOWN',
          title: 'No such webhook',
          detail: 'no connection of that name takes that event; the connector manifest lists its webhooks',
        });
      }
      const delivery = {
        headers: singleHeaders(request),
        body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
        receivedAtMs: options.clock.now(),
      };
      const verdict = verifyWebhook(webhook, await connection.secrets(), delivery, {
        ...(connection.webhookSchemes && { own: connection.webhookSchemes }),
      });
      if (!verdict.ok) {
        return refuse({
          status: verdict.status,
          code: verdict.code,
          title: 'Delivery refused',
          detail: verdict.message,
        });
      }
      const traceparent = request.headers['traceparent'];
      const accepted = await options.runtime.accept({
        event: `${connection.contract}.${event}`,
        // verifyWebhook parsed these bytes as JSON.
        payload: verdict.payload as Json,
        deliveryId: verdict.deliveryId,
        source: name,
        ...(typeof traceparent === 'string' && { traceparent }),
      });
      if (!accepted.ok) return refuse(acceptProblem(accepted.failure));
      return reply.code(202).send({
        duplicateDelivery: accepted.duplicateDelivery,
        runs: accepted.runs.map((run) => acceptedRun(run, options.runtime, 'sender')),
      });
    },
  );
}

/** A repeated header is joined as RFC 9110 §5.3 says; a signature check then sees all of it. */
function singleHeaders(request: FastifyRequest): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return headers;
}

import { readHeaders, SecretUnavailableError, verifyWebhook } from '@tenon/connector';
import type { Json } from '@tenon/model';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { deliveryAnswer } from './accept-answer.ts';
import type { DeliveryCounts } from './delivery-counts.ts';
import { acceptProblem, type Problem, refuseUnread, sendProblem } from './problem.ts';
import type { ServerOptions } from './server.ts';

interface Params {
  readonly connection: string;
  readonly event: string;
}

const WEBHOOK_UNKNOWN: Problem = {
  status: 404,
  code: 'WEBHOOK_EVENT_UNKNOWN',
  title: 'No such webhook',
  detail: 'no connection of that name takes that event; the connector manifest lists its webhooks',
};

/** Where its secret lies is the operator's to know, not the sender's. */
function unchecked(code: string): Problem {
  return {
    status: 503,
    code,
    title: 'Nothing was accepted; send it again',
    detail: 'what the signature is checked with is not at hand; the log of the server says what to do',
    retryAfterMs: UNCHECKED_RETRY_MS,
  };
}

const UNCHECKED_RETRY_MS = 60_000;

/**
 * `POST /hooks/{connection}/{event}`: signature and age over the raw bytes, then the runtime's `accept`, and only when
 * that has resolved, that is, when the event is on disk, 202.
 */
export function addIntake(app: FastifyInstance, options: ServerOptions, deliveries: DeliveryCounts): void {
  const hook = (connection: string, event: string) => {
    const found = options.connections.get(connection);
    const webhook = found && Object.hasOwn(found.webhooks, event) ? found.webhooks[event] : undefined;
    return found && webhook ? { connection: found, webhook } : undefined;
  };
  /** `by`: the runtime counts what it refuses itself. */
  const refused = (params: Params, problem: Problem, by: 'server' | 'runtime' = 'server'): Problem => {
    if (by === 'server') deliveries.refusedBefore(problem.code);
    deliveries.settled(params.connection, params.event, 'refused');
    tell(params, problem.code, problem.detail ?? problem.title);
    return problem;
  };
  const tell = (params: Params, code: string, message: string): void => {
    // Both are whatever somebody called: encoded, they cannot write into a terminal.
    const connection = encodeURIComponent(params.connection);
    const event = encodeURIComponent(params.event);
    options.log({ code, message: `/hooks/${connection}/${event}: ${message}`, connection, event });
  };

  app.post<{ Params: Params }>(
    '/hooks/:connection/:event',
    {
      // What nobody listens to is refused before a byte of its body is read.
      onRequest: (request, reply, done) => {
        const { connection, event } = request.params;
        if (hook(connection, event) !== undefined) return done();
        refuseUnread(reply, refused(request.params, WEBHOOK_UNKNOWN));
      },
    },
    async (request, reply) => {
      const { connection: name, event } = request.params;
      const refuse = (problem: Problem) => sendProblem(reply, refused(request.params, problem));
      const found = hook(name, event);
      if (found === undefined) return refuse(WEBHOOK_UNKNOWN);
      const { connection, webhook } = found;
      const delivery = {
        headers: singleHeaders(request),
        body: request.body instanceof Uint8Array ? request.body : new Uint8Array(),
        receivedAtMs: options.clock.now(),
      };
      const secrets = await connection.secrets().catch((error: unknown) => {
        if (error instanceof SecretUnavailableError) return error;
        throw error;
      });
      if (secrets instanceof SecretUnavailableError) {
        const { code, message } = secrets;
        refused(request.params, { ...unchecked(code), detail: message });
        return sendProblem(reply, unchecked(code));
      }
      const verdict = verifyWebhook(webhook, secrets, delivery, {
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
      const declared = connection.eventHeaders?.[event];
      const eventName = `${connection.contract}.${event}`;
      const accepted = await options.runtime.accept({
        event: eventName,
        // verifyWebhook parsed these bytes as JSON.
        payload: verdict.payload as Json,
        ...(declared && { headers: readHeaders(declared, delivery.headers) }),
        deliveryId: verdict.deliveryId,
        source: name,
        ...(typeof traceparent === 'string' && { traceparent }),
      });
      if (!accepted.ok)
        return sendProblem(reply, refused(request.params, acceptProblem(accepted.failure), 'runtime'));
      deliveries.settled(name, event, 'accepted');
      return reply.code(202).send(deliveryAnswer(accepted, eventName, options.runtime));
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

import type { OwnSchemes, WebhookManifest } from '@tenon/connector';
import { type Secret, type SteadyClock, thrownAt } from '@tenon/model';
import { type Runtime, RuntimeError } from '@tenon/runtime';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { ConsumerStatus } from './consumer.ts';
import { DeliveryCounts } from './delivery-counts.ts';
import { addIntake } from './intake.ts';
import { addOperations } from './operations.ts';
import type { Operator } from './operators.ts';
import { type Problem, refuseUnread, runtimeProblem, sendProblem } from './problem.ts';
import { unaskedConnections } from './unasked-connections.ts';

/** A connection that webhooks may come in for. */
export interface IntakeConnection {
  readonly contract: string;
  readonly webhooks: Readonly<Record<string, WebhookManifest>>;
  /** By event, the headers that its contract declares, with the JSON types that each one's text may stand for. */
  readonly eventHeaders?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
  /** Read at each delivery, so that a rotated secret counts at once. All are tried. */
  secrets(): Promise<readonly Secret[]>;
  /** Signature schemes that the connector's own code provides. */
  readonly webhookSchemes?: OwnSchemes;
}

export interface ServerOptions {
  readonly runtime: Runtime;
  readonly clock: SteadyClock;
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly connections: ReadonlyMap<string, IntakeConnection>;
  readonly operators: readonly Operator[];
  /** What takes events in from brokers, for the health answer. */
  readonly consumers?: () => readonly ConsumerStatus[];
  /** Deliveries under way at a time; one more is refused before its body is read. Default 1,000. */
  readonly intakeInFlightMax?: number;
  /** Told of each refused delivery and each failed handler; never of payloads. */
  readonly log: (event: ServerLogEvent) => void;
}

export interface ServerLogEvent {
  readonly code: string;
  readonly message: string;
  readonly connection?: string;
  readonly event?: string;
}

export interface TenonServer {
  readonly url: string;
  /** Stops taking requests and waits for those under way. The runtime is the caller's to stop. */
  close(): Promise<void>;
}

/** Largest body taken, webhooks included. */
const BODY_BYTES_MAX = 1024 * 1024;
const INTAKE_IN_FLIGHT_MAX = 1_000;
/** A sender that has not finished its request by then is cut off (slow loris). */
const REQUEST_TIMEOUT_MS = 30_000;
/** One that has not by then may lose its place to another, where all are taken. */
const SEND_GRACE_MS = 1_000;

/**
 * Webhook intake and the operations API of `contracts/operations`, on one port. A server on a host other than loopback
 * needs operators: the caller refuses that configuration before it gets here.
 */
export async function startServer(options: ServerOptions): Promise<TenonServer> {
  const app = Fastify({
    bodyLimit: BODY_BYTES_MAX,
    requestTimeout: REQUEST_TIMEOUT_MS,
    forceCloseConnections: 'idle',
    // What the router refuses before any route: an address that cannot be decoded, or a part of it too long.
    frameworkErrors: (_error, _request, reply) => {
      sendProblem(reply, {
        status: 400,
        code: 'HTTP_ADDRESS_INVALID',
        title: 'The address cannot be read',
        detail: 'a part of the path is too long or is not valid percent-encoded UTF-8',
      });
    },
  });
  const deliveries = new DeliveryCounts(options.connections);
  readBodiesRaw(app);
  // Before any body is read; the handler stands for what has none.
  app.addHook('onRequest', (request, reply, done) => {
    if (!request.is404) return done();
    refuseUnread(reply, routeUnknown(request.method));
  });
  app.setNotFoundHandler((request, reply) => sendProblem(reply, routeUnknown(request.method)));
  app.setErrorHandler((error: Error & { statusCode?: number; code?: string }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status < 500) {
      // Too large, or broken off: no handler has seen it.
      if (isDelivery(request)) {
        deliveries.refusedBefore('HTTP_REQUEST_REFUSED');
        options.log({
          code: 'HTTP_REQUEST_REFUSED',
          message: `${request.routeOptions.url}: ${error.message}`,
        });
      }
      return sendProblem(reply, {
        status,
        code: 'HTTP_REQUEST_REFUSED',
        title: 'Bad request',
        detail: error.message,
      });
    }
    if (error instanceof RuntimeError) {
      options.log({ code: error.code, message: error.message });
      return sendProblem(reply, runtimeProblem(error));
    }
    options.log({ code: 'HTTP_HANDLER_FAILED', message: `${request.routeOptions.url}: ${thrownAt(error)}` });
    return sendProblem(reply, {
      status: 500,
      code: 'HTTP_HANDLER_FAILED',
      title: 'The server failed',
      // A delivery was not acknowledged; of an operator's word nobody knows.
      detail: 'what came of the request is not known; look before it is sent again',
    });
  });
  boundIntake(app, options, deliveries);
  addIntake(app, options, deliveries);
  addOperations(app, options, deliveries);
  const endUnasked = unaskedConnections(app);
  const url = await app.listen({ host: options.host, port: options.port });
  return {
    url,
    close: () => {
      const closed = app.close();
      endUnasked();
      return closed;
    },
  };
}

function routeUnknown(method: string): Problem {
  return {
    status: 404,
    code: 'HTTP_ROUTE_UNKNOWN',
    title: 'No such route',
    detail: `${method} is not served here; contracts/operations lists what is`,
  };
}

/**
 * Beyond so many deliveries under way, each more is told to come again, before a byte of its body is read: what memory
 * they hold is bounded by this and by the largest body. Whoever a delivery is from is known when all of it is there, so the places
 * could be held by anybody who sends slowly: of those that still send, the oldest gives way, once it has had its time.
 */
function boundIntake(
  app: FastifyInstance,
  { clock, intakeInFlightMax: max = INTAKE_IN_FLIGHT_MAX }: ServerOptions,
  deliveries: DeliveryCounts,
): void {
  const underWay = new Set<FastifyRequest>();
  /** Since when, the oldest first. */
  const sending = new Map<FastifyRequest, number>();
  const leave = (request: FastifyRequest): void => {
    underWay.delete(request);
    sending.delete(request);
  };
  const givesWay = (): boolean => {
    const [request, sinceMs] = sending.entries().next().value ?? [];
    if (request === undefined || clock.steady() - sinceMs! < SEND_GRACE_MS) return false;
    leave(request);
    request.raw.destroy();
    return true;
  };
  app.addHook('preValidation', (request, _reply, done) => {
    sending.delete(request);
    done();
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (!isDelivery(request)) return done();
    if (underWay.size >= max && !givesWay()) {
      deliveries.refusedBefore('INTAKE_BUSY');
      return void refuseUnread(reply, {
        status: 503,
        code: 'INTAKE_BUSY',
        title: 'Not taken; send it again',
        detail: `${max} deliveries are under way`,
        retryAfterMs: 1_000,
      });
    }
    underWay.add(request);
    sending.set(request, clock.steady());
    reply.raw.once('close', () => leave(request));
    done();
  });
}

/** By its route: the address may be written in more than one way. */
function isDelivery(request: FastifyRequest): boolean {
  return request.routeOptions.url?.startsWith('/hooks/') ?? false;
}

/** Signatures are over bytes: no body is parsed before its handler asks for it. */
function readBodiesRaw(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
}

import type { Failure } from '@tenon/model';
import { type RuntimeError, runtimeRules } from '@tenon/runtime';
import type { FastifyReply } from 'fastify';

/** An RFC 9457 problem. `code` is stable; `detail` says what was expected and what to do, and holds no payload value. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail?: string;
  readonly pointer?: string;
  /** What a person has said before whoever asked. */
  readonly before?: string;
  readonly retryAfterMs?: number;
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { retryAfterMs, ...members } = problem;
  if (retryAfterMs !== undefined)
    reply.header('retry-after', String(Math.max(1, Math.ceil(retryAfterMs / 1000))));
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
  return reply
    .code(problem.status)
    .type('application/problem+json')
    .send({ type: 'about:blank', ...members });
}

/** As `sendProblem`, before the body was read: the rest of the request is not waited for. */
export function refuseUnread(reply: FastifyReply, problem: Problem): FastifyReply {
  return sendProblem(reply.header('connection', 'close'), problem);
}

/** How long a sender is asked to wait when the runtime cannot take more and names no time itself. */
const RETRY_AFTER_MS = 1_000;

/** Why an event was not accepted, as the sender should hear it: their mistake (4xx) or ours, to be sent again (503). */
export function acceptProblem(failure: Failure): Problem {
  const common = { code: failure.code, detail: failure.message };
  switch (failure.class) {
    case 'contract':
    case 'validation':
      return {
        ...common,
        status: 422,
        title: 'The event does not fit its contract',
        ...(failure.pointer !== undefined && { pointer: failure.pointer }),
      };
    case 'rateLimited':
      return {
        ...common,
        status: 429,
        title: 'Too many for now; send it again',
        retryAfterMs: failure.retryAfterMs ?? RETRY_AFTER_MS,
      };
    case 'notFound':
      return { ...common, status: 404, title: 'Nothing here takes that' };
    case 'permission':
      return { ...common, status: 403, title: 'Not allowed' };
    default:
      return {
        ...common,
        status: 503,
        title: 'Not taken; send it again',
        retryAfterMs: failure.retryAfterMs ?? RETRY_AFTER_MS,
      };
  }
}

/** What the runtime could not do, whichever operation asked for it, in the words of its table of codes. */
export function runtimeProblem({ code, message }: RuntimeError): Problem {
  const { title, fix } = runtimeRules[code];
  const isDisk = code === 'RUNTIME_DISK_FAILED';
  return {
    status: isDisk ? 503 : 500,
    code,
    title: `${title[0]!.toUpperCase()}${title.slice(1)}`,
    // Of the disk the title says all that the message does.
    detail: isDisk ? fix : `${message}. ${fix}`,
  };
}

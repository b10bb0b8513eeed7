import {
  MessageRefused,
  messageTransport,
  type OutgoingMessage,
  type Publishing,
  parseExactJson,
  type Transport,
  type TransportContext,
} from '@tenon/connector';
import type { FailureClass, Json } from '@tenon/model';
import { Agent } from 'undici';
import { prepareRequest, sendRequest } from './s3-request.ts';

const CONNECTIONS_MAX = 16;

/** What the store says without having taken anything: connecting had failed. */
const UNCONNECTED = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** One part of a key: what needs no encoding in a path, and does not walk up it. */
const KEY_PART = /^(?!\.{1,2}$)[A-Za-z0-9!_.*'()-]{1,200}$/;

/**
 * Objects of one bucket, whose own URL is the base URL (`?region=` names its region). The operation's effect says what is done
 * with the object that the channel's address names: `read` gets it, `delete` deletes it, `create` puts it only where there is none
 * (`If-None-Match: *`), `update` puts it whatever is there. A store that answers is believed; one that does not leaves the call `lost`.
 */
export function s3Transport(context: TransportContext): Transport {
  const agent = new Agent({ connections: CONNECTIONS_MAX });
  return messageTransport(context, { publish, close: () => agent.close() }, { parameter: KEY_PART });

  async function publish(message: OutgoingMessage, { signal, sending }: Publishing): Promise<Json> {
    const { effect } = message.operation;
    const method = effect === 'read' ? 'GET' : effect === 'delete' ? 'DELETE' : 'PUT';
    const prepared = await prepareRequest(context, {
      method,
      key: message.address,
      ...(method === 'PUT' && { body: message.body, contentType: message.contentType }),
      ...(effect === 'create' && { headers: { 'if-none-match': '*' } }),
    });
    signal.throwIfAborted();
    sending();
    try {
      const { status, headers, bytes } = await sendRequest(agent, prepared, signal);
      const refused = refusalOf(status);
      if (refused !== undefined) throw refused;
      if (method === 'DELETE') return null;
      if (method === 'PUT') return { etag: headers['etag'] ?? '' };
      return parsed(bytes);
    } catch (error) {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (UNCONNECTED.has(code))
        throw new MessageRefused(
          'transient',
          `the store cannot be reached (${code}); nothing was sent`,
          'notSent',
        );
      throw error;
    }
  }
}

function parsed(bytes: Buffer): Json {
  try {
    return parseExactJson(bytes);
  } catch {
    throw new MessageRefused('contract', 'the object is not JSON');
  }
}

/** By status; any other success or failure by its hundred. The store's own text may quote the key. */
const CLASSES: Readonly<Record<number, FailureClass>> = {
  401: 'auth',
  403: 'permission',
  404: 'notFound',
  408: 'transient',
  409: 'conflict',
  412: 'duplicate',
  429: 'rateLimited',
  503: 'rateLimited',
};

export function refusalOf(status: number): MessageRefused | undefined {
  if (status >= 200 && status < 300) return undefined;
  const failureClass = CLASSES[status] ?? (status >= 500 ? 'transient' : 'permanent');
  return new MessageRefused(failureClass, `the store answered ${status}`, 'answered', status);
}

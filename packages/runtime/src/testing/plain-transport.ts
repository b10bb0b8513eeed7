import { request } from 'node:http';
import type { CallRequest, CallResult, Transport } from '@tenon/connector';
import type { Failure, Json } from '@tenon/model';

/** Just enough HTTP for `countingServer`: `POST /<operation>` with the input as its body; reads go by GET. */
export function plainTransport(url: string): Transport {
  return {
    call: (call) => new Promise((resolve) => send(url, call, resolve)),
    close: async () => {},
  };
}

function send(base: string, call: CallRequest, resolve: (result: CallResult) => void): void {
  const { operation, input, idempotencyKey } = call;
  const isRead = operation.effect === 'read';
  const query = isRead ? `?${new URLSearchParams(input as Record<string, string>)}` : '';
  const lost = (): void => resolve({ ok: false, failure: failure('timeout', 'HTTP_ANSWER_LOST', 'lost') });
  const sent = request(
    `${base}/${operation.operation}${query}`,
    {
      method: isRead ? 'GET' : 'POST',
      headers: { ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }) },
      timeout: operation.timeoutMs,
    },
    (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', lost);
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        if (status < 400) {
          const body: Json = JSON.parse(text);
          resolve({ ok: true, status, body, headers: {} });
        } else {
          const failureClass = status >= 500 ? 'transient' : 'validation';
          resolve({ ok: false, failure: { ...failure(failureClass, 'HTTP_STATUS', 'answered'), status } });
        }
      });
    },
  );
  sent.on('error', lost);
  sent.on('timeout', () => sent.destroy());
  sent.end(isRead ? undefined : JSON.stringify(input));
}

function failure(failureClass: Failure['class'], code: string, delivery: Failure['delivery']): Failure {
  return { class: failureClass, code, message: code, delivery };
}

import { type ConnectorModule, defineConnector, httpTransport } from '@tenon/connector';
import type { Edits } from './judge.ts';

const MANIFEST = 'connectors/parts/connector.yaml';
const CONTRACT = 'contracts/parts/openapi.yaml';

const PATHS = `
  /orders/{orderId}/note:
    parameters:
      - { name: orderId, in: path, required: true, schema: { type: string, minLength: 1 } }
    get:
      operationId: getNote
      responses:
        '200':
          description: A PDF.
          content: { application/pdf: { schema: { type: string, format: binary } } }
  /orders/{orderId}/photo:
    parameters:
      - { name: orderId, in: path, required: true, schema: { type: string, minLength: 1 } }
    get:
      operationId: getPhoto
      responses:
        '200': { description: Any picture., content: { 'image/*': {} } }
  /export:
    get:
      operationId: exportOrders
      responses:
        '200': { description: All., content: { text/csv: { schema: { type: string } } } }
`;

const OPERATIONS = `
  getNote: { effect: read, scopes: [orders.read] }
  getPhoto: { effect: read, scopes: [orders.read] }
  exportOrders: { effect: read, scopes: [orders.read] }
`;

/** The connector of the fixtures with three answers that are no JSON: bytes, a range of them without a schema, text. */
export const withDownloads: Edits = {
  [CONTRACT]: (text) => text.replace('\npaths:\n', `\npaths:${PATHS}`),
  [MANIFEST]: (text) => text.replace('\noperations:\n', `\noperations:${OPERATIONS}`),
};

/** As if it could do nothing else. */
export const onlyDownloads: Edits = {
  [CONTRACT]: withDownloads[CONTRACT]!,
  [MANIFEST]: (text) =>
    text
      .replace(/\noperations:\n[\s\S]*?\nwebhooks:/, `\noperations:${OPERATIONS}webhooks:`)
      .replace(/health: .*/, 'health: false'),
};

/** A connector that takes a PDF which breaks off for what there is of it. */
export function halved(): { readonly edits: Edits; readonly module: ConnectorModule } {
  return {
    edits: {
      [MANIFEST]: (text) =>
        withDownloads[MANIFEST]!(text).replace('contract: parts\n', 'contract: parts\ntransport: own\n'),
    },
    module: defineConnector({
      transports: {
        own: (context) => {
          const inner = httpTransport(context);
          return {
            call: async (request) => {
              const result = await inner.call(request);
              const isHalf =
                request.operation.operation === 'getNote' && !result.ok && result.failure.delivery === 'lost';
              return isHalf ? { ok: true, status: 200, headers: {}, body: 'JVBE' } : result;
            },
            close: () => inner.close(),
          };
        },
      },
    }),
  };
}

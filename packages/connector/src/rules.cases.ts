import type { connectorRules } from './rules.ts';

interface Case {
  /** Members added to or put in place of those of `BASE`. */
  readonly fires: string;
  readonly silent: string;
}

/** A manifest without findings; each case replaces whole top-level members of it. */
export const BASE = `apiVersion: tenon/v1
kind: Connector
metadata: { name: billing, version: 1.0.0, owner: team-billing }
contract: billing
operations:
  listInvoices: { effect: read, pagination: { type: cursor, in: cursor, out: /next, items: /items } }
  createInvoice:
    effect: create
    idempotency: { mode: header, name: Idempotency-Key, retention: 24h }
    probe: { operation: listInvoices, by: externalId }
    compensation: { operation: voidInvoice, within: 30d }
  voidInvoice: { effect: update, idempotency: { mode: natural } }
`;

/** One manifest that fires each code, and a near one that does not. */
export const connectorCases = {
  'manifest-key-unknown': {
    fires: 'operations: { get: { efect: read, effect: read } }',
    silent: 'operations: { get: { effect: read } }',
  },
  'manifest-key-missing': {
    fires: 'operations: { get: { scopes: [] } }',
    silent: 'operations: { get: { effect: read, scopes: [] } }',
  },
  'manifest-value-invalid': {
    fires: 'operations: { get: { effect: write } }',
    silent: 'operations: { get: { effect: read } }',
  },
  'manifest-duration-invalid': {
    fires: 'defaults: { timeout: 10 seconds }',
    silent: 'defaults: { timeout: 10s }',
  },
  'manifest-host-invalid': {
    fires: 'egress: [https://api.billing.example/v1]',
    silent: 'egress: [api.billing.example, "[::1]:8080"]',
  },
  'manifest-expression-invalid': {
    fires: 'defaults: { failures: [{ status: 409, when: body.code, class: duplicate }] }',
    silent:
      'defaults: { failures: [{ status: 409, when: "${ body.code == \'exists\' }", class: duplicate }] }',
  },
  'manifest-secret-literal': {
    fires:
      'auth: [{ id: key, type: apiKey, in: header, name: x-key, prefix: "Bearer abcdefghijklmnop1234" }]',
    silent: 'auth: [{ id: key, type: apiKey, in: header, name: x-key, prefix: "Token " }]',
  },
  'manifest-auth-contradicts': {
    fires: 'auth: [{ id: o, type: oauth2, flow: clientCredentials, tokenUrl: /token, clientAuth: mtls }]',
    silent:
      'auth: [{ id: c, type: mtls }, { id: o, type: oauth2, flow: clientCredentials, tokenUrl: /token, clientAuth: mtls }]',
  },
  'manifest-signature-unsent': {
    fires:
      'auth: [{ id: h, type: hmac, sign: "${ timestamp }.${ body }", headers: { X-Sign: "${ signature }" } }]',
    silent:
      'auth: [{ id: h, type: hmac, sign: "${ timestamp }.${ body }", headers: { X-Sign: "t=${ timestamp },v1=${ signature }" } }]',
  },
  'manifest-operation-unknown': {
    fires: 'health: { operation: listInvoises }',
    silent: 'health: { operation: listInvoices }',
  },
  'manifest-read-has-effect': {
    fires: 'health: { operation: createInvoice }',
    silent: 'health: { operation: listInvoices }',
  },
  'manifest-compensation-reads': {
    fires:
      'operations: { a: { effect: create, idempotency: { mode: none }, compensation: { operation: b } }, b: { effect: read } }',
    silent:
      'operations: { a: { effect: create, idempotency: { mode: none }, compensation: { operation: b } }, b: { effect: delete, idempotency: { mode: natural } } }',
  },
  'manifest-idempotency-undeclared': {
    fires: 'operations: { a: { effect: create } }',
    silent: 'operations: { a: { effect: create, idempotency: { mode: none } } }',
  },
  'manifest-probe-missing': {
    fires: 'operations: { a: { effect: create, idempotency: { mode: checkFirst } } }',
    silent:
      'operations: { a: { effect: create, idempotency: { mode: checkFirst }, probe: { operation: b, by: id } }, b: { effect: read } }',
  },
  'manifest-refusal-indefinite': {
    fires: 'defaults: { failures: [{ status: 500, class: permanent, refusal: broken }] }',
    silent: 'defaults: { failures: [{ status: 402, class: permanent, refusal: declined }] }',
  },
  'manifest-scope-unheld': {
    fires: 'identities: { reader: [] }\noperations: { a: { effect: read, scopes: [things.read] } }',
    silent:
      'identities: { reader: [things.read] }\noperations: { a: { effect: read, scopes: [things.read] } }',
  },
  'manifest-scope-unneeded': {
    fires: 'identities: { reader: [things.read] }\noperations: { a: { effect: read } }',
    silent:
      'identities: { reader: [things.read] }\noperations: { a: { effect: read, scopes: [things.read] } }',
  },
  'manifest-token-host-undeclared': {
    fires:
      'auth: [{ id: o, type: oauth2, flow: clientCredentials, tokenUrl: "https://login.example/token" }]',
    silent:
      'egress: [login.example]\nauth: [{ id: o, type: oauth2, flow: clientCredentials, tokenUrl: "https://login.example/token" }]',
  },
} as const satisfies Record<keyof typeof connectorRules, Case>;

/** `BASE` with the top-level members of `change` in place of its own. */
export function withMembers(change: string): string {
  const replaced = [...change.matchAll(/^([a-z]\w*):/gim)].map(([, key]) => key);
  const kept = BASE.split(/^(?=\w)/m).filter(
    (member) => !replaced.includes(member.slice(0, member.indexOf(':'))),
  );
  return `${kept.join('')}${change}\n`;
}

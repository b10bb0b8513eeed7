import { type DiagnosticRules, diagnosticMaker } from '@tenon/model';

/** What can be wrong with a `connector.yaml` by itself. */
export const connectorRules = {
  'manifest-key-unknown': {
    severity: 'error',
    title: 'the manifest has a member that means nothing',
    why: 'A misspelt member would be ignored, and what it was to switch on would silently stay off.',
    fix: 'Correct the name, or remove the member.',
    example: { bad: 'operations: { get: { efect: read } }', good: 'operations: { get: { effect: read } }' },
  },
  'manifest-key-missing': {
    severity: 'error',
    title: 'the manifest lacks a member that it must have',
    why: 'Without it nobody can say what the connector does.',
    fix: 'Add the member.',
    example: { bad: 'kind: Connector', good: 'kind: Connector\ncontract: billing' },
  },
  'manifest-value-invalid': {
    severity: 'error',
    title: 'a member of the manifest has a value it cannot have',
    why: 'Everything that a manifest declares is carried out; this cannot be.',
    fix: 'Give it a value of the kind named.',
    example: { bad: 'effect: write', good: 'effect: update' },
  },
  'manifest-duration-invalid': {
    severity: 'error',
    title: 'a duration cannot be read',
    why: 'A bare number would leave seconds and milliseconds to guesswork.',
    fix: 'Write a number with its unit (ms, s, m, h, d): `500ms`, `10s`, `1h30m`.',
    example: { bad: 'timeout: 10 seconds', good: 'timeout: 10s' },
  },
  'manifest-host-invalid': {
    severity: 'error',
    title: 'an egress entry is not a host',
    why: 'Calls are refused unless their host is listed exactly, so a URL or a wildcard would allow nothing, or too much.',
    fix: 'Write the host alone, with its port if it is not the usual one: `api.billing.example`.',
    example: { bad: 'egress: [https://api.billing.example/v1]', good: 'egress: [api.billing.example]' },
  },
  'manifest-expression-invalid': {
    severity: 'error',
    title: 'an expression of the manifest cannot be read',
    why: 'A failure rule or probe that cannot be evaluated would decide nothing at the worst moment.',
    fix: 'Write one CEL-JSON expression in `${ }`.',
    example: { bad: 'when: body.code = exists', good: 'when: "${ body.code == \'exists\' }"' },
  },
  'manifest-secret-literal': {
    severity: 'error',
    title: 'a secret is written out',
    why: 'A manifest is committed and shared: a secret in it is public, and stays so in the history.',
    fix: 'Revoke it, and refer to the new one by `env:NAME`, `file:path` or a manager’s reference in the connection’s credentials.',
    example: { bad: 'password: hunter2', good: 'password: env:BILLING_PASSWORD' },
  },
  'manifest-operation-unknown': {
    severity: 'error',
    title: 'a reference names an operation that the manifest does not have',
    why: 'The probe, compensation or health check would fail when it is needed.',
    fix: 'Add the operation to the manifest, or name another.',
    example: {
      bad: 'probe: { operation: findInvoise, by: externalId }',
      good: 'probe: { operation: findInvoice, by: externalId }',
    },
  },
  'manifest-read-has-effect': {
    severity: 'error',
    title: 'a probe or health check changes something',
    why: 'Probes and health checks run at any time and any number of times; they must leave no trace.',
    fix: 'Name an operation whose effect is `read`.',
    example: { bad: 'health: { operation: createInvoice }', good: 'health: { operation: listInvoices }' },
  },
  'manifest-compensation-reads': {
    severity: 'error',
    title: 'a compensation only reads',
    why: 'A run would count as undone while the effect still stands.',
    fix: 'Name the operation that undoes the effect, or leave the compensation out.',
    example: {
      bad: 'compensation: { operation: getInvoice }',
      good: 'compensation: { operation: voidInvoice }',
    },
  },
  'manifest-idempotency-undeclared': {
    severity: 'error',
    title: 'an operation with an effect does not say what a repeat does',
    why: 'After a lost answer the runtime must know whether sending again doubles the effect.',
    fix: 'Declare `idempotency: { mode: … }`: `header`, `natural`, `upsert`, `checkFirst`, or `none`.',
    example: {
      bad: 'createTicket: { effect: create }',
      good: 'createTicket: { effect: create, idempotency: { mode: none } }',
    },
  },
  'manifest-probe-missing': {
    severity: 'error',
    title: 'checkFirst without a probe',
    why: '`checkFirst` means probing before each send; without a probe nothing is checked.',
    fix: 'Add `probe: { operation, by }`, or choose another idempotency mode.',
    example: {
      bad: 'idempotency: { mode: checkFirst }',
      good: 'idempotency: { mode: checkFirst }\nprobe: { operation: findTickets, by: externalId }',
    },
  },
  'manifest-refusal-indefinite': {
    severity: 'error',
    title: 'a refusal has a name, and does not say that nothing was done',
    why: 'A step may take a named refusal as a value and go on: nothing is probed, tried again or undone. So the answer must say no for good.',
    fix: 'Name answers of 2xx or 4xx alone, of class `validation`, `conflict`, `duplicate`, `notFound`, `permission` or `permanent`.',
    example: {
      bad: '{ status: 500, class: transient, refusal: busy }',
      good: '{ status: 402, class: permanent, refusal: declined }',
    },
  },
  'manifest-scope-unheld': {
    severity: 'error',
    title: 'no identity holds a scope that an operation needs',
    why: 'Every call of the operation would be refused.',
    fix: 'Grant the scope to one of `identities`, or correct its name.',
    example: { bad: 'identities: { reader: [] }', good: 'identities: { reader: [invoices.read] }' },
  },
  'manifest-scope-unneeded': {
    severity: 'warning',
    title: 'an identity holds a scope that no operation needs',
    why: 'A right that is not used can only be abused.',
    fix: 'Remove the scope from the identity.',
    example: {
      bad: 'identities: { reader: [invoices.read, admin] }',
      good: 'identities: { reader: [invoices.read] }',
    },
  },
  'manifest-auth-contradicts': {
    severity: 'error',
    title: 'a way to authenticate does not fit its own parts',
    why: 'What it says would be ignored, or stand on something that is not there, and every call would be refused.',
    fix: 'Remove the member, or declare what it needs.',
    example: {
      bad: 'auth: [{ id: o, type: oauth2, flow: clientCredentials, tokenUrl: /token, clientAuth: mtls }]',
      good: 'auth:\n  - { id: o, type: oauth2, flow: clientCredentials, tokenUrl: /token, clientAuth: mtls }\n  - { id: certificate, type: mtls }',
    },
  },
  'manifest-signature-unsent': {
    severity: 'error',
    title: 'a request signature cannot be verified with what is sent',
    why: 'The signature, its timestamp and its nonce are known to the other side only by a header.',
    fix: 'Put it into one of the scheme’s `headers`.',
    example: {
      bad: 'sign: "${ timestamp }.${ body }"\nheaders: { X-Signature: "${ signature }" }',
      good: 'sign: "${ timestamp }.${ body }"\nheaders: { X-Signature: "${ signature }", X-Timestamp: "${ timestamp }" }',
    },
  },
  'manifest-token-host-undeclared': {
    severity: 'error',
    title: 'the token endpoint’s host is not in egress',
    why: 'The transport refuses hosts that are not declared, so no token would ever be fetched.',
    fix: 'Add the host to `egress`, or give `tokenUrl` relative to the base URL.',
    example: { bad: 'tokenUrl: https://login.example/token', good: 'egress: [login.example]' },
  },
} as const satisfies DiagnosticRules;

export const connectorDiagnostic = diagnosticMaker(connectorRules);

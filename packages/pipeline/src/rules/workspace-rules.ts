import type { DiagnosticRules } from '@tenon/model';

/** Connectors and connections that do not fit. */
export const workspaceRules = {
  'secret-literal': {
    severity: 'error',
    title: 'a secret written out',
    why: 'Whoever reads the repository has the secret, for ever.',
    fix: 'write a reference, such as `env:NAME`, `file:path` or `vault:mount/path#field`, and rotate the secret',
    example: { bad: 'token: sk_live_...', good: 'token: env:BILLING_KEY' },
  },
  'secret-store-unconfigured': {
    severity: 'error',
    title: 'a reference to a secret manager that the workspace does not name',
    why: 'Nobody could be asked for the secret, and every call that needs it would fail.',
    fix: 'add the manager under `secrets`, or refer to the secret by `env:` or `file:`',
    example: {
      bad: 'token: vault:secret/billing#token',
      good: 'secrets: { vault: { address: env:VAULT_ADDR, token: env:VAULT_TOKEN } }',
    },
  },
  'quota-store-unconfigured': {
    severity: 'error',
    title: 'a quota that is shared and counted nowhere',
    why: 'Each process would count for itself, and together they would pass the quota of the account.',
    fix: 'say under `quotas` where it is counted, or take `quota` away where no other process uses the account',
    example: {
      bad: 'connections: { billing: { …, quota: { account: acme, share: 0.5 } } }',
      good: 'quotas: { redis: env:QUOTA_REDIS }\nconnections: { billing: { …, quota: { account: acme, share: 0.5 } } }',
    },
  },
  'shared-quota-without-limit': {
    severity: 'error',
    title: 'a quota is shared of a connector that declares none',
    why: 'Nothing is counted, so nothing is kept.',
    fix: 'declare `defaults.rateLimit` in connector.yaml as the service states it',
    example: {
      bad: '# connector.yaml: defaults: { timeout: 10s }\nquota: { account: acme, share: 0.5 }',
      good: '# connector.yaml: defaults: { timeout: 10s, rateLimit: { quota: 100, window: 10s } }\nquota: { account: acme, share: 0.5 }',
    },
  },
  'base-url-invalid': {
    severity: 'error',
    title: 'a base URL that is none',
    why: 'No call could be made.',
    fix: 'write a URL, or `env:NAME`',
    example: {
      bad: 'baseUrl: api.billing.example',
      good: 'baseUrl: https://api.billing.example',
    },
  },
  'token-url-invalid': {
    severity: 'error',
    title: 'a token URL that is none',
    why: 'No token could be asked for, so no call could be made.',
    fix: 'write a URL with `https://`, or `env:NAME`',
    example: {
      bad: 'tokenUrls: { oauth: login.test.billing.example/token }',
      good: 'tokenUrls: { oauth: https://login.test.billing.example/token }',
    },
  },
  'base-url-missing': {
    severity: 'error',
    title: 'a connection that is called has no address',
    why: 'Each call over it would fail. Only a connection that takes webhooks in, or starts pipelines by the clock, needs none.',
    fix: 'give `baseUrl`: a URL, or `env:NAME`',
    example: {
      bad: 'shop: { connector: shop }   # and a pipeline calls shop.getOrder',
      good: 'shop: { connector: shop, baseUrl: env:SHOP_URL }',
    },
  },
  'credential-missing': {
    severity: 'error',
    title: 'a credential is missing',
    why: 'Every call would be refused.',
    fix: 'add a secret reference for it',
    example: {
      bad: 'credentials: {}   # the connector declares auth `key`',
      good: 'credentials: { key: { token: env:BILLING_KEY } }',
    },
  },
  'credential-unknown': {
    severity: 'error',
    title: 'a credential that the connector does not know',
    why: 'It would never be used.',
    fix: 'use a name that the connector declares',
    example: {
      bad: 'credentials: { kee: { token: env:BILLING_KEY } }',
      good: 'credentials: { key: { token: env:BILLING_KEY } }',
    },
  },
  'manifest-operation-not-in-contract': {
    severity: 'error',
    title: 'the manifest speaks of an operation that its contract lacks',
    why: 'What it says would never apply.',
    fix: 'correct the name, or update the contract',
    example: {
      bad: 'operations: { createInvoic: { effect: create } }',
      good: 'operations: { createInvoice: { effect: create } }',
    },
  },
  'manifest-transport-unfit': {
    severity: 'error',
    title: 'messages over HTTP',
    why: 'A message of an AsyncAPI contract goes over its broker; `http` (which is meant where no `transport` is named) can neither send it nor take it in.',
    fix: 'name the `transport` that the code of the connector gives: docs/connectors.md says how a broker that Tenon speaks already is taken',
    example: {
      bad: 'contract: orders   # AsyncAPI, and no `transport`',
      good: 'contract: orders\ntransport: bus     # from src/index.ts',
    },
  },
  'manifest-code-missing': {
    severity: 'error',
    title: 'the manifest names what only code can give, and the connector has none',
    why: 'A transport other than `http` and a signature scheme of its own (`own-…`) are hooks of the connector; without them nothing is sent, and every delivery is refused.',
    fix: 'write `src/index.ts` beside the manifest (docs/connectors.md, section 6), or correct the name',
    example: {
      bad: 'webhooks: { orderPaid: { verify: own-partner, … } }   # and no src/index.ts',
      good: 'webhooks: { orderPaid: { verify: standard-webhooks, … } }',
    },
  },
  'manifest-event-not-in-contract': {
    severity: 'error',
    title: 'the manifest takes in an event that its contract lacks',
    why: 'Its deliveries could not be understood.',
    fix: 'correct the name, or update the contract; what is fetched from a listing has its event in an overlay (docs/connectors.md)',
    example: {
      bad: 'webhooks: { invoicePayed: { verify: … } }',
      good: 'webhooks: { invoicePaid: { verify: … } }',
    },
  },
  'manifest-effect-contradicts-method': {
    severity: 'error',
    title: 'the effect contradicts the HTTP method',
    why: 'All guards against double effects go by this word.',
    fix: 'correct `effect`',
    example: {
      bad: 'deleteInvoice: { effect: read }   # DELETE',
      good: 'deleteInvoice: { effect: delete }',
    },
  },
  'manifest-scope-unknown': {
    severity: 'error',
    title: 'a scope that the contract does not know',
    why: 'No token could carry it.',
    fix: 'correct the name',
    example: {
      bad: 'createInvoice: { scopes: [invoice.write] }',
      good: 'createInvoice: { scopes: [invoices.write] }',
    },
  },
  'manifest-scope-missing': {
    severity: 'error',
    title: 'a scope that the contract requires is not declared',
    why: 'The call would be refused, and grants would be reckoned too small.',
    fix: 'add the scope',
    example: {
      bad: 'createInvoice: { effect: create, scopes: [] }',
      good: 'createInvoice: { effect: create, scopes: [invoices.write] }',
    },
  },
  'manifest-pagination-unknown': {
    severity: 'error',
    title: 'pagination by a field that the contract lacks',
    why: 'Only the first page would be read.',
    fix: 'correct the name',
    example: {
      bad: 'pagination: { type: cursor, in: after, out: /nxt }',
      good: 'pagination: { type: cursor, in: after, out: /next }',
    },
  },
  'manifest-stream-of-values': {
    severity: 'error',
    title: 'bounds for streaming an operation that has no bytes to stream',
    why: 'JSON, forms and multipart bodies are values, which come and go whole; the bounds would say nothing.',
    fix: 'take `stream` away, or correct the media type in the contract or its overlay',
    example: {
      bad: 'getInvoice: { effect: read, stream: { max: 1GiB } }   # answers application/json',
      good: 'getInvoicePdf: { effect: read, stream: { max: 1GiB } }   # answers application/pdf',
    },
  },
  'manifest-order-unknown': {
    severity: 'error',
    title: 'events are ordered by a field that they lack',
    why: 'A late event could not be told from a new one.',
    fix: 'correct the pointer',
    example: {
      bad: 'webhooks: { invoicePaid: { order: /verion } }',
      good: 'webhooks: { invoicePaid: { order: /version } }',
    },
  },
  'manifest-event-field-unknown': {
    severity: 'error',
    title: 'the id or type of an event is looked for where it has none',
    why: 'A delivery without an id is refused, and one whose type cannot be told is taken for none: not one would come in.',
    fix: 'correct the pointer, or add the field to the contract or its overlay',
    example: {
      bad: 'webhooks: { invoicePaid: { verify: standard-webhooks, id: /idd } }',
      good: 'webhooks: { invoicePaid: { verify: standard-webhooks, id: /id } }',
    },
  },
  'manifest-auth-unlike-contract': {
    severity: 'error',
    title: 'the credential goes where the contract does not look for it',
    why: 'Every call would come without proof of who makes it, and be refused.',
    fix: 'correct `auth`; where the vendor takes what its document does not say, add the security scheme in an overlay',
    example: {
      bad: 'auth: [{ id: key, type: apiKey, in: header, name: X-Api-Kee }]   # contract: X-Api-Key',
      good: 'auth: [{ id: key, type: apiKey, in: header, name: X-Api-Key }]',
    },
  },
  'manifest-source-ambiguous': {
    severity: 'error',
    title: 'events from one place cannot be told apart, or are taken in differently',
    why: 'One consumer takes all messages of a place: each must be of one event, by `type`, under the same settings.',
    fix: 'give each of them a `type`, and the same group, prefetch, create, invalid and every',
    example: {
      bad: '# two events of one queue, neither with a type\nitemSold: { … }\nitemBack: { … }',
      good: "itemSold: { type: { at: 'header:type', is: sold } }\nitemBack: { type: { at: 'header:type', is: back } }",
    },
  },
  'manifest-event-goes-round': {
    severity: 'error',
    title: 'an event is taken in and sent out by one connector',
    why: 'Each that comes in would be sent out, come in again, and so on for ever.',
    fix: 'leave it out of `sources` or of `publications`; to pass it on, use two connectors',
    example: {
      bad: 'sources: { itemSold: {} }\npublications: { itemSold: { idempotency: { mode: none } } }',
      good: 'publications: { itemSold: { idempotency: { mode: none } } }',
    },
  },
  'manifest-schedule-unreadable': {
    severity: 'error',
    title: 'a schedule that names no moment',
    why: 'No event would ever come of it, and nobody would notice that nothing is done.',
    fix: 'write five fields (minute hour day month weekday), or six with seconds first',
    example: {
      bad: "sources: { nightFell: { schedule: { cron: '0 25 * * *', zone: Europe/Berlin } } }",
      good: "sources: { nightFell: { schedule: { cron: '0 3 * * *', zone: Europe/Berlin } } }",
    },
  },
  'manifest-failure-field-unknown': {
    severity: 'warning',
    title: 'a failure rule reads a field that its answers do not have',
    why: 'A condition over a field that is not there never holds, so the rule never applies, and another class than it names is what callers see.',
    fix: 'correct the name; where the system does answer with the field, declare it in `overlay.yaml` of the contract',
    example: {
      bad: 'failures: [{ status: 409, when: "${ body.cod == \'exists\' }", class: duplicate }]',
      good: 'failures: [{ status: 409, when: "${ body.code == \'exists\' }", class: duplicate }]',
    },
  },
  'manifest-poll-unknown': {
    severity: 'error',
    title: 'a poll goes by a parameter or field that is not there',
    why: 'It would list everything each time, or tell no two items apart.',
    fix: 'correct the name',
    example: {
      bad: 'cursor: { in: updatedAftr, from: /updatedAt }',
      good: 'cursor: { in: updatedAfter, from: /updatedAt }',
    },
  },
  'manifest-poll-cursor-pages': {
    severity: 'error',
    title: 'a poll puts its cursor where the listing takes the position of a page',
    why: 'The second page is asked for by its position in the same place, so nothing is left there of where the poll was; and what an item holds is no position of a page.',
    fix: 'name the parameter that selects what is new',
    example: {
      bad: 'pagination: { type: page, in: page }\ncursor: { in: page, from: /updatedAt }',
      good: 'pagination: { type: page, in: page }\ncursor: { in: updatedAfter, from: /updatedAt }',
    },
  },
  'manifest-poll-input-invalid': {
    severity: 'error',
    title: 'a poll whose first listing would be refused',
    why: 'Its input does not fit the contract, so the listing is never asked for, and no event ever comes.',
    fix: 'give in `with` what the operation needs, and an `initial` as its parameter takes it',
    example: {
      bad: 'cursor: { in: updatedAfter, from: /updatedAt, initial: yesterday }',
      good: "cursor: { in: updatedAfter, from: /updatedAt, initial: '2026-01-01T00:00:00Z' }",
    },
  },
  'manifest-probe-input-unknown': {
    severity: 'error',
    title: 'a probe gives its operation an input that it lacks',
    why: 'The probe would be refused just when it is needed.',
    fix: 'correct the name',
    example: {
      bad: 'probe: { operation: findInvoice, by: externlId }',
      good: 'probe: { operation: findInvoice, by: externalId }',
    },
  },
  'manifest-probe-input-invalid': {
    severity: 'error',
    title: 'a probe that its operation would refuse',
    why: 'The probe is made when an answer was lost: it would be refused just then, and the effect would stay in doubt.',
    fix: 'give what the operation needs in `with`, or probe by another read',
    example: {
      bad: "probe: { operation: getInvoice, with: {}, found: '${ body }' }",
      good: "probe: { operation: getInvoice, with: { invoiceId: '${ request.invoiceId }' }, found: '${ body }' }",
    },
  },
  'manifest-key-header-unknown': {
    severity: 'error',
    title: 'an idempotency key in a header that the operation does not take',
    why: 'The contract declares the header, for this operation under another name or for other operations only. A key that nobody reads keeps no repeat from doubling an effect.',
    fix: 'correct the name; where the service honours it all the same, say so in `overlay.yaml`; where it does not, take another `mode`',
    example: {
      bad: 'idempotency: { mode: header, name: Idempotncy-Key }',
      good: 'idempotency: { mode: header, name: Idempotency-Key }',
    },
  },
  'manifest-health-input-invalid': {
    severity: 'error',
    title: 'a health call that its operation would refuse',
    why: 'Whoever asks for health knows nothing to ask about: the call would fail while the system is well.',
    fix: 'give what it needs in `with`, take a read without input, or say `health: false`',
    example: {
      bad: 'health: { operation: getProject }',
      good: 'health: { operation: getProject, with: { projectId: default } }',
    },
  },
  'manifest-probe-answer-wrong': {
    severity: 'error',
    title: 'a probe answers with something that is not the effect',
    why: 'What `found` gives is taken for the effect and for the result of the step; only null says that it is not there.',
    fix: 'give the effect itself or null: a list is to be looked through, a condition is to choose between both',
    example: {
      bad: "found: '${ body.items.filter(one, one.reference == request.body.reference) }'",
      good: "found: '${ body.items.exists(one, one.reference == request.body.reference) ? body.items.filter(one, one.reference == request.body.reference)[0] : null }'",
    },
  },
  'server-without-operators': {
    severity: 'error',
    title: 'a host that others can reach, and nobody named who may use the operations API',
    why: 'The operator that Tenon makes by itself is for this machine alone, so `tenon serve` would not start: found at a restart, it is an outage.',
    fix: 'name operators, or let it listen on 127.0.0.1 behind a reverse proxy',
    example: {
      bad: 'server: { host: 0.0.0.0 }',
      good: "server: { host: 0.0.0.0, operators: [{ name: ada, role: operator, token: 'env:TENON_TOKEN_ADA' }] }",
    },
  },
  'operator-token-shared': {
    severity: 'error',
    title: 'two operators with one token',
    why: 'The ledger would name one of them for what the other did, so `tenon serve` would not start.',
    fix: 'give each operator a token of their own',
    example: {
      bad: "operators: [{ name: ada, role: operator, token: 'env:TOKEN' }, { name: finn, role: approver, token: 'env:TOKEN' }]",
      good: "operators: [{ name: ada, role: operator, token: 'env:TOKEN_ADA' }, { name: finn, role: approver, token: 'env:TOKEN_FINN' }]",
    },
  },
} as const satisfies DiagnosticRules;

import type { DiagnosticRules } from '@tenon/model';

/** Names that mean nothing in this workspace. */
export const namesRules = {
  'unknown-contract': {
    severity: 'error',
    title: 'a contract that is not in the workspace',
    why: 'A step or trigger may only speak of what a checked-in contract defines.',
    fix: 'add the contract with `tenon add contract`, or correct the name',
    example: { bad: 'event: crn.accountCreated', good: 'event: crm.accountCreated' },
  },
  'unknown-connector': {
    severity: 'error',
    title: 'a connector that is not in the workspace',
    why: 'Nothing could carry the call out.',
    fix: 'add the connector, or correct the name',
    example: {
      bad: 'billing: { connector: biling }',
      good: 'billing: { connector: billing }',
    },
  },
  'unknown-connection': {
    severity: 'error',
    title: 'a connection that is not configured',
    why: 'A call goes over a connection of tenon.config.yaml.',
    fix: 'add it under `connections`, or correct the name. Where the connector has connections of other names, name one, or choose with `over`',
    example: { bad: 'call: biling.getInvoice', good: 'call: billing.getInvoice' },
  },
  'unknown-operation': {
    severity: 'error',
    title: 'an operation that the contract does not define',
    why: 'The call would fail each time.',
    fix: 'correct the name, or update the contract',
    example: { bad: 'call: billing.makeInvoice', good: 'call: billing.createInvoice' },
  },
  'unknown-event': {
    severity: 'error',
    title: 'an event that the contract does not define',
    why: 'It would never come.',
    fix: 'correct the name, or update the contract',
    example: { bad: 'event: crm.accountMade', good: 'event: crm.accountCreated' },
  },
  'unknown-pipeline': {
    severity: 'error',
    title: 'a pipeline that is not in the workspace',
    why: 'A step can only run what is checked with it.',
    fix: 'correct the name, or add the pipeline',
    example: { bad: 'run: { pipeline: send-invoce, … }', good: 'run: { pipeline: send-invoice, … }' },
  },
  'pipeline-not-runnable': {
    severity: 'error',
    title: 'a pipeline that only events start',
    why: 'A step gives input to what it runs; a pipeline with an event for its trigger takes none.',
    fix: 'give it a `manual` trigger, or emit its event',
    example: {
      bad: '# send-invoice\ntrigger: { event: crm.orderPlaced }',
      good: '# send-invoice\ntrigger: { manual: { input: { type: object, … } } }',
    },
  },
  'unknown-identity': {
    severity: 'error',
    title: 'an identity that the connector does not have',
    why: 'Least privilege needs to know which scopes the credentials hold.',
    fix: "use one of the connector's identities",
    example: {
      bad: 'billing: { connector: billing, identity: writr }',
      good: 'billing: { connector: billing, identity: writer }',
    },
  },
  'unknown-source': {
    severity: 'error',
    title: 'a connection that names a source which its connector lacks',
    why: 'Nothing would be taken in for it, and what was meant would be left out.',
    fix: 'correct the name, or declare it under `sources` in the connector',
    example: {
      bad: 'sources: [itemSoldd]',
      good: 'sources: [itemSold]   # which the connector has',
    },
  },
  'unknown-team': {
    severity: 'error',
    title: 'an owner or steward that is no team of owners.yaml',
    why: 'A page to a team that does not exist reaches nobody. Contracts and connectors have one too: who takes what a broken one does to others.',
    fix: 'correct the name, or add the team to owners.yaml; in place of `unowned`, which `tenon add` writes without `--owner`, name a team',
    example: {
      bad: 'owner: { team: revenu-operations, … }   # and in contract.yaml: `steward: unowned`',
      good: 'owner: { team: revenue-operations, … }   # and in contract.yaml: `steward: revenue-operations`',
    },
  },
  'backup-is-owner': {
    severity: 'error',
    title: 'the backup is the owner',
    why: 'When the owner is away, so is the backup.',
    fix: 'name another team',
    example: {
      bad: 'owner: { team: sales, backup: sales, … }',
      good: 'owner: { team: sales, backup: platform, … }',
    },
  },
  'duplicate-pipeline': {
    severity: 'error',
    title: 'two pipelines of one name',
    why: 'Runs, keys and ledgers go by the name.',
    fix: 'rename one of them',
    example: {
      bad: '# a.pipeline.yaml and b.pipeline.yaml\nmetadata: { name: upgrade, … }',
      good: '# b.pipeline.yaml\nmetadata: { name: upgrade-refund, … }',
    },
  },
  'duplicate-step': {
    severity: 'error',
    title: 'two steps of one id',
    why: 'Results and idempotency keys go by the id.',
    fix: 'rename one of them',
    example: {
      bad: '- { id: account, call: crm.getAccount }\n- { id: account, call: billing.getAccount }',
      good: '- { id: account, call: crm.getAccount }\n- { id: billed, call: billing.getAccount }',
    },
  },
  'duplicate-connector': {
    severity: 'error',
    title: 'two connectors of one name',
    why: 'Steps go by the name.',
    fix: 'rename one of them',
    example: {
      bad: '# connectors/a and connectors/b\nmetadata: { name: billing, … }',
      good: '# connectors/b\nmetadata: { name: billing-eu, … }',
    },
  },
  'duplicate-policy': {
    severity: 'error',
    title: 'two policies of one name',
    why: 'Expressions go by the name.',
    fix: 'rename one of them',
    example: {
      bad: '# two files of pipelines/policies\nisLarge: { … }',
      good: 'isLarge: { … }\nisLargeForTrade: { … }',
    },
  },
  'contract-document-missing': {
    severity: 'error',
    title: 'a contract folder without a document',
    why: 'Nothing in it can be used.',
    fix: 'add openapi.yaml or asyncapi.yaml, or remove the folder',
    example: {
      bad: 'contracts/billing/contract.yaml',
      good: 'contracts/billing/contract.yaml\ncontracts/billing/openapi.yaml',
    },
  },
  'event-without-schema': {
    severity: 'error',
    title: 'an event without a schema',
    why: 'A bad payload could not be told from a good one.',
    fix: 'add the schema to the contract, or by an overlay',
    example: {
      bad: 'webhooks: { orderPlaced: { post: { responses: … } } }',
      good: 'webhooks: { orderPlaced: { post: { requestBody: { content: { application/json: { schema: … } } } } } }',
    },
  },
  'event-without-version': {
    severity: 'error',
    title: 'an event without a version',
    why: 'A change could not be told from the present form.',
    fix: 'set `info.version` in the contract',
    example: {
      bad: "info: { title: Shop, version: '' }",
      good: 'info: { title: Shop, version: 1.4.0 }',
    },
  },
  'webhook-unverified': {
    severity: 'error',
    title: 'a webhook whose deliveries nobody verifies',
    why: 'Anybody could start the pipeline.',
    fix: 'declare the webhook in the connector',
    example: {
      bad: 'webhooks: {}',
      good: 'webhooks: { orderPlaced: { verify: standard-webhooks, tolerance: 5m, id: webhook-id } }',
    },
  },
  'webhook-without-secret': {
    severity: 'error',
    title: 'a connection that cannot verify what is delivered to it',
    why: 'Without the secret that deliveries are signed with, each is refused, and the pipeline never starts.',
    fix: 'add the secret to `webhookSecrets` of the connection, as a reference',
    example: {
      bad: 'shop: { connector: shop, baseUrl: env:SHOP_URL }   # whose orderPlaced starts a pipeline',
      good: 'shop: { connector: shop, baseUrl: env:SHOP_URL, webhookSecrets: [env:SHOP_WEBHOOK_SECRET] }',
    },
  },
  'event-without-source': {
    severity: 'error',
    title: 'an event of a channel that nobody takes in',
    why: 'The pipeline would never start, and nothing would say so.',
    fix: 'declare the source in the connector',
    example: {
      bad: 'sources: {}   # and a trigger on stock.itemSold',
      good: 'sources: { itemSold: { … } }',
    },
  },
  'over-unknown': {
    severity: 'error',
    title: 'a connection that `over` cannot mean',
    why: 'What is called over a connection is granted to it, and an event comes over the connections that take it in. So which of them `over` may name is known before the first run.',
    fix: 'let it name connections of that connector, and no others: by the type of what it reads, or by a condition',
    example: {
      bad: 'over: ${ event.region }   # any text',
      good: "over: \"${ event.region == 'eu' ? 'billing-eu' : 'billing-us' }\"",
    },
  },
  'connection-absent': {
    severity: 'error',
    title: 'the connection of an event that came over none',
    why: '`connection` is the name of the connection over which the event came in. What is started by hand, run by another pipeline or published by one came over none.',
    fix: 'take the name from the input, or from the event itself',
    example: {
      bad: 'trigger: { manual: … }\nidentity: { key: "${ connection }:${ event.orderId }", … }',
      good: 'trigger: { manual: { input: { type: object, required: [account, orderId], … } } }\nidentity: { key: "${ event.account }:${ event.orderId }", … }',
    },
  },
  'source-without-connection': {
    severity: 'error',
    title: 'an event that no connection takes in',
    why: 'Nothing says which account it is taken from, so it is taken from none.',
    fix: 'add a connection of that connector to tenon.config.yaml, or name the event under `sources` of the one that it has',
    example: {
      bad: 'connections: {}   # and a trigger on stock.itemSold',
      good: 'connections: { stock: { connector: stock, … } }',
    },
  },
} as const satisfies DiagnosticRules;

import type { DiagnosticRules } from '@tenon/model';

/** What is proved of a pipeline before it runs. */
export const proofsRules = {
  'effect-can-repeat': {
    severity: 'error',
    title: 'this effect can happen twice',
    why: 'A lost answer after the call leaves its outcome unknown; without a key or a probe nobody can tell whether to send again.',
    fix: 'declare `probe` or an idempotency mode in the connector, or set `retry: none`',
    example: {
      bad: 'call: ticketing.createTicket   # idempotency: none, no probe',
      good: 'call: ticketing.createTicket\nretry: none',
    },
  },
  'probe-cannot-ask': {
    severity: 'error',
    title: 'the probe asks by what the step does not send',
    why: 'It could never tell whether the effect is there, so each lost answer would end in doubt and wait for a person.',
    fix: 'send what the probe asks by, with a value that tells this effect from all others',
    example: {
      bad: "call: billing.createInvoice   # probe: { operation: listInvoices, by: externalId }\nwith: { body: { amount: '${ event.total }' } }",
      good: "call: billing.createInvoice\nwith: { body: { amount: '${ event.total }', externalId: '${ event.orderId }' } }",
    },
  },
  'compensation-can-repeat': {
    severity: 'error',
    title: 'this compensation can happen twice',
    why: 'Undoing is an effect like any other: twice undone may be wrong again.',
    fix: 'say in the connector that a repeat is harmless (`idempotency: { mode: natural }` where undoing twice is undoing once, or a key), give it a `probe`, or set `retry: none` on it',
    example: {
      bad: 'compensate: { call: billing.credit, with: … }   # idempotency: none, tried again',
      good: 'compensate: { call: billing.credit, with: …, retry: none }',
    },
  },
  'retry-cannot-help': {
    severity: 'error',
    title: 'a failure class is retried that a repeat cannot mend',
    why: 'Validation, auth and contract failures come again each time; retrying them only makes noise and load.',
    fix: 'remove the class from `on`',
    example: { bad: 'on: [transient, validation]', good: 'on: [transient]' },
  },
  'retry-budget-too-short': {
    severity: 'error',
    title: 'a retry budget shorter than one attempt',
    why: 'The budget is spent before a second attempt can start, so the step is never retried.',
    fix: 'raise `within`, or set `retry: none`',
    example: {
      bad: 'retry: { attempts: 5, within: 5s }   # one attempt may take 10s',
      good: 'retry: { attempts: 5, within: 2m }',
    },
  },
  'identity-key-constant': {
    severity: 'error',
    title: 'a key that does not depend on the event',
    why: 'Every event would count as a repeat of the first.',
    fix: 'make the key of fields that name the business event',
    example: { bad: 'key: upgrade', good: 'key: ${ event.accountId }:${ event.version }' },
  },
  'identity-key-shared': {
    severity: 'error',
    title: 'a key that several events share',
    why: 'An event whose key was there before counts as a repeat and starts nothing: it is lost, and nobody is told. A time is no identity, and a value of a few is one even less.',
    fix: 'make the key of fields that name the business event; a time or a state may stand beside them. Where it does name one, say why on the line above: `# tenon: allow identity-key-shared because <reason>`',
    example: {
      bad: 'key: ${ event.occurredAt }',
      good: 'key: ${ event.accountId }:${ event.occurredAt }',
    },
  },
  'identity-key-changes': {
    severity: 'error',
    title: 'a key of the delivery instead of the event',
    why: 'A delivery that is repeated has another key then, and each of its effects happens once more.',
    fix: 'make the key of fields that name the business event. Where each attempt is a business event of its own, say so on the line above: `# tenon: allow identity-key-changes because <reason>`',
    example: {
      bad: "key: ${ event.orderId }:${ headers['webhook-timestamp'] }",
      good: 'key: ${ event.orderId }:${ event.version }',
    },
  },
  'accounts-not-told-apart': {
    severity: 'error',
    title: 'events of several accounts that count as one',
    why: 'Two accounts of one kind give the same id to different things. An event whose key was there before counts as a repeat and starts nothing, and one with an older version is left out: what came from the second account is lost, and nobody is told.',
    fix: 'put `connection`, the name of the connection over which the event came, into `key` (and into `orderBy`, where there is a `version`). Where the ids are the same in all accounts, say why on the line above: `# tenon: allow accounts-not-told-apart because <reason>`',
    example: {
      bad: 'key: ${ event.orderId }   # shop.orderPlaced comes over shop-eu and shop-us',
      good: 'key: ${ connection }:${ event.orderId }',
    },
  },
  'call-over-one-account': {
    severity: 'warning',
    title: 'a call to one account for the events of several',
    why: 'A step goes over the connection that it names, whosever event it is: what came from one account would be read from, or written to, another.',
    fix: 'name the connector, and say `over: "${ connection }"`. Where one account serves all, say why on the line above: `# tenon: allow call-over-one-account because <reason>`',
    example: {
      bad: 'call: shop-eu.getOrder   # events come over shop-eu and shop-us',
      good: 'call: shop.getOrder\nover: ${ connection }',
    },
  },
  'id-of-another-account': {
    severity: 'warning',
    title: 'an id of one account that is sent to another',
    why: 'Accounts of one system number their things for themselves: in another account the id names another thing, or nothing.',
    fix: 'go over the connection that the id was given over. Where both accounts have the same ids, say so on the line above: `# tenon: allow id-of-another-account because <reason>`',
    example: {
      bad: 'call: pay.createCharge\nover: ${ event.region }   # `customer` was read over `connection`\nwith: { body: { customerId: "${ steps.customer.id }" } }',
      good: 'call: pay.createCharge\nover: ${ connection }\nwith: { body: { customerId: "${ steps.customer.id }" } }',
    },
  },
  'emit-over-all-accounts': {
    severity: 'error',
    title: 'an event of one account that goes out to all of them',
    why: 'Each connection of a connector that publishes an event sends it, whosever event it is: what a run did for one account would be told to the others.',
    fix: 'say over which connection it goes out: `over: "${ connection }"`. Where all are to be told, say why on the line above: `# tenon: allow emit-over-all-accounts because <reason>`',
    example: {
      bad: 'emit: shop.orderShipped   # events come over shop-eu and shop-us, and both publish it',
      good: 'emit: shop.orderShipped\nover: ${ connection }',
    },
  },
  'undone-in-another-account': {
    severity: 'error',
    title: 'an effect of one account that is undone in another',
    why: 'What the effect left is in the account that it was made in. In another one the same id names another thing, or nothing: what is undone there was nobody’s, and what was to be undone stays.',
    fix: 'go over the connection of the step: with `over`, by the name of the connector. Where both connections are of one account, with other rights, say so on the line above: `# tenon: allow undone-in-another-account because <reason>`',
    example: {
      bad: 'call: shop.createCharge\nover: ${ connection }\ncompensate: { call: shop-us.refundCharge, with: … }',
      good: 'call: shop.createCharge\nover: ${ connection }\ncompensate: { call: shop.refundCharge, with: … }',
    },
  },
  'key-retention-too-short': {
    severity: 'error',
    title: 'keys are forgotten before the last repeat',
    why: 'A repeat that comes after the key is forgotten is a second effect.',
    fix: 'keep keys at least as long as a repeat may come',
    example: {
      bad: 'identity: { key: …, retain: 1h }   # deadline 15m, recover 4h',
      good: 'identity: { key: …, retain: 30d }',
    },
  },
  'deadline-too-short': {
    severity: 'error',
    title: 'the steps may take longer than the deadline',
    why: 'The deadline would end runs that are still within their retry budgets.',
    fix: 'raise `limits.deadline`, lower retries, or let a list have fewer items (`max`) or more at a time (`concurrency`)',
    example: {
      bad: 'limits: { deadline: 1m }   # the calls can take 2m2s',
      good: 'limits: { deadline: 15m }',
    },
  },
  'step-deadline-misplaced': {
    severity: 'error',
    title: 'a deadline on a step that does not work',
    why: 'A deadline ends attempts and pauses of work. Waiting has an end of its own, and what is done in one write has no middle.',
    fix: 'take it away; a wait and an approval end by `within`',
    example: {
      bad: '- { id: gate, deadline: 1h, approve: { by: finance, within: 4h, onExpiry: reject, show: x } }',
      good: '- { id: gate, approve: { by: finance, within: 1h, onExpiry: reject, show: x } }',
    },
  },
  'step-deadline-without-effect': {
    severity: 'error',
    title: 'a deadline of a step that the run never comes to',
    why: 'The run ends first, so the step’s deadline says something that never happens.',
    fix: 'make it shorter than `limits.deadline`, or take it away',
    example: {
      bad: 'limits: { deadline: 10m }\nsteps: [{ id: a, deadline: 15m, call: shop.getOrder }]',
      good: 'limits: { deadline: 10m }\nsteps: [{ id: a, deadline: 2m, call: shop.getOrder }]',
    },
  },
  'slo-cannot-hold': {
    severity: 'error',
    title: 'the steps may take longer than promised',
    why: 'Retries within budget would already break the promise to users.',
    fix: 'lower retries, or promise less',
    example: {
      bad: 'slo: { objective: 0.99, within: 1m }   # the calls can take 2m2s',
      good: 'slo: { objective: 0.99, within: 5m }',
    },
  },
  'effect-without-way-back': {
    severity: 'error',
    title: 'an effect that nothing undoes',
    why: 'When a later step fails, the other system keeps a half-done change.',
    fix: 'add `compensate`, or `irreversible` with an owned forward fix',
    example: {
      bad: '- { id: invoice, call: billing.createInvoice, with: … }',
      good: "- id: invoice\n  call: billing.createInvoice\n  with: …\n  compensate: { call: billing.voidInvoice, with: { invoiceId: '${ steps.invoice.id }' } }",
    },
  },
  'way-back-contradicts': {
    severity: 'error',
    title: 'both undone and irreversible',
    why: 'Only one of the two can be true.',
    fix: 'keep one of `compensate` and `irreversible`',
    example: {
      bad: 'compensate: { call: billing.voidInvoice, with: … }\nirreversible: { because: it is sent, … }',
      good: 'compensate: { call: billing.voidInvoice, with: … }',
    },
  },
  'compensation-reads': {
    severity: 'error',
    title: 'a compensation that only reads',
    why: 'It undoes nothing.',
    fix: 'call an operation that undoes the effect',
    example: {
      bad: 'compensate: { call: billing.getInvoice, with: … }',
      good: 'compensate: { call: billing.voidInvoice, with: … }',
    },
  },
  'compensation-deletes': {
    severity: 'error',
    title: 'a compensation that deletes',
    why: 'What was done must stay readable: making good is not deleting.',
    fix: 'use an operation that voids, cancels or closes; where the target keeps the record, declare `effect: update` for it; where to delete is right, say why on the line above: `# tenon: allow compensation-deletes because <reason>`',
    example: {
      bad: 'compensate: { call: billing.deleteInvoice, with: … }',
      good: '# tenon: allow compensation-deletes because a draft has no number and nobody is shown it\ncompensate: { call: billing.deleteDraft, with: … }',
    },
  },
  'field-has-two-writers': {
    severity: 'error',
    title: 'two pipelines write the same field',
    why: 'Whichever comes last wins, and neither knows: the field has no owner.',
    fix: 'let one pipeline write it, or give each a field of its own',
    example: {
      bad: '# two pipelines\ncall: crm.updateAccount\nwith: { id: …, body: { plan: … } }',
      good: '# one pipeline writes `plan`; the other emits an event that it listens to',
    },
  },
  'field-has-two-masters': {
    severity: 'error',
    title: "a system's own field is overwritten with another system's",
    why: 'Both systems are the record of this field; the next change on either side undoes the other.',
    fix: 'write it to a field kept as a copy, or decide which system is the record in contract.yaml',
    example: {
      bad: "call: crm.updateAccount   # crm is the record of `plan`\nwith: { id: …, body: { plan: '${ steps.subscription.plan }' } }",
      good: "call: crm.updateAccount\nwith: { id: …, body: { billingPlan: '${ steps.subscription.plan }' } }",
    },
  },
  'trigger-cycle': {
    severity: 'error',
    title: 'pipelines that start each other in a circle',
    why: 'One event would run for ever.',
    fix: 'break the circle: give one trigger a `where` over a different event, or leave out an emit or a run',
    example: {
      bad: '# a: on shop.orderPlaced, emits news.shipped\n# b: on news.shipped, emits shop.orderPlaced',
      good: '# b: on news.shipped, where: ${ !event.isReturn }; emits nothing that starts a',
    },
  },
  'wait-cycle': {
    severity: 'error',
    title: 'waits that wait for each other in a circle',
    why: 'None of them would ever end by its event.',
    fix: 'emit before waiting in one of them',
    example: {
      bad: '# a: waits for news.b, then emits news.a\n# b: waits for news.a, then emits news.b',
      good: '# a: emits news.a, then waits for news.b',
    },
  },
  'connection-shared-across-owners': {
    severity: 'error',
    title: 'a connection serves pipelines of different owners',
    why: "One team's mistake spends the other's quota and access, and the audit cannot tell them apart.",
    fix: 'give each owner a connection of its own, or list both under `owners` of the connection',
    example: {
      bad: '# pipelines of sales and of finance\ncall: billing.getInvoice',
      good: '# a connection for each: billing-sales, billing-finance',
    },
  },
  'grant-missing': {
    severity: 'error',
    title: 'a pipeline needs more of a connection than it is granted',
    why: 'Nothing is allowed unless it is granted, by pipeline, operation, scope and host: the call would be refused at run time.',
    fix: 'grant it (`tenon grants --write` writes what the pipelines need), or do not call it',
    example: {
      bad: 'grants: { invoice-sent: { operations: [getInvoice] } }   # and a step of invoice-sent calls billing.createInvoice',
      good: 'grants: { invoice-sent: { operations: [createInvoice, getInvoice], scopes: [invoices.read, invoices.write] } }',
    },
  },
  'grant-unused': {
    severity: 'error',
    title: 'something is granted to a pipeline that does not need it',
    why: 'What is not granted cannot be misused. Runs that keep to an earlier version have what that one was granted; nothing has to stay here for them.',
    fix: 'remove it from `grants` (`tenon grants --write` writes what the pipelines need)',
    example: {
      bad: 'grants: { invoice-sent: { operations: [getInvoice, voidInvoice] } }   # it voids nothing',
      good: 'grants: { invoice-sent: { operations: [getInvoice] } }',
    },
  },
  'identity-lacks-scope': {
    severity: 'error',
    title: 'an identity lacks a scope that a call needs',
    why: 'Every such call would be refused.',
    fix: 'use a connection whose identity holds the scope',
    example: {
      bad: 'billing: { connector: billing, identity: reader }   # and a step creates',
      good: 'billing-write: { connector: billing, identity: writer }',
    },
  },
  'scope-unused': {
    severity: 'error',
    title: 'an identity holds a scope that nothing needs',
    why: 'What is not held cannot be misused.',
    fix: 'take the scope from the identity, or use a narrower identity',
    example: {
      bad: 'identities: { writer: [invoices.write, customers.write] }   # no customer is written',
      good: 'identities: { writer: [invoices.write] }',
    },
  },
  'read-and-write-together': {
    severity: 'error',
    title: 'one identity both reads and writes',
    why: 'A leaked reader should not be able to change anything.',
    fix: 'make two connections, one with an identity for each',
    example: {
      bad: 'billing: { connector: billing, identity: all }',
      good: 'billing: { connector: billing, identity: reader }\nbilling-write: { connector: billing, identity: writer }',
    },
  },
  'data-not-cleared': {
    severity: 'error',
    title: 'classed data reaches a place that is not cleared for it',
    why: 'The receiver neither redacts nor deletes what it does not know to be classed.',
    fix: 'class the receiving field in its `contract.yaml`, under `classes`, send another value, or declassify it with a reason',
    example: {
      bad: 'body: Call ${ event.email }',
      good: 'requester: ${ event.email }   # /components/schemas/Ticket/properties/requester: personal',
    },
  },
  'data-leaves-region': {
    severity: 'error',
    title: 'personal data leaves its region',
    why: 'Residency is promised to the people it is about.',
    fix: 'send it to a system of the same region, or leave it out',
    example: {
      bad: "with: { body: { email: '${ event.email }' } }   # from eu to us",
      good: "with: { body: { account: '${ event.accountId }' } }",
    },
  },
  'classed-data-in-key': {
    severity: 'error',
    title: 'classed data becomes part of a key',
    why: 'Keys are stored, indexed, logged and shown.',
    fix: 'use an id instead',
    example: { bad: 'key: ${ event.email }', good: 'key: ${ event.accountId }' },
  },
  'classed-data-in-metric': {
    severity: 'error',
    title: 'classed data becomes a metric',
    why: 'Metrics leave the system and are kept for long.',
    fix: 'measure something else',
    example: {
      bad: "metrics: { customers: { value: '${ event.birthYear }' } }",
      good: "metrics: { orders: { when: '${ event.total > 0 }' } }",
    },
  },
  'item-key-missing': {
    severity: 'error',
    title: 'effects for each item of a list, and no key that tells the items apart',
    why: 'Idempotency keys are made from it: without one, a retry of a list whose order has changed would do the effects of one item under the key of another.',
    fix: 'add `key`: text over the item that no other item of the list has',
    example: {
      bad: 'forEach: { in: "${ event.lines }", max: 50, steps: [...] }',
      good: 'forEach: { in: "${ event.lines }", key: "${ item.sku }", max: 50, steps: [...] }',
    },
  },
  'item-key-constant': {
    severity: 'error',
    title: 'a key that is the same for every item of a list',
    why: 'Two items of one key hold the list, so no list of two would ever be carried out.',
    fix: 'build the key from the item',
    example: { bad: 'key: ${ event.orderId }', good: 'key: ${ item.sku }' },
  },
  'item-key-shared': {
    severity: 'error',
    title: 'a key that several items of a list share',
    why: 'Two items of one key hold the list: nothing is done for any of its items, and its owner has to look.',
    fix: 'build the key from what no other item of the list has; of a list that never has more items than the key has values, lower `max` to their number',
    example: {
      bad: 'forEach: { in: "${ event.lines }", key: "${ item.isGift }", max: 50, steps: [...] }',
      good: 'forEach: { in: "${ event.lines }", key: "${ item.sku }", max: 50, steps: [...] }',
    },
  },
  'list-longer-than-max': {
    severity: 'error',
    title: 'a list that always has more items than `max`',
    why: 'A longer list is held for its owner, so this one would be at every run.',
    fix: 'raise `max`, or shorten the list',
    example: {
      bad: "forEach: { in: \"${ ['de', 'fr', 'it'] }\", max: 2, steps: [...] }",
      good: "forEach: { in: \"${ ['de', 'fr', 'it'] }\", max: 3, steps: [...] }",
    },
  },
  'item-name-taken': {
    severity: 'error',
    title: 'an item named like something that expressions know already',
    why: 'Nobody could tell which of the two a name means.',
    fix: 'give the item another name with `as`',
    example: { bad: 'forEach: { as: event, … }', good: 'forEach: { as: line, … }' },
  },
  'choose-without-default': {
    severity: 'error',
    title: 'a choice over an enum without a default',
    why: 'Enums grow; a value that is not named here would pass in silence.',
    fix: 'add a last branch without `when`',
    example: {
      bad: 'choose:\n  - { when: "${ event.plan == \'pro\' }", steps: … }\n  - { when: "${ event.plan == \'team\' }", steps: … }',
      good: 'choose:\n  - { when: "${ event.plan == \'pro\' }", steps: … }\n  - { when: "${ event.plan == \'team\' }", steps: … }\n  - { steps: … }',
    },
  },
  'step-unused': {
    severity: 'warning',
    title: 'a step makes something that nothing reads',
    why: "It costs a call, a grant and a reader's attention, and is mostly what is left of something else, or the wrong step is read instead.",
    fix: 'read its result, or remove the step',
    example: {
      bad: '- { id: account, call: crm.getAccount, with: { id: "${ event.id }" } }   # and no steps.account',
      good: '- { id: account, call: crm.getAccount, with: { id: "${ event.id }" } }\n- { id: told, call: mail.send, with: { to: "${ steps.account.email }" } }',
    },
  },
  'listing-read-in-part': {
    severity: 'warning',
    title: 'a step reads the first page of a listing',
    why: 'A call without `pages` is one request, so what stands on later pages is not there for the pipeline, and it goes on as if that were all.',
    fix: 'read all pages with `pages`, say how many are wanted by the parameter that limits the page, pass the page’s position, or hold in a `check` that there is no further page; where there may be any number of items, that is a poll or a reconciliation',
    example: {
      bad: "- { id: found, call: shop.findParcels, with: { reference: '${ event.orderId }' } }",
      good: "- { id: found, call: shop.findParcels, with: { reference: '${ event.orderId }' }, pages: { atMost: 20 } }\n# or\n- { id: found, call: shop.findParcels, with: { reference: '${ event.orderId }' } }\n- id: whole\n  check: { that: [{ condition: '${ steps.found.next == null }', message: there are more parcels than one page holds }], otherwise: quarantine }",
    },
  },
  'pages-without-pagination': {
    severity: 'error',
    title: 'all pages are asked for of what has none',
    why: 'Pages are followed by what the connector says of them (`pagination`), and reads alone are made as often as there are pages.',
    fix: 'declare the `pagination` of the operation in the connector, or leave `pages` out',
    example: {
      bad: "- { id: order, call: shop.getOrder, with: { orderId: '${ event.orderId }' }, pages: { atMost: 20 } }",
      good: "- { id: parcels, call: shop.findParcels, with: { reference: '${ event.orderId }' }, pages: { atMost: 20 } }",
    },
  },
  'pages-from-the-middle': {
    severity: 'error',
    title: 'all pages are asked for, from one in the middle on',
    why: 'The position of each page is set as they are read. One that is given as well begins behind pages that nobody reads, though the step says that it reads all.',
    fix: 'leave the position out of `with`, or leave `pages` out',
    example: {
      bad: "with: { reference: '${ event.orderId }', cursor: '${ event.cursor }' }\npages: { atMost: 20 }",
      good: "with: { reference: '${ event.orderId }' }\npages: { atMost: 20 }",
    },
  },
  'unknown-refusal': {
    severity: 'error',
    title: 'a refusal that the connector does not know',
    why: 'A step takes as a value what its connector names, or what HTTP names for all: everything else is a failure, and this would never come.',
    fix: 'correct the name, or give the answer a name in the connector: `refusal` of a rule under `failures`',
    example: {
      bad: 'call: billing.payInvoice\nrefusals: [rejected]   # the connector says `declined`',
      good: 'call: billing.payInvoice\nrefusals: [declined]',
    },
  },
  'refusal-unread': {
    severity: 'warning',
    title: 'a refusal is taken, and nothing looks at it',
    why: 'The run would go on, and succeed, as if what was asked for had been done.',
    fix: 'let a branch, a condition or `success` look at `steps.<id>.refused`, or leave `refusals` out',
    example: {
      bad: '- { id: payment, call: billing.payInvoice, refusals: [declined] }\n- { id: parcel, call: warehouse.ship }',
      good: "- { id: payment, call: billing.payInvoice, refusals: [declined] }\n- { id: parcel, when: '${ !has(steps.payment.refused) }', call: warehouse.ship }",
    },
  },
  'refusal-indistinct': {
    severity: 'error',
    title: 'a refusal that could not be told from an answer',
    why: 'A refusal stands in the result of its step under `refused`. Where the contract leaves the answer open, or gives it a member of that name, nobody could say which it is.',
    fix: 'describe the answer in the contract, or an overlay, so that it has no member `refused`; or leave `refusals` out',
    example: {
      bad: "'200': { description: done }   # no schema, and a step takes refusals",
      good: "'200': { description: done, content: { application/json: { schema: { type: object, properties: { id: { type: string } } } } } }",
    },
  },
  'refusal-never-taken': {
    severity: 'error',
    title: 'a refusal that never comes back to the step',
    why: 'A write that is based on a read answers a conflict by reading and writing again, and fails when that does not help; a branch for it would never be gone into.',
    fix: 'leave the refusal out, or `basedOn`',
    example: {
      bad: '- { id: raise, call: crm.updateAccount, basedOn: { read: account }, refusals: [conflict] }',
      good: '- { id: raise, call: crm.updateAccount, basedOn: { read: account } }',
    },
  },
  'branch-unreachable': {
    severity: 'error',
    title: 'a branch after one that always holds',
    why: 'It can never be taken.',
    fix: 'move the branch without `when` to the end',
    example: {
      bad: "choose:\n  - { steps: … }\n  - { when: '${ event.express }', steps: … }",
      good: "choose:\n  - { when: '${ event.express }', steps: … }\n  - { steps: … }",
    },
  },
  'pipeline-too-complex': {
    severity: 'warning',
    title: 'a pipeline that has grown past what one person can follow',
    why: 'Whoever is called at night has to understand it before mending it.',
    fix: 'split it: emit an event, and let a second pipeline carry on',
    example: {
      bad: '# 60 steps over 11 connections',
      good: '# 25 steps, then emit: orders.billed; a second pipeline carries on from it',
    },
  },
  'body-too-large-for-step': {
    severity: 'error',
    title: 'a step calls what sends or takes bodies larger than a step can hold',
    why: 'The request and the result of a step are kept on disk and read again after a crash, so they are values of bounded size. A larger body can only be streamed, by code.',
    fix: 'stream it in the code of a connector, from where it is to where it goes, and give the pipeline its digest and place; or lower `stream.max` where bodies are small',
    example: {
      bad: '- { id: export, call: files.getExport }   # connector.yaml: stream: { max: 2GiB }',
      good: '- { id: export, call: exports.copyToStore, with: { exportId: "${ event.id }" } }   # answers { digest, key }',
    },
  },
  'operation-deprecated': {
    severity: 'warning',
    title: 'a pipeline uses what will end',
    why: 'On the day it ends every run fails, and whoever announced it told you today.',
    fix: "move to what the contract's description names instead, before the date",
    example: {
      bad: '- { id: list, call: crm.listAccountsV1 }   # deprecated: true, x-sunset: 2027-03-31',
      good: '- { id: list, call: crm.listAccounts }',
    },
  },
  'page-scraped': {
    severity: 'error',
    title: 'data is read out of a page',
    why: 'A page made for people changes whenever its designer likes, with no contract and no notice.',
    fix: 'use an interface that answers with data, or make the pipeline tier `low`',
    example: {
      bad: '- { id: page, call: shop.getOrderPage }   # answers text/html',
      good: '- { id: order, call: shop.getOrder }',
    },
  },
  'compensation-too-late': {
    severity: 'error',
    title: 'an effect may have to be undone after that is possible',
    why: 'The target undoes only for so long, and the run may wait longer than that.',
    fix: 'shorten the waits after the effect, or make the effect after them',
    example: {
      bad: '- { id: invoice, call: billing.createInvoice }   # can be voided for 1d\n- { id: paid, wait: { event: …, within: 7d, … } }',
      good: '- { id: paid, wait: { event: …, within: 7d, … } }\n- { id: invoice, call: billing.createInvoice }',
    },
  },
  'read-with-way-back': {
    severity: 'error',
    title: 'a way back for a read',
    why: 'A read changes nothing, so there is nothing to undo.',
    fix: 'remove it',
    example: {
      bad: '- { id: account, call: crm.getAccount, irreversible: … }',
      good: '- { id: account, call: crm.getAccount }',
    },
  },
  'update-can-be-lost': {
    severity: 'error',
    title: 'values are written back without the version that they were read with',
    why: 'Somebody may have changed the object in between; the write would undo that, and nobody would know.',
    fix: 'say which read the write is based on: `basedOn: { read: <step> }`',
    example: {
      bad: "- { id: account, call: crm.getAccount, … }\n- { id: raised, call: crm.updateAccount, with: { body: { seats: '${ steps.account.seats + 1 }' } } }",
      good: "- { id: account, call: crm.getAccount, … }\n- { id: raised, call: crm.updateAccount, basedOn: { read: account }, with: { body: { seats: '${ steps.account.seats + 1 }' } } }",
    },
  },
  'based-on-wrong': {
    severity: 'error',
    title: 'a write is based on something that gives it no version',
    why: 'A version that is not sent protects nothing, and one that is not read cannot be sent.',
    fix: 'name a read of the same object before it in the same list, whose connector declares the same `concurrency`',
    example: {
      bad: 'basedOn: { read: total }       # a `set`',
      good: 'basedOn: { read: account }     # calls crm.getAccount',
    },
  },
  'based-on-outdated': {
    severity: 'error',
    title: 'a step between the read and the write goes by the first version',
    why: 'After a conflict the read is made again and the write goes by the new version; what was decided or done in between was not.',
    fix: 'move the step before the read or after the write; `set` and `check` may stand between',
    example: {
      bad: '- { id: account, call: crm.getAccount, … }\n- { id: approval, approve: { show: ${ steps.account.seats }, … } }\n- { id: raised, basedOn: { read: account }, … }',
      good: '- { id: asked, call: crm.getAccount, … }\n- { id: approval, approve: { show: ${ steps.asked.seats }, … } }\n- { id: account, call: crm.getAccount, … }\n- { id: raised, basedOn: { read: account }, … }',
    },
  },
  'compensation-overwrites': {
    severity: 'warning',
    title: 'a compensation puts back what was read before, without looking',
    why: 'Between the effect and its undoing somebody may have changed the object; putting the old values back would undo that too.',
    fix: 'give the compensation a `guard`: where the object is not as the step left it, its owner decides',
    example: {
      bad: "compensate: { call: crm.updateAccount, with: { body: { tier: '${ steps.before.tier }' } } }",
      good: "compensate: { call: crm.updateAccount, with: { body: { tier: '${ steps.before.tier }' } }, guard: { read: crm.getAccount, unchanged: '${ current.tier == steps.raised.tier }' } }",
    },
  },
  'guard-changes': {
    severity: 'error',
    title: 'the guard of a compensation changes something',
    why: 'A guard is asked whether the object may be undone; it must not touch it.',
    fix: 'name an operation whose effect is `read`',
    example: {
      bad: 'guard: { read: billing.voidInvoice, … }',
      good: 'guard: { read: billing.getInvoice, … }',
    },
  },
  'older-event-unguarded': {
    severity: 'warning',
    title: 'an older event that comes late would be carried out',
    why: 'Deliveries overtake each other and are repeated hours later; what an old event says is no longer so.',
    fix: 'give the version of the event under `identity.version`: events older than one already taken are left out and counted',
    example: {
      bad: 'identity: { key: …, orderBy: ${ event.accountId } }',
      good: 'identity: { key: …, orderBy: ${ event.accountId }, version: ${ event.version } }',
    },
  },
  'version-without-order': {
    severity: 'error',
    title: 'a version of nothing in particular',
    why: 'Versions are compared among the events of one thing, and `identity.orderBy` says which thing an event is about.',
    fix: 'add `orderBy`',
    example: {
      bad: 'identity: { key: …, version: ${ event.version } }',
      good: 'identity: { key: …, orderBy: ${ event.accountId }, version: ${ event.version } }',
    },
  },
  'version-cannot-grow': {
    severity: 'error',
    title: 'a version that is one of a few fixed texts',
    why: 'Texts are compared letter by letter, so `cancelled` is older than `placed` and would be left out for good; what comes after the last of them is never newer.',
    fix: 'use what grows with each change: a counter, a moment, or a text such as a ULID',
    example: {
      bad: 'version: ${ event.status }   # open, paid, shipped',
      good: 'version: ${ event.changedAt }',
    },
  },
  'fresh-not-a-read': {
    severity: 'error',
    title: 'a call that changes something is asked to be fresh',
    why: 'Only what is read can be too old; a write that answers an old state has happened all the same.',
    fix: 'declare `fresh` on the read, or base the write on a version with `basedOn`',
    example: {
      bad: "- { id: invoice, call: billing.createInvoice, fresh: { maxAge: 5m, at: '${ result.updatedAt }' } }",
      good: "- { id: invoice, call: billing.getInvoice, fresh: { maxAge: 5m, at: '${ result.updatedAt }' } }",
    },
  },
  'irreversible-before-decision': {
    severity: 'error',
    title: 'something irreversible happens before a decision',
    why: 'An approval or a check that says no, or an awaited event that does not come, comes too late.',
    fix: 'move the decision before the effect',
    example: {
      bad: '- { id: mail, call: mail.send, irreversible: … }\n- { id: approval, approve: … }',
      good: '- { id: approval, approve: … }\n- { id: mail, call: mail.send, irreversible: … }',
    },
  },
  'tier-too-low': {
    severity: 'error',
    title: 'a tier lower than what the pipeline does',
    why: 'A pipeline that moves money or changes access may not call itself low, nor one that runs such a pipeline.',
    fix: 'raise the tier',
    example: {
      bad: 'tier: low   # and a step calls billing.createInvoice, whose amount is classed financial',
      good: 'tier: medium',
    },
  },
  'success-undeclared': {
    severity: 'error',
    title: 'nobody says what complete means',
    why: 'Without it a run that ended is taken for one that succeeded.',
    fix: 'add `success: "${ … }"`',
    example: {
      bad: 'tier: high\n# no success',
      good: "tier: high\nsuccess: ${ steps.invoice.status == 'open' }",
    },
  },
  'slo-missing': {
    severity: 'error',
    title: 'no promise to users',
    why: 'At the high tier somebody must be paged when the promise breaks, so there must be one.',
    fix: 'add `slo: { objective: 0.99, within: 5m }`',
    example: {
      bad: 'tier: high\n# no slo',
      good: 'tier: high\nslo: { objective: 0.99, within: 5m }',
    },
  },
  'roles-missing': {
    severity: 'error',
    title: 'nobody is named who leads an incident or empties the queues',
    why: 'At the high tier a failure at night must find, by name, the team that leads and the team that looks through what is held.',
    fix: 'name the teams under `owner.roles`; the owning team may be one of them',
    example: {
      bad: 'owner: { team: sales, backup: platform, … }\ntier: high',
      good: 'owner: { team: sales, backup: platform, …, roles: { incidents: platform, triage: sales } }\ntier: high',
    },
  },
  'review-missing': {
    severity: 'error',
    title: 'nobody else looks at the pipeline',
    why: 'At the high tier what its authors cannot see must come before other eyes, again and again.',
    fix: 'add `review: { by: …, every: 180d }`, by a team that does not own it',
    example: {
      bad: 'tier: high\n# no review',
      good: 'tier: high\nreview: { by: platform, every: 180d }',
    },
  },
  'review-by-owner': {
    severity: 'error',
    title: 'the owner reviews its own pipeline',
    why: 'Whoever wrote it does not see what is missing.',
    fix: 'name another team',
    example: {
      bad: 'owner: { team: sales, … }\nreview: { by: sales, every: 180d }',
      good: 'owner: { team: sales, … }\nreview: { by: platform, every: 180d }',
    },
  },
  'drills-missing': {
    severity: 'error',
    title: 'the failure paths are never rehearsed',
    why: 'At the high tier the way back must have been walked before it is needed: `tenon drill` shows that it is there, a drill where it runs that it holds and that people know it.',
    fix: 'add `drills: { every: 90d }`',
    example: {
      bad: 'tier: high\n# no drills',
      good: 'tier: high\ndrills: { every: 90d }',
    },
  },
  'control-out-of-bounds': {
    severity: 'error',
    title: 'a review or drill too rare to count, or too frequent to be true',
    why: 'At the high tier a review is due within 366 days and a drill within 180: later the people have changed; less than a day apart nobody does it.',
    fix: 'choose a time that will be kept, within the bounds',
    example: {
      bad: 'tier: high\ndrills: { every: 365d }',
      good: 'tier: high\ndrills: { every: 90d }',
    },
  },
  'approval-out-of-reach': {
    severity: 'error',
    title: 'an approval that nobody can give',
    why: 'Fewer people may decide than it needs, whoever of them started the run or approved before: every run would wait until it expires.',
    fix: 'name more operators for the team under `server.operators` in tenon.config.yaml, or ask for fewer',
    example: {
      bad: 'approve: { by: finance, count: 2, … }\n# tenon.config.yaml\noperators: [{ name: finn, role: approver, teams: [finance], … }]',
      good: 'approve: { by: finance, count: 2, … }\n# tenon.config.yaml\noperators: [{ name: finn, role: approver, teams: [finance], … }, { name: fay, role: approver, teams: [finance], … }]',
    },
  },
  'approval-by-silence': {
    severity: 'error',
    title: 'an approval of several, or of others, that silence gives',
    why: 'Whoever wants it through waits until the time is over, and nobody else has looked.',
    fix: 'let it be rejected (`onExpiry: reject`), or asked of the backup (`escalate`)',
    example: {
      bad: 'approve: { by: finance, count: 2, within: 4h, onExpiry: approve, … }',
      good: 'approve: { by: finance, count: 2, within: 4h, onExpiry: escalate, … }',
    },
  },
  'approval-excepts-nobody': {
    severity: 'error',
    title: 'an approval keeps somebody out who is not there',
    why: 'It looks as if two persons were apart, and nobody is kept from being both.',
    fix: 'name an `approve` step that comes before it, `steps.<id>`, or `requester` in a pipeline that a person starts, by hand or by one that publishes what begins it',
    example: {
      bad: 'trigger: { event: shop.orderPaid }\nsteps: [{ id: approval, approve: { by: finance, except: [requester], … } }]',
      good: 'trigger: { manual: { input: … } }\nsteps: [{ id: approval, approve: { by: finance, except: [requester], … } }]',
    },
  },
  'approval-requester-avoidable': {
    severity: 'warning',
    title: 'whoever sends an event from outside is the requester of no approval',
    why: 'An approval is kept from who started the run. What somebody sends over a connection was started by nobody here, whatever its headers say, and under the business key of what a person means to start it comes first: whoever can send it approves it as well.',
    fix: 'let what persons start publish an event of its own, which no connection takes in',
    example: {
      bad: 'trigger: { event: shop.refundAsked }   # emitted by a `manual` pipeline, and a webhook of the shop\nsteps: [{ id: approval, approve: { by: finance, except: [requester], … } }]',
      good: 'trigger: { event: desk.refundAsked }   # emitted by a `manual` pipeline alone\nsteps: [{ id: approval, approve: { by: finance, except: [requester], … } }]',
    },
  },
  'approval-missing': {
    severity: 'error',
    title: 'a high-impact effect without approval',
    why: 'At the high tier a person looks before money moves or something happens for good.',
    fix: 'add an `approve` step before it, with `when` where a rule decides',
    example: {
      bad: 'tier: high\nsteps:\n  - { id: refund, call: billing.refund, irreversible: … }',
      good: "tier: high\nsteps:\n  - { id: approval, when: '${ policy.isLarge(event) }', approve: … }\n  - { id: refund, call: billing.refund, irreversible: … }",
    },
  },
} as const satisfies DiagnosticRules;

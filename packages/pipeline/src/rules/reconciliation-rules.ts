import type { DiagnosticRules } from '@tenon/model';

/** What is proved of a reconciliation before it is carried out. */
export const reconciliationRules = {
  'reconciliation-writes': {
    severity: 'error',
    title: 'a reconciliation that would change something',
    why: 'Comparing is done again and again, also after a crash; what it changed would happen each time, and it would compare its own traces.',
    fix: 'read with an operation whose effect is `read`; mend differences by `repair`',
    example: {
      bad: 'target: { read: billing.createInvoice, key: "${ record.id }" }',
      good: 'target: { read: billing.listInvoices, key: "${ record.id }" }',
    },
  },
  'reconciliation-without-list': {
    severity: 'error',
    title: 'what is read holds no list of records',
    why: 'Records are compared one by one; an answer that is one object has none.',
    fix: 'read with an operation that lists, or say by `items` where the list is',
    example: {
      bad: 'source: { read: crm.getAccount, key: "${ record.id }" }',
      good: 'source: { read: crm.listAccounts, items: /accounts, key: "${ record.id }" }',
    },
  },
  'reconciliation-not-comparable': {
    severity: 'error',
    title: 'two values that can never agree, or not within this tolerance',
    why: 'A number is never equal to a text, nor one set of words to another: every record would be reported, or none.',
    fix: 'bring both to one kind (`string()`, `number()`, a word for a word), or give a tolerance of their kind',
    example: {
      bad: 'total: { source: "${ record.amount }", target: "${ record.total }" }   # 12.5 and "12.50"',
      good: 'total: { source: "${ record.amount }", target: "${ number(record.total) }", tolerance: 0.005 }',
    },
  },
  'reconciliation-settles-blindly': {
    severity: 'error',
    title: 'a time to settle without a time of change',
    why: 'Which records are still on their way is told by when they were changed; without that each of them is reported.',
    fix: 'add `changedAt` to the source or the target, or take `settle` away',
    example: {
      bad: 'settle: 15m   # and no side has changedAt',
      good: 'source: { read: shop.listOrders, key: "${ record.id }", changedAt: "${ record.updatedAt }" }\nsettle: 15m',
    },
  },
  'reconciliation-schedule-unreadable': {
    severity: 'error',
    title: 'a schedule that names no moment',
    why: 'It would never be carried out, and nobody would notice that nothing is compared.',
    fix: 'write five fields (minute hour day month weekday), and the IANA name of a zone',
    example: {
      bad: "schedule: { cron: '0 25 * * *', zone: CET+1 }",
      good: "schedule: { cron: '0 3 * * *', zone: Europe/Berlin }",
    },
  },
} as const satisfies DiagnosticRules;

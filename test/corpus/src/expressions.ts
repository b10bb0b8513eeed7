/**
 * Expressions over the types of real documents, written by hand: wrong ones with the finding that each must give, at
 * the text between « », and right ones that must give none. `event` is of the named definition.
 */
export interface ExpressionGroup {
  /** Under `openapi/`, without `.gz`. */
  readonly document: string;
  readonly definition: string;
  readonly as?: 'value' | 'condition' | 'text';
  /** Code → expressions that give it, once, and nothing else. */
  readonly wrong?: Readonly<Record<string, readonly string[]>>;
  readonly right?: readonly string[];
}

const CHARGE = { document: 'stripe.json', definition: 'charge' } as const;
const INVOICE = { document: 'stripe.json', definition: 'invoice' } as const;
const DISPUTE = { document: 'stripe.json', definition: 'dispute' } as const;
const ISSUE = { document: 'github.json', definition: 'issue' } as const;
const PULL = { document: 'github.json', definition: 'pull-request' } as const;
const INCIDENT = { document: 'pagerduty.json', definition: 'Incident' } as const;
const JIRA_USER = { document: 'jira.json', definition: 'User' } as const;
const JIRA_ISSUE = { document: 'jira.json', definition: 'IssueBean' } as const;
const CONTACT = { document: 'hubspot-objects.json', definition: 'SimplePublicObject' } as const;
const XERO = { document: 'xero-accounting.yaml', definition: 'Invoice' } as const;

export const expressionGroups: readonly ExpressionGroup[] = [
  {
    ...CHARGE,
    wrong: {
      'unknown-name': ['«evnt».id', '«charge».amount > 0', 'event.paid && «Event».captured'],
      'unknown-field': [
        'event.«amout»',
        'event.«Amount» * 2',
        "event.«currancy» == 'eur'",
        'event.billing_details.«adress»',
        'event.id.«length» > 3',
        'event.amount.«value» + 1',
      ],
      'field-may-be-absent': [
        'event.«application_fee» == null',
        'event.metadata.«orderId» + event.id',
        "event.metadata[«'x'»] == 'y'",
        "event.«payment_method» == 'pm_1'",
        'event.«customer».email',
        'event.«shipping».address.city',
        'event.«radar_options».session',
      ],
      'wrong-operand': [
        '«event.id + event.amount»',
        "«'total: ' + event.amount»",
        '«event.currency» * 2',
        "«event.amount > '100'»",
        '-«event.id»',
        '«event.metadata» + 1',
        '«event.paid» + 1',
      ],
      'condition-not-boolean': [
        '«event.amount» && event.paid',
        'event.paid || «event.id»',
        '!«event.currency»',
        '«event.status» ? 1 : 2',
      ],
      'value-outside-enum': [
        "event.status == «'suceeded'»",
        "event.status in ['failed', «'done'»]",
        "event.status != «'success'»",
        "«'payed'» == event.status",
        "event.paid && event.status == «'paid'»",
      ],
      'comparison-of-types': [
        "event.amount == «'100'»",
        'event.id == «1»',
        "event.paid == «'true'»",
        '«event.amount == event.currency»',
        'event.livemode != «1»',
      ],
      'always-false': [
        '«event.id == null»',
        '«event.amount == null» || event.paid',
        'event.paid && «event.currency == null»',
      ],
      'always-true': [
        '«has(event.amount)» && event.paid',
        "«event.object == 'charge'» && event.paid",
        '«default(event.amount, 0)» + 1',
        '«event.id != null» && event.paid',
      ],
      'unknown-function': [
        '«length»(event.id)',
        'event.id.«toUpperCase»()',
        'event.id.«startWith»(event.currency)',
        '«now»() > event.created',
        'event.id.«substr»(1)',
      ],
      'wrong-arguments': [
        'event.id.startsWith(«1»)',
        "«event.id.contains('a', 'b')»",
        'size(«event.amount»)',
        'timestamp(«event.paid»)',
        'int(«event.metadata»)',
        "event.id.matches(«'('»)",
        'event.id.split(«1»)',
        'declassify(event.id, «event.currency»)',
        "event.id.«orValue»('x')",
      ],
      'integer-expected': [
        'event.id.substring(«event.amount / 2»)',
        'event.id.charAt(«event.amount / 100»)',
        '«event.amount / 2» % 2',
      ],
      'value-may-be-absent': [
        "«event.?payment_method» + 'x'",
        'size(«event.?receipt_email»)',
        "{'to': «event.?receipt_email»}",
        '[«event.?description»]',
        '«event.?refunds.data».map(r, r.id)',
      ],
      'unknown-policy': ['policy.«big»(event.amount)', 'policy.«Large»(event.amount)', 'policy.«isLarge»(1)'],
      'policy-arguments': [
        '«policy.large(event.currency)»',
        '«policy.large()»',
        '«policy.large(event.amount, 1)»',
        '«policy.overdue(event)»',
      ],
    },
    right: [
      'event.amount > 1000 && event.paid',
      "event.status == 'succeeded'",
      "event.status in ['failed', 'pending']",
      "default(event.receipt_email, 'none')",
      'has(event.customer) && event.customer != null',
      'event.metadata.?orderId.orValue(event.id)',
      'has(event.metadata.orderId) ? event.metadata.orderId : event.id',
      'timestamp(event.created) + duration("24h") > timestamp(event.created)',
      'event.amount - event.amount_refunded',
      'round(event.amount * 1.1)',
      'policy.large(event.amount)',
      "has(event.customer.email) ? default(event.customer.email, '') : event.id",
      'event.?outcome.risk_score.orValue(0) > 75',
      'event.?refunds.data.orValue([]).map(r, r.amount).exists(a, a > 100)',
      "event.?failure_code == 'card_declined'",
      '(event.?balance_transaction.hasValue() ? 1 : 0) + event.amount',
      "event.currency.upperAscii() + ' ' + string(event.amount / 100)",
      "{'amount': event.amount, ?'receipt': event.?receipt_email}",
      'size(event.id) > 3 && event.id.startsWith("ch_")',
      "event.billing_details.?address.city.orValue('')",
      'dyn(event).anything.at.all == 1',
    ],
  },
  {
    ...CHARGE,
    as: 'text',
    wrong: {
      'cannot-interpolate': ['«event.metadata»', '«event.billing_details»', "«['a', event.id]»", '«null»'],
      'field-may-be-absent': ['event.«failure_message»', 'event.metadata.«note»'],
      'value-may-be-absent': ['«event.?description»'],
    },
    right: [
      'event.id',
      'event.amount',
      'event.paid',
      "default(event.description, '')",
      'timestamp(event.created)',
    ],
  },
  {
    ...CHARGE,
    as: 'condition',
    wrong: {
      'condition-not-boolean': ['«event.amount»', '«event.status»', '«event.metadata»', '«event.amount + 1»'],
      'field-may-be-absent': ['event.«refunds» != null'],
    },
    right: ['event.paid', "event.status == 'failed' || event.disputed", 'has(event.refunds)'],
  },
  {
    ...INVOICE,
    wrong: {
      'field-may-be-absent': [
        'event.«number»',
        'event.«tax» + event.total',
        'event.«due_date» > event.created',
        'event.«metadata».order',
        '«event.lines.data[0]».amount',
        'event.lines.data.map(l, l.«description»)',
        "event.«status» == 'paid'",
      ],
      'value-outside-enum': [
        "event.?status == «'closed'»",
        "event.collection_method == «'send_invoices'»",
        "has(event.billing_reason) && event.billing_reason == «'subscribe'»",
        "event.?status in [«'payed'», 'open']",
      ],
      'value-may-be-null': [
        'has(event.tax) ? «event.tax» + event.total : 0',
        'has(event.number) ? «event.number».size() : 0',
        "has(event.customer_email) && «event.customer_email».endsWith('.example')",
        'has(event.customer_address) ? «event.customer_address».city : null',
        'has(event.discounts) ? «event.discounts».map(d, d) : []',
      ],
      'variant-not-narrowed': [
        "has(event.customer) && event.customer != null ? event.customer.«email» : ''",
        "has(event.subscription) && event.subscription != null ? event.subscription.«id» : ''",
        'has(event.charge) && event.charge != null ? event.charge.«amount» : 0',
      ],
      'always-true': ["«event.object == 'invoice'»", '«has(event.lines.data)» && event.paid'],
    },
    right: [
      'event.amount_due - event.amount_paid == event.amount_remaining',
      "event.?status == 'paid'",
      "has(event.status) && event.status == 'paid'",
      'default(event.tax, 0) + event.total',
      'has(event.tax) && event.tax != null ? event.tax + event.total : event.total',
      'size(event.lines.data) > 0 ? event.lines.data[0].amount : 0',
      'event.lines.data.map(l, l.amount)',
      "event.lines.data.map(l, default(l.description, ''))",
      'event.lines.data.filter(l, has(l.description) && l.description != null).map(l, l.description.trim())',
      'event.lines.data.exists(l, l.amount < 0)',
      'event.lines.data[?0].amount.orValue(0)',
      "has(event.customer.email) ? default(event.customer.email, '') : ''",
      'timestamp(event.period_end) > timestamp(event.period_start)',
      "default(event.number, event.currency) + '-' + string(event.attempt_count)",
      'has(event.charge.amount) ? event.charge.amount : event.amount_paid',
    ],
  },
  {
    ...DISPUTE,
    wrong: {
      'variant-not-narrowed': [
        'event.charge.«id»',
        'event.charge.«amount» + event.amount',
        "event.charge.«status» == 'failed'",
      ],
      'wrong-arguments': ["«event.charge».startsWith('ch_')"],
      'value-outside-enum': ["event.status == «'loss'»", "event.status in ['lost', «'wins'»]"],
    },
    right: [
      'has(event.charge.id) ? event.charge.id : event.charge',
      "has(event.charge.id) ? event.charge.id.startsWith('ch_') : event.charge.startsWith('ch_')",
      "event.status == 'lost' || event.status == 'won'",
      'event.balance_transactions.all(t, t.amount != 0)',
      'has(event.evidence.access_activity_log) && event.evidence.access_activity_log != null',
    ],
  },
  {
    ...ISSUE,
    wrong: {
      'unknown-field': ['event.«titel»', 'event.«author».login', 'event.«tags»'],
      'value-may-be-null': [
        '«event.user».login',
        '«event.closed_at» > event.created_at',
        'timestamp(«event.closed_at»)',
        "«event.milestone».title == 'v1'",
        "«event.assignee».login + '!'",
      ],
      'field-may-be-absent': [
        'event.«body»',
        'event.«assignees».map(a, a.login)',
        'event.«repository».full_name',
        'event.«draft» || event.locked',
      ],
      'variant-not-narrowed': [
        'event.labels.map(l, l.«name»)',
        "event.labels.exists(l, l.«color» == 'red')",
        'event.labels.filter(l, l.«default» == true)',
      ],
      'value-outside-enum': [
        "event.?state_reason == «'complete'»",
        "event.?author_association == «'OWNERS'»",
      ],
      'comparison-of-types': ["event.number == «'7'»", '«event.labels == event.title»'],
    },
    right: [
      "event.state == 'open'",
      "event.user != null && event.user.login == 'octocat'",
      "event.user == null ? 'ghost' : event.user.login",
      "default(event.user.login, 'ghost')",
      'event.closed_at != null ? timestamp(event.closed_at) - timestamp(event.created_at) : duration("0s")',
      "default(event.body, '').contains('urgent')",
      "event.labels.exists(l, has(l.name) ? l.name == 'bug' : l == 'bug')",
      'default(event.assignees, []).map(a, a.login)',
      'has(event.pull_request)',
      "event.?state_reason == 'completed'",
      'event.comments > 10 && !event.locked',
      "event.title.lowerAscii().matches('^\\\\[?bug')",
    ],
  },
  {
    ...PULL,
    wrong: {
      'value-may-be-null': [
        "«event.body».contains('fix')",
        '«event.merged_by».login',
        'timestamp(«event.merged_at»)',
        '«event.merge_commit_sha».size() == 40',
      ],
      'condition-not-boolean': ['«event.mergeable_state» ? 1 : 2', 'event.merged && «event.comments»'],
      'value-outside-enum': [
        "event.state == «'merged'»",
        "event.state in ['open', «'draft'»]",
        "«'OPEN'» == event.state",
      ],
      'always-false': ["event.state == 'open' && «event.state == 'closed'»", '«event.title == null»'],
      'integer-expected': ['event.title.substring(0, «event.additions / 2»)'],
      'wrong-operand': ["«event.additions + ' lines'»", '«event.title» - 1'],
    },
    right: [
      'event.additions + event.deletions > 500',
      "event.state == 'closed' && event.merged",
      "event.merged_by != null ? event.merged_by.login : 'nobody'",
      "event.body != null && event.body.contains('fix')",
      'event.mergeable == true',
      "event.mergeable != null && event.mergeable ? 'yes' : 'no'",
      'event.merged_at != null && timestamp(event.merged_at) > timestamp(event.created_at)',
      "event.base.ref == 'main' && event.head.ref.startsWith('feature/')",
      "event.changed_files > 100 ? 'large' : 'small'",
      'event.title.substring(0, size(event.title) > 50 ? 50 : size(event.title))',
    ],
  },
  {
    ...INCIDENT,
    wrong: {
      'field-may-be-absent': [
        'event.«id»',
        'event.«service».summary',
        'event.«assignments»[0].assignee',
        "event.«urgency» == 'high' && event.?status == 'triggered'",
      ],
      'value-outside-enum': [
        "event.?status == «'resolve'»",
        "event.?urgency == «'urgent'»",
        "event.?urgency in ['low', «'medium'»]",
      ],
      'unknown-field': ['event.?«incidentNumber»', 'has(event.«prio»)', 'default(event.«sumary», "")'],
    },
    right: [
      "event.?status == 'triggered'",
      "default(event.urgency, 'low') == 'high'",
      'has(event.id) ? event.id : "?"',
      'event.?service.summary.orValue(null) == null',
      "default(event.assignments, []).map(a, default(a.assignee.summary, ''))",
      'has(event.incident_number) && event.incident_number > 100',
    ],
  },
  {
    ...JIRA_USER,
    wrong: {
      'field-may-be-absent': ['event.«displayName»', "event.«active» && event.?accountType == 'app'"],
      'value-outside-enum': ["event.?accountType == «'human'»", "event.?accountType in ['app', «'bot'»]"],
      'unknown-field': ['event.?«email»', "default(event.«avatar», '')"],
    },
    right: [
      "default(event.displayName, 'someone')",
      "event.?accountType == 'atlassian' && event.?active == true",
      "event.?avatarUrls.`48x48`.orValue('')",
    ],
  },
  {
    ...JIRA_ISSUE,
    wrong: {
      'field-may-be-absent': ['event.«fields».summary', 'event.«key» + "x"'],
      'unknown-field': ['has(event.«status»)'],
    },
    right: [
      "default(event.fields.summary, '')",
      "event.?fields.status.name.orValue('') == 'Done'",
      'has(event.fields.customfield_10001) ? event.fields.customfield_10001 : null',
    ],
  },
  {
    ...CONTACT,
    wrong: {
      'field-may-be-absent': [
        'event.properties.«email»',
        'event.properties.«firstname» + event.id',
        "event.properties[«'last-name'»]",
        'timestamp(event.«archivedAt»)',
      ],
      'unknown-field': ['event.«props».email', 'event.«email»'],
      'comparison-of-types': ["event.archived == «'false'»", 'event.id == «42»'],
    },
    right: [
      "default(event.properties.email, '')",
      "event.properties.?email.orValue('') != ''",
      "default(event.properties.email, '').endsWith('.example')",
      '!event.archived && timestamp(event.updatedAt) > timestamp(event.createdAt)',
      "event.properties.exists(name, name.startsWith('hs_'))",
    ],
  },
  {
    ...XERO,
    wrong: {
      'field-may-be-absent': [
        'event.«Total» * 100',
        'event.«Contact».Name',
        'default(event.LineItems, []).map(l, l.«LineAmount»)',
      ],
      'integer-expected': ["event.?Reference.orValue('').substring(0, «default(event.Total, 0.5)»)"],
      'value-outside-enum': [
        "event.?Status == «'PAYED'»",
        "event.?Type == «'ACCOUNTS'»",
        "event.?LineAmountTypes in ['NoTax', «'Gross'»]",
      ],
      'wrong-operand': ["«default(event.Total, 0) + default(event.Reference, '')»"],
    },
    right: [
      'round(default(event.Total, 0) * 100)',
      "event.?Status == 'AUTHORISED' && default(event.AmountDue, 0) > 0",
      "default(event.Contact.EmailAddress, '')",
      'default(event.LineItems, []).filter(l, has(l.Quantity) && l.Quantity > 1).map(l, l.Quantity * default(l.UnitAmount, 0))',
      "event.?LineItems[?0].Description.orValue('')",
    ],
  },
];

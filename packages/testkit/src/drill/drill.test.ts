import { describe, expect, it } from 'vitest';
import { drill } from './drill.ts';
import { drillFindings } from './findings.ts';
import { readStart } from './given-start.ts';
import { reference, swap } from './reference.testing.ts';

const PIPELINE = 'pipelines/subscription-upgraded.pipeline.yaml';
const TICKETING = 'connectors/ticketing/connector.yaml';
const source = await reference();
const upgraded = source.plan('subscription-upgraded');

const event = {
  id: 'evt_1',
  accountId: 'acc_1',
  subscriptionId: 'sub_1',
  customerId: 'cus_1',
  plan: 'team',
  seats: 3,
  email: 'ap@northwind.example',
  version: 1,
  occurredAt: '2026-11-02T10:15:04Z',
};

const codesOf = async (
  edits: Parameters<typeof reference>[0],
  options: Parameters<typeof drill>[2],
): Promise<readonly string[]> => {
  const edited = await reference(edits);
  const plan = edited.plan('subscription-upgraded');
  const report = await drill(edited, plan, options);
  return drillFindings(report, plan).map(({ code, file, range }) => {
    expect(file).toBe(PIPELINE);
    return `${code} ${plan.source.text.split('\n')[range!.start.line - 1]!.trim()}`;
  });
};

describe('a drill', () => {
  it('makes up an event and rows with which a run goes through every step, and finds nothing in a sound pipeline', async () => {
    const report = await drill(source, upgraded, { only: 'the answer is lost' });
    expect(report).not.toHaveProperty('failed');
    expect(report).toMatchObject({ unreached: [], madeUp: ['mail'] });
    expect(report.trials.length).toBeGreaterThan(5);
    expect(drillFindings(report, upgraded)).toEqual([]);
  });

  it('goes the same way each time', async () => {
    const options = { only: 'the process dies as entry 1' };
    const [first, second] = [await drill(source, upgraded, options), await drill(source, upgraded, options)];
    expect(first.trials.length).toBeGreaterThan(5);
    expect(second).toEqual(first);
  });

  it('ends after the run that is under way, and says that it was ended', async () => {
    const stop = new AbortController();
    const onTrial = () => stop.abort();
    const report = await drill(source, upgraded, { signal: stop.signal, onTrial });
    expect(report).toMatchObject({ isCut: true, trials: [{ schedule: { name: 'nothing goes wrong' } }] });
  });

  it('says who is needed where nobody can know what happened, and where the truth then leads', async () => {
    const { trials } = await drill(source, upgraded, {
      only: 'welcome: the system does it, and the answer is lost',
    });
    expect(trials[0]).toMatchObject({
      end: { as: 'inDoubt', waits: { step: 'welcome', owner: 'revenue-operations' } },
      settled: { verdicts: ['welcome: confirm'], state: 'succeeded' },
    });
  });

  it('finds an effect that is made twice, since the probe looks for something else', async () => {
    const edits = {
      [TICKETING]: swap(
        'probe: { operation: findTickets, by: externalId, settle: 1s }',
        `probe: { operation: findTickets, with: { externalId: nobody }, found: "\${ size(body.tickets) > 0 ? body.tickets[0] : null }", settle: 1s }`,
      ),
    };
    expect(await codesOf(edits, { only: 'ticket: the system does it, and the answer is lost' })).toContain(
      'drill-effect-twice - id: ticket',
    );
  });

  it('finds a probe that takes what others made for its own', async () => {
    const edits = {
      [TICKETING]: swap(
        'probe: { operation: findTickets, by: externalId, settle: 1s }',
        `probe: { operation: findTickets, with: { status: new }, found: "\${ size(body.tickets) > 0 ? body.tickets[0] : null }", settle: 1s }`,
      ),
    };
    const only = 'ticket: the system breaks off before it has done it';
    expect(await codesOf(edits, { only })).toContain('drill-effect-missing - id: ticket');
  });

  it('lets an event that is waited for not come', async () => {
    const { trials } = await drill(source, source.plan('account-onboarded'), { only: 'does not come' });
    expect(trials).toMatchObject([{ schedule: { awaited: 'never' } }]);
    expect(trials[0]?.end.as).not.toBe('endless');
  });

  it('says who is asked before something is undone: by a guard that lets nothing through, each time', async () => {
    const edited = await reference({
      [PIPELINE]: swap(
        "default(current.supportTier, '') == 'priority' &&",
        "default(current.supportTier, '') == 'standard' &&",
      ),
    });
    const plan = edited.plan('subscription-upgraded');
    const { trials } = await drill(edited, plan, { only: 'welcome: the system refuses' });
    expect(trials[0]?.asked).toEqual([{ step: 'compensate:account', by: 'revenue-operations' }]);
    const sound = await drill(source, upgraded, { only: 'welcome: the system refuses' });
    expect(sound.trials[0]).not.toHaveProperty('asked');
  });

  it('finds a way back that leads elsewhere', async () => {
    const edits = {
      [PIPELINE]: swap(
        "with: { invoiceId: '${ steps.invoice.id }' }",
        "with: { invoiceId: '${ event.subscriptionId }' }",
      ),
    };
    const only = 'welcome: the system refuses';
    expect(await codesOf(edits, { only })).toEqual(['drill-undoes-another - id: invoice']);
  });

  it('finds a way back that leaves a field as it is', async () => {
    const edits = {
      [PIPELINE]: swap(
        'lastInvoiceId: ${ default(steps.before.lastInvoiceId, null) }',
        'lastInvoiceId: ${ steps.invoice.id }',
      ),
    };
    const only = 'welcome: the system refuses';
    expect(await codesOf(edits, { only })).toEqual(['drill-not-restored - id: account']);
  });

  it('tries what concerns a step that only another beginning reaches', async () => {
    const edits = {
      [PIPELINE]: swap(
        'when: ${ policy.needsFinance(steps.subscription) }',
        'when: ${ event.seats > 1000000 }',
      ),
    };
    const edited = await reference(edits);
    const { trials } = await drill(edited, edited.plan('subscription-upgraded'), {
      only: 'by way of approval',
    });
    const names = trials.map(({ schedule }) => schedule.name);
    expect(names).toContain('by way of approval: nothing goes wrong');
    expect(names.filter((name) => name.includes('approval)')).length).toBeGreaterThan(5);
    expect(names.some((name) => name.includes('invoice:'))).toBe(false);
  });

  it('says of a step that it came to none of its runs', async () => {
    const edits = {
      [PIPELINE]: swap('when: ${ policy.needsFinance(steps.subscription) }', 'when: ${ event.seats < 0 }'),
    };
    expect(await codesOf(edits, { only: 'nothing goes wrong' })).toEqual([
      'drill-step-unreached - id: approval',
    ]);
  });

  it('comes to a step that holds others where it comes to one of these', async () => {
    const edits = {
      [PIPELINE]: swap(
        'steps:\n',
        `steps:
  - id: way
    choose:
      - when: \${ event.seats > 5 }
        steps: [{ id: many, set: { value: many } }]
      - steps: [{ id: few, set: { value: few } }]
`,
      ),
    };
    expect(await codesOf(edits, { only: 'nothing goes wrong' })).toEqual([]);
  });

  it('says that it tried nothing, where no run came to a good end', async () => {
    const edits = {
      [PIPELINE]: swap(
        "condition: ${ steps.subscription.status != 'canceled' }",
        'condition: ${ event.seats < 0 }',
      ),
    };
    expect(await codesOf(edits, {})).toEqual(['drill-not-started - id: billable']);
  });
});

const ONBOARDED = 'pipelines/account-onboarded.pipeline.yaml';
const SUCCESS = "success: ${ steps.call.status != 'closed' }";
/** The reference pipeline that waits for an event, with another text in place of what says that it succeeded. */
const waiting = (text: string) => reference({ [ONBOARDED]: swap(SUCCESS, text) });

describe('what an awaited event brings', () => {
  const only = 'nothing goes wrong';

  it('is made up so that what is asked of it afterwards holds', async () => {
    const edited = await waiting("success: ${ steps.solved != null && steps.solved.solvedBy == 'agent_17' }");
    const plan = edited.plan('account-onboarded');
    const report = await drill(edited, plan, { only });
    expect(drillFindings(report, plan)).toEqual([]);
    expect(report.starts[0]?.signals).toMatchObject({ solved: { solvedBy: 'agent_17' } });
    expect(report.trials[0]?.end.as).toBe('succeeded');
  });

  it('is made up so that it comes where it is known by what its contract classes', async () => {
    const edited = await reference({
      [ONBOARDED]: swap(
        `event: ticketing.ticketSolved
      match: \${ signal.ticketId == steps.call.id }`,
        `event: crm.subscriptionUpgraded
      match: \${ signal.email == event.email }`,
      ),
    });
    const { trials } = await drill(edited, edited.plan('account-onboarded'), { only });
    expect(trials[0]).toMatchObject({ end: { as: 'succeeded' }, tookMs: 0 });
  });

  const branch = (when: string) =>
    reference({
      [ONBOARDED]: swap(
        '  - id: announced\n',
        `  - id: late\n    when: \${ ${when} }\n    set: { value: late }\n\n  - id: announced\n`,
      ),
    });

  it.each(['steps.solved != null && steps.solved.version == 7', 'steps.solved == null'])(
    'leads to a step that is carried out where %s',
    async (when) => {
      const edited = await branch(when);
      const { unreached, trials } = await drill(edited, edited.plan('account-onboarded'), { only });
      expect(unreached).toEqual([]);
      expect(trials.map(({ schedule }) => schedule.name)).toContain('by way of late: nothing goes wrong');
    },
  );

  const account = { accountId: 'acc_1', plan: 'team', email: 'ap@northwind.example', version: 1 };
  const event = { ...account, id: 'evt_1', name: 'Northwind', occurredAt: '2026-11-02T10:15:04Z' };
  const started = (signals: unknown) =>
    readStart({ event, signals }, source.plan('account-onboarded'), source);

  it('may be given, in part: what it is matched by is made up', async () => {
    const start = started({ solved: { solvedBy: 'agent_9' } });
    if (typeof start === 'string') throw new Error(start);
    const edited = await waiting("success: ${ steps.solved != null && steps.solved.solvedBy == 'agent_9' }");
    const report = await drill(edited, edited.plan('account-onboarded'), { only, start });
    expect(report.trials[0]?.end.as).toBe('succeeded');
    const other = await waiting("success: ${ steps.solved != null && steps.solved.solvedBy == 'agent_8' }");
    const refused = await drill(other, other.plan('account-onboarded'), { only, start });
    expect(refused.failed).toMatchObject({ step: 'success' });
  });

  it('may be given as nothing: then it does not come', async () => {
    const start = started({ solved: null });
    if (typeof start === 'string') throw new Error(start);
    const edited = await waiting('success: ${ steps.solved == null }');
    const report = await drill(edited, edited.plan('account-onboarded'), { only, start });
    expect(report.trials[0]?.end.as).toBe('succeeded');
  });

  it('is said not to have come, where it is given and cannot be what the step waits for', async () => {
    const start = started({ solved: { ticketId: 'another' } });
    if (typeof start === 'string') throw new Error(start);
    const { unasked } = await drill(source, source.plan('account-onboarded'), { only, start });
    expect(unasked).toEqual(['`signals`: solved: what its `match` says does not hold of it']);
  });

  it.each([
    [
      'a step that is none',
      { solvd: {} },
      '`signals`: there is no step `solvd` that waits for an event; did you mean `solved`?',
    ],
    [
      'a step that waits for none',
      { call: {} },
      '`signals`: there is no step `call` that waits for an event; there are: solved',
    ],
    ['no object', [], '`signals`: expected an object: what an event brings, by the step that waits for it'],
    ['what its contract refuses', { solved: { version: 'x' } }, '`signals`: solved: '],
  ])('is refused where it is of %s', (_, signals, says) => {
    expect(started(signals)).toContain(says);
  });
});

describe('a list that a step goes over', () => {
  const OPENED = 'pipelines/tickets-opened.pipeline.yaml';
  const pipeline = `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: tickets-opened, version: 1, description: Opens a ticket of each line. }
owner: { team: revenue-operations, backup: platform, escalation: 'pagerduty:revenue', respond: 15m, recover: 4h }
tier: medium
trigger:
  manual:
    input:
      type: object
      required: [batch, lines]
      properties:
        batch: { type: string }
        lines: { type: array, items: { type: object, required: [sku], properties: { sku: { type: string } } } }
identity: { key: 'tickets:\${ event.batch }', retain: 30d }
limits: { deadline: 10m }
steps:
  - id: each
    forEach:
      in: \${ event.lines }
      as: line
      key: \${ line.sku }
      max: 5
      steps:
        - id: ticket
          call: ticketing.createTicket
          with: { body: { subject: Line, requester: support@northwind.example, externalId: '\${ event.batch }:\${ line.sku }' } }
          compensate: { call: ticketing.closeTicket, with: { ticketId: '\${ steps.ticket.id }' } }
  - id: noted
    set: { value: '\${ size(event.lines) }' }
success: \${ steps.noted.value >= 0 }
onFailure: compensate
`;
  const over = (text: string) =>
    reference({
      [OPENED]: () => text,
      'tenon.config.yaml': swap(
        '      account-onboarded:\n        operations: [closeTicket, createTicket, findTickets, getTicket]\n',
        `      tickets-opened:
        operations: [closeTicket, createTicket, findTickets, getTicket]
        scopes: [tickets.read, tickets.write]
      account-onboarded:
        operations: [closeTicket, createTicket, findTickets, getTicket]
`,
      ),
    });
  const drilled = async (text: string, only: string) => {
    const made = await over(text);
    const plan = made.plan('tickets-opened');
    const report = await drill(made, plan, { only });
    return { report, findings: drillFindings(report, plan) };
  };

  it('has none, one and several items, and the last of several fails, too', async () => {
    const { report, findings } = await drilled(pipeline, 'in event.lines: ');
    expect(report.trials.map(({ schedule, effects }) => `${schedule.name} (${effects})`)).toEqual([
      'with no items in event.lines: nothing goes wrong (0)',
      'with one item in event.lines: nothing goes wrong (1)',
      'with three items in event.lines: nothing goes wrong (3)',
      'with three items in event.lines: each[kestrel-birch].ticket: the system breaks off before it has done it (3)',
      'with three items in event.lines: each[kestrel-birch].ticket: the system does it, and the answer is lost (3)',
      'with three items in event.lines: each[kestrel-birch].ticket: the system refuses what it is sent, each time (4)',
    ]);
    expect(findings).toEqual([]);
  });

  it('has items of which one is taken for another, where a probe cannot tell them apart', async () => {
    const alike = swap("'${ event.batch }:${ line.sku }'", "'${ event.batch }'")(pipeline);
    const { findings } = await drilled(alike, 'breaks off before it has done it');
    expect(findings.map(({ code }) => code)).toEqual(['drill-effect-missing']);
  });
});

describe('what somebody else changes meanwhile', () => {
  const called = { only: 'between reading and writing' };
  const putBack = {
    [PIPELINE]: swap(
      'supportTier: priority\n',
      'supportTier: priority\n        seats: ${ steps.before.seats }\n',
    ),
  };

  it('is put back by a step that sends what it has read', async () => {
    const unguarded = {
      'connectors/crm/connector.yaml': swap('    concurrency: etag\nwebhooks', 'webhooks'),
    };
    expect(await codesOf({ ...putBack, ...unguarded }, called)).toEqual(['drill-overwrites - id: account']);
  });

  it('stays where the step sends nothing of it', async () => {
    const { trials } = await drill(source, upgraded, called);
    expect(trials).toMatchObject([{ schedule: { meddling: { member: 'name' } }, broken: [] }]);
  });
});

describe('a clock that is set', () => {
  it('lets a run that waits end as it would', async () => {
    const { trials } = await drill(source, upgraded, { only: 'the clock is set' });
    expect(trials.map(({ end, broken }) => [end.as, broken])).toEqual([
      ['succeeded', []],
      ['succeeded', []],
    ]);
  });
});

describe('a pipeline that is run by another', () => {
  const CHILD = `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: ticket-opened, version: 1, description: Opens a ticket. }
owner: { team: revenue-operations, backup: platform, escalation: 'pagerduty:revenue', respond: 15m, recover: 4h }
tier: medium
trigger:
  manual:
    input:
      type: object
      required: [ref, email]
      properties:
        ref: { type: string }
        email: { type: string, x-tenon-class: personal, x-tenon-residency: eu }
identity: { key: 'ticket:\${ event.ref }', retain: 30d }
limits: { deadline: 10m }
steps:
  - id: ticket
    call: ticketing.createTicket
    with: { body: { subject: Hello, requester: '\${ event.email }', externalId: 'hello:\${ event.ref }' } }
    compensate: { call: ticketing.closeTicket, with: { ticketId: '\${ steps.ticket.id }' } }
success: \${ steps.ticket.status != 'closed' }
onFailure: compensate
`;
  const family = (child: string) =>
    reference({
      'pipelines/ticket-opened.pipeline.yaml': () => child,
      [ONBOARDED]: swap(
        '  - id: call\n',
        `  - id: hello
    run: { pipeline: ticket-opened, with: { ref: '\${ event.accountId }', email: '\${ event.email }' } }

  - id: call
`,
      ),
      'tenon.config.yaml': swap(
        '      account-onboarded:\n        operations: [closeTicket, createTicket, findTickets, getTicket]\n',
        `      ticket-opened:
        operations: [closeTicket, createTicket, findTickets, getTicket]
        scopes: [tickets.read, tickets.write]
      account-onboarded:
        operations: [closeTicket, createTicket, findTickets, getTicket]
`,
      ),
    });
  const refused = { only: 'call: the system refuses' };

  it('is held to what it promises, too', async () => {
    const sound = await family(CHILD);
    const plan = sound.plan('account-onboarded');
    const report = await drill(sound, plan, refused);
    expect(report.trials.map(({ end }) => end.as)).toContain('compensated');
    expect(drillFindings(report, plan)).toEqual([]);

    const elsewhere = swap("ticketId: '${ steps.ticket.id }'", "ticketId: '${ event.ref }'");
    const faulty = await family(elsewhere(CHILD));
    const other = faulty.plan('account-onboarded');
    const findings = drillFindings(await drill(faulty, other, refused), other);
    expect(findings).toMatchObject([
      {
        code: 'drill-undoes-another',
        message: expect.stringContaining('in ticket-opened, which it runs, at ticket: ticket did something'),
      },
    ]);
  });
});

describe('what a run itself makes in another system', () => {
  it('is made up so that what is asked of it holds', async () => {
    const edited = await waiting("success: ${ steps.call.createdAt == '2026-11-02T10:15:04Z' }");
    const plan = edited.plan('account-onboarded');
    const { starts, trials } = await drill(edited, plan, { only: 'nothing goes wrong' });
    expect(starts[0]?.made).toEqual({ ticketing: { createTicket: { createdAt: '2026-11-02T10:15:04Z' } } });
    expect(trials[0]?.end.as).toBe('succeeded');
  });
});

describe('two events that share a business key', () => {
  const called = { only: 'another event comes that has the same business key' };

  it('are one, and what is lost of the second is told', async () => {
    const { sharedKey, trials } = await drill(source, upgraded, called);
    // Its version is in the key, so no later one is lost.
    expect(sharedKey).toEqual({
      members: expect.arrayContaining(['seats', 'email']),
      steps: ['invoice', 'ticket', 'welcome'],
    });
    expect(trials).toMatchObject([{ end: { as: 'succeeded' }, broken: [] }]);
  });

  const TIER = 'supportTier: priority\n';
  const written = swap(TIER, `supportTier: "\${ event.version % 2 == 1 ? 'priority' : 'standard' }"\n`);

  it('are a fault where the second is a later version of what is written', async () => {
    const edits = (key: string) => ({
      [PIPELINE]: (text: string) => swap('key: ${ event.accountId }:${ event.version }', key)(written(text)),
    });
    expect(await codesOf(edits('key: ${ event.accountId }'), called)).toEqual([
      'drill-newer-lost - id: account',
    ]);
    expect(await codesOf(edits('key: ${ event.version }:${ event.accountId }'), called)).toEqual([]);
  });

  it('are none where each entity has one run, and nothing of it is written over', async () => {
    const plan = source.plan('account-onboarded');
    const report = await drill(source, plan, called);
    expect(report.sharedKey?.members).toContain('email');
    expect(drillFindings(report, plan)).toEqual([]);
  });
});

describe('a drill of a pipeline for several accounts', () => {
  const over = (operation: string): readonly [string, string] => [
    `call: crm.${operation}\n`,
    `call: crm.${operation}\n    over: \${ connection }\n`,
  ];
  const swaps =
    (...pairs: readonly (readonly [string, string])[]) =>
    (text: string): string =>
      pairs.reduce((here, [from, to]) => swap(from, to)(here), text);
  const accounts = (where: string) =>
    reference({
      'tenon.config.yaml': (text) => {
        const own = /^ {2}crm:\n(?: {4}.*\n)*/m.exec(text)![0];
        return text.replace(own, `${own}${own.replace('crm:', 'crm-us:')}`);
      },
      [PIPELINE]: swaps(
        ['key: ${ event', 'key: ${ connection }:${ event'],
        ['orderBy: ${ event', 'orderBy: ${ connection }:${ event'],
        ["where: ${ event.plan != 'free' }", `where: \${ ${where} }`],
        over('getAccount'),
        over('updateAccount'),
      ),
      'pipelines/account-onboarded.pipeline.yaml': swaps(
        ['key: onboarding:${ event', 'key: onboarding:${ connection }:${ event'],
        ['orderBy: ${ event', 'orderBy: ${ connection }:${ event'],
        over('getAccount'),
      ),
    });
  const called = { only: 'nothing goes wrong' };

  it('lets the event come over one of them, and finds nothing where all goes over that one', async () => {
    const two = await accounts("event.plan != 'free'");
    const plan = two.plan('subscription-upgraded');
    const report = await drill(two, plan, { only: 'the answer is lost' });
    expect(report).not.toHaveProperty('failed');
    expect(report.starts[0]).toMatchObject({ connection: 'crm' });
    expect(report.unreached).toEqual([]);
    expect(drillFindings(report, plan)).toEqual([]);
  });

  it('tries every way over each of them', async () => {
    const two = await accounts("event.plan != 'free'");
    const report = await drill(two, two.plan('subscription-upgraded'), { only: 'nothing goes wrong' });
    expect(report.trials.map(({ schedule }) => schedule.name)).toEqual([
      'nothing goes wrong',
      'over crm-us: nothing goes wrong',
    ]);
    expect(report.untriedConnections).toEqual([]);
  });

  it('takes the one that its condition asks for, or the author', async () => {
    const us = await accounts("event.plan != 'free' && (connection != 'crm' || event.seats < 0)");
    const { starts } = await drill(us, us.plan('subscription-upgraded'), called);
    expect(starts[0]).toMatchObject({ connection: 'crm-us' });
    const two = await accounts("event.plan != 'free'");
    const plan = two.plan('subscription-upgraded');
    const given = { event: starts[0]!.event, connection: 'crm-us' };
    const start = readStart(given, plan, two);
    if (typeof start === 'string') throw new Error(start);
    const report = await drill(two, plan, { ...called, start });
    expect(report.starts[0]).toMatchObject({ connection: 'crm-us' });
    expect(report.trials[0]?.end.as).toBe('succeeded');
    expect(readStart({ ...given, connection: 'crm_us' }, plan, two)).toContain(
      'comes over crm, crm-us, and not over `crm_us`',
    );
  });
});

describe('a step that reads all pages', () => {
  it('is struck at its second page too', async () => {
    const step = `  - id: billed
    call: billing.listInvoices
    with: { customer: '\${ event.customerId }', limit: 2 }
    pages: { atMost: 4 }
  - id: known
    check: { that: [{ condition: '\${ size(steps.billed.items) == 5 }', message: not all of them }], otherwise: fail }
`;
    const withStep = swap('steps:\n', `steps:\n${step}`);
    const withTime = swap('slo: { objective: 0.99, within: 5m }', 'slo: { objective: 0.99, within: 10m }');
    const paged = await reference({ [PIPELINE]: (text) => withTime(withStep(text)) });
    const plan = paged.plan('subscription-upgraded');
    const invoices = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id: `inv_${id}`, customer: 'cus_1' }));
    const rows = {
      billing: { subscriptions: [{ id: 'sub_1', customer: 'cus_1', status: 'active' }], invoices },
    };
    const start = readStart({ event, rows }, plan, paged);
    if (typeof start === 'string') throw new Error(start);
    const { trials } = await drill(paged, plan, { only: 'billed: the system', start });
    const further = trials.filter(({ schedule: { name } }) => name.endsWith('at its second page'));
    expect(
      Object.fromEntries(further.map(({ schedule, end }) => [schedule.faults?.[0]?.fault, end.as])),
    ).toEqual({
      unavailable: 'succeeded',
      tooMany: 'succeeded',
      tooManyForLong: 'parked',
      silentBefore: 'succeeded',
      // Its position may have been forgotten, so it begins anew.
      refused: 'succeeded',
      garbled: 'parked',
    });
  });
});

describe('what a drill begins with', () => {
  it('may be given, and stays as it is', async () => {
    const rows = { billing: { subscriptions: [{ id: 'sub_1', customer: 'cus_1', status: 'active' }] } };
    const start = readStart({ event, rows }, upgraded, source);
    if (typeof start === 'string') throw new Error(start);
    const report = await drill(source, upgraded, { only: 'nothing goes wrong', start });
    expect(report.starts[0]?.event).toEqual(event);
    expect(report.trials[0]?.end.as).toBe('succeeded');
  });

  it('is told of where nobody asks for it', async () => {
    const rows = {
      billing: {
        subscriptions: [
          { id: 'sub_1', customer: 'cus_1', status: 'active' },
          { id: 'sub-2', customer: 'cus_2', status: 'active' },
        ],
      },
    };
    const start = readStart({ event, rows }, upgraded, source);
    if (typeof start === 'string') throw new Error(start);
    const { unasked } = await drill(source, upgraded, { start });
    expect(unasked).toEqual(['`rows`: billing: subscriptions[1]: no run asks for it']);
    // Some are asked for in a way back alone.
    const part = await drill(source, upgraded, { start, only: 'nothing goes wrong' });
    expect(part.unasked).toEqual([]);
  });

  it.each([
    ['no object', [], 'expected an object: `event`, and `rows` by connection and resource'],
    ['a misspelt member', { evnt: {} }, 'there is no `evnt`; did you mean `event`?'],
    ['no event', { rows: {} }, 'expected an `event`: what the pipeline is started by'],
    ['an event that its contract refuses', { event: { ...event, seats: 'many' } }, '/seats must be'],
    ['a connection that is not called', { event, rows: { shop: {} } }, 'calls nothing over `shop`'],
    ['a resource that is none', { event, rows: { billing: { invoces: [{}] } } }, 'has no resource "invoces"'],
    ['rows that are none', { event, rows: { billing: { invoices: {} } } }, '`invoices` is no list of rows'],
  ])('is refused where it is %s', (_, given, says) => {
    expect(readStart(given, upgraded, source)).toContain(says);
  });
});

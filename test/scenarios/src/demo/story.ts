import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tenon } from '../tenon.ts';
import { type LogLine, repoRoot } from './child.ts';
import type { Teller } from './teller.ts';
import { accounts, emailOf, type World } from './world.ts';

type Chapter = (world: World, tell: Teller) => Promise<void>;

/** The chapters in order. Each leaves its account in the state that the last table checks. */
export const chapters: readonly Chapter[] = [
  flows,
  thrice,
  busy,
  refused,
  killed,
  lost,
  approved,
  tampered,
  contractChange,
];

async function flows(world: World, tell: Teller): Promise<void> {
  tell.chapter('An upgrade flows through CRM, billing, ticketing and mail');
  const since = world.tenon.lines.length;
  const answer = await world.deliverUpgrade({ account: accounts.flow });
  tell.does(`signed webhook crm.subscriptionUpgraded for ${accounts.flow}: ${answer.status}, on disk`);
  await ended(world, runIdOf(answer), 'succeeded', since);
  for (const line of world.tenon.lines.slice(since)) {
    if (line.kind === 'stepDone' && line.runId === runIdOf(answer)) tell.note(`step ${line.step} done`);
  }
  tell.sees('one invoice, one ticket, the account updated, one mail delivered', hasAll(world, accounts.flow));
}

async function thrice(world: World, tell: Teller): Promise<void> {
  tell.chapter('The same webhook three times makes one invoice');
  const since = world.tenon.lines.length;
  const first = await world.deliverUpgrade({ account: accounts.thrice }, 'msg_again');
  const again = await world.deliverUpgrade({ account: accounts.thrice }, 'msg_again');
  const renamed = await world.deliverUpgrade({ account: accounts.thrice }, 'msg_under_another_id');
  tell.does(
    `sent as msg_again, msg_again and msg_under_another_id: ${first.status}, ${again.status}, ${renamed.status}`,
  );
  await ended(world, runIdOf(first), 'succeeded', since);
  tell.sees(
    'all three name the same run',
    runIdOf(first) === runIdOf(again) && runIdOf(first) === runIdOf(renamed),
  );
  tell.sees('one invoice', invoices(world, accounts.thrice).length === 1);
}

async function busy(world: World, tell: Teller): Promise<void> {
  tell.chapter('Billing answers 503 twice, then 429, and is retried within the budget');
  world.billing.faults.add({ operation: 'createInvoice', fault: { kind: 'status', status: 503 }, times: 2 });
  world.billing.faults.add({
    operation: 'createInvoice',
    fault: { kind: 'status', status: 429, retryAfterSeconds: 1 },
    times: 1,
  });
  const since = world.tenon.lines.length;
  const answer = await world.deliverUpgrade({ account: accounts.busy });
  await ended(world, runIdOf(answer), 'succeeded', since);
  const requests = world.billing.requests().filter((request) => request.operation === 'createInvoice');
  const made = requests.find((request) => isFor(request.body, accounts.busy) && request.status === 201);
  const attempts = requests.filter(
    (request) => request.headers['idempotency-key'] === made?.headers['idempotency-key'],
  );
  tell.does(
    `createInvoice was tried ${attempts.length} times: ${attempts.map((request) => request.status).join(', ')}`,
  );
  tell.sees('all four sent the same Idempotency-Key', attempts.length === 4);
  tell.sees('one invoice', invoices(world, accounts.busy).length === 1);
}

async function refused(world: World, tell: Teller): Promise<void> {
  tell.chapter('Ticketing refuses for good, and the invoice is made void');
  const fault = world.ticketing.faults.add({
    operation: 'createTicket',
    fault: {
      kind: 'status',
      status: 422,
      body: { error: { code: 'requester_unknown', message: 'no such requester' } },
    },
  });
  const since = world.tenon.lines.length;
  const answer = await world.deliverUpgrade({ account: accounts.refused });
  await ended(world, runIdOf(answer), 'compensated', since);
  fault.remove();
  const [invoice] = invoices(world, accounts.refused);
  tell.does(`createTicket was tried ${fault.struck()} time: a refusal is not retried`);
  tell.sees(
    `invoice ${invoice?.['id']} is ${invoice?.['status']}, and still readable`,
    invoice?.['status'] === 'void',
  );
  const listed = await tenon(repoRoot, ['dead-letters', '--url', world.tenon.url, '--format', 'json']);
  const letter = (JSON.parse(listed.out) as Record<string, unknown>[]).find(
    (each) => each['runId'] === runIdOf(answer),
  );
  tell.note(
    `tenon dead-letters: queue ${letter?.['queue']}, step ${letter?.['step']}, owner ${letter?.['owner']}`,
  );
  tell.sees(
    'the repair queue holds it, with its owner',
    letter?.['queue'] === 'repair' && typeof letter['owner'] === 'string',
  );
}

async function killed(world: World, tell: Teller): Promise<void> {
  tell.chapter('The process is killed in the middle of a run, and the run completes after the restart');
  const slow = world.billing.faults.add({
    operation: 'createInvoice',
    fault: { kind: 'latency', ms: 1_500 },
    times: 1,
  });
  const since = world.tenon.lines.length;
  const answer = await world.deliverUpgrade({ account: accounts.killed });
  while (slow.struck() === 0) await pause(10);
  const { pid } = world.tenon;
  await world.tenon.kill();
  tell.does(`SIGKILL to ${pid} while createInvoice was under way; its answer will reach nobody`);
  await pause(1_700);
  const made = invoices(world, accounts.killed).length;
  await world.tenon.start();
  tell.does(`started again as ${world.tenon.pid}; billing has ${made} invoice of it`);
  await ended(world, runIdOf(answer), 'succeeded', since);
  tell.sees('the run completed: one invoice, one ticket, one mail', hasAll(world, accounts.killed));
}

async function lost(world: World, tell: Teller): Promise<void> {
  tell.chapter('A lost answer on a call without an idempotency key ends in doubt, and a probe settles it');
  world.ticketing.faults.add({ operation: 'createTicket', fault: { kind: 'dropAfter' }, times: 1 });
  const since = world.tenon.lines.length;
  const answer = await world.deliverUpgrade({ account: accounts.lost });
  await ended(world, runIdOf(answer), 'succeeded', since);
  const lines = world.tenon.lines.slice(since).filter((line) => line.runId === runIdOf(answer));
  const unknown = lines.some((line) => line.kind === 'outcome' && line.details?.['outcome'] === 'unknown');
  const probe = lines.find((line) => line.kind === 'probe');
  tell.does('ticketing opened the ticket and dropped the connection before its answer');
  tell.sees('the ledger says unknown, not failed', unknown);
  tell.sees('findTickets found it by externalId, and the run took it as its own', probe !== undefined);
  tell.sees('one ticket', tickets(world, accounts.lost).length === 1);
}

async function approved(world: World, tell: Teller): Promise<void> {
  tell.chapter('A large amount waits for finance, and goes on when it is approved');
  const since = world.tenon.lines.length;
  const answer = await world.deliverUpgrade({ account: accounts.large, plan: 'enterprise' });
  const runId = runIdOf(answer);
  const waiting = await world.tenon.waitFor(
    (line) => line.runId === runId && line.kind === 'waiting',
    'the approval to be asked for',
    undefined,
    since,
  );
  tell.sees('nothing was billed while it waits', invoices(world, accounts.large).length === 0);
  const given = await tenon(repoRoot, [
    'approvals',
    'approve',
    runId,
    waiting.step ?? '',
    '--reason',
    'checked against the order',
    '--url',
    world.tenon.url,
  ]);
  tell.does(`tenon approvals approve … --reason "checked against the order": ${given.err.trim()}`);
  await ended(world, runId, 'succeeded', since);
  tell.sees('one invoice, one ticket, one mail', hasAll(world, accounts.large));
}

async function tampered(world: World, tell: Teller): Promise<void> {
  tell.chapter('A webhook with a wrong signature is refused before it is parsed');
  const before = world.billing.effects().length;
  const response = await fetch(`${world.tenon.url}/hooks/crm/subscriptionUpgraded`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'webhook-id': 'msg_forged',
      'webhook-timestamp': String(Math.floor(Date.now() / 1000)),
      'webhook-signature': 'v1,Zm9yZ2Vk',
    },
    body: '{"accountId":"acc_1001"}',
  });
  const problem = (await response.json()) as Record<string, unknown>;
  tell.does(`answered ${response.status} ${problem['code']}`);
  tell.sees(
    'refused, and nothing was billed',
    response.status === 401 && world.billing.effects().length === before,
  );
}

async function contractChange(_world: World, tell: Teller): Promise<void> {
  tell.chapter('A contract edit that removes a field in use is refused');
  const scratch = mkdtempSync(join(tmpdir(), 'tenon-demo-contract-'));
  try {
    for (const part of ['contracts', 'connectors', 'pipelines', 'tenon.config.yaml', 'owners.yaml']) {
      cpSync(join(repoRoot, part), join(scratch, part), {
        recursive: true,
        filter: (path) => !/node_modules|\/dist(\/|$)/.test(path),
      });
    }
    const document = join(scratch, 'contracts/billing/openapi.yaml');
    const text = readFileSync(document, 'utf8');
    const edited = text
      .replace(/(Subscription:\n\s+type: object\n\s+required: \[id, customer, plan, )amount, /, '$1')
      .replace(/(Subscription:[\s\S]*?)\n\s+amount: [^\n]+/, '$1');
    writeFileSync(document, edited);
    tell.does(
      'removed Subscription.amount from contracts/billing/openapi.yaml; tenon diff --against the version before',
    );
    const result = await tenon(scratch, ['diff', '--against', repoRoot, '--format', 'json']);
    const { findings } = JSON.parse(result.out) as {
      findings: {
        rule: string;
        severity: string;
        usage: {
          pipeline: string;
          step: string;
          expression: string;
          file: string;
          line: number;
          column: number;
        }[];
      }[];
    };
    const breaking = findings.find((finding) => finding.severity === 'breaking' && finding.usage.length > 0);
    const victim = breaking?.usage.find((usage) => usage.expression.includes('amount'));
    tell.note(`${breaking?.rule}: ${victim?.file}:${victim?.line}:${victim?.column}`);
    tell.note(`pipeline ${victim?.pipeline}, step ${victim?.step}, expression ${victim?.expression}`);
    tell.sees(
      `exit code ${result.code}: refused, naming pipeline, step and expression`,
      edited !== text && result.code === 3 && victim !== undefined,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

type Row = Readonly<Record<string, unknown>>;

export function invoices(world: World, account: string): readonly Row[] {
  return rows(world.billing, 'invoices').filter((row) => String(row['externalId']).startsWith(account));
}

export function tickets(world: World, account: string): readonly Row[] {
  return rows(world.ticketing, 'tickets').filter((row) => String(row['externalId']).startsWith(account));
}

export function mails(world: World, account: string): number {
  return world.mail.mails().filter((mail) => mail.envelope.to.includes(emailOf(account))).length;
}

export function accountOf(world: World, account: string): Row {
  return rows(world.crm, 'accounts').find((row) => row['id'] === account) ?? {};
}

function rows(sandbox: World['billing'], resource: string): readonly Row[] {
  return (sandbox.state()[resource] ?? []) as readonly Row[];
}

function hasAll(world: World, account: string): boolean {
  return (
    invoices(world, account).length === 1 &&
    tickets(world, account).length === 1 &&
    mails(world, account) === 1
  );
}

function runIdOf(answer: { readonly body: Record<string, unknown> }): string {
  const runs = answer.body['runs'] as { readonly runId: string }[] | undefined;
  const runId = runs?.[0]?.runId;
  if (runId === undefined) throw new Error(`no run was started: ${JSON.stringify(answer.body)}`);
  return runId;
}

function ended(world: World, runId: string, state: string, since: number): Promise<LogLine> {
  return world.tenon.waitFor(
    (line) => line.runId === runId && line.kind === 'state' && line.details?.['to'] === state,
    `run ${runId} to be ${state}`,
    undefined,
    since,
  );
}

function isFor(body: unknown, account: string): boolean {
  return (
    JSON.stringify(body ?? '').includes(account) || JSON.stringify(body ?? '').includes(account.slice(4))
  );
}

function pause(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}

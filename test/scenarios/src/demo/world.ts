import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signWebhook } from '@tenon/connector';
import { Secret, systemClock } from '@tenon/model';
import { loadWorkspace, type Workspace } from '@tenon/pipeline';
import { type MailSandbox, type Sandbox, startMailSandbox, startSandbox } from '@tenon/testkit';
import { repoRoot, TenonProcess } from './child.ts';

/** The four systems and the Tenon between them, all of them real servers on loopback. */
export interface World {
  readonly workspace: Workspace;
  readonly crm: Sandbox;
  readonly billing: Sandbox;
  readonly ticketing: Sandbox;
  readonly mail: MailSandbox;
  readonly tenon: TenonProcess;
  /** Values of every credential in play: none may ever be logged. */
  readonly secrets: readonly string[];
  /** Delivers a signed `crm.subscriptionUpgraded`; a delivery id may be given to send the same delivery again. */
  deliverUpgrade(
    event: Upgrade,
    deliveryId?: string,
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>;
  close(): Promise<void>;
}

export interface Upgrade {
  readonly account: string;
  readonly plan?: string;
  readonly version?: number;
}

const WEBHOOK_SECRET = `whsec_${Buffer.from('a secret of the demo, no one else').toString('base64')}`;
const SEED = 7;

/** Accounts of the demo, by the part each plays. */
export const accounts = {
  flow: 'acc_1001',
  thrice: 'acc_1002',
  busy: 'acc_1003',
  refused: 'acc_1004',
  killed: 'acc_1005',
  lost: 'acc_1006',
  large: 'acc_1007',
} as const;

/** What the large customer pays a month, in minor units: above what goes through without finance. */
const AMOUNTS: Readonly<Record<string, number>> = { [accounts.large]: 2_400_000 };
const AMOUNT = 98_000;

/** Starts everything; `ids` are the accounts that CRM and billing know, `root` the workspace that is served. */
export async function startWorld(
  ids: readonly string[] = Object.values(accounts),
  root: string = repoRoot,
): Promise<World> {
  const loaded = await loadWorkspace(root);
  if (!loaded.value) throw new Error(loaded.diagnostics.map(({ message }) => message).join('\n'));
  const workspace = loaded.value;
  const scratch = mkdtempSync(join(tmpdir(), 'tenon-demo-'));

  const sandbox = (
    name: string,
    data: Record<string, readonly Record<string, unknown>[]>,
  ): Promise<Sandbox> => {
    const contract = workspace.contracts.get(name)!;
    const manifest = workspace.connectors.get(name)!;
    return startSandbox({ contract, manifest, seed: SEED, clock: systemClock, data: data as never });
  };
  const [crm, billing, ticketing, mail] = await Promise.all([
    sandbox('crm', { accounts: ids.map(accountRow) }),
    sandbox('billing', { subscriptions: ids.map(subscriptionRow) }),
    sandbox('ticketing', {}),
    startMailSandbox({ clock: systemClock }),
  ]);

  const credentials = {
    CRM_CLIENT_ID: 'tenon-demo',
    CRM_CLIENT_SECRET: 'demo-client-secret',
    CRM_WEBHOOK_SECRET: WEBHOOK_SECRET,
    BILLING_KEY: 'demo-billing-key',
    BILLING_WEBHOOK_SECRET: 'whsec-billing-demo',
    TICKETING_USER: 'tenon',
    TICKETING_PASSWORD: 'demo-ticketing-password',
    TICKETING_WEBHOOK_SECRET: 'ticketing-demo-secret',
    MAIL_USER: 'tenon',
    MAIL_PASSWORD: 'demo-mail-password',
  };
  const addresses = {
    CRM_URL: crm.url,
    BILLING_URL: billing.url,
    TICKETING_URL: ticketing.url,
    MAIL_URL: mail.url,
  };
  const tenon = new TenonProcess(join(scratch, 'tenon.db'), { ...credentials, ...addresses }, root);
  await tenon.start();

  return {
    workspace,
    crm,
    billing,
    ticketing,
    mail,
    tenon,
    secrets: Object.values(credentials).filter((value) => value !== 'tenon'),
    deliverUpgrade: async (upgrade, deliveryId) => {
      const event = upgradeEvent(upgrade);
      const body = new TextEncoder().encode(JSON.stringify(event));
      const webhook = workspace.connectors.get('crm')!.webhooks['subscriptionUpgraded']!;
      const signature = signWebhook(webhook, new Secret('env:CRM_WEBHOOK_SECRET', WEBHOOK_SECRET), {
        id: deliveryId ?? `msg_${crypto.randomUUID()}`,
        body,
        sentAtMs: Date.now(),
      });
      const response = await fetch(`${tenon.url}/hooks/crm/subscriptionUpgraded`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...signature },
        body,
      });
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    close: async () => {
      await tenon.stop();
      await Promise.all([crm.close(), billing.close(), ticketing.close(), mail.close()]);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}

function upgradeEvent({ account, plan = 'business', version = 4 }: Upgrade): Record<string, unknown> {
  const number = account.slice(4);
  return {
    id: `evt_${number}_${version}`,
    accountId: account,
    subscriptionId: `sub_${number}`,
    customerId: `cus_${number}`,
    plan,
    seats: 40,
    email: emailOf(account),
    version,
    occurredAt: '2026-11-02T10:15:00Z',
  };
}

export function emailOf(account: string): string {
  return `ap-${account.slice(4)}@customers.example`;
}

function accountRow(id: string): Record<string, unknown> {
  const number = id.slice(4);
  return {
    id,
    name: `Customer ${number}`,
    email: emailOf(id),
    plan: 'team',
    seats: 12,
    status: 'active',
    customerId: `cus_${number}`,
    subscriptionId: `sub_${number}`,
    supportTier: 'standard',
    lastInvoiceId: null,
    version: 3,
    updatedAt: '2026-10-01T09:30:00Z',
  };
}

function subscriptionRow(id: string): Record<string, unknown> {
  const number = id.slice(4);
  return {
    id: `sub_${number}`,
    customer: `cus_${number}`,
    plan: 'business',
    amount: AMOUNTS[id] ?? AMOUNT,
    currency: 'EUR',
    interval: 'month',
    status: 'active',
  };
}

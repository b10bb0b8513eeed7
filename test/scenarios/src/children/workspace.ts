import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../demo/child.ts';
import { tenon } from '../tenon.ts';

/** Of the demo's systems those whose connectors have no code of their own. */
const SYSTEMS = ['crm', 'billing', 'ticketing'];

/** These systems, and the upgrade in two pipelines: one runs the other, which bills and tells support. */
export async function parentAndChildWorkspace(root: string): Promise<void> {
  for (const name of SYSTEMS)
    for (const kind of ['contracts', 'connectors'])
      cpSync(join(repoRoot, kind, name), join(root, kind, name), { recursive: true });
  cpSync(join(repoRoot, 'pipelines/policies'), join(root, 'pipelines/policies'), { recursive: true });
  cpSync(join(repoRoot, 'owners.yaml'), join(root, 'owners.yaml'));
  const config = readFileSync(join(repoRoot, 'tenon.config.yaml'), 'utf8');
  writeFileSync(join(root, 'tenon.config.yaml'), config.slice(0, config.indexOf('  mail:\n')));
  const upgrade = readFileSync(join(repoRoot, 'pipelines/subscription-upgraded.pipeline.yaml'), 'utf8');
  const from = upgrade.indexOf('  - id: invoice\n');
  const to = upgrade.indexOf('  - id: before ');
  const billing = upgrade.slice(from, to);
  const end = upgrade.indexOf('  - id: welcome\n');
  writeFileSync(
    join(root, 'pipelines/subscription-upgraded.pipeline.yaml'),
    `${head(upgrade.slice(0, from))}${RUN}${upgrade
      .slice(to, end)
      .replaceAll('steps.invoice.id', 'steps.billed.invoice')}success: \${ steps.billed.status == 'open' }
onFailure: compensate
`,
  );
  writeFileSync(
    join(root, 'pipelines/bill-upgrade.pipeline.yaml'),
    CHILD.replace('STEPS\n', childSteps(billing)),
  );
  const { code, err } = await tenon(root, ['grants', '--write']);
  if (code !== 0) throw new Error(err);
}

/** Of a tier that needs no review, drills or roles. */
function head(text: string): string {
  return text.replace('tier: high', 'tier: medium').replace(/\n {2}roles: .*\n/, '\n');
}

function childSteps(billing: string): string {
  return billing.replaceAll('steps.subscription.', 'event.');
}

const RUN = `  - id: billed
    run:
      pipeline: bill-upgrade
      with:
        accountId: \${ event.accountId }
        version: \${ event.version }
        customerId: \${ event.customerId }
        subscriptionId: \${ event.subscriptionId }
        plan: \${ event.plan }
        seats: \${ event.seats }
        email: \${ event.email }
        amount: \${ steps.subscription.amount }
        currency: \${ steps.subscription.currency }

`;

const CHILD = `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: bill-upgrade, version: 1, description: Bills an upgrade and tells support. }
owner: { team: revenue-operations, backup: platform, escalation: 'pagerduty:revenue', respond: 15m, recover: 4h }
tier: medium
trigger:
  manual:
    input:
      type: object
      required: [accountId, version, customerId, subscriptionId, plan, seats, email, amount, currency]
      properties:
        accountId: { type: string }
        version: { type: integer }
        customerId: { type: string }
        subscriptionId: { type: string }
        plan: { type: string }
        seats: { type: integer }
        email: { type: string, x-tenon-class: personal, x-tenon-residency: eu }
        amount: { type: integer, minimum: 0, x-tenon-class: financial }
        currency: { type: string }
identity: { key: 'bill:\${ event.accountId }:\${ event.version }', retain: 30d }
limits: { deadline: 10m }
steps:
STEPS
output:
  schema:
    type: object
    required: [invoice, status]
    properties: { invoice: { type: string }, status: { type: string } }
  value: { invoice: '\${ steps.invoice.id }', status: '\${ steps.invoice.status }' }
success: \${ steps.ticket.status != 'closed' }
onFailure: compensate
`;

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tenon } from './tenon.ts';

/**
 * A workspace around a running Unleash, made as an author would: `init`, `add contract` from the document the server
 * itself serves, `add connector`, and then the parts only an author knows, written by hand.
 */
export async function unleashWorkspace(root: string, url: string): Promise<void> {
  await must(root, ['init']);
  await must(root, [
    'add',
    'contract',
    'unleash',
    '--from',
    `${url}/docs/openapi.json`,
    '--owner',
    'platform',
  ]);
  await must(root, ['add', 'connector', 'unleash', '--owner', 'platform']);
  write(root, 'contracts/unleash/overlay.yaml', overlay);
  write(root, 'connectors/unleash/connector.yaml', connector);
  write(root, 'pipelines/launch.pipeline.yaml', pipeline);
  await must(root, ['grants', '--write']);
  await must(root, ['generate']);
}

async function must(root: string, argv: readonly string[]): Promise<void> {
  const { code, out, err } = await tenon(root, argv);
  if (code !== 0) throw new Error(`tenon ${argv.join(' ')} ended with ${code}\n${out}\n${err}`);
}

function write(root: string, file: string, text: string): void {
  mkdirSync(join(root, file, '..'), { recursive: true });
  writeFileSync(join(root, file), text);
}

/** Where the document and the server differ: a creation answers 201, the document says 200. */
const overlay = `overlay: 1.0.0
info: { title: What Unleash answers, version: 1.0.0 }
actions:
  - target: $.paths['/api/admin/projects/{projectId}/features'].post.responses
    update:
      '201':
        description: The flag.
        content: { application/json: { schema: { $ref: '#/components/schemas/featureSchema' } } }
`;

/** A flag's name is its key: a second creation answers 409, and reading it tells whether a lost one happened. */
const connector = `apiVersion: tenon/v1
kind: Connector
metadata: { name: unleash, version: 1.0.0, owner: platform }
contract: unleash
auth:
  - { id: apiKey, type: apiKey, in: header, name: Authorization }
defaults: { timeout: 5s }
operations:
  getFeature: { effect: read }
  createFeature:
    effect: create
    idempotency: { mode: checkFirst }
    probe:
      operation: getFeature
      with: { projectId: '\${ request.projectId }', featureName: '\${ request.body.name }' }
      found: \${ body }
    compensation: { operation: archiveFeature }
    failures:
      - { status: 409, class: duplicate }
  updateFeature: { effect: update, idempotency: { mode: natural } }
  archiveFeature: { effect: update, idempotency: { mode: natural } }   # an archived flag stays readable
  addTag: { effect: update, idempotency: { mode: natural } }
`;

/** An order paid launches a product: its flag is made, described and tagged, with a person in between. */
const pipeline = `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: launch, version: 1, description: A paid order makes a flag for its product. }
owner: { team: platform, backup: fulfilment, escalation: mail:platform, respond: 30m, recover: 8h }
tier: low
trigger: { event: shop.orderPaid }
identity: { key: '\${ event.orderId }', retain: 30d }
limits: { concurrency: 10, deadline: 15m }
steps:
  - id: flag
    call: unleash.createFeature
    with: { projectId: default, body: { name: '\${ event.orderId }', type: release } }
    retry: { attempts: 20, within: 2m, backoff: { initial: 200ms, factor: 1.5, max: 4s } }
    compensate:
      call: unleash.archiveFeature
      with: { projectId: default, featureName: '\${ event.orderId }' }
  - id: approval
    approve: { by: platform, within: 1h, onExpiry: reject, show: { flag: '\${ steps.flag.name }' } }
  - id: described
    call: unleash.updateFeature
    with:
      projectId: default
      featureName: \${ event.orderId }
      body: { description: 'Made for \${ event.orderId }', type: release }
    retry: { attempts: 20, within: 2m, backoff: { initial: 200ms, factor: 1.5, max: 4s } }
    irreversible:
      because: the description goes with the flag
      forward: { task: none needed, owner: platform, within: 1d }
  - id: tag
    call: unleash.addTag
    with:
      featureName: \${ event.orderId }
      body: { type: '\${ event.orderId.startsWith("refused") ? "no-such-type" : "simple" }', value: launch }
    retry: { attempts: 20, within: 2m, backoff: { initial: 200ms, factor: 1.5, max: 4s } }
    irreversible:
      because: a tag goes with its flag
      forward: { task: none needed, owner: platform, within: 1d }
success: \${ default(steps.described.description, '') != '' }
onFailure: compensate
`;

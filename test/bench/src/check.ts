/**
 * `tenon check` over 1,000 pipelines, half over GitHub's whole contract and half over Stripe's: a cold process with no
 * cache, the same again with what the first one remembered, and a check again inside one process, as an editor makes it.
 * Usage: `node --conditions=source test/bench/src/check.ts [pipelines]`. Needs the corpora beside the repository.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { loadContractText } from '@tenon/contract';
import { checkWorkspace, createCheckMemory, loadWorkspace } from '@tenon/pipeline';
import { addConnection, scaffoldConnector } from 'tenon';

const FORWARD = '{ because: it is public, forward: { task: mend it by hand, owner: platform, within: 1d } }';
const count = Number(process.argv[2] ?? 1_000);
const repository = join(dirname(fileURLToPath(import.meta.url)), '../../..');
const root = mkdtempSync(join(tmpdir(), 'tenon-check-'));

await writeWorkspace();
const cold = timed(() => process_('check'));
const warm = [
  timed(() => process_('check')),
  timed(() => process_('check')),
  timed(() => process_('check')),
].sort((a, b) => a.ms - b.ms)[1]!;
const loadedAt = performance.now();
const loaded = await loadWorkspace(root);
const loadMs = performance.now() - loadedAt;
const memory = createCheckMemory();
const inProcess: number[] = [];
for (let round = 0; round < 4; round++) {
  const startedAt = performance.now();
  checkWorkspace(loaded.value!, { memory });
  inProcess.push(performance.now() - startedAt);
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
console.log(`\`tenon check\`, ${count} pipelines over GitHub and Stripe\n`);
console.log('| what | took | target |');
console.log('|---|---|---|');
console.log(`| cold: a new process, nothing remembered | ${seconds(cold.ms)} | 6 s |`);
console.log(`| warm: a new process, median of 3 | ${seconds(warm.ms)} | 1.5 s |`);
console.log(`| in process: load | ${seconds(loadMs)} | |`);
console.log(`| in process: first check | ${seconds(inProcess[0]!)} | |`);
console.log(`| in process: check again, with its memory | ${seconds(inProcess.at(-1)!)} | |`);
console.log(`\n${cold.last}`);
rmSync(root, { recursive: true, force: true });

function process_(...command: readonly string[]): string {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=source', join(repository, 'packages/cli/src/main.ts'), ...command],
    { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28 },
  );
  if (status !== 0 && status !== 3)
    throw new Error(`tenon ${command.join(' ')} ended with ${status}: ${stderr.slice(0, 2_000)}`);
  return `${stdout}${stderr}`.trim().split('\n').at(-1) ?? '';
}

function timed(work: () => string): { readonly ms: number; readonly last: string } {
  const startedAt = performance.now();
  const last = work();
  return { ms: performance.now() - startedAt, last };
}

async function writeWorkspace(): Promise<void> {
  let config = 'apiVersion: tenon/v1\nkind: Workspace\nconnections: {}\n';
  for (const name of ['github', 'stripe']) {
    const bytes = readFileSync(join(repository, `../shared/corpora/openapi/${name}.json.gz`));
    const text = gunzipSync(bytes).toString('utf8');
    const { value } = await loadContractText(name, `contracts/${name}/openapi.json`, text);
    write(`contracts/${name}/openapi.json`, text);
    write(`connectors/${name}/connector.yaml`, scaffoldConnector(value!, name, 'platform').manifest);
    config = addConnection(config, value!, name);
  }
  write('tenon.config.yaml', config);
  for (let index = 0; index < count; index++)
    write(
      `pipelines/p${index}.pipeline.yaml`,
      index % 2 === 0 ? githubPipeline(index) : stripePipeline(index),
    );
  process_('grants', '--write');
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
}

function head(name: string, input: string): string {
  return `apiVersion: tenon/v1
kind: Pipeline
metadata: { name: ${name}, version: 1, description: One of many. }
owner: { team: platform, backup: sales, escalation: pager:platform, respond: 1h, recover: 4h }
tier: medium
trigger: { manual: { input: { type: object, required: [id, repo], properties: ${input} } } }
identity: { key: "\${ event.id }", retain: 30d }
limits: { deadline: 30m }
steps:
`;
}

function githubPipeline(index: number): string {
  return `${head(`github-${index}`, '{ id: { type: string }, repo: { type: string }, number: { type: integer } }')}  - id: repo
    call: github.repos/get
    with: { owner: acme, repo: "\${ event.repo }" }
  - id: issues
    call: github.issues/list-for-repo
    with: { owner: acme, repo: "\${ event.repo }", state: open, per_page: ${(index % 90) + 10} }
  - id: summary
    set:
      name: \${ steps.repo.full_name }
      text: "\${ steps.repo.description == null ? 'no description' : steps.repo.description }"
      count: \${ size(steps.issues) }
      titles: "\${ steps.issues.filter(issue, issue.comments > ${index % 7}).map(issue, issue.title) }"
  - id: issue
    when: \${ size(steps.issues) > ${index % 50} && !steps.repo.archived }
    call: github.issues/create
    with:
      owner: acme
      repo: \${ event.repo }
      body: { title: "Review ${index} of \${ steps.repo.name }", body: "\${ steps.summary.text }", labels: [triage] }
    retry: none
    irreversible: ${FORWARD}
success: \${ steps.summary.count >= 0 }
onFailure: hold
`;
}

function stripePipeline(index: number): string {
  return `${head(`stripe-${index}`, '{ id: { type: string }, repo: { type: string }, amount: { type: integer } }')}  - id: charge
    call: stripe.GetChargesCharge
    with: { charge: "\${ event.id }" }
  - id: facts
    set:
      amount: \${ steps.charge.amount }
      left: \${ steps.charge.amount - steps.charge.amount_refunded }
      currency: \${ steps.charge.currency }
      receipt: "\${ default(steps.charge.receipt_email, 'none') }"
      isLarge: \${ steps.charge.amount > ${(index + 1) * 100} }
  - id: refund
    when: \${ steps.facts.left > 0 && steps.charge.paid && !steps.charge.refunded }
    call: stripe.PostRefunds
    with: { body: { charge: "\${ steps.charge.id }", amount: "\${ steps.facts.left }", reason: requested_by_customer } }
    retry: none
    irreversible: ${FORWARD}
success: \${ steps.facts.left >= 0 }
onFailure: hold
`;
}

import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { memoryWorkspaceFiles, nodeWorkspaceFiles } from '@tenon/pipeline';
import { beforeAll, describe, expect, it } from 'vitest';
import { openProject } from '../project.ts';
import type { Snapshot } from '../snapshot.ts';
import { codeLensesOf } from './code-lens.ts';
import { completionAt } from './completion.ts';
import { diagnosticsOf } from './diagnostics.ts';
import { hoverAt } from './hover.ts';
import { quickFixesAt } from './quick-fix.ts';
import { referencesAt, renameAt } from './rename.ts';
import { definitionAt } from './target.ts';

// The repository is its own first workspace: what is completed here is what its authors write.
const ROOT = path.resolve(import.meta.dirname, '../../../..');
const PIPELINE = 'pipelines/subscription-upgraded.pipeline.yaml';
const project = openProject(ROOT, nodeWorkspaceFiles(ROOT));
let saved = '';

beforeAll(async () => {
  saved = await readFile(path.join(ROOT, PIPELINE), 'utf8');
});

/** The pipeline with one part written anew; `|` in the new part is the cursor. */
async function writing(
  from: string,
  to: string,
): Promise<{ snapshot: Snapshot; offset: number; text: string }> {
  expect(saved).toContain(from);
  const marked = saved.replace(from, () => to.replace('|', '\u0000'));
  const offset = marked.indexOf('\u0000');
  const text = marked.replace('\u0000', '');
  project.setText(PIPELINE, text);
  return { snapshot: await project.snapshot(), offset, text };
}

async function offered(from: string, to: string, file = PIPELINE): Promise<readonly string[]> {
  const { snapshot, offset } = await writing(from, to);
  return completionAt(snapshot, file, offset).map(({ label }) => label);
}

const WHERE = "where: ${ event.plan != 'free' }";

describe('completion', () => {
  it('offers the fields of the event, in text that does not parse', async () => {
    expect(await offered(WHERE, 'where: ${ event.| }')).toContain('accountId');
    expect(await offered(WHERE, 'where: ${ event.|')).toContain('accountId');
    expect(await offered(WHERE, 'where: ${ size(event.items.filter(x, event.|')).toContain('accountId');
  });

  it('offers fields inside quotes and brackets that are not closed', async () => {
    const from = "with: { subscriptionId: '${ event.subscriptionId }' }";
    expect(await offered(from, "with: { subscriptionId: '${ event.|")).toContain('subscriptionId');
    expect(await offered(from, 'with: { subscriptionId: ${ event.| }')).toContain('subscriptionId');
  });

  it('offers steps that ran before, and the fields of their results', async () => {
    const steps = await offered('amount: ${ steps.subscription.amount }', 'amount: ${ steps.| }');
    expect(steps).toContain('subscription');
    expect(steps).not.toContain('invoice');
    expect(
      await offered('amount: ${ steps.subscription.amount }', 'amount: ${ steps.subscription.|'),
    ).toContain('currency');
  });

  it('offers the same after the file was checked, when only this expression has changed since', async () => {
    const from = 'amount: ${ steps.subscription.amount }';
    const to = 'amount: ${ steps.subscription.| }';
    const slow = await offered(from, to);
    project.setText(PIPELINE, saved);
    diagnosticsOf(await project.snapshot());
    expect(await offered(from, to)).toEqual(slow);
    expect(await offered(from, 'amount: ${ {"a": steps.|')).toContain('subscription');
  });

  it('offers the values that a compared field can have', async () => {
    const values = await offered(WHERE, 'where: ${ event.plan == | }');
    expect(values).toContain("'free'");
  });

  it('offers functions, macros, names and policies', async () => {
    const names = await offered(WHERE, 'where: ${ | }');
    expect(names).toEqual(expect.arrayContaining(['event', 'size', 'has']));
    expect(await offered(WHERE, 'where: ${ policy.| }')).toContain('needsFinance');
  });

  it('offers the connection of the event, and those over which it may come', async () => {
    expect(await offered(WHERE, 'where: ${ | }')).toContain('connection');
    expect(await offered(WHERE, 'where: ${ connection == | }')).toContain("'crm'");
    const over = await offered(
      'call: billing.getSubscription',
      'call: billing.getSubscription\n    over: ${ | }',
    );
    expect(over).toContain('connection');
    const call = 'call: billing.getSubscription\n';
    expect(await offered(call, "call: |\n    over: ${ 'billing' }\n"), 'of the connector').toContain(
      'billing.getInvoice',
    );
  });

  it('offers operations, events and teams', async () => {
    expect(await offered('call: billing.getSubscription', 'call: |')).toContain('billing.createInvoice');
    expect(await offered('event: crm.subscriptionUpgraded', 'event: crm.|')).toContain(
      'crm.subscriptionUpgraded',
    );
    expect(await offered('team: revenue-operations', 'team: |')).toContain('revenue-operations');
    expect(await offered('triage: support-tools', 'triage: |')).toContain('support-tools');
    expect(await offered('review: { by: finance-systems,', 'review: { by: |,')).toContain('finance-systems');
  });

  it('offers keys that are missing and values of the format', async () => {
    const keys = await offered('tier: high\n', 'tier: high\n|\n');
    expect(keys).not.toContain('trigger');
    expect(await offered('slo: { objective: 0.99, within: 5m }', '|')).toContain('slo');
    expect(await offered('tier: high', 'tier: |')).toEqual(['low', 'medium', 'high']);
    expect(await offered('retry: { attempts: 5, within: 1m,', 'retry: { attempts: 5, |')).toEqual(
      expect.arrayContaining(['within', 'backoff', 'jitter']),
    );
  });

  it('offers the members of a request that are not written yet', async () => {
    const members = await offered(
      '        externalId: ${ event.accountId }:${ event.version }\n        desc',
      '        |\n        desc',
    );
    expect(members).toContain('externalId');
    expect(members).not.toContain('amount');
  });

  it('offers the refusals that a step may take as a value, and what one holds', async () => {
    const call = 'call: billing.getSubscription';
    expect(await offered(call, `${call}\n    refusals: [|`)).toEqual(
      expect.arrayContaining(['conflict', 'notFound']),
    );
    const { snapshot, text } = await writing(
      'amount: ${ steps.subscription.amount }',
      'amount: ${ has(steps.subscription.refused) ? steps.subscription.refused.| : 0 }',
    );
    const taking = text.replace(call, `${call}\n    refusals: [notFound]`);
    project.setText(PIPELINE, taking);
    const offset = taking.indexOf('subscription.refused. ') + 'subscription.refused.'.length;
    const labels = completionAt(await project.snapshot(), PIPELINE, offset).map(({ label }) => label);
    expect(snapshot).toBeDefined();
    expect(labels).toEqual(expect.arrayContaining(['code', 'status', 'body']));
  });

  it('offers operations of its contract in a connector', async () => {
    const file = 'connectors/billing/connector.yaml';
    const text = await readFile(path.join(ROOT, file), 'utf8');
    expect(text).toContain('\n  voidInvoice:');
    const written = text.replace(/\n {2}voidInvoice:/, '\n  void: {}\n  other:');
    project.setText(file, written);
    const offset = written.indexOf('  void: {}') + '  void'.length;
    const labels = completionAt(await project.snapshot(), file, offset).map(({ label }) => label);
    project.setText(file, undefined);
    expect(labels).toContain('voidInvoice');
    expect(labels).not.toContain('createInvoice');
  });
});

describe('a reconciliation', () => {
  const RECONCILIATION = 'pipelines/upgrades-agree.reconciliation.yaml';
  const at = async (from: string, to: string) => {
    const text = await readFile(path.join(ROOT, RECONCILIATION), 'utf8');
    expect(text).toContain(from);
    const marked = text.replace(from, () => to.replace('|', '\u0000'));
    project.setText(RECONCILIATION, marked.replace('\u0000', ''));
    return [await project.snapshot(), RECONCILIATION, marked.indexOf('\u0000')] as const;
  };
  const labels = async (from: string, to: string) =>
    completionAt(...(await at(from, to))).map(({ label }) => label);

  it('completes the fields of its records, each side’s own, in text that does not parse too', async () => {
    const key =
      'key: ${ record.externalId }\n  id: ${ record.id }\n  changedAt: ${ record.createdAt }\ntarget';
    expect(await labels(key, key.replace('record.externalId }', 'record.| }'))).toContain('externalId');
    expect(
      await labels(
        "source: '${ record.createdAt }', target: '${ record.createdAt }'",
        "source: '${ record.|",
      ),
    ).toContain('customer');
    const ofTarget = await labels(
      "source: '${ record.createdAt }', target: '${ record.createdAt }'",
      "source: '${ record.createdAt }', target: '${ record.|",
    );
    expect(ofTarget).toContain('requester');
    expect(ofTarget).not.toContain('customer');
  });

  it('completes operations that only read, pipelines, teams and keys', async () => {
    const reads = await labels('read: billing.listInvoices', 'read: |');
    expect(reads).toContain('billing.listInvoices');
    expect(reads).not.toContain('billing.createInvoice');
    expect(await labels('pipeline: subscription-upgraded', 'pipeline: |')).toEqual(
      expect.arrayContaining(['subscription-upgraded', 'account-onboarded']),
    );
    expect(await labels('team: revenue-operations', 'team: |')).toContain('support-tools');
    expect(await labels('with: { limit: 100 }', 'with: { | }')).toEqual(
      expect.arrayContaining(['customer', 'cursor']),
    );
    expect(await labels('settle: 15m', '|')).toEqual(expect.arrayContaining(['confirm', 'window', 'alarm']));
    expect(await labels('missed: once,', 'missed: |,')).toEqual(['skip', 'once']);
  });

  it('says of a field of a record what its contract does, and of a key what it is for', async () => {
    const field = hoverAt(...(await at('where: ${ record.status', 'where: ${ record.sta|tus')));
    expect(field?.markdown).toContain('contracts/billing/openapi.yaml');
    const key = hoverAt(...(await at('settle: 15m', 'set|tle: 15m')));
    expect(key?.markdown).toContain('on its way');
    const read = hoverAt(...(await at('read: billing.listInvoices', 'read: billing.list|Invoices')));
    expect(read?.markdown).toContain('read operation billing.listInvoices');
  });

  it('does not take its sides for steps that could be renamed', async () => {
    expect(renameAt(...(await at('source: ', 'sou|rce: ')), 'other')).toEqual({
      refused: 'only steps can be renamed',
    });
  });
});

describe('hover', () => {
  it('tells the type, what the contract says, and where', async () => {
    const { snapshot, offset } = await writing(WHERE, "where: ${ event.pl|an != 'free' }");
    const { markdown } = hoverAt(snapshot, PIPELINE, offset)!;
    expect(markdown).toContain('free');
    expect(markdown).toMatch(/contracts\/crm\/openapi\.yaml:\d+/);
  });

  it('shows what a vendor wrote as text: nothing of it is fetched, and nothing is markup', async () => {
    const file = 'contracts/crm/openapi.yaml';
    const contract = await readFile(path.join(ROOT, file), 'utf8');
    const evil = '<b>Plan</b> ![x](https://evil.example/seen.png) ![y][z]';
    try {
      project.setText(file, contract.replaceAll('plan: {', `plan: { description: '${evil}',`));
      const { snapshot, offset } = await writing(WHERE, "where: ${ event.pl|an != 'free' }");
      const { markdown } = hoverAt(snapshot, PIPELINE, offset)!;
      expect(markdown).toContain('evil.example');
      expect(markdown).not.toMatch(/<b>|!\[/);
    } finally {
      project.setText(file, contract);
    }
  });

  it('tells an operation and a key', async () => {
    const call = await writing('call: billing.getSubscription', 'call: billing.getSub|scription');
    expect(hoverAt(call.snapshot, PIPELINE, call.offset)!.markdown).toContain(
      'read operation billing.getSubscription',
    );
    const key = await writing('onFailure: compensate', 'onFail|ure: compensate');
    expect(hoverAt(key.snapshot, PIPELINE, key.offset)!.markdown).toContain('After a failure');
  });

  it('says nothing of plain text', async () => {
    const { snapshot, offset } = await writing(
      'message: the subscription has ended',
      'message: the sub|scription has ended',
    );
    expect(hoverAt(snapshot, PIPELINE, offset)).toBeUndefined();
  });
});

describe('go to definition', () => {
  it('goes from a field to its schema in the contract', async () => {
    const { snapshot, offset } = await writing(WHERE, "where: ${ event.pl|an != 'free' }");
    const [at] = definitionAt(snapshot, PIPELINE, offset);
    expect(at?.file).toBe('contracts/crm/openapi.yaml');
  });

  it('goes from a call to the operation, from a name to its step or policy', async () => {
    const call = await writing('call: billing.createInvoice', 'call: billing.create|Invoice');
    expect(definitionAt(call.snapshot, PIPELINE, call.offset)[0]?.file).toBe(
      'contracts/billing/openapi.yaml',
    );
    const step = await writing('success: ${ steps.invoice.status', 'success: ${ steps.inv|oice.status');
    const [at] = definitionAt(step.snapshot, PIPELINE, step.offset);
    expect(step.text.slice(at!.range.start.offset, at!.range.end.offset)).toBe('invoice');
    const policy = await writing('policy.needsFinance', 'policy.needs|Finance');
    expect(definitionAt(policy.snapshot, PIPELINE, policy.offset)[0]?.file).toMatch(/^pipelines\/policies\//);
  });
});

describe('headers of the event', () => {
  const CONTRACT = 'contracts/crm/openapi.yaml';
  it('have their names offered, and lead to their schema in the contract', async () => {
    const contract = await readFile(path.join(ROOT, CONTRACT), 'utf8');
    const declared = contract.replace(
      'operationId: onSubscriptionUpgraded\n',
      'operationId: onSubscriptionUpgraded\n      parameters: [{ name: Tenant, in: header, required: true, schema: { type: string } }]\n',
    );
    expect(declared).not.toBe(contract);
    project.setText(CONTRACT, declared);
    try {
      expect(await offered(WHERE, 'where: ${ headers.| }')).toContain('Tenant');
      const { snapshot, offset } = await writing(WHERE, "where: ${ headers.Ten|ant != 'free' }");
      const [at] = definitionAt(snapshot, PIPELINE, offset);
      expect(at?.file).toBe(CONTRACT);
      expect(hoverAt(snapshot, PIPELINE, offset)?.markdown).toContain('headers');
    } finally {
      project.setText(CONTRACT, undefined);
    }
  });
});

describe('an item of a list', () => {
  const each = (set: string) => `  - id: accounts
    call: crm.listAccounts
  - id: lines
    forEach:
      in: \${ steps.accounts.items }
      as: account
      max: 10
      steps:
        - { id: named, set: '${set}' }
  - id: billable
`;

  it('has its fields offered, and leads to its schema in the contract', async () => {
    expect(await offered('  - id: billable\n', each('${ account.| }'))).toContain('supportTier');
    const { snapshot, offset } = await writing('  - id: billable\n', each('${ account.supp|ortTier }'));
    const [at] = definitionAt(snapshot, PIPELINE, offset);
    expect(at?.file).toBe('contracts/crm/openapi.yaml');
  });
});

describe('references and rename', () => {
  it('renames a step wherever it is named, and nothing else', async () => {
    const { snapshot, offset, text } = await writing('- id: invoice', '- id: inv|oice');
    expect(referencesAt(snapshot, PIPELINE, offset).length).toBe(
      text.match(/steps\.invoice|id: invoice/g)?.length,
    );
    const renamed = renameAt(snapshot, PIPELINE, offset, 'bill');
    expect('places' in renamed).toBe(true);
    if (!('places' in renamed)) return;
    let after = text;
    for (const { at, text: name } of renamed.places.toSorted(
      (a, b) => b.at.range.start.offset - a.at.range.start.offset,
    ))
      after = after.slice(0, at.range.start.offset) + name + after.slice(at.range.end.offset);
    expect(after).not.toContain('steps.invoice');
    project.setText(PIPELINE, after);
    expect(diagnosticsOf(await project.snapshot()).get(PIPELINE) ?? []).toEqual([]);
  });

  it('refuses a name that is taken or is none', async () => {
    const { snapshot, offset } = await writing('- id: invoice', '- id: inv|oice');
    expect(renameAt(snapshot, PIPELINE, offset, 'ticket')).toHaveProperty('refused');
    expect(renameAt(snapshot, PIPELINE, offset, 'a b')).toHaveProperty('refused');
  });
});

describe('quick fixes', () => {
  it.each([
    ['an unknown field', WHERE, "where: ${ event.pla|m != 'free' }", "event.plan != 'free'"],
    ['an enum typo', WHERE, "where: ${ event.plan != 'fre|' }", "event.plan != 'free'"],
    ['an unknown key', 'onFailure: compensate', 'onFailur|: compensate', 'onFailure: compensate'],
    [
      'an unknown operation',
      'call: billing.getSubscription',
      'call: billing.getSubscripton|',
      'billing.getSubscription',
    ],
  ])('mend %s', async (_, from, to, after) => {
    const { snapshot, offset, text } = await writing(from, to);
    const [fix] = quickFixesAt(snapshot, PIPELINE, offset, offset);
    const [edit] = fix?.edits ?? [];
    expect(edit).toBeDefined();
    const { start, end } = edit!.at.range;
    expect(text.slice(0, start.offset) + edit!.text + text.slice(end.offset)).toContain(after);
  });

  it('offer nothing where nothing is wrong', async () => {
    const { snapshot, offset } = await writing(WHERE, "where: ${ event.pl|an != 'free' }");
    expect(quickFixesAt(snapshot, PIPELINE, offset, offset)).toEqual([]);
  });
});

describe('code lenses', () => {
  it('tell the owner and the worst case', async () => {
    const { snapshot } = await writing(WHERE, WHERE);
    const titles = codeLensesOf(snapshot, PIPELINE).map(({ title }) => title);
    expect(titles[0]).toBe('owned by revenue-operations, then platform');
    expect(titles[1]).toMatch(/^can take .+ \(SLO 5m\)$/);
    expect(titles[2]).toMatch(/the longest step$/);
  });
});

describe('a project', () => {
  it('reads a contract again when it changes, and only then', async () => {
    const texts: Record<string, string> = {
      'contracts/a/openapi.yaml': 'openapi: 3.1.0\ninfo: { title: A, version: 1.0.0 }\npaths: {}\n',
      'contracts/b/openapi.yaml': 'openapi: 3.1.0\ninfo: { title: B, version: 1.0.0 }\npaths: {}\n',
    };
    const read: string[] = [];
    const disk = memoryWorkspaceFiles(texts);
    const counted = openProject('/workspace', {
      ...disk,
      read: (file) => {
        read.push(file);
        return disk.read(file);
      },
    });
    const first = await counted.snapshot();
    read.length = 0;
    texts['contracts/a/openapi.yaml'] = texts['contracts/a/openapi.yaml']!.replace('title: A', 'title: New');
    counted.changedOnDisk('contracts/a/openapi.yaml');
    const second = await counted.snapshot();
    expect(second.workspace.contracts.get('a')?.title).toBe('New');
    expect(second.workspace.contracts.get('b')).toBe(first.workspace.contracts.get('b'));
    expect(read).not.toContain('contracts/b/openapi.yaml');
  });

  it('forgets unsaved text when the file is closed', async () => {
    const { snapshot } = await writing(WHERE, 'where: ${ event.nothing }');
    expect(diagnosticsOf(snapshot).get(PIPELINE)?.length).toBeGreaterThan(0);
    project.setText(PIPELINE, undefined);
    expect(diagnosticsOf(await project.snapshot()).get(PIPELINE) ?? []).toEqual([]);
  });
});

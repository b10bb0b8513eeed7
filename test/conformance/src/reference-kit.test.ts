import type { ConnectorModule } from '@tenon/connector';
import mailConnector from '@tenon/connector-mail';
import zendeskConnector from '@tenon/connector-zendesk';
import { describe, expect, it } from 'vitest';
import { ownWorkspace } from './bench-connector.ts';
import { failuresOf, judge } from './judge.ts';

const root = new URL('../../..', import.meta.url).pathname;

/** Code of reference connectors; the others are manifests alone. */
const modules: Readonly<Record<string, ConnectorModule>> = { mail: mailConnector, zendesk: zendeskConnector };

/** Hundreds of calls, some of which wait a deadline out: seconds on a quiet machine. */
const TIMEOUT_MS = 180_000;

describe('reference connectors keep what the kit asks', { timeout: TIMEOUT_MS }, () => {
  it.each([
    'billing',
    'crm',
    'github',
    'http',
    'hubspot',
    'jira',
    'mail',
    'slack',
    'stripe',
    'ticketing',
    'webhook',
    'zendesk',
  ])('%s', async (name) => {
    const module = modules[name];
    const report = await judge(root, name, module ? { module } : {});
    expect(failuresOf(report)).toEqual([]);
    const isHttp = (await ownWorkspace()).connectors.get(name)!.transport === 'http';
    const passed = report.outcomes.filter(({ result }) => result === 'passed').length;
    expect(passed).toBeGreaterThanOrEqual(isHttp ? 30 : 8);
  });

  it('is not asked to call anything, where it only takes events in', async () => {
    const { outcomes } = await judge(root, 'clock');
    expect(outcomes.flatMap(({ result, says }) => (result === 'error' ? [says] : []))).toEqual([]);
  });

  it('are all that speak HTTP', async () => {
    const { connectors } = await ownWorkspace();
    const overHttp = [...connectors.values()]
      .filter(({ transport }) => transport === 'http')
      .map(({ name }) => name);
    expect(overHttp.sort()).toEqual([
      'billing',
      'crm',
      'github',
      'http',
      'hubspot',
      'jira',
      'slack',
      'stripe',
      'ticketing',
      'webhook',
      'zendesk',
    ]);
  });
});

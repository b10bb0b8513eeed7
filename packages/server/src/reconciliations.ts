import type { Problem } from './problem.ts';
import { badQuery, limitOf } from './query.ts';
import { absent, acted, perSecond, planned, type Route, reasonOnly, withReason } from './route.ts';

/** Reports and differences in one answer. */
const LISTED = 50;

/** Two systems compared (C80, C81): what there is to compare, reports of it, and repairs of what a report lists. */
export const reconciliationRoutes: readonly Route[] = [
  {
    operationId: 'listReconciliations',
    method: 'GET',
    path: '/v1/reconciliations',
    permission: 'read',
    handle: ({ runtime }) => ({ body: { reconciliations: runtime.reconciliations() } }),
  },
  {
    operationId: 'reconcile',
    method: 'POST',
    path: '/v1/reconciliations/:name/reports',
    permission: 'operate',
    body: withReason({ dryRun: { type: 'boolean' } }),
    handle: async ({ runtime, actor, params, body }) => {
      const isDryRun = body['dryRun'] === true;
      const begun = await runtime.reconcile(params['name']!, actor.name, String(body['reason']), isDryRun);
      if (begun.ok) return { status: 202, body: { report: begun.report } };
      if (begun.code === 'RECONCILIATION_UNKNOWN')
        return {
          problem: { status: 404, code: begun.code, title: 'No such reconciliation', detail: begun.message },
        };
      return acted(begun);
    },
  },
  {
    operationId: 'listReports',
    method: 'GET',
    path: '/v1/reports',
    permission: 'read',
    handle: ({ runtime, query }) => {
      const limit = limitOf(query, LISTED);
      if (typeof limit !== 'number') return { problem: limit };
      return { body: { reports: runtime.reconciliationReports(query['reconciliation'], limit) } };
    },
  },
  {
    operationId: 'getReport',
    method: 'GET',
    path: '/v1/reports/:report',
    permission: 'read',
    handle: ({ runtime, params }) => {
      const report = runtime.reconciliationReport(params['report']!);
      return report ? { body: report } : { problem: noReport };
    },
  },
  {
    operationId: 'listDifferences',
    method: 'GET',
    path: '/v1/reports/:report/differences',
    permission: 'read',
    handle: ({ runtime, params, query }) => {
      const limit = limitOf(query, LISTED);
      if (typeof limit !== 'number') return { problem: limit };
      const after = Number(query['after'] ?? 0);
      if (!Number.isInteger(after) || after < 0)
        return { problem: badQuery('after is the number of a difference') };
      if (!runtime.reconciliationReport(params['report']!)) return { problem: noReport };
      return { body: { differences: runtime.reportedDifferences(params['report']!, after, limit) } };
    },
  },
  {
    operationId: 'planRepair',
    method: 'POST',
    path: '/v1/reports/:report/repairs',
    permission: 'operate',
    body: reasonOnly,
    handle: async ({ runtime, actor, params, body }) => {
      const result = await runtime.planRepair(params['report']!, actor.name, String(body['reason']));
      return !result.ok && result.code === 'REPORT_UNKNOWN' ? { problem: noReport } : planned(result);
    },
  },
  {
    operationId: 'getRepair',
    method: 'GET',
    path: '/v1/repairs/:token',
    permission: 'read',
    handle: ({ runtime, params }) => {
      const token = params['token']!;
      const status = runtime.repairStatus(token);
      return status
        ? { body: status }
        : absent('REPAIR_UNKNOWN', `no dry run of a repair that is still kept has given the token ${token}`);
    },
  },
  {
    operationId: 'applyRepair',
    method: 'POST',
    path: '/v1/repairs/:token/apply',
    permission: 'operate',
    body: withReason({ perSecond, outdated: { type: 'boolean' } }),
    handle: async ({ runtime, actor, params, body }) => {
      const rate = body['perSecond'];
      const options = {
        ...(typeof rate === 'number' && { perSecond: rate }),
        isOutdatedToo: body['outdated'] === true,
      };
      return acted(await runtime.applyRepair(params['token']!, actor.name, String(body['reason']), options));
    },
  },
];

const noReport: Problem = { status: 404, code: 'HTTP_RESOURCE_UNKNOWN', title: 'No such report' };

import type { JsonSchema } from '@tenon/schema';
import type { Problem } from './problem.ts';
import { absent, acted, type Route, reason } from './route.ts';

/** Reports and differences in one answer. */
const LISTED = 50;
const LISTED_MAX = 1_000;

const perSecond: JsonSchema = { type: 'number', exclusiveMinimum: 0, maximum: 1_000 };

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
    body: {
      type: 'object',
      required: ['reason'],
      properties: { reason, dryRun: { type: 'boolean' } },
      additionalProperties: false,
    },
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
      const limit = limitOf(query);
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
      const limit = limitOf(query);
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
    body: { type: 'object', required: ['reason'], properties: { reason }, additionalProperties: false },
    handle: async ({ runtime, actor, params, body }) => {
      const result = await runtime.planRepair(params['report']!, actor.name, String(body['reason']));
      if (result.ok) return { body: result.report };
      return result.code === 'REPORT_UNKNOWN' ? { problem: noReport } : acted(result);
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
        : absent('REPAIR_UNKNOWN', `no dry run of a repair has given the token ${token}`);
    },
  },
  {
    operationId: 'applyRepair',
    method: 'POST',
    path: '/v1/repairs/:token/apply',
    permission: 'operate',
    body: {
      type: 'object',
      required: ['reason'],
      properties: { reason, perSecond, outdated: { type: 'boolean' } },
      additionalProperties: false,
    },
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

function limitOf(query: Readonly<Record<string, string>>): number | Problem {
  const limit = query['limit'] === undefined ? LISTED : Number(query['limit']);
  if (Number.isInteger(limit) && limit >= 1 && limit <= LISTED_MAX) return limit;
  return badQuery(`limit must be a whole number from 1 to ${LISTED_MAX}`);
}

function badQuery(detail: string): Problem {
  return { status: 400, code: 'HTTP_QUERY_INVALID', title: 'Bad query', detail };
}

import type { testkitRules } from './rules.ts';

/** For every code, fixtures of a connector with the operation `createOrder` (`total`), the event `orderPaid` (`id`) and the resource `orders` (`id`, `total`) that fire it, and some that do not. */
export const testkitCases = {
  'fixtures-value-invalid': {
    fires: 'data: { orders: { id: ord_1 } }',
    silent: 'data: { orders: [{ id: ord_1 }] }',
  },
  'fixtures-row-unfit': {
    fires: 'data: { orders: [{ id: ord_1, totl: 995 }] }',
    silent: 'data: { orders: [{ id: ord_1, total: 995 }] }',
  },
  'fixtures-value-unfit': {
    fires: 'inputs: { createOrder: { body: { total: much } } }',
    silent: 'inputs: { createOrder: { body: { total: 995 } } }',
  },
  'fixtures-name-unknown': {
    fires: 'inputs: { creatOrder: { body: {} } }',
    silent: 'inputs: { createOrder: { body: {} } }',
  },
} as const satisfies Record<keyof typeof testkitRules, { readonly fires: string; readonly silent: string }>;

/**
 * How fast expressions are evaluated: nanoseconds each, and ratios against plain JavaScript and against
 * @marcbachmann/cel-js in the same run. `node --conditions=source test/bench/src/expression.ts`
 */
import { parse } from '@marcbachmann/cel-js';
import { compileExpression } from '@tenon/expression';
import type { Json } from '@tenon/model';

const event = {
  accountId: 'acc_1029',
  version: '7',
  plan: 'team',
  amount: 149.5,
  shipping: 4.9,
  customer: { address: { geo: { country: 'NZ' } } },
  items: Array.from({ length: 10 }, (_, i) => ({ sku: `sku-${i}`, quantity: i % 4, price: 10.5 * i })),
};
type Input = { event: typeof event & { coupon?: string } };
const scope: Input = { event };
// The same object, seen as what a runtime hands in; its optional member is left out, never undefined.
const json = scope as unknown as Readonly<Record<string, Json>>;

interface Subject {
  readonly name: string;
  readonly source: string;
  readonly plain: (scope: Input) => unknown;
}

const subjects: readonly Subject[] = [
  {
    name: 'deep access',
    source: 'event.customer.address.geo.country',
    plain: (s) => s.event.customer.address.geo.country,
  },
  {
    name: 'condition',
    source: "event.plan != 'free' && event.amount > 100.0 || event.shipping == 0.0",
    plain: (s) => (s.event.plan !== 'free' && s.event.amount > 100) || s.event.shipping === 0,
  },
  {
    name: 'arithmetic',
    source: '(event.amount + event.shipping) * 1.15 - 10.0',
    plain: (s) => (s.event.amount + s.event.shipping) * 1.15 - 10,
  },
  {
    name: 'text',
    source: "event.accountId + ':' + event.version",
    plain: (s) => `${s.event.accountId}:${s.event.version}`,
  },
  {
    name: 'presence',
    source: "has(event.coupon) ? event.coupon : event.plan in ['team', 'pro'] ? 'group' : 'none'",
    plain: (s) =>
      s.event.coupon !== undefined
        ? s.event.coupon
        : ['team', 'pro'].includes(s.event.plan)
          ? 'group'
          : 'none',
  },
  {
    name: 'macros',
    source: 'event.items.filter(i, i.quantity > 1.0).map(i, i.price * i.quantity)',
    plain: (s) => s.event.items.filter((i) => i.quantity > 1).map((i) => i.price * i.quantity),
  },
];

const ROUNDS = 7;
const ROUND_MS = 60;

let sink: unknown;

/** Nanoseconds a call, best of several rounds taken in turn with the others, so that a noisy moment hits all. */
function measure(calls: readonly (() => unknown)[]): number[] {
  const best = calls.map(() => Number.POSITIVE_INFINITY);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, call] of calls.entries()) {
      let count = 0;
      const start = performance.now();
      let elapsedMs = 0;
      while (elapsedMs < ROUND_MS) {
        for (let i = 0; i < 2_000; i++) sink = call();
        count += 2_000;
        elapsedMs = performance.now() - start;
      }
      best[index] = Math.min(best[index]!, (elapsedMs * 1e6) / count);
    }
  return best;
}

const rows = subjects.map((subject) => {
  const ours = compileExpression(subject.source);
  const theirs = parse(subject.source);
  const result = ours.evaluate(json);
  const expected = JSON.stringify(subject.plain(scope));
  if (!result.ok || JSON.stringify(result.value) !== expected)
    throw new Error(`${subject.name}: ${JSON.stringify(result)} is not ${expected}`);
  if (JSON.stringify(theirs(scope)) !== expected) throw new Error(`${subject.name}: cel-js disagrees`);
  const [plain, tenon, celJs] = measure([
    () => subject.plain(scope),
    () => ours.evaluate(json),
    () => theirs(scope),
  ]) as [number, number, number];
  return { name: subject.name, plain, tenon, celJs };
});

const geometric = (values: readonly number[]): number =>
  Math.exp(values.reduce((total, value) => total + Math.log(value), 0) / values.length);

console.log('kind           plain ns   tenon ns   cel-js ns   tenon / plain   cel-js / tenon');
for (const row of rows)
  console.log(
    `${row.name.padEnd(14)} ${cell(row.plain)} ${cell(row.tenon)} ${cell(row.celJs)}   ${ratio(row.tenon / row.plain)}        ${ratio(row.celJs / row.tenon)}`,
  );
console.log(
  `geometric mean: tenon / plain ${geometric(rows.map((row) => row.tenon / row.plain)).toFixed(1)}, ` +
    `cel-js / tenon ${geometric(rows.map((row) => row.celJs / row.tenon)).toFixed(1)}`,
);
console.log(`deep accesses: ${(1e3 / rows[0]!.tenon).toFixed(1)} million a second`);
if (sink === rows) console.log('');

function cell(nanoseconds: number): string {
  return nanoseconds.toFixed(1).padStart(10);
}

function ratio(value: number): string {
  return `${value.toFixed(1)} ×`.padStart(9);
}

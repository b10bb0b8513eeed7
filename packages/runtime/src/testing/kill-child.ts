import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '../embedded/open-runtime.ts';
import { killPlans } from './kill-plans.ts';
import { plainTransport } from './plain-transport.ts';

// The process to be killed: carries a load of runs against a server, as often as it is started, until all have ended.
const [file = '', url = '', runs = '0', known = ''] = process.argv.slice(2);
// What was acknowledged is not sent again: were it lost, nobody would bring it back.
const acknowledged = new Set(known.split(','));
const runtime = await openRuntime({
  file,
  clock: systemClock,
  random: systemRandom,
  transport: () => plainTransport(url),
});
for (const plan of killPlans) await runtime.activate(plan);
process.stdout.write('up\n');
await Promise.all(
  Array.from({ length: Number(runs) }, async (_, i) => {
    const id = `o${i}${i % 7 === 3 ? '!' : ''}`;
    if (acknowledged.has(id)) return;
    const payload = { id, account: `A${i % 10}`, lines: ['a', 'b', 'c'].slice(0, i % 4) };
    const result = await runtime.accept({
      event: 'shop.ordered',
      payload,
      deliveryId: `d${i}`,
      source: 'shop',
    });
    if (!result.ok) throw new Error(result.failure.message);
    process.stdout.write(`accepted ${id}\n`);
  }),
);
const timer = setInterval(() => {
  // A `put` may be repeated by its nature; what else is in doubt stays so.
  for (const { runId, stepId } of runtime.inDoubt())
    if (stepId === 'put') void runtime.settle(runId, stepId, 'redo', 'kill-child', 'harmless by nature');
  const open = (['running', 'waiting', 'compensating'] as const).some(
    (state) => runtime.runs({ state, limit: 1 }).length > 0,
  );
  const isBlocked = runtime.inDoubt().length > 0;
  if (open || (!isBlocked && runtime.runs({ state: 'accepted', limit: 1 }).length > 0)) return;
  clearInterval(timer);
  void runtime
    .idle()
    .then(() => runtime.stop())
    .then(() => process.stdout.write('done\n'));
}, 20);

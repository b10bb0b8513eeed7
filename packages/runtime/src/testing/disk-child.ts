import { systemClock, systemRandom } from '@tenon/model';
import { openRuntime } from '../embedded/open-runtime.ts';
import { RuntimeError } from '../runtime-error.ts';
import { planFor } from './plan.ts';

// A process on a disk that fails: takes event after event, says which were acknowledged, and how it refuses.
const [file = '', events = '0', first = '0'] = process.argv.slice(2);
const filler = 'x'.repeat(4_000);
const say = (text: string): void => void process.stdout.write(`${text}\n`);

try {
  const runtime = await openRuntime({
    file,
    clock: systemClock,
    random: systemRandom,
    transport: () => {
      throw new Error('nothing is called');
    },
    onProblem: (message) => say(`problem ${message}`),
    // Intake would refuse long before such a small disk is full; here the disk itself is to fail.
    limits: { diskFreeBytesMin: 0 },
  });
  await runtime.activate(planFor({ steps: [] }));
  say('up');
  for (let i = Number(first); i < Number(first) + Number(events); i++) {
    const result = await runtime.accept({
      event: 'shop.ordered',
      payload: { id: `o${i}`, filler },
      deliveryId: `d${i}`,
      source: 'shop',
    });
    say(result.ok ? `accepted o${i}` : `refused ${result.failure.code} ${result.failure.message}`);
  }
  await runtime.stop();
  say('stopped');
} catch (error) {
  const code = error instanceof RuntimeError ? error.code : 'UNEXPECTED';
  say(`failed ${code} ${error instanceof Error ? error.message : String(error)}`);
}

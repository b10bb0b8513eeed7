import { happenings } from './simulation/coverage.ts';
import { simulate } from './simulation/simulate.ts';

// `node --conditions=source packages/runtime/src/testing/simulate-main.ts [first seed] [seeds] [first]`: prints each seed
// that breaks a promise, and a closing line; with `first`, stops at the first one.
const [first = '1', count = '1000', stopAt] = process.argv.slice(2);
const states: Record<string, number> = {};
let crashes = 0;
let switches = 0;
let broken = 0;
const seen = new Map<string, number>(happenings.map((happening) => [happening, 0]));
for (let seed = Number(first); seed < Number(first) + Number(count); seed++) {
  const simulation = await simulate(seed);
  crashes += simulation.crashes;
  switches += simulation.switches;
  for (const [happening, times] of Object.entries(simulation.happenings))
    seen.set(happening, seen.get(happening)! + times);
  for (const { state } of simulation.runs) states[state] = (states[state] ?? 0) + 1;
  if (simulation.violations.length === 0) continue;
  broken++;
  console.log(`seed ${seed}:\n  ${simulation.violations.join('\n  ')}`);
  if (stopAt === 'first') process.exit(3);
}
for (const [happening, times] of seen) console.log(`${String(times).padStart(8)} ${happening}`);
const { user, system } = process.cpuUsage();
const cpuMs = Math.round((user + system) / 1_000);
console.log(JSON.stringify({ seeds: Number(count), broken, crashes, switches, runs: states, cpuMs }));
process.exit(broken === 0 ? 0 : 3);

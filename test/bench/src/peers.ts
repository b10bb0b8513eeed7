import { cpus, loadavg } from 'node:os';
import { type Measured, measure } from './peers/subject.ts';
import { type SubjectName, subjects } from './peers/subjects.ts';

// `node --conditions=source test/bench/src/peers.ts [--rounds 3] [--seconds 5] [--only tenon,restate]`: HTTP in → 3 durable
// steps → end, 1 KiB a step, against Restate, DBOS, Node-RED and a bare HTTP server, in turns, from a sender in its own
// process. Peers are installed below `.cache` at the first run. Prints medians, ratios and which targets are met; exits 3
// when one that must be met is not.

/** Ours and two of the peers compile what they run while they run it: in the first seconds that is a tenth of their CPU. */
const WARM_UP_MS = 6_000;

interface Scenario {
  readonly subject: SubjectName;
  readonly inFlight: number;
}

/** `reach` is what we want, `must` what we hold ourselves to; both say how many times better than the peer. */
interface Target {
  readonly what: string;
  readonly ours: Scenario;
  readonly theirs: Scenario;
  readonly figure: 'perSecond' | 'cpuMsPerRun' | 'p99Ms';
  readonly reach: number;
  readonly must?: number;
}

const scenarios: readonly Scenario[] = [64, 256].flatMap((inFlight) =>
  (['tenon', 'restate', 'dbos', 'tenon, HTTP effects', 'tenon, lean', 'node-red', 'bare HTTP'] as const).map(
    (subject) => ({ subject, inFlight }),
  ),
);

const targets: readonly Target[] = [
  ...[64, 256].flatMap((inFlight): Target[] => {
    const ours = { subject: 'tenon', inFlight } as const;
    return [
      {
        what: 'throughput / Restate',
        ours,
        theirs: { subject: 'restate', inFlight },
        figure: 'perSecond',
        reach: 10,
        must: 5,
      },
      {
        what: 'throughput / DBOS',
        ours,
        theirs: { subject: 'dbos', inFlight },
        figure: 'perSecond',
        reach: 25,
        must: 10,
      },
      {
        what: "Restate's CPU per run / ours",
        ours,
        theirs: { subject: 'restate', inFlight },
        figure: 'cpuMsPerRun',
        reach: 20,
        must: 10,
      },
    ];
  }),
  {
    what: "Restate's p99 / ours",
    ours: { subject: 'tenon', inFlight: 64 },
    theirs: { subject: 'restate', inFlight: 64 },
    figure: 'p99Ms',
    reach: 10,
    must: 5,
  },
  {
    what: 'lean: throughput / bare HTTP',
    ours: { subject: 'tenon, lean', inFlight: 256 },
    theirs: { subject: 'bare HTTP', inFlight: 256 },
    figure: 'perSecond',
    reach: 0.4,
  },
  {
    what: 'lean: throughput / Node-RED',
    ours: { subject: 'tenon, lean', inFlight: 256 },
    theirs: { subject: 'node-red', inFlight: 256 },
    figure: 'perSecond',
    reach: 1,
  },
];

const rounds = Number(option('rounds', '3'));
const seconds = Number(option('seconds', '5'));
const only = option('only', '')
  .split(/,(?! )/)
  .filter(Boolean);
const results = new Map<string, Measured[]>();
console.log(
  `${cpus().length} × ${cpus()[0]?.model}, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}`,
);
for (let round = 0; round < rounds; round++)
  for (const scenario of scenarios) {
    if (only.length > 0 && !only.includes(scenario.subject)) continue;
    const started = await subjects[scenario.subject]();
    try {
      const measured = await measure(started, {
        inFlight: scenario.inFlight,
        warmUpMs: WARM_UP_MS,
        measureMs: seconds * 1_000,
        fillerBytes: 1_000,
        round,
      });
      const name = nameOf(scenario);
      results.set(name, [...(results.get(name) ?? []), measured]);
      console.error(`round ${round + 1}: ${name}: ${Math.round(measured.perSecond)}/s`);
    } catch (error) {
      console.error(
        `round ${round + 1}: ${nameOf(scenario)}: ${error instanceof Error ? error.message : error}`,
      );
    } finally {
      await started.stop();
    }
  }

const medians = new Map([...results].map(([name, measured]) => [name, medianOf(measured)]));
console.table(Object.fromEntries([...medians].map(([name, measured]) => [name, rounded(measured)])));
const verdicts = targets.flatMap((target) => {
  const ours = medians.get(nameOf(target.ours))?.[target.figure];
  const theirs = medians.get(nameOf(target.theirs))?.[target.figure];
  if (ours === undefined || theirs === undefined) return [];
  const ratio = target.figure === 'perSecond' ? ours / theirs : theirs / ours;
  const isMissed = target.must !== undefined && ratio < target.must;
  const verdict =
    ratio >= target.reach
      ? 'reached'
      : isMissed
        ? 'MISSED'
        : target.must === undefined
          ? 'not reached'
          : 'met, not reached';
  return [
    {
      isMissed,
      row: {
        what: `${target.what}, ${target.ours.inFlight} in flight`,
        ratio: round2(ratio),
        reach: target.reach,
        must: target.must ?? '',
        verdict,
      },
    },
  ];
});
console.table(verdicts.map(({ row }) => row));
process.exit(verdicts.some(({ isMissed }) => isMissed) ? 3 : 0);

function nameOf({ subject, inFlight }: Scenario): string {
  return `${subject}, ${inFlight} in flight`;
}

/** Each figure's own median. */
function medianOf(measured: readonly Measured[]): Measured {
  const of = (figure: keyof Measured): number =>
    measured.map((each) => each[figure]).toSorted((a, b) => a - b)[Math.floor(measured.length / 2)]!;
  return {
    perSecond: of('perSecond'),
    p50Ms: of('p50Ms'),
    p99Ms: of('p99Ms'),
    cpuMsPerRun: of('cpuMsPerRun'),
    failed: of('failed'),
  };
}

function rounded(measured: Measured): Measured {
  return {
    perSecond: Math.round(measured.perSecond),
    p50Ms: round2(measured.p50Ms),
    p99Ms: round2(measured.p99Ms),
    cpuMsPerRun: Math.round(measured.cpuMsPerRun * 1_000) / 1_000,
    failed: measured.failed,
  };
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}

function option(name: string, standard: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? standard : (process.argv[at + 1] ?? standard);
}

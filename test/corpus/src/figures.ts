/**
 * The figures of the contract diff, as a table: containment, oasdiff, equivalence rewrites, narrowing mutations, fuzz.
 * `node --conditions=source test/corpus/src/figures.ts [containment] [oasdiff] [rewrites] [mutations] [fuzz]`
 */
import { readFileSync } from 'node:fs';
import { diffContracts } from '@tenon/diff';
import { canonicalJson, seededRandom } from '@tenon/model';
import { type AdjudicatedLabel, containmentPairs, runContainment } from './containment.ts';
import { rewriteSomewhere } from './equivalence.ts';
import { runFuzz } from './fuzz.ts';
import { mutateSomewhere } from './mutations.ts';
import { type Adjudication, isValueSetBreak, oasdiffPairs, runOasdiff } from './oasdiff.ts';
import { type Subject, subjects } from './subjects.ts';

const ROUNDS = 2_200;
const FUZZ_PAIRS = 100_000;

const figures: Readonly<Record<string, () => void | Promise<void>>> = {
  containment: () => {
    const result = runContainment(containmentPairs());
    const adjudicated = readJson<readonly AdjudicatedLabel[]>('containment.adjudicated.json');
    const known = new Set(adjudicated.map(({ sub, sup }) => canonicalJson([sub, sup])));
    const wrong = result.wrong.filter(({ isRefuted }) => !isRefuted);
    const open = result.wrong.filter(({ sub, sup }) => !known.has(canonicalJson([sub, sup])));
    row('containment/dev: questions', result.questions, '');
    row('  decided', percent(result.decided, result.questions), '≥ 97%');
    row('  against the label, a plain Ajv refutes the label', result.wrong.length - wrong.length, '');
    row('  of these without adjudication', open.length, '0');
    row('  wrong', wrong.length, '0');
    for (const [keyword, count] of Object.entries(result.undecided))
      row(`  undecided: ${keyword}`, count, '');
    for (const each of [...wrong, ...open].slice(0, 10)) console.error(JSON.stringify(each));
  },
  oasdiff: async () => {
    const results = await runOasdiff(oasdiffPairs(), Date.now());
    const adjudicated = new Map(
      readJson<readonly Adjudication[]>('oasdiff.adjudicated.json').map((each) => [each.name, each]),
    );
    const agree = results.filter(({ pair, isBreaking }) => isBreaking === (pair.verdict === 'breaking'));
    const refused = results.filter(({ pair, isRefused }) => isRefused === (pair.verdict === 'breaking'));
    const differ = results.filter((result) => !agree.includes(result));
    const open = differ.filter(({ pair }) => !adjudicated.has(pair.name));
    const settled = differ.filter(({ pair }) =>
      ['witness', 'vacuous'].includes(adjudicated.get(pair.name)?.by ?? ''),
    );
    row('oasdiff/dev: pairs', results.length, '');
    row('  severity breaking ⇔ breaking', percent(agree.length, results.length), '');
    row('  refused by the default policy ⇔ breaking', percent(refused.length, results.length), '≥ 90%');
    row(
      '  agreed, or settled by witness or proof',
      percent(agree.length + settled.length, results.length),
      '',
    );
    row('  disagreements without adjudication', open.length, '0');
    for (const { pair } of open) console.error(`${pair.name} ${pair.verdict}`);
    const names = new Set(differ.map(({ pair }) => pair.name));
    row(
      '  adjudications of no disagreement',
      [...adjudicated.keys()].filter((name) => !names.has(name)).length,
      '0',
    );
    let breaks = 0;
    let settledBreaks = 0;
    for (const { pair, report } of results) {
      const claims = pair.expected.filter(({ id, level }) => level === 'ERR' && isValueSetBreak(id));
      breaks += claims.length;
      const witnesses = report.findings.filter((finding) => finding.witness !== undefined).length;
      // No witness and nothing open: every difference was proved harmless, or to be one of a schema that takes nothing.
      const isClosed = report.undecided.every(({ keyword }) => keyword === 'unsatisfiable');
      settledBreaks += isClosed ? claims.length : Math.min(claims.length, witnesses);
    }
    row('  value-set breaks with witness or proof', percent(settledBreaks, breaks), '≥ 95%');
  },
  rewrites: async () => {
    const random = seededRandom(71);
    const list = await subjects(random, 60);
    const alarms: string[] = [];
    let done = 0;
    for (let i = 0; done < ROUNDS && i < ROUNDS * 3; i++) {
      const subject = list[i % list.length]!;
      const rewritten = rewriteSomewhere(subject.whole, random);
      if (!rewritten) continue;
      done++;
      const report = diffContracts(
        subject.contractWith(subject.whole),
        subject.contractWith(rewritten.whole),
      );
      const loud = report.findings.filter(({ severity }) => severity === 'breaking' || severity === 'risky');
      if (loud.length + report.undecided.length > 0)
        alarms.push(
          `${rewritten.name}: ${subject.name}: ${loud[0]?.rule ?? report.undecided[0]?.keyword} ${loud[0]?.message ?? ''}`,
        );
    }
    row('equivalence rewrites', done, '≥ 2,000');
    row('  false alarms', alarms.length, '0');
    for (const alarm of alarms.slice(0, 20)) console.error(alarm);
  },
  mutations: async () => {
    const random = seededRandom(72);
    const list = await subjects(random, 60);
    const missed: string[] = [];
    let done = 0;
    let vacuous = 0;
    for (let i = 0; done < ROUNDS && i < ROUNDS * 3; i++) {
      const subject = list[i % list.length]!;
      const mutated = mutateSomewhere(subject.whole, random);
      if (!mutated) continue;
      const outcome = verdictOf(subject, mutated.whole);
      if (outcome === 'vacuous') {
        vacuous++;
        continue;
      }
      done++;
      if (outcome !== 'found')
        missed.push(
          `${mutated.name}: ${subject.name} ${mutated.place.definition ?? ''}/${mutated.place.tokens.join('/')}: ${outcome}`,
        );
    }
    row('narrowing mutations', done, '≥ 2,000');
    row('  found with a witness', percent(done - missed.length, done), '≥ 97%');
    row('  proved to change nothing, not counted', vacuous, '');
    for (const each of missed.slice(0, 20)) console.error(each);
  },
  fuzz: () => {
    const result = runFuzz(FUZZ_PAIRS, 73, () => performance.now());
    row('fuzz: schema pairs', result.pairs, '100,000');
    row('  included, broken, undecided', `${result.included}, ${result.broken}, ${result.undecided}`, '');
    row('  crashes', result.crashes.length, '0');
    row('  claimed inclusions refuted by 200 values', result.refuted.length, '0');
    row('  slowest pair', `${Math.round(result.slowestMs)} ms`, 'within its budget');
    for (const each of [...result.crashes, ...result.refuted.map((one) => JSON.stringify(one))].slice(0, 10))
      console.error(each);
  },
};

/** Requests are what the subjects are compared as: a narrower schema must break one. */
function verdictOf(subject: Subject, whole: Subject['whole']): string {
  const report = diffContracts(subject.contractWith(subject.whole), subject.contractWith(whole));
  const hits = report.findings.filter(({ severity }) => severity === 'breaking' || severity === 'risky');
  if (hits.some((finding) => finding.witness !== undefined)) return 'found';
  const open = report.undecided.filter(({ keyword }) => keyword !== 'unsatisfiable');
  if (open.length > 0) return `undecided ${open[0]!.keyword}`;
  return hits.length > 0 ? 'no witness' : 'vacuous';
}

function row(what: string, measured: string | number, wanted: string): void {
  console.log(`${what.padEnd(52)} ${String(measured).padStart(14)}   ${wanted}`);
}

function percent(part: number, whole: number): string {
  return `${((part / whole) * 100).toFixed(2)}%`;
}

function readJson<T>(file: string): T {
  // The files beside this one are written by hand; their shape is the type's.
  return JSON.parse(readFileSync(new URL(file, import.meta.url), 'utf8')) as T;
}

const asked = process.argv.slice(2);
for (const [name, run] of Object.entries(figures))
  if (asked.length === 0 || asked.includes(name)) await run();

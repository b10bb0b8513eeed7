/**
 * Soundness by fuzz: plans of drawn pipelines and of the corpus, run over drawn data that fits their contracts.
 * Usage: `node --conditions=source test/corpus/src/soundness-main.ts [runs] [seed]`. Exits 1 at a type error.
 */
import { checkWorkspace, loadWorkspaceFiles, memoryWorkspaceFiles, type Plan } from '@tenon/pipeline';
import { correctWorkspace } from './pipelines-correct.ts';
import { baseFiles } from './pipelines-defective.ts';
import { drawnPipelines, SoundnessRun, TYPE_ERRORS } from './soundness.ts';

const wanted = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? 1);
const PIPELINES_A_ROUND = 200;
const RUNS_OF_A_DRAWN_PLAN = 60;

const soundness = new SoundnessRun(seed);
let drawn = 0;
let passed = 0;
let real = 0;
for (const files of [baseFiles, (await correctWorkspace()) ?? {}])
  for (const plan of await plansOf(files)) {
    real++;
    repeat(plan, 1_000);
  }
for (let round = 0; soundness.result.runs < wanted; round++) {
  const plans = await plansOf(drawnPipelines(PIPELINES_A_ROUND, seed * 100_003 + round));
  drawn += PIPELINES_A_ROUND;
  passed += plans.length;
  for (const plan of plans) repeat(plan, RUNS_OF_A_DRAWN_PLAN);
  if (round % 20 === 0) console.error(`${soundness.result.runs} runs`);
}
const { runs, evaluations, failures, examples } = soundness.result;
console.log(`runs ${runs}, evaluations ${evaluations}`);
console.log(`pipelines: ${real} of the corpora, ${passed} of ${drawn} drawn passed check`);
console.log(`failures: ${[...failures].map(([code, count]) => `${code} ${count}`).join(', ') || 'none'}`);
for (const example of examples) console.log(`  ${example}`);
process.exitCode = TYPE_ERRORS.some((code) => failures.has(code)) ? 1 : 0;

async function plansOf(files: Readonly<Record<string, string>>): Promise<readonly Plan[]> {
  const { value } = await loadWorkspaceFiles('/corpus', memoryWorkspaceFiles(files));
  return value ? [...checkWorkspace(value).plans.values()] : [];
}

function repeat(plan: Plan, times: number): void {
  const run = soundness.prepare(plan);
  if (run) for (let index = 0; index < times; index++) run();
}

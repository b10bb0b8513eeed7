import { expect, it } from 'vitest';
import { type DrillReport, drill } from './drill.ts';
import { explore } from './explore.ts';
import { drillFindings } from './findings.ts';
import { judge } from './judge.ts';
import { partsOf } from './parts.ts';
import { reference } from './reference.testing.ts';
import { type DrillCase, drillCases } from './rules.cases.ts';
import { lastRefused } from './schedules.ts';
import { Trial } from './trial.ts';

const source = await reference();
const plan = source.plan('subscription-upgraded');
const parts = partsOf(source, plan, 1);
const { bases } = await explore(parts);
const { start, outcome: sound } = bases[0]!;
const undone = await new Trial(parts, start, lastRefused(parts, sound)!).run();
const report: DrillReport = await drill(source, plan, { only: 'nothing goes wrong' });

it('finds nothing in a run that went well, in one that was undone, and in a drill of both', () => {
  expect(sound.run?.state).toBe('succeeded');
  expect(undone.run?.state).toBe('compensated');
  expect(judge(parts, start, sound)).toEqual([]);
  expect(judge(parts, start, undone)).toEqual([]);
  expect(drillFindings(report, plan)).toEqual([]);
});

async function codesOf({ edit, only }: NonNullable<DrillCase['drilled']>): Promise<readonly string[]> {
  const edited = await reference({ 'pipelines/subscription-upgraded.pipeline.yaml': edit });
  const other = edited.plan('subscription-upgraded');
  return drillFindings(await drill(edited, other, { only }), other).map(({ code }) => code);
}

it.each(Object.entries<DrillCase>(drillCases))(
  '%s is found where it is',
  async (code, { run, undone: ofUndone, report: ofReport, drilled }) => {
    const broken = [
      ...(run === undefined ? [] : judge(parts, start, run(sound))),
      ...(ofUndone === undefined ? [] : judge(parts, start, ofUndone(undone))),
    ].map((one) => one.code as string);
    const found = ofReport === undefined ? [] : drillFindings(ofReport(report), plan).map((one) => one.code);
    expect([...broken, ...found, ...(drilled === undefined ? [] : await codesOf(drilled))]).toContain(code);
  },
);

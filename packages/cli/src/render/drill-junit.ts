import type { Diagnostic } from '@tenon/model';
import type { Plan } from '@tenon/pipeline';
import { type Broken, type DrillReport, drillFindings, type TrialReport } from '@tenon/testkit/drill';
import { drillRules } from '@tenon/testkit/drill-rules';
import { xml } from './machine.ts';

/**
 * JUnit XML of a drill: a suite of each pipeline and a case of each way, by their names, which are the same from one drill to the next; `notBegun`:
 * pipelines that it was interrupted before.
 */
export function renderDrillJunit(
  reports: readonly DrillReport[],
  plans: ReadonlyMap<string, Plan>,
  notBegun: readonly string[],
): string {
  const suites = [
    ...reports.map((report) => suite(report.pipeline, casesOf(report, plans.get(report.pipeline)!))),
    ...notBegun.map((pipeline) => suite(pipeline, [INTERRUPTED])),
  ];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`;
}

interface Case {
  readonly name: string;
  readonly result: 'passed' | 'failed' | 'skipped';
  /** What stands in it. */
  readonly body: string;
}

const INTERRUPTED: Case = {
  name: 'the other ways',
  result: 'skipped',
  body: '<skipped message="interrupted: they were not tried"/>',
};

function suite(pipeline: string, cases: readonly Case[]): string {
  const count = (wanted: Case['result']): number => cases.filter(({ result }) => result === wanted).length;
  const counts = `tests="${cases.length}" failures="${count('failed')}" skipped="${count('skipped')}"`;
  const lines = cases.map(({ name, body }) => {
    const open = `    <testcase classname="${xml(pipeline)}" name="${xml(name)}"`;
    return body === '' ? `${open}/>\n` : `${open}>${body}</testcase>\n`;
  });
  return `  <testsuite name="${xml(pipeline)}" ${counts}>\n${lines.join('')}  </testsuite>\n`;
}

function casesOf(report: DrillReport, plan: Plan): readonly Case[] {
  // What is not of one way: that none was found, that a step was reached by none.
  const ofNoWay = drillFindings({ ...report, trials: [] }, plan);
  return [
    ...report.trials.map(wayCase),
    ...ofNoWay.map(findingCase),
    ...(report.isCut === true ? [INTERRUPTED] : []),
  ];
}

function wayCase({ schedule, broken }: TrialReport): Case {
  const isFailed = broken.some(isError);
  return {
    name: schedule.name,
    result: isFailed ? 'failed' : 'passed',
    body: broken.map((one) => told(one.code, one.message, textOf(one), isError(one))).join(''),
  };
}

function findingCase({ code, message, severity, why, fix }: Diagnostic): Case {
  const isFailed = severity === 'error';
  return {
    name: `${code}: ${message}`,
    result: isFailed ? 'failed' : 'passed',
    body: told(code, message, `${message}\nwhy  ${why}\nfix  ${fix}`, isFailed),
  };
}

function told(code: string, message: string, text: string, isFailed: boolean): string {
  return isFailed
    ? `<failure type="${xml(code)}" message="${xml(message)}">${xml(text)}</failure>`
    : `<system-out>${xml(`${code}: ${text}`)}</system-out>`;
}

function textOf({ code, step, message }: Broken): string {
  const { why, fix } = drillRules[code];
  return `${step === undefined ? '' : `${step}: `}${message}\nwhy  ${why}\nfix  ${fix}`;
}

function isError({ code }: Broken): boolean {
  return drillRules[code].severity === 'error';
}

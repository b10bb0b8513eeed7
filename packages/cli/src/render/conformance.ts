import type { CheckOutcome, ConformanceReport } from '@tenon/testkit';
import { xml } from './machine.ts';
import { plural } from './report.ts';

export const conformanceFormats = ['human', 'json', 'junit'] as const;
export type ConformanceFormat = (typeof conformanceFormats)[number];

const MARKS = { passed: '✓', failed: '✗', notApplicable: '–', error: '!' } as const;
const COLORS = { passed: 32, failed: 31, notApplicable: 2, error: 33 } as const;

/** One check as it ends, for people: what was looked at, or what is wrong, why it matters and what to do. */
export function renderOutcome({ check, result, says, problems }: CheckOutcome, color: boolean): string {
  const mark = color ? `\u001b[${COLORS[result]}m${MARKS[result]}\u001b[0m` : MARKS[result];
  const line = `${mark} ${check.number} ${check.title} (${says})\n`;
  if (result !== 'failed') return line;
  const list = problems.map((problem) => `      ${problem}\n`).join('');
  return `${line}${list}    why  ${check.why}\n    fix  ${check.fix}\n`;
}

/** The whole, in a machine's format; for people the closing lines alone. */
export function renderConformance(format: ConformanceFormat, reports: readonly ConformanceReport[]): string {
  if (format === 'json') return `${JSON.stringify({ connectors: reports.map(asJson) }, null, 2)}\n`;
  if (format === 'junit') return junit(reports);
  return reports.map(closing).join('');
}

function closing(report: ConformanceReport): string {
  const counts = countsOf(report);
  const unable = counts.error > 0 ? `, ${counts.error} could not be carried out` : '';
  return `${report.connector} ${report.version} against ${report.target}: ${plural(counts.passed, 'checks')} passed, ${counts.failed} failed, ${counts.notApplicable} do not apply${unable}\n`;
}

function countsOf({ outcomes }: ConformanceReport): Record<CheckOutcome['result'], number> {
  const counts = { passed: 0, failed: 0, notApplicable: 0, error: 0 };
  for (const { result } of outcomes) counts[result] += 1;
  return counts;
}

function asJson(report: ConformanceReport): unknown {
  return {
    connector: report.connector,
    version: report.version,
    target: report.target,
    summary: countsOf(report),
    checks: report.outcomes.map(({ check, result, says, problems }) => ({
      number: check.number,
      name: check.name,
      title: check.title,
      result,
      says,
      ...(problems.length > 0 && { problems, why: check.why, fix: check.fix }),
    })),
  };
}

function junit(reports: readonly ConformanceReport[]): string {
  const suites = reports.map((report) => {
    const { failed, notApplicable, error } = countsOf(report);
    const cases = report.outcomes.map((outcome) => {
      const { check, result, says, problems, ms } = outcome;
      const open = `    <testcase classname="${xml(report.connector)}" name="${check.number} ${xml(check.title)}" time="${(ms / 1_000).toFixed(3)}"`;
      if (result === 'passed') return `${open}/>\n`;
      if (result === 'notApplicable') return `${open}><skipped message="${xml(says)}"/></testcase>\n`;
      if (result === 'error') return `${open}><error message="${xml(says)}"/></testcase>\n`;
      return `${open}><failure type="${xml(check.name)}" message="${xml(problems[0] ?? says)}">${xml([...problems, `why: ${check.why}`, `fix: ${check.fix}`].join('\n'))}</failure></testcase>\n`;
    });
    return `  <testsuite name="${xml(report.connector)} ${xml(report.version)}" tests="${report.outcomes.length}" failures="${failed}" errors="${error}" skipped="${notApplicable}">\n${cases.join('')}  </testsuite>\n`;
  });
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites>\n${suites.join('')}</testsuites>\n`;
}

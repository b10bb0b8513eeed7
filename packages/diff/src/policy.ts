import type { ChangeSeverity, DiffReport, Finding } from './finding.ts';
import type { RuleId } from './rules/registry.ts';

/**
 * What may block a change. In `contract.yaml` (`blocks: […]`) each entry is a severity (`breaking`, `risky`, `policy`,
 * `source`, `info`), a severity for those in use only (`breaking-used`, `risky-used`, …), or the name of a rule.
 * Left out: `breaking-used` (used, or not known to be unused), the agreements about time in `TIME_RULES`, and what
 * is kept from callers (`SILENT_RULES`, a version that was not raised), unless it is known that there are none.
 */
export function isBlocking(finding: Finding, blocks?: readonly string[]): boolean {
  if (finding.waiver) return false;
  if (!blocks) return isBlockingByDefault(finding);
  return blocks.some((entry) => {
    if (entry === finding.rule || entry === finding.severity) return true;
    return entry === `${finding.severity}-used` && finding.impact !== 'unused';
  });
}

/** Findings and undecided positions that stop a change: what the command's exit code is made of. */
export function blockingOf(report: DiffReport): {
  readonly findings: readonly Finding[];
  readonly undecided: number;
} {
  return {
    findings: report.findings.filter((finding) => isBlocking(finding, report.blocks)),
    undecided: report.undecided.filter((each) => !each.waiver).length,
  };
}

/** What another default means for those who rely on it: the call succeeds and does something else. */
const SILENT_RULES: ReadonlySet<RuleId> = new Set([
  'default-changed',
  'parameter-default-changed',
  'parameter-default-added',
  'parameter-default-removed',
]);

/** Agreements about time and promises: whoever breaks one has not asked. */
const TIME_RULES: ReadonlySet<RuleId> = new Set([
  'removed-before-sunset',
  'sunset-passed',
  'sunset-moved-earlier',
  'sunset-unreadable',
  'sunset-removed',
  'deprecation-without-sunset',
  'deprecation-window-too-short',
  'stability-decreased',
  'stability-unknown',
  'known-value-removed',
]);

function isBlockingByDefault(finding: Finding): boolean {
  if (finding.severity === ('breaking' satisfies ChangeSeverity)) return finding.impact !== 'unused';
  if (SILENT_RULES.has(finding.rule)) return finding.severity === 'risky' && finding.impact !== 'unused';
  if (finding.rule === 'version-not-raised') return finding.impact !== 'unused';
  return TIME_RULES.has(finding.rule) && finding.severity === 'policy';
}

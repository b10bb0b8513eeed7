import type { DiffReport, Finding, Undecided } from '../finding.ts';
import { isBlocking } from '../policy.ts';

/** The report as `tenon diff --format json` prints it: the keys of the format in their order, then what else is known. */
export function toJson(report: DiffReport): {
  readonly checked: DiffReport['checked'];
  readonly findings: readonly object[];
  readonly undecided: readonly object[];
  readonly contract: string;
  readonly base: DiffReport['base'];
  readonly revision: DiffReport['revision'];
} {
  return {
    checked: report.checked,
    findings: report.findings.map((finding) => ({
      ...findingJson(finding, report.blocks),
      contract: report.contract,
    })),
    undecided: report.undecided.map((each) => ({ ...undecidedJson(each), contract: report.contract })),
    contract: report.contract,
    base: report.base,
    revision: report.revision,
  };
}

function findingJson(
  finding: Finding,
  blocks: readonly string[] | undefined,
): Readonly<Record<string, unknown>> {
  return {
    rule: finding.rule,
    severity: finding.severity,
    direction: finding.direction,
    operation: finding.operation,
    pointer: finding.pointer,
    at: finding.at,
    message: finding.message,
    witness: finding.witness ?? null,
    acceptedBy: finding.acceptedBy,
    usage: finding.usage.map(({ location: _, ...victim }) => victim),
    fingerprint: finding.fingerprint,
    // `witness: null` above may stand for none or for the value null.
    hasWitness: finding.witness !== undefined,
    witnessAt: finding.witnessAt,
    operations: finding.operations,
    impact: finding.impact,
    blocks: isBlocking(finding, blocks),
    waiver: finding.waiver ?? null,
  };
}

function undecidedJson(each: Undecided): Readonly<Record<string, unknown>> {
  return {
    keyword: each.keyword,
    direction: each.direction,
    operation: each.operation,
    pointer: each.pointer,
    at: each.at,
    message: each.message,
    fingerprint: each.fingerprint,
    operations: each.operations,
    waiver: each.waiver ?? null,
  };
}

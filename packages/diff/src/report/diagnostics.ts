import type { Diagnostic, RelatedLocation } from '@tenon/model';
import type { DiffReport, Finding, Undecided } from '../finding.ts';
import { isBlocking } from '../policy.ts';
import { adviceOf } from '../rules/advice.ts';
import { diagnosticSeverity } from '../rules/registry.ts';
import { diffOwnRules } from '../rules.ts';
import { shortJson } from './text.ts';

/**
 * The report as diagnostics, for the renderers that all commands share. Where the revision has the place it stands
 * there, with the base as a related place; what blocks is an error. Only a contract has waivers to accept it in.
 */
export function toDiagnostics(report: DiffReport, isContract = true): readonly Diagnostic[] {
  return [
    ...report.findings.map((finding) => ofFinding(finding, report.blocks, isContract)),
    ...report.undecided.map((each) => ofUndecided(each, isContract)),
  ];
}

function ofFinding(finding: Finding, blocks: readonly string[] | undefined, isContract: boolean): Diagnostic {
  const { why, fix } = adviceOf(finding);
  const isError = isBlocking(finding, blocks);
  const severity = diagnosticSeverity(finding.severity);
  const owners = [...new Set(finding.usage.map((victim) => victim.owner))];
  return {
    code: finding.rule,
    severity: finding.waiver ? 'info' : isError ? 'error' : severity === 'error' ? 'warning' : severity,
    message: finding.waiver ? `${sentence(finding)} (accepted: ${finding.waiver.reason})` : sentence(finding),
    ...placeOf(finding),
    related: [...relatedOf(finding), ...victimsOf(finding)],
    why: [why, witnessText(finding)].filter((text) => text !== undefined).join(' '),
    fix: isError && isContract ? `${fix} ${howToAccept(finding)}` : fix,
    ...(owners.length > 0 && { owner: owners.join(', ') }),
    fingerprint: finding.fingerprint,
  };
}

/** The message with the operations it is about, unless it names them itself. */
function sentence({ message, operations, rule }: Named): string {
  const unnamed = operations.filter((operation) => !message.includes(operation));
  // `GET /orders is gone` says it with method and path.
  if (rule?.startsWith('operation-')) return message;
  if (unnamed.length < operations.length || unnamed.length === 0) return message;
  const more = unnamed.length > NAMED_MAX ? ` and ${unnamed.length - NAMED_MAX} more` : '';
  return `${message} (${unnamed.slice(0, NAMED_MAX).join(', ')}${more})`;
}

type Named = Pick<Finding, 'message' | 'operations'> & { readonly rule?: string };

const NAMED_MAX = 3;

function howToAccept({ fingerprint }: { readonly fingerprint: string }): string {
  return `If it is agreed with those it hits: \`tenon diff --accept ${fingerprint} --reason …\`.`;
}

function witnessText(finding: Finding): string | undefined {
  if (finding.witness === undefined) return undefined;
  const [taken, refused] = finding.acceptedBy === 'base' ? ['base', 'revision'] : ['revision', 'base'];
  return `The ${taken} accepts and the ${refused} refuses: ${shortJson(finding.witness, 400)}`;
}

function ofUndecided(each: Undecided, isContract: boolean): Diagnostic {
  const rule = diffOwnRules['schema-undecided'];
  return {
    code: 'schema-undecided',
    severity: each.waiver ? 'info' : 'error',
    message: `${sentence(each)}: not decided (${each.keyword})`,
    ...placeOf(each),
    related: relatedOf(each),
    why: rule.why,
    fix: each.waiver || !isContract ? rule.fix : `${rule.fix} ${howToAccept(each)}`,
    fingerprint: each.fingerprint,
  };
}

function placeOf(each: Finding | Undecided): Pick<Diagnostic, 'file' | 'range'> {
  const location = each.locations.revision ?? each.locations.base;
  return location ? { file: location.file, range: location.range } : {};
}

function relatedOf(each: Finding | Undecided): RelatedLocation[] {
  const { base, revision } = each.locations;
  return base && revision ? [{ file: base.file, range: base.range, message: 'as it was' }] : [];
}

function victimsOf(finding: Finding): RelatedLocation[] {
  return finding.usage.map((victim) => ({
    file: victim.location.file,
    range: victim.location.range,
    // A call is hit without an expression of its own where it leaves something out.
    message: `${victim.pipeline}, step ${victim.step}${victim.expression === '' ? '' : `: \`${victim.expression}\``}`,
  }));
}

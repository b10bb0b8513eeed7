import type { Contract } from '@tenon/contract';
import type { DiffReport, Finding } from '../finding.ts';
import { blockingOf, isBlocking } from '../policy.ts';
import { adviceOf } from '../rules/advice.ts';
import { exampleOf } from './example.ts';

/** Findings shown in full, and listed, at most: a comment that nobody reads to its end helps nobody. */
const SHOWN_MAX = 20;
const LISTED_MAX = 50;

/**
 * The comment for a pull request: the verdict, then each finding that blocks with its victims and a copyable example,
 * then the rest as a list. `base` is the contract that the example requests are written from; bare schemas have none.
 */
export function renderMarkdown(report: DiffReport, base?: Contract): string {
  const blocking = blockingOf(report);
  const lines = [`## Contract \`${report.contract}\`: ${verdict(report)}`, '', summary(report), ''];
  for (const finding of blocking.findings.slice(0, SHOWN_MAX)) lines.push(...section(finding, base), '');
  if (blocking.findings.length > SHOWN_MAX)
    lines.push(`… and ${blocking.findings.length - SHOWN_MAX} more that block.`, '');
  for (const each of report.undecided.filter(({ waiver }) => !waiver).slice(0, SHOWN_MAX))
    lines.push(`- **not decided** (${each.keyword}) ${each.message} · \`${each.fingerprint}\``);
  const others = report.findings.filter((finding) => !isBlocking(finding, report.blocks));
  if (others.length > 0) {
    lines.push(
      '',
      '<details><summary>Everything else</summary>',
      '',
      '| | rule | where | what |',
      '|---|---|---|---|',
    );
    for (const finding of others.slice(0, LISTED_MAX))
      lines.push(
        `| ${finding.waiver ? 'accepted' : finding.severity} | \`${finding.rule}\` | ${where(finding)} | ${cell(finding.message)} |`,
      );
    if (others.length > LISTED_MAX) lines.push('', `… and ${others.length - LISTED_MAX} more.`);
    lines.push('', '</details>');
  }
  return `${lines.join('\n').trimEnd()}\n`;
}

function verdict(report: DiffReport): string {
  const { findings, undecided } = blockingOf(report);
  if (findings.length === 0 && undecided === 0) return 'nothing breaks';
  const parts = [];
  if (findings.length > 0)
    parts.push(`${findings.length} ${findings.length === 1 ? 'finding blocks' : 'findings block'}`);
  if (undecided > 0) parts.push(`${undecided} not decided`);
  return parts.join(', ');
}

function summary(report: DiffReport): string {
  const { operations, messages, schemas } = report.checked;
  const breaking = report.findings.filter((finding) => finding.severity === 'breaking').length;
  if (operations + messages === 0) return `${breaking} breaking in ${counted(schemas, 'schema position')}.`;
  const words = [
    counted(operations, 'operation'),
    counted(messages, 'message'),
    counted(schemas, 'schema position'),
  ];
  return `${breaking} breaking in ${words[0]}, ${words[1]} and ${words[2]}; ${report.base.version} → ${report.revision.version}.`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

function section(finding: Finding, base: Contract | undefined): string[] {
  const { why, fix } = adviceOf(finding);
  const lines = [
    `### ${finding.severity}: \`${finding.rule}\``,
    '',
    finding.message,
    '',
    `${where(finding)} · \`${finding.fingerprint}\``,
  ];
  if (finding.operations.length > 0)
    lines.push(
      '',
      `Touches ${finding.operations.length === 1 ? '' : `${finding.operations.length} operations: `}${finding.operations
        .slice(0, 8)
        .map((name) => `\`${name}\``)
        .join(', ')}${finding.operations.length > 8 ? ', …' : ''}`,
    );
  if (finding.usage.length > 0) {
    lines.push('', '| pipeline | step | expression | where | owner |', '|---|---|---|---|---|');
    for (const victim of finding.usage)
      lines.push(
        `| ${victim.pipeline} | ${victim.step} | ${victim.expression === '' ? 'the call' : `\`${cell(victim.expression)}\``} | ${victim.file}:${victim.line}:${victim.column} | ${victim.owner} |`,
      );
  } else if (finding.impact === 'unused') lines.push('', 'No pipeline here is hit.');
  const example = exampleOf(finding, base);
  if (example !== undefined) {
    const refused = finding.acceptedBy === 'base' ? 'revision' : 'base';
    lines.push(
      '',
      `The ${finding.acceptedBy} accepts this and the ${refused} refuses it${finding.witnessAt ? `, at \`${finding.witnessAt}\`` : ''}:`,
      '',
      base ? '```http' : '```json',
      example,
      '```',
    );
  }
  lines.push('', `${why} ${fix}`);
  return lines;
}

function where(finding: Finding): string {
  const place = finding.at.revision ?? finding.at.base;
  return place ? `${place.file}:${place.line}:${place.column}` : (finding.operation ?? 'the contract');
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}

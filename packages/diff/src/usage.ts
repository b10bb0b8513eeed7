import type { ContractUsage } from '@tenon/contract';
import type { Victim } from './finding.ts';

export function victimOf(usage: ContractUsage): Victim {
  const { start } = usage.at.range;
  return {
    pipeline: usage.pipeline,
    step: usage.step,
    expression: usage.expression,
    file: usage.at.file,
    line: start.line,
    column: start.column,
    owner: usage.owner,
    location: usage.at,
  };
}

/** The operation or event that a usage is about. */
export function subjectOf(usage: ContractUsage): string {
  return usage.target.kind === 'event' ? usage.target.event : usage.target.operation;
}

import type { Finding } from '../finding.ts';
import { changeRules } from './registry.ts';
import { compositionRules, facetRules, propertyRules, valueRules } from './schemas.ts';

/** Why a finding matters and what to do: the rule's words, unless the change was proved harmless where it stands. */
export function adviceOf(finding: Pick<Finding, 'rule' | 'severity' | 'direction' | 'witness'>): {
  readonly why: string;
  readonly fix: string;
} {
  const { rule, severity, direction, witness } = finding;
  const { why, fix, severity: atWorst } = changeRules[rule];
  const isHarmless = (severity === 'info' || severity === 'source') && witness === undefined;
  const doesHarm = atWorst === 'breaking' || atWorst === 'risky';
  if (!isHarmless || !doesHarm || direction === 'none' || !OF_SCHEMAS.has(rule)) return { why, fix };
  return severity === 'source'
    ? { why: `${HARMLESS[direction]} Types that are made of it change.`, fix: 'Regenerate; nothing else.' }
    : { why: HARMLESS[direction], fix: 'Nothing to do.' };
}

const HARMLESS = {
  request: 'What senders send by the version before is taken by this one too.',
  response: 'What is sent by this version was taken by the version before too.',
  both: 'Nothing that is sent by the one version is refused by the other.',
} as const;

const OF_SCHEMAS: ReadonlySet<string> = new Set(
  [propertyRules, valueRules, compositionRules, facetRules].flatMap((rules) => Object.keys(rules)),
);

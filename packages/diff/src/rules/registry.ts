import type { DiagnosticRule } from '@tenon/model';
import type { ChangeSeverity } from '../finding.ts';
import {
  bindingRules,
  channelRules,
  lifecycleRules,
  messageRules,
  replyRules,
  securityRules,
  serverRules,
} from './contract.ts';
import {
  bodyRules,
  headerRules,
  mediaTypeRules,
  operationRules,
  parameterRules,
  responseRules,
} from './operations.ts';
import type { ChangeRule } from './rule.ts';
import { compositionRules, facetRules, propertyRules, valueRules } from './schemas.ts';

/** The rules by family, as the documentation lists them. */
export const FAMILIES = {
  operations: operationRules,
  parameters: parameterRules,
  'request bodies': bodyRules,
  responses: responseRules,
  headers: headerRules,
  'media types': mediaTypeRules,
  properties: propertyRules,
  values: valueRules,
  composition: compositionRules,
  constraints: facetRules,
  security: securityRules,
  servers: serverRules,
  lifecycle: lifecycleRules,
  channels: channelRules,
  messages: messageRules,
  bindings: bindingRules,
  replies: replyRules,
} as const;

type Families = typeof FAMILIES;
export type RuleId = { [Family in keyof Families]: keyof Families[Family] & string }[keyof Families];

export const changeRules: Readonly<Record<RuleId, ChangeRule>> = {
  ...operationRules,
  ...parameterRules,
  ...bodyRules,
  ...responseRules,
  ...headerRules,
  ...mediaTypeRules,
  ...propertyRules,
  ...valueRules,
  ...compositionRules,
  ...facetRules,
  ...securityRules,
  ...serverRules,
  ...lifecycleRules,
  ...channelRules,
  ...messageRules,
  ...bindingRules,
  ...replyRules,
};

const DIAGNOSTIC_SEVERITY: Readonly<Record<ChangeSeverity, DiagnosticRule['severity']>> = {
  breaking: 'error',
  risky: 'warning',
  policy: 'warning',
  source: 'info',
  info: 'info',
};

export function diagnosticSeverity(severity: ChangeSeverity): DiagnosticRule['severity'] {
  return DIAGNOSTIC_SEVERITY[severity];
}

/** The change rules as diagnostics, for `tenon explain` and the documentation. */
export const changeDiagnostics: Readonly<Record<RuleId, DiagnosticRule>> = Object.fromEntries(
  Object.entries(changeRules).map(([id, rule]) => [
    id,
    { severity: diagnosticSeverity(rule.severity), title: rule.title, why: rule.why, fix: rule.fix },
  ]),
  // One entry for each rule of the record above.
) as unknown as Readonly<Record<RuleId, DiagnosticRule>>;

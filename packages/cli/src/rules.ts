import { codegenRules } from '@tenon/codegen';
import { connectorFailures, connectorRules, webhookRules } from '@tenon/connector';
import { contractRules } from '@tenon/contract';
import { diffRules } from '@tenon/diff';
import { documentRules } from '@tenon/document';
import { evaluationErrors, expressionRules } from '@tenon/expression';
import type { DiagnosticRules } from '@tenon/model';
import { pipelineRules } from '@tenon/pipeline';
import { problemRules, runtimeRules } from '@tenon/runtime';
import { serverRules } from '@tenon/server/rules';
import { drillRules } from '@tenon/testkit/drill-rules';
import { testkitRules } from '@tenon/testkit/rules';
import { cliRules } from './cli-rules.ts';

/** Every diagnostic code of every package, for `explain`, the docs and SARIF. */
export const allRules: DiagnosticRules = {
  ...documentRules,
  ...contractRules,
  ...connectorRules,
  ...connectorFailures,
  ...webhookRules,
  ...expressionRules,
  ...evaluationErrors,
  ...pipelineRules,
  ...codegenRules,
  ...diffRules,
  ...runtimeRules,
  ...problemRules,
  ...serverRules,
  ...testkitRules,
  ...drillRules,
  ...cliRules,
};

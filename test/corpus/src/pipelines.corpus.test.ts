import { expressionRules } from '@tenon/expression';
import {
  checkWorkspace,
  loadWorkspaceFiles,
  memoryWorkspaceFiles,
  type Plan,
  pipelineRules,
  pipelineSchema,
  reconciliationSchema,
} from '@tenon/pipeline';
import { compileValidator } from '@tenon/schema';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { hasCorpora, mustHaveCorpora } from './corpus.ts';
import { correctPipelines, correctWorkspace } from './pipelines-correct.ts';
import { baseFiles, defectiveCases, editedFiles, examine, PIPELINE } from './pipelines-defective.ts';
import { drawnPipelines, SoundnessRun, TYPE_ERRORS } from './soundness.ts';

const cases = defectiveCases();

describe('defective pipelines', () => {
  test('the workspace that they edit has no findings', async () => {
    const { found } = await examine({ group: '', title: 'none', edits: [], codes: [], also: [] });
    expect(found).toEqual([]);
  });

  test.each(cases.map((one) => [`${one.group}: ${one.title}`, one] as const))('%s', async (_, one) => {
    const { wanted, found, said } = await examine(one);
    expect(wanted.length, 'a case that wants nothing proves nothing').toBeGreaterThan(0);
    expect(found, said.join('\n')).toEqual(wanted);
  });

  test('every code about pipelines has at least three cases', () => {
    const counts = new Map<string, number>();
    for (const { codes, also } of cases)
      for (const code of new Set([...codes, ...also.map((one) => one.code)]))
        counts.set(code, (counts.get(code) ?? 0) + 1);
    const codes = [...Object.keys(pipelineRules), ...Object.keys(expressionRules)];
    const few = codes.filter((code) => !Object.hasOwn(ELSEWHERE, code) && (counts.get(code) ?? 0) < 3);
    expect(few).toEqual([]);
    expect(
      Object.keys(ELSEWHERE).filter((code) => !codes.includes(code) || (counts.get(code) ?? 0) >= 3),
    ).toEqual([]);
  });
});

describe('an editor that knows only the published schema', () => {
  const refused = compileValidator(pipelineSchema);
  const refusedReconciliation = compileValidator(reconciliationSchema);

  test('takes every correct pipeline', () => {
    const bad = [...correctPipelines()].filter(
      ([file, text]) =>
        (file.endsWith('.reconciliation.yaml') ? refusedReconciliation : refused)(parse(text)).length > 0,
    );
    expect(bad.map(([file]) => file)).toEqual([]);
  });

  test.each(
    cases.filter((one) => SCHEMA_CODES.has(one.codes[0] ?? '')).map((one) => [one.title, one] as const),
  )('sees %s', (_, one) => {
    const reconciliation = one.edits.find(({ file }) => file.endsWith('.reconciliation.yaml'))?.file;
    const text = editedFiles(one).texts[reconciliation ?? PIPELINE];
    const refusedHere = reconciliation === undefined ? refused : refusedReconciliation;
    expect(refusedHere(parse(text!))).not.toEqual([]);
  });
});

/** What the format alone refuses. Whether two kinds of step stand in one is among them. */
const SCHEMA_CODES: ReadonlySet<string> = new Set([
  'unknown-key',
  'missing-key',
  'wrong-kind',
  'value-not-allowed',
  'duration-invalid',
  'ambiguous-kind',
  'unknown-kind',
]);

describe('correct pipelines over real documents', () => {
  test.skipIf(!hasCorpora && !mustHaveCorpora)(
    'have no findings',
    async () => {
      const files = await correctWorkspace();
      expect(files, 'the corpora are not beside the repository').toBeDefined();
      const { value, diagnostics } = await loadWorkspaceFiles('/corpus', memoryWorkspaceFiles(files!));
      const check = checkWorkspace(value!);
      // What vendors' documents are blamed for is the contract corpus's matter.
      const found = [...diagnostics, ...check.diagnostics].filter(
        (one) => !one.file?.startsWith('contracts/'),
      );
      expect(found.map((one) => `${one.code} ${one.file}:${one.range?.start.line} ${one.message}`)).toEqual(
        [],
      );
      expect(check.plans.size).toBeGreaterThanOrEqual(60);
      expect(check.reconciliations.size).toBeGreaterThanOrEqual(3);
      expect(check.plans.size).toBe(check.checked.pipelines);
      expect(check.reconciliations.size).toBe(check.checked.reconciliations);
    },
    120_000,
  );
});

describe('a pipeline that passes check', () => {
  const plansOf = async (files: Readonly<Record<string, string>>): Promise<readonly Plan[]> => {
    const { value } = await loadWorkspaceFiles('/corpus', memoryWorkspaceFiles(files));
    return [...checkWorkspace(value!).plans.values()];
  };

  test('raises no type error on data that fits its contracts', async () => {
    const soundness = new SoundnessRun(4);
    const plans = [...(await plansOf(baseFiles)), ...(await plansOf(drawnPipelines(150, 4)))];
    expect(plans.length).toBeGreaterThan(10);
    for (const plan of plans) {
      const run = soundness.prepare(plan);
      for (let index = 0; run && index < 40; index++) run();
    }
    const { runs, failures, examples } = soundness.result;
    expect(runs).toBeGreaterThan(400);
    expect(
      TYPE_ERRORS.filter((code) => failures.has(code)),
      examples.join('\n'),
    ).toEqual([]);
  });

  test('is caught when its data does not fit: the fuzz can fail', async () => {
    const [plan] = await plansOf(baseFiles);
    const soundness = new SoundnessRun(4);
    const events = Object.fromEntries(
      Object.entries(plan!.events).map(([name, event]) => [
        name,
        { ...event, payload: { type: 'object', required: ['total'], properties: { total: { const: 5 } } } },
      ]),
    );
    const run = soundness.prepare({ ...plan!, events });
    run?.();
    expect(soundness.result.failures.get('EXPRESSION_FIELD_ABSENT')).toBeGreaterThan(0);
  });
});

/** Codes that are about other files than pipelines, or of which there are not three ways; the rule cases hold them. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  'body-too-large-for-step': 'the bound stands in the manifest',
  'pipeline-too-complex': 'bounds of the check, far above any pipeline',
  'suppression-without-reason': 'about comments',
  'suppression-stale': 'about comments',
  'suppression-not-possible': 'about comments',
  'policy-broken': 'about policies',
  'yaml-too-large': 'a file of two million characters has no place in a corpus',
  'quota-store-unconfigured': 'about tenon.config.yaml',
  'shared-quota-without-limit': 'about tenon.config.yaml',
  'base-url-missing': 'about tenon.config.yaml',
  'unknown-identity': 'about tenon.config.yaml',
  'unknown-source': 'about tenon.config.yaml',
  'duplicate-pipeline': 'about two files',
  'duplicate-connector': 'about connectors',
  'duplicate-policy': 'about policies',
  'contract-document-missing': 'about contracts',
  'event-without-schema': 'about contracts',
  'event-without-version': 'about contracts',
  'webhook-unverified': 'about connectors',
  'webhook-without-secret': 'about tenon.config.yaml',
  'policy-example-fails': 'about policies',
  'policy-written-twice': 'about policies',
  'identity-lacks-scope': 'about connectors and their identities',
  'scope-unused': 'about connectors and their identities',
  'read-and-write-together': 'about connectors and their identities',
  'secret-literal': 'about tenon.config.yaml',
  'secret-store-unconfigured': 'about tenon.config.yaml',
  'base-url-invalid': 'about tenon.config.yaml',
  'token-url-invalid': 'about tenon.config.yaml',
  'server-without-operators': 'about tenon.config.yaml',
  'operator-token-shared': 'about tenon.config.yaml',
  'credential-missing': 'about tenon.config.yaml',
  'credential-unknown': 'about tenon.config.yaml',
  'manifest-operation-not-in-contract': 'about connectors',
  'manifest-event-not-in-contract': 'about connectors',
  'manifest-effect-contradicts-method': 'about connectors',
  'manifest-scope-unknown': 'about connectors',
  'manifest-scope-missing': 'about connectors',
  'manifest-pagination-unknown': 'about connectors',
  'manifest-stream-of-values': 'about connectors',
  'manifest-health-input-invalid': 'about connectors',
  'manifest-probe-input-unknown': 'about connectors',
  'manifest-poll-unknown': 'about connectors',
  'manifest-poll-cursor-pages': 'about connectors',
  'manifest-poll-input-invalid': 'about connectors',
  'manifest-failure-field-unknown': 'about connectors',
  'manifest-code-missing': 'about connectors',
  'probe-cannot-ask': 'the contracts here require what a probe asks by',
  'manifest-event-field-unknown': 'about connectors',
  'manifest-schedule-unreadable': 'about connectors',
  'manifest-transport-unfit': 'about connectors',
  'manifest-auth-unlike-contract': 'about connectors',
  'manifest-event-goes-round': 'about connectors',
  'approval-requester-avoidable': 'about three pipelines, and a connection',
};

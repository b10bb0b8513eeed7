import { ANY, calls, compileExpression, type Policies } from '@tenon/expression';
import type { Diagnostic } from '@tenon/model';
import type { PolicySpec } from '../../load/policies.ts';
import { diagnostic } from '../../rules.ts';
import { allSteps, type PipelineSpec, type StepSpec } from '../../spec/pipeline-spec.ts';
import { expressionsOf, type SpecExpression, type Template } from '../../spec/template.ts';
import type { Workspace } from '../../workspace.ts';
import type { PipelineModel } from '../model.ts';
import { checkTeam } from '../proofs/owners.ts';
import { checkInScope, type PolicyRules } from './expressions.ts';

export interface PolicyCheck {
  readonly diagnostics: readonly Diagnostic[];
  readonly rules: PolicyRules;
  /** The policies that a pipeline's expressions call, directly or through others. */
  called(model: PipelineModel): readonly PolicySpec[];
}

/** Checks the rules by themselves and runs their examples (C22). */
export function checkPolicies(policies: readonly PolicySpec[], workspace: Workspace): PolicyCheck {
  const found: Diagnostic[] = [];
  const byName = new Map<string, PolicySpec>();
  for (const policy of policies) {
    const earlier = byName.get(policy.name.value);
    if (!earlier) byName.set(policy.name.value, policy);
    else
      found.push(
        diagnostic('duplicate-policy', {
          message: `two policies are named \`${policy.name.value}\``,
          at: policy.name.at,
          subject: policy.name.value,
          related: [{ ...earlier.name.at, message: 'the first is here' }],
        }),
      );
  }
  const rules: PolicyRules = new Map(
    [...byName].map(([name, { parameters, condition }]) => [
      name,
      { parameters: parameters.map(({ value }) => value), condition: condition.parsed },
    ]),
  );
  const compiled: Policies = Object.fromEntries(
    [...byName].map(([name, policy]) => [
      name,
      { parameters: policy.parameters.map(({ value }) => value), expression: policy.condition.source },
    ]),
  );
  for (const policy of policies) {
    const variables = Object.fromEntries(policy.parameters.map(({ value }) => [value, ANY]));
    const { diagnostics } = checkInScope(
      policy.condition,
      'condition',
      {
        environment: { variables, policies: compiled },
        sources: new Map(),
        unreadable: new Map(),
        steps: [],
      },
      rules,
    );
    found.push(...diagnostics, ...checkTeam(policy.owner, workspace));
    // An example over a broken rule could only fail.
    if (diagnostics.length === 0) found.push(...runExamples(policy, compiled));
  }
  found.push(...sameConditions(policies));
  return { diagnostics: found, rules, called: (model) => calledBy(model.spec, byName) };
}

function runExamples(policy: PolicySpec, policies: Policies): Diagnostic[] {
  return policy.tests.flatMap((test, index): Diagnostic[] => {
    const missing = policy.parameters.filter(({ value }) => !Object.hasOwn(test.given, value));
    const name = policy.name.value;
    const subject = `${name} ${index}`;
    if (missing.length > 0) {
      const message = `example ${index + 1} of \`${name}\` gives no \`${missing[0]!.value}\``;
      return [diagnostic('policy-example-fails', { message, at: test.at, subject })];
    }
    const result = compileExpression(policy.condition.source, { policies }).evaluate(test.given);
    if (result.ok && result.value === test.expect) return [];
    const said = result.ok ? `says ${JSON.stringify(result.value)}` : `fails: ${result.error.message}`;
    const message = `example ${index + 1} of \`${name}\` expects ${test.expect}; the rule ${said}`;
    return [
      diagnostic('policy-example-fails', {
        message,
        at: test.at,
        subject,
        related: [{ ...policy.condition.at, message: 'the rule' }],
      }),
    ];
  });
}

/** The same rule written twice goes its own way at the first change (C37). */
function sameConditions(policies: readonly PolicySpec[]): Diagnostic[] {
  const first = new Map<string, PolicySpec>();
  return policies.flatMap((policy) => {
    const names = policy.parameters.map(({ value }) => value).join(',');
    const key = `${names} ${policy.condition.source.replaceAll(/\s+/g, ' ').trim()}`;
    const earlier = first.get(key);
    if (!earlier || earlier.name.value === policy.name.value) {
      first.set(key, policy);
      return [];
    }
    return diagnostic('policy-written-twice', {
      message: `\`${policy.name.value}\` says what \`${earlier.name.value}\` says already`,
      at: policy.condition.at,
      subject: policy.name.value,
      related: [{ ...earlier.condition.at, message: 'written first here' }],
      fix: `call \`policy.${earlier.name.value}\` in both places`,
    });
  });
}

function calledBy(spec: PipelineSpec, byName: ReadonlyMap<string, PolicySpec>): readonly PolicySpec[] {
  const found = new Map<string, PolicySpec>();
  const queue: SpecExpression[] = [...expressionsIn(spec)];
  for (let here = queue.pop(); here; here = queue.pop()) {
    for (const call of calls(here.parsed.ast)) {
      const policy = call.namespace === 'policy' ? byName.get(call.name) : undefined;
      if (!policy || found.has(call.name)) continue;
      found.set(call.name, policy);
      queue.push(policy.condition);
    }
  }
  return [...found.values()];
}

/** Every expression of a pipeline. */
export function expressionsIn(spec: PipelineSpec): readonly SpecExpression[] {
  const found: SpecExpression[] = [];
  const add = (one: SpecExpression | undefined): void => {
    if (one) found.push(one);
  };
  const addAll = (one: Template | undefined): void => {
    if (one) found.push(...expressionsOf(one));
  };
  if (spec.trigger?.kind === 'event') add(spec.trigger.where);
  addAll(spec.identity?.key);
  addAll(spec.identity?.orderBy);
  addAll(spec.identity?.account);
  add(spec.identity?.version);
  for (const step of allSteps(spec.steps)) found.push(...expressionsOfStep(step));
  add(spec.success);
  addAll(spec.output?.value);
  for (const metric of spec.metrics) {
    add(metric.when);
    add(metric.value);
  }
  return found;
}

/** Every expression of one step itself, not of those inside it. */
export function expressionsOfStep(step: StepSpec): readonly SpecExpression[] {
  const found: SpecExpression[] = [];
  const add = (one: SpecExpression | undefined): void => {
    if (one) found.push(one);
  };
  const addAll = (one: Template | undefined): void => {
    if (one) found.push(...expressionsOf(one));
  };
  add(step.when);
  switch (step.kind) {
    case 'call':
      add(step.over);
      addAll(step.with);
      for (const one of [step.fresh?.moment, step.fresh?.version, step.fresh?.atLeast]) add(one);
      addAll(step.compensate?.with);
      addAll(step.compensate?.guard?.with);
      add(step.compensate?.guard?.unchanged);
      break;
    case 'emit':
      add(step.over);
      addAll(step.with);
      addAll(step.headers);
      break;
    case 'approve':
      addAll(step.show);
      break;
    case 'wait':
      add(step.until);
      add(step.over);
      add(step.match);
      break;
    case 'set':
      addAll(step.value);
      break;
    case 'check':
      for (const { condition } of step.that) add(condition);
      break;
    case 'choose':
      for (const branch of step.branches) add(branch.when);
      break;
    case 'forEach':
      add(step.in);
      addAll(step.key);
      for (const { condition } of step.check?.that ?? []) add(condition);
      addAll(step.result);
      break;
    case 'run':
      addAll(step.with);
      break;
    case 'parallel':
  }
  return found;
}

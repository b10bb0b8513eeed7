import type { ProbeManifest } from '@tenon/connector';
import { type Expr, parseExpression, parseTemplate, references } from '@tenon/expression';
import { type Diagnostic, isObject } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { Template } from '../../spec/template.ts';
import type { ResolvedCall } from '../catalog.ts';
import { type CallMeaning, effectsOf, type PipelineModel } from '../model.ts';

/**
 * A probe asks by what was in the request. What a step does not send it cannot ask by: then each lost answer ends in doubt, although
 * there is a probe.
 */
export function checkProbeInputs(model: PipelineModel): Diagnostic[] {
  return effectsOf(model).flatMap(({ step, call }: CallMeaning) => {
    const { probe } = call.declared;
    if (probe === undefined || !isAsked(call, model)) return [];
    const missing = neededOf(probe).find((path) => isLeftOut(path, step.with));
    if (missing === undefined) return [];
    return diagnostic('probe-cannot-ask', {
      message: `the probe of \`${step.call.value}\` asks by \`request.${missing.join('.')}\`, which this step does not send`,
      at: step.call.at,
      subject: `${step.id.value} ${missing.join('.')}`,
      fix: `send \`${missing.at(-1)}\`, with a value that tells this effect from all others`,
    });
  });
}

/** Where a repeat is harmless for as long as one may come it is repeated, and no probe is asked. */
function isAsked({ declared: { idempotency } }: ResolvedCall, { spec }: PipelineModel): boolean {
  if (idempotency.mode === 'none' || idempotency.mode === 'checkFirst') return true;
  if (idempotency.mode !== 'header' || idempotency.retentionMs === undefined) return false;
  return idempotency.retentionMs < (spec.limits?.deadline?.value ?? 0) + (spec.owner?.recover?.value ?? 0);
}

/** Paths of the request that a probe reads. */
function neededOf(probe: ProbeManifest): readonly (readonly string[])[] {
  const templates = Object.values(probe.with).flatMap((value) =>
    textsIn(value).flatMap((text) =>
      parseTemplate(text).parts.flatMap((part) => (part.kind === 'expression' ? [part.expression] : [])),
    ),
  );
  const trees = [...templates, parseExpression(probe.found)].flatMap(({ ast, source }) =>
    // One that looks whether something of the request is there copes with its absence.
    /\b(has|default)\(\s*request\b|\brequest\b[\w.\]['"]*\.\?/.test(source) ? [] : [ast],
  );
  return trees.flatMap(requestPaths);
}

function requestPaths(ast: Expr): readonly (readonly string[])[] {
  return references(ast).flatMap(({ root, path }) =>
    root === 'request' && path.length > 1
      ? [path.flatMap(({ name }) => (name === undefined ? [] : [name]))]
      : [],
  );
}

function textsIn(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap(textsIn);
  return isObject(value) ? Object.values(value).flatMap(textsIn) : [];
}

/** Surely: what an expression makes may hold anything. */
function isLeftOut([name, ...rest]: readonly string[], given: Template | undefined): boolean {
  if (name === undefined) return false;
  if (given === undefined) return true;
  if (given.kind !== 'object') return false;
  const entry = given.entries.find((one) => one.name === name);
  return entry === undefined || isLeftOut(rest, entry.value);
}

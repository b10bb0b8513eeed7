import { textRange } from '@tenon/document';
import type { Environment } from '@tenon/expression';
import { ANY } from '@tenon/expression';
import type { Range } from '@tenon/model';
import { allSteps, type PipelineInspection, type SpecExpression, type StepSpec } from '@tenon/pipeline';
import { holds, type Snapshot } from '../snapshot.ts';

/** The expression under a cursor: its text, the cursor in it, what it may name, and the way back to the file. */
export interface ExpressionAt {
  readonly source: string;
  readonly index: number;
  readonly environment: Environment;
  /** The step it stands in; absent for `trigger`, `success` and the like. */
  readonly step?: StepSpec;
  /** Absent for a text that is no expression yet. */
  readonly expression?: SpecExpression;
  rangeOf(start: number, end: number): Range;
}

/** The expression at an offset of a pipeline or policy file, also in a text that is not YAML yet. */
export function expressionAt(snapshot: Snapshot, file: string, offset: number): ExpressionAt | undefined {
  const text = snapshot.text(file);
  if (text === undefined) return undefined;
  const inspection = snapshot.pipeline(file);
  return (
    (inspection && inPipeline(inspection, offset)) ??
    inPolicy(snapshot, file, offset) ??
    (inspection && inHole(snapshot, file, text, offset))
  );
}

function inPipeline(inspection: PipelineInspection, offset: number): ExpressionAt | undefined {
  const { model, data, document } = inspection;
  if (!model || !data) return undefined;
  for (const [key, environment] of data.environments) {
    if (!('parsed' in key) || !holdsExpression(key, offset)) continue;
    // A hole that is not closed goes on to the end of what YAML reads as one text, which need not be what is meant.
    if (document.isBroken && key.parsed.source.includes('\n')) return undefined;
    const step = stepAt(inspection, offset);
    return { ...located(key, offset), environment, ...(step && { step }) };
  }
  return undefined;
}

function inPolicy(snapshot: Snapshot, file: string, offset: number): ExpressionAt | undefined {
  const policy = snapshot.policies.find(
    ({ condition, name }) => name.at.file === file && holdsExpression(condition, offset),
  );
  if (!policy) return undefined;
  const environment: Environment = {
    variables: Object.fromEntries(policy.parameters.map(({ value }) => [value, ANY])),
    policies: policiesOf(snapshot),
  };
  return { ...located(policy.condition, offset), environment };
}

export function policiesOf(snapshot: Snapshot): NonNullable<Environment['policies']> {
  return Object.fromEntries(
    snapshot.policies.map(({ name, parameters, condition }) => [
      name.value,
      { parameters: parameters.map(({ value }) => value), expression: condition.source },
    ]),
  );
}

function holdsExpression(one: SpecExpression, offset: number): boolean {
  const { source } = one.parsed;
  return holds(one.locate({ start: 0, end: source.length }), offset) || holds(one.at, offset);
}

function located(
  expression: SpecExpression,
  offset: number,
): Pick<ExpressionAt, 'source' | 'index' | 'expression' | 'rangeOf'> {
  const { source } = expression.parsed;
  return {
    source,
    index: indexOf(expression, offset),
    expression,
    rangeOf: (start, end) => expression.locate({ start, end }).range,
  };
}

/** The place in the expression's text that was written at an offset: folding and escapes keep the order. */
function indexOf(expression: SpecExpression, offset: number): number {
  let low = 0;
  let high = expression.parsed.source.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (expression.locate({ start: middle, end: middle }).range.start.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Lines that a hole may go back over. */
const HOLE_LINES_MAX = 5;

/** A `${` before the cursor in a text whose YAML it breaks: the text is mended without it to learn what may stand there. */
function inHole(snapshot: Snapshot, file: string, text: string, offset: number): ExpressionAt | undefined {
  const open = text.lastIndexOf('${', offset - 2);
  if (open < 0) return undefined;
  const written = text.slice(open + 2, offset);
  if (written.split('\n').length > HOLE_LINES_MAX || isClosed(written)) return undefined;
  const lineEnd = endOfLine(text, offset);
  const close = text.indexOf('}', offset);
  const end = close >= 0 && close < lineEnd ? close : lineEnd;
  const start = open + 2;
  const lineStart = text.lastIndexOf('\n', open) + 1;
  const value = /^\s*(?:- +)*[\w.-]+:\s/.exec(text.slice(lineStart, open))?.[0].length;
  const mended = [
    blank(text, open, Math.min(end + 1, lineEnd)),
    blank(text, lineStart + (value ?? 0), lineEnd),
  ]
    .map((candidate) => snapshot.pipeline(file, candidate))
    .find((one, index, all) => one && (!one.document.isBroken || index === all.length - 1));
  const environment = mended && environmentAt(mended, offset);
  if (!environment) return undefined;
  const step = stepAt(mended, offset);
  return {
    source: text.slice(start, end),
    index: offset - start,
    environment,
    ...(step && { step }),
    rangeOf: (from, to) => textRange(text, start + from, start + to),
  };
}

function isClosed(written: string): boolean {
  let depth = 0;
  for (const character of written) {
    if (character === '{') depth++;
    if (character === '}' && --depth < 0) return true;
  }
  return false;
}

function endOfLine(text: string, offset: number): number {
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end;
}

/** The same text, as long, with nothing between two offsets. */
function blank(text: string, start: number, end: number): string {
  return text.slice(0, start) + text.slice(start, end).replaceAll(/[^\r\n]/g, ' ') + text.slice(end);
}

/** What may be named at an offset where no expression is: that of its step, or of the pipeline's start or end. */
export function environmentAt(inspection: PipelineInspection, offset: number): Environment | undefined {
  const { data, model } = inspection;
  if (!data || !model) return undefined;
  const step = stepAt(inspection, offset);
  if (step) return data.environments.get(step);
  const first = model.spec.steps[0];
  if (first && offset < first.at.range.start.offset) return data.environments.get(first);
  return [...data.environments.values()].at(-1);
}

/** The step that an offset stands in, the innermost. */
export function stepAt({ model, document }: PipelineInspection, offset: number): StepSpec | undefined {
  const before = [...allSteps(model?.spec.steps ?? [])].filter(({ at }) => at.range.start.offset <= offset);
  const inside = before.findLast(({ at }) => holds(at, offset));
  const last = inside ?? before.at(-1);
  if (!last) return undefined;
  // A key at the margin ends the list of steps.
  const between = document.text.slice(last.at.range.start.offset, offset);
  return inside || !/\n[A-Za-z]/.test(between) ? last : undefined;
}

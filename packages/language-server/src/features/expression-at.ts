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
  const open = text === undefined ? undefined : holeStart(text, offset);
  if (text === undefined || open === undefined) return undefined;
  const quick = sinceLastCheck(snapshot, file, text, open, offset);
  if (quick) return quick;
  const inspection = snapshot.pipeline(file);
  return (
    (inspection && inPipeline(inspection, offset)) ??
    inPolicy(snapshot, file, offset) ??
    (inspection && inHole(snapshot, file, text, open, offset))
  );
}

/**
 * While an author writes inside one expression, what it may name stays as it was when the file was last checked: the
 * check need not be waited for. `undefined` when anything else has changed since.
 */
function sinceLastCheck(
  snapshot: Snapshot,
  file: string,
  text: string,
  open: number,
  offset: number,
): ExpressionAt | undefined {
  const last = snapshot.lastChecked(file);
  const before = last?.document.text;
  if (!last?.data || before === undefined || before === text) return undefined;
  const start = commonStart(before, text);
  const end = commonEnd(before, text, start);
  const written = [before.slice(open + 2, before.length - end), text.slice(open + 2, text.length - end)];
  if (start < open + 2 || written.some((part) => part.includes('\n') || isClosed(part))) return undefined;
  for (const [key, environment] of last.data.environments) {
    if (!('parsed' in key) || !holdsExpression(key, open + 2)) continue;
    const step = stepAt(last, open);
    return { ...inText(text, open, offset), environment, ...(step && { step }) };
  }
  return undefined;
}

function commonStart(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** Characters that both end with, after the first `start`. */
function commonEnd(a: string, b: string, start: number): number {
  const most = Math.min(a.length, b.length) - start;
  let count = 0;
  while (count < most && a[a.length - 1 - count] === b[b.length - 1 - count]) count++;
  return count;
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
const HOLE_LINES_MAX = 20;

/** Offset of the `${` that is open at an offset: only there can an expression be. */
function holeStart(text: string, offset: number): number | undefined {
  const open = text.lastIndexOf('${', offset - 2);
  if (open < 0) return undefined;
  const written = text.slice(open + 2, offset);
  return written.split('\n').length > HOLE_LINES_MAX || isClosed(written) ? undefined : open;
}

/** A `${` before the cursor in a text whose YAML it breaks: the text is mended without it to learn what may stand there. */
function inHole(
  snapshot: Snapshot,
  file: string,
  text: string,
  open: number,
  offset: number,
): ExpressionAt | undefined {
  const lineEnd = endOfLine(text, offset);
  const lineStart = text.lastIndexOf('\n', open) + 1;
  const value = /^\s*(?:- +)*[\w.-]+:\s/.exec(text.slice(lineStart, open))?.[0].length;
  const mended = [
    blank(text, open, Math.min(holeEnd(text, offset) + 1, lineEnd)),
    blank(text, lineStart + (value ?? 0), lineEnd),
  ]
    .map((candidate) => snapshot.pipeline(file, candidate))
    .find((one, index, all) => one && (!one.document.isBroken || index === all.length - 1));
  const environment = mended && environmentAt(mended, offset);
  if (!environment) return undefined;
  const step = stepAt(mended, offset);
  return { ...inText(text, open, offset), environment, ...(step && { step }) };
}

/** An expression taken from the text as it stands, whatever YAML makes of it. */
function inText(
  text: string,
  open: number,
  offset: number,
): Pick<ExpressionAt, 'source' | 'index' | 'rangeOf'> {
  const start = open + 2;
  return {
    source: text.slice(start, holeEnd(text, offset)),
    index: offset - start,
    rangeOf: (from, to) => textRange(text, start + from, start + to),
  };
}

function holeEnd(text: string, offset: number): number {
  const lineEnd = endOfLine(text, offset);
  const close = text.indexOf('}', offset);
  return close >= 0 && close < lineEnd ? close : lineEnd;
}

/** Has the `}` of an expression been written? Braces and quotes of the expression's own are passed over. */
function isClosed(written: string): boolean {
  let depth = 0;
  let quote = '';
  for (const character of written) {
    if (quote !== '') {
      if (character === quote) quote = '';
    } else if (character === "'" || character === '"') quote = character;
    else if (character === '{') depth++;
    else if (character === '}' && --depth < 0) return true;
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

/** The records that a reconciliation speaks of at an offset: of the side whose name was written last. */
function recordsAt({ model, document }: PipelineInspection, offset: number): StepSpec | undefined {
  const before = document.text.slice(0, offset);
  const side = before.lastIndexOf('target:') > before.lastIndexOf('source:') ? 'target' : 'source';
  return allSteps(model?.spec.steps ?? []).find(
    (step) => step.kind === 'forEach' && step.records?.step === side,
  );
}

/** The step that an offset stands in, the innermost. */
export function stepAt(inspection: PipelineInspection, offset: number): StepSpec | undefined {
  const { model, document } = inspection;
  if (model?.spec.reconciliation) return recordsAt(inspection, offset);
  const before = allSteps(model?.spec.steps ?? []).filter(({ at }) => at.range.start.offset <= offset);
  const inside = before.findLast(({ at }) => holds(at, offset));
  const last = inside ?? before.at(-1);
  if (!last) return undefined;
  // A key at the margin ends the list of steps.
  const between = document.text.slice(last.at.range.start.offset, offset);
  return inside || !/\n[A-Za-z]/.test(between) ? last : undefined;
}

import { RE2JS } from 're2js';
import type { Span } from './ast.ts';
import { fail } from './failure.ts';
import { type Frame, spendSteps } from './operators.ts';

const PATTERN_CHARACTERS_MAX = 1_000;
/** Instructions that a pattern may compile to: `(a{100}){100}` is short and would be large. */
const PROGRAM_SIZE_MAX = 3_000;
const PATTERNS_KEPT_MAX = 200;
/** Characters × instructions that one step of the budget pays for. */
const WORK_PER_STEP = 50;

export type Pattern = { readonly matcher: RE2JS; readonly size: number } | { readonly problem: string };

/** Compiled patterns, oldest first; the oldest goes when there are too many. */
const kept = new Map<string, Pattern>();

/** A regular expression in RE2 syntax, or what is wrong with it. */
export function compilePattern(source: string): Pattern {
  const known = kept.get(source);
  if (known) return known;
  const pattern = compile(source);
  if (kept.size >= PATTERNS_KEPT_MAX) kept.delete(kept.keys().next().value!);
  kept.set(source, pattern);
  return pattern;
}

/** CEL's `matches`: true when any part of the text matches. */
export function matches(frame: Frame, text: string, source: string, span: Span): boolean {
  const pattern = compilePattern(source);
  if ('problem' in pattern)
    fail('EXPRESSION_ARGUMENT_INVALID', `\`matches\` is given a pattern that ${pattern.problem}`, span);
  spendSteps(frame, Math.ceil((text.length * pattern.size) / WORK_PER_STEP), span);
  return pattern.matcher.matcher(text).find();
}

function compile(source: string): Pattern {
  if (source.length > PATTERN_CHARACTERS_MAX)
    return { problem: `is longer than ${PATTERN_CHARACTERS_MAX} characters` };
  try {
    const matcher = RE2JS.compile(source);
    const size = matcher.programSize();
    return size > PROGRAM_SIZE_MAX
      ? { problem: 'is too large once its repetitions are written out' }
      : { matcher, size };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // re2js names the fault in its message, together with the pattern, which may come from data: the message stays here.
    return { problem: 'is no regular expression of RE2 (no backreferences, no look-around)' };
  }
}

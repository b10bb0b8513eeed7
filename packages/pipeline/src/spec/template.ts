import { type ParsedExpression, parseTemplate, type Span, type ValueTemplate } from '@tenon/expression';
import type { Json, Location } from '@tenon/model';
import type { SpecDocument, SpecNode, SpecScalar } from '../yaml/spec-document.ts';

/** An expression of a spec, with the way back from its spans to the file. */
export interface SpecExpression {
  /** As written between `${` and `}`, without the white space around it. */
  readonly source: string;
  /** Its own `source` keeps the white space, and spans count in that. */
  readonly parsed: ParsedExpression;
  /** The whole of it, without `${` and `}`. */
  readonly at: Location;
  /** Where a span of `parsed` stands in the file. */
  locate(span: Span): Location;
}

/** A value with expressions in it; every part knows the node it was written as. */
export type Template =
  | { readonly kind: 'literal'; readonly node: SpecScalar; readonly value: Json }
  | { readonly kind: 'expression'; readonly node: SpecScalar; readonly expression: SpecExpression }
  | {
      readonly kind: 'text';
      readonly node: SpecScalar;
      readonly parts: readonly (string | SpecExpression)[];
    }
  | {
      readonly kind: 'object';
      readonly node: SpecNode;
      readonly entries: readonly {
        readonly key: SpecScalar;
        readonly name: string;
        readonly value: Template;
      }[];
    }
  | { readonly kind: 'array'; readonly node: SpecNode; readonly items: readonly Template[] };

/** What is wrong with a template's own syntax (an unclosed `${`), with its place. */
export type TemplateProblem = (message: string, at: Location, fix: string | undefined) => void;

/** Reads a node as a template. Syntax errors inside expressions stay with each `ParsedExpression`. */
export function readTemplate(document: SpecDocument, node: SpecNode, problem: TemplateProblem): Template {
  switch (node.kind) {
    case 'map': {
      const entries = node.entries.map(({ key, value }) => ({
        key,
        name: String(key.value),
        value: readTemplate(document, value, problem),
      }));
      return { kind: 'object', node, entries };
    }
    case 'list':
      return { kind: 'array', node, items: node.items.map((item) => readTemplate(document, item, problem)) };
    case 'scalar':
      return readScalar(document, node, problem);
  }
}

function readScalar(document: SpecDocument, node: SpecScalar, problem: TemplateProblem): Template {
  if (typeof node.value !== 'string' || !node.value.includes('${'))
    return { kind: 'literal', node, value: node.value };
  const { parts: raw, errors } = parsedTemplate(node.value);
  const offsets = node.offsets();
  const place = (start: number, end: number): Location => {
    const from = offsets.startOf(start);
    return document.range(from, Math.max(from, end > start ? offsets.endOf(end) : from));
  };
  for (const error of errors) problem(error.message, place(error.start, error.end), error.fix);
  const parts = raw.map((part): string | SpecExpression => {
    if (part.kind === 'text') return part.text;
    const { start } = part;
    const raw = part.expression.source;
    const source = raw.trim();
    const lead = raw.length - raw.trimStart().length;
    return {
      source,
      parsed: part.expression,
      at: place(start + lead, start + lead + source.length),
      // The parsed source is the text between the braces, so its spans count from the part's start.
      locate: (span) => place(start + span.start, start + span.end),
    };
  });
  const isBlock = node.style === 'literal' || node.style === 'folded';
  // A block scalar ends in a line break that nobody means as text.
  const kept = isBlock ? parts.filter((part) => typeof part !== 'string' || part.trim() !== '') : parts;
  const [only] = kept;
  if (kept.length === 1 && only !== undefined && typeof only !== 'string')
    return { kind: 'expression', node, expression: only };
  if (parts.every((part) => typeof part === 'string'))
    return { kind: 'literal', node, value: parts.join('') };
  return { kind: 'text', node, parts };
}

type ParsedTemplate = ReturnType<typeof parseTemplate>;

/** Texts parsed lately: an editor asks for all of them again at each key press. */
const parsedTemplates = new Map<string, ParsedTemplate>();
const PARSED_KEPT_MAX = 10_000;

function parsedTemplate(text: string): ParsedTemplate {
  const known = parsedTemplates.get(text);
  if (known) return known;
  if (parsedTemplates.size >= PARSED_KEPT_MAX) parsedTemplates.clear();
  const parsed = parseTemplate(text);
  parsedTemplates.set(text, parsed);
  return parsed;
}

/** All expressions in a template, in document order. */
export function expressionsOf(template: Template): readonly SpecExpression[] {
  if (template.kind === 'literal') return NO_EXPRESSIONS;
  if (template.kind === 'expression') return [template.expression];
  const found: SpecExpression[] = [];
  collect(template, found);
  return found;
}

const NO_EXPRESSIONS: readonly SpecExpression[] = [];

function collect(template: Template, into: SpecExpression[]): void {
  switch (template.kind) {
    case 'literal':
      return;
    case 'expression':
      into.push(template.expression);
      return;
    case 'text':
      for (const part of template.parts) if (typeof part !== 'string') into.push(part);
      return;
    case 'object':
      for (const { value } of template.entries) collect(value, into);
      return;
    case 'array':
      for (const item of template.items) collect(item, into);
  }
}

/** The template as a plan holds it: parts without expressions collapse to literals. */
export function valueTemplate(template: Template): ValueTemplate {
  switch (template.kind) {
    case 'literal':
      return { literal: template.value };
    case 'expression':
      return { expression: template.expression.source, at: pointOf(template.expression.at) };
    case 'text': {
      const [first] = template.parts.flatMap((part) => (typeof part === 'string' ? [] : [part]));
      return {
        text: template.parts.map((part) => (typeof part === 'string' ? part : { expression: part.source })),
        ...(first && { at: pointOf(first.at) }),
      };
    }
    case 'object': {
      const members = template.entries.map(({ name, value }) => [name, valueTemplate(value)] as const);
      const literals = members.flatMap(([name, value]) =>
        'literal' in value ? [[name, value.literal] as const] : [],
      );
      if (literals.length === members.length) return { literal: Object.fromEntries(literals) };
      return { object: Object.fromEntries(members) };
    }
    case 'array': {
      const items = template.items.map(valueTemplate);
      const literals = items.flatMap((item) => ('literal' in item ? [item.literal] : []));
      return literals.length === items.length ? { literal: literals } : { array: items };
    }
  }
}

export function pointOf(at: Location): { line: number; column: number } {
  return { line: at.range.start.line, column: at.range.start.column };
}

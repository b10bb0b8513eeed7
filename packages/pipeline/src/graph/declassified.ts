import { type CallSite, calls } from '@tenon/expression';
import { compareText, type Location } from '@tenon/model';
import { expressionsIn } from '../check/data/policies.ts';
import type { SpecExpression } from '../spec/template.ts';
import type { Workspace } from '../workspace.ts';
import { modelsOf } from './graph.ts';

/** One way out for classed data that an author has declared, with the reason given: what an audit goes through. */
export interface Declassification {
  readonly pipeline: string;
  readonly owner: string;
  /** What is let out, as written. */
  readonly value: string;
  readonly reason: string;
  readonly at: Location;
}

/** Every `declassify(value, reason)` of every pipeline, by pipeline and place. */
export function declassificationsOf(workspace: Workspace): readonly Declassification[] {
  return modelsOf(workspace)
    .flatMap(({ model: { spec } }) =>
      expressionsIn(spec).flatMap((expression) =>
        calls(expression.parsed.ast)
          .filter(({ name }) => name === 'declassify')
          .map((call) => ({
            pipeline: spec.name.value,
            owner: spec.owner?.team?.value ?? '',
            ...partsOf(expression, call),
            at: expression.locate(call.span),
          })),
      ),
    )
    .sort((a, b) => compareText(a.pipeline, b.pipeline) || a.at.range.start.offset - b.at.range.start.offset);
}

/** `declassify(event.email, 'asked for')` → `event.email` and `asked for`; the reason is literal, so says the check. */
function partsOf({ parsed }: SpecExpression, { span }: CallSite): Pick<Declassification, 'value' | 'reason'> {
  const text = parsed.source.slice(span.start, span.end);
  const parts = /^declassify\(\s*(.*?)\s*,\s*(['"])(.*)\2\s*\)$/s.exec(text);
  return { value: parts?.[1] ?? text, reason: parts?.[3] ?? '' };
}

export function renderDeclassifications(found: readonly Declassification[], format: 'text' | 'json'): string {
  if (format === 'json') return `${JSON.stringify(found, undefined, 2)}\n`;
  if (found.length === 0) return 'nothing is declassified\n';
  return found
    .map(({ pipeline, owner, value, reason, at }) => {
      const { line, column } = at.range.start;
      return `${pipeline} (${owner})  ${value}\n  because ${reason}\n  ${at.file}:${line}:${column}\n`;
    })
    .join('');
}

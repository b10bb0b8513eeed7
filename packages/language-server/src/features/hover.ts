import { textRange } from '@tenon/document';
import { hoverAt as hoverInExpression } from '@tenon/expression';
import type { Location, Range } from '@tenon/model';
import type { Snapshot } from '../snapshot.ts';
import { placesAt, schemasAt } from './contract-place.ts';
import { expressionAt } from './expression-at.ts';
import { schemaOf, shapesAt } from './shapes.ts';
import { type Target, targetAt } from './target.ts';
import { yamlPlace } from './yaml-place.ts';

/** Markdown on the thing under a cursor. */
export interface HoverText {
  readonly range: Range;
  readonly markdown: string;
}

/** The type of a name, what its contract says of it and where; of a key, what the format says. */
export function hoverAt(snapshot: Snapshot, file: string, offset: number): HoverText | undefined {
  const expression = expressionAt(snapshot, file, offset);
  const target = targetAt(snapshot, file, offset);
  const found = expression && hoverInExpression(expression.source, expression.index, expression.environment);
  if (!expression)
    return target
      ? { range: target.at.range, markdown: joined(sayings(target)) }
      : onKey(snapshot, file, offset);
  if (!found && !target) return undefined;
  const told = target ? sayings(target) : {};
  const doc = told.doc ?? found?.doc;
  const range = found ? expression.rangeOf(found.start, found.end) : target?.at.range;
  if (!range) return undefined;
  return {
    range,
    markdown: joined({
      ...told,
      ...(found && { detail: found.detail }),
      ...(doc !== undefined && { doc }),
    }),
  };
}

interface Sayings {
  readonly detail?: string;
  readonly doc?: string;
  readonly source?: string;
}

function sayings(target: Target): Sayings {
  switch (target.kind) {
    case 'step':
      return {
        detail: `step ${target.step.id.value}`,
        source: `${target.step.kind} step, ${place(target.step.id.at)}`,
      };
    case 'policy': {
      const { name, parameters, condition, description } = target.policy;
      return {
        detail: `policy.${name.value}(${parameters.map(({ value }) => value).join(', ')}) = ${condition.source}`,
        doc: description,
        source: place(name.at),
      };
    }
    case 'field': {
      const schemas = schemasAt(target.source, target.path);
      const doc = schemas.map(({ description }) => description).find((one) => one !== undefined);
      const [at] = placesAt(target.source, target.path);
      return {
        ...(doc !== undefined && { doc }),
        source: `${target.source.what}${at ? `, ${place(at)}` : ''}`,
      };
    }
    case 'node':
      return {
        detail: target.what,
        ...(target.doc !== undefined && { doc: target.doc }),
        ...(target.places[0] && { source: place(target.places[0]) }),
      };
  }
}

function place({ file, range }: Location): string {
  return `${file}:${range.start.line}`;
}

/** Contracts are vendors' texts: what they say is shown as text that can do nothing but be read. */
function joined({ detail, doc, source }: Sayings): string {
  return [
    detail === undefined ? undefined : `\`\`\`\n${detail.replaceAll('```', "'''")}\n\`\`\``,
    // An image would be fetched, and tell its owner who reads, and when.
    doc?.replaceAll(/[<>]/g, (character) => (character === '<' ? '&lt;' : '&gt;')).replaceAll('![', '!\\['),
    source === undefined ? undefined : `*${source}*`,
  ]
    .filter((one) => one !== undefined)
    .join('\n\n');
}

function onKey(snapshot: Snapshot, file: string, offset: number): HoverText | undefined {
  const text = snapshot.text(file);
  const root = schemaOf(file);
  if (text === undefined || !root) return undefined;
  const place = yamlPlace(text, offset);
  const end = text.slice(place.start).search(/[^\w.-]/) + place.start;
  const key = text.slice(place.start, end);
  if (place.key !== undefined || !text.startsWith(':', end)) return undefined;
  const [shape] = shapesAt(root, [...place.path, key]);
  const doc = shape?.description;
  return doc === undefined ? undefined : { range: textRange(text, place.start, end), markdown: doc };
}

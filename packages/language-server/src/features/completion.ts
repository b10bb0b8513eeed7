import { textRange } from '@tenon/document';
import { completionsAt } from '@tenon/expression';
import type { Range } from '@tenon/model';
import { knownRefusals } from '@tenon/pipeline';
import type { Snapshot } from '../snapshot.ts';
import { inputOf, schemasAt } from './contract-place.ts';
import { expressionAt, stepAt } from './expression-at.ts';
import { namesAt } from './names.ts';
import { describeShape, schemaOf, shapesAt, valuesOf } from './shapes.ts';
import { type YamlPlace, yamlPlace } from './yaml-place.ts';

/** One thing that can be written at a place of a file. */
export interface CompletionItem {
  readonly label: string;
  readonly kind: 'field' | 'name' | 'function' | 'policy' | 'value' | 'key' | 'operation' | 'event';
  readonly detail: string;
  readonly doc?: string;
  /** What to write instead of the text at `range`. */
  readonly text: string;
  readonly range: Range;
}

/** Operations of a vendor with thousands are cut: the editor asks again as more is written. */
const ITEMS_MAX = 1_000;

/** What can be written at an offset, in YAML and in expressions, also while the text is neither. */
export function completionAt(snapshot: Snapshot, file: string, offset: number): readonly CompletionItem[] {
  const text = snapshot.text(file);
  if (text === undefined) return [];
  const expression = expressionAt(snapshot, file, offset);
  if (expression) {
    const { source, index, environment, rangeOf } = expression;
    return completionsAt(source, index, environment).map(({ replace, ...item }) => ({
      ...item,
      range: rangeOf(replace.start, replace.end),
    }));
  }
  const place = yamlPlace(text, offset);
  const range = textRange(text, place.start, place.end);
  const written = text.slice(place.start, offset).toLowerCase();
  const all =
    place.key === undefined ? keysAt(snapshot, file, offset, place) : valuesAt(snapshot, file, place);
  const items = all.map((item) => ({ ...item, range }));
  if (items.length <= ITEMS_MAX) return items;
  return items.filter(({ label }) => label.toLowerCase().includes(written)).slice(0, ITEMS_MAX);
}

type Item = Omit<CompletionItem, 'range'>;

function keysAt(snapshot: Snapshot, file: string, offset: number, place: YamlPlace): readonly Item[] {
  const root = schemaOf(file);
  const shapes = root ? shapesAt(root, place.path, place.siblings.keys()) : [];
  const known = new Map<string, Item>();
  for (const shape of shapes)
    for (const [name, property] of Object.entries(shape.properties ?? {})) {
      if (place.siblings.has(name) || known.has(name)) continue;
      const [inner] = root ? shapesAt({ ...shape, ...(root.$defs && { $defs: root.$defs }) }, [name]) : [];
      const doc = (typeof property === 'object' ? property.description : undefined) ?? inner?.description;
      const isRequired = shape.required?.includes(name) ?? false;
      known.set(name, {
        label: name,
        kind: 'key',
        detail: `${inner ? describeShape(inner) : 'any'}${isRequired ? ', required' : ''}`,
        ...(doc !== undefined && { doc }),
        text: `${name}: `,
      });
    }
  const named = namesAt(snapshot, file, [...place.path, '<key>'], place.siblings).filter(
    ({ label }) => !place.siblings.has(label),
  );
  return [
    ...known.values(),
    ...named,
    ...requestKeys(snapshot, file, offset, place),
    ...refusalNames(snapshot, file, offset, place),
  ];
}

/** What a step may take as a value: the names that its connector gives to answers that say no. */
function refusalNames(snapshot: Snapshot, file: string, offset: number, place: YamlPlace): readonly Item[] {
  const inspection = place.path.includes('refusals') ? snapshot.pipeline(file) : undefined;
  const step = inspection && stepAt(inspection, offset);
  const call = step?.kind === 'call' ? inspection?.model?.calls.get(step)?.call : undefined;
  return [...(call === undefined ? [] : knownRefusals(call))].map(([label, statuses]) => ({
    label,
    kind: 'name',
    detail: `an answer of ${statuses.join(', ')}`,
    text: label,
  }));
}

/** Members of a request, from the contract of the operation that the step calls. */
function requestKeys(snapshot: Snapshot, file: string, offset: number, place: YamlPlace): readonly Item[] {
  const at = place.path.indexOf('with');
  const inspection = at < 0 ? undefined : snapshot.pipeline(file);
  const step = inspection && stepAt(inspection, offset);
  const source = step && inputOf(inspection, step, place.path.includes('compensate') ? 'compensate' : 'with');
  if (!source) return [];
  const schemas = schemasAt(source, place.path.slice(at + 1));
  const found = new Map<string, Item>();
  for (const schema of schemas)
    for (const name of Object.keys(schema.properties ?? {})) {
      if (place.siblings.has(name) || found.has(name)) continue;
      const [field] = schemasAt({ ...source, schema }, [name]);
      if (field?.readOnly === true) continue;
      found.set(name, {
        label: name,
        kind: 'field',
        detail: `${field ? describeShape(field) : 'any'}${schema.required?.includes(name) ? ', required' : ''}`,
        ...(field?.description !== undefined && { doc: field.description }),
        text: `${name}: `,
      });
    }
  return [...found.values()];
}

function valuesAt(snapshot: Snapshot, file: string, place: YamlPlace): readonly Item[] {
  const path = [...place.path, place.key ?? ''];
  const root = schemaOf(file);
  const values = (root ? shapesAt(root, path) : []).flatMap((shape) =>
    valuesOf(shape).map((value): Item => {
      const text = String(value);
      return { label: text, kind: 'value', detail: shape.description ?? 'a value', text };
    }),
  );
  const named = namesAt(snapshot, file, path, place.siblings);
  return [...new Map([...values, ...named].map((item) => [item.label, item])).values()];
}

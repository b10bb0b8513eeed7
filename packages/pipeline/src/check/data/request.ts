import {
  assignmentIssues,
  constantEvaluation,
  type Expr,
  presentOf,
  STRING,
  type Type,
} from '@tenon/expression';
import { type Diagnostic, didYouMean, isObject, type Json, type Location } from '@tenon/model';
import { fitsPlainly, type SchemaObject, type TextPart, textMisfit, validatorFor } from '@tenon/schema';
import { diagnostic } from '../../rules.ts';
import type { SpecExpression, Template } from '../../spec/template.ts';
import type { SpecDocument } from '../../yaml/spec-document.ts';
import { isPlaceholder } from '../proofs/placeholders.ts';
import { expressionDiagnostic } from './expressions.ts';
import { fieldOf, type Place, typeNames, typesOf } from './schema-path.ts';
import { typeOfPlace } from './types.ts';
import { valuesOf } from './values-of.ts';

/** What is sent, for messages and fingerprints. */
export interface RequestSubject {
  readonly document: SpecDocument;
  /** `billing.createInvoice`, or an event. */
  readonly name: string;
  /** Where to point when a whole member is missing from nothing: the `call`. */
  readonly at: Location;
  /** The type of an expression that was checked before. */
  typeOf(expression: SpecExpression): Type;
}

/** Holds a template against the schema of what it is sent as: names, required members, literal values, known types. */
export function checkRequest(
  template: Template | undefined,
  target: Place,
  subject: RequestSubject,
): Diagnostic[] {
  const found: Diagnostic[] = [];
  if (template === undefined) {
    for (const name of requiredOf(target)) found.push(missing(name, '', subject.at));
    return found;
  }
  visit(template, target, '');
  return found;

  function visit(here: Template, place: Place, path: string, mayBeLeftOut = false): void {
    if (place.any) return;
    switch (here.kind) {
      case 'object':
        if (!typesOf(place).has('object')) wrongType(here, place, path, 'an object');
        else visitObject(here, place, path);
        return;
      case 'array':
        if (!typesOf(place).has('array')) wrongType(here, place, path, 'a list');
        else {
          const items = fieldOf(place, '*').place;
          for (const [index, item] of here.items.entries())
            if (items) visit(item, items, `${path}/${index}`, true);
        }
        return;
      case 'text':
        if (assign(STRING, place, path, subject.document.at(here.node)))
          visitText(partsOf(here), place, path, subject.document.at(here.node));
        return;
      case 'literal':
        visitLiteral(here, place, path);
        return;
      case 'expression': {
        const type = subject.typeOf(here.expression);
        // An absent optional leaves its member out, which is no fault where none is required.
        if (!assign(mayBeLeftOut ? presentOf(type) : type, place, path, here.expression.at)) return;
        const constant = constantEvaluation(here.expression.parsed.ast);
        if (constant?.ok) visitValue(constant.value, here.expression.at, place, path);
        else if (presentOf(type).kind === 'string')
          visitText(joinedBy(here.expression.parsed.ast), place, path, here.expression.at);
      }
    }
  }

  /** Gives whether it fits. */
  function assign(type: Type, place: Place, path: string, at: Location): boolean {
    const issues = assignmentIssues(type, typeOfPlace(place));
    for (const issue of issues.slice(0, ISSUES_MAX)) {
      const inner = issue.path.length > 0 ? `${path}/${issue.path.join('/')}` : path;
      const name = inner === '' ? 'the input' : `\`${inner.slice(1).replaceAll('/', '.')}\``;
      found.push(
        expressionDiagnostic(issue.code, {
          message: `${name} of \`${subject.name}\`: ${issue.message}`,
          at,
          subject: `${subject.name} ${inner}`,
        }),
      );
    }
    return issues.length === 0;
  }

  function visitObject(here: Template & { kind: 'object' }, place: Place, path: string): void {
    const best = bestAlternative(here, place);
    for (const { name, key, value } of here.entries) {
      const field = fieldOf(best, name);
      if (field.place) {
        visit(value, field.place, `${path}/${name}`, !requiredOf(best).includes(name));
        continue;
      }
      const near = didYouMean(
        name,
        field.candidates.filter((other) => !here.entries.some((entry) => entry.name === other)),
      );
      found.push(
        diagnostic('unknown-request-field', {
          message: `\`${subject.name}\` takes no \`${name}\`${path === '' ? '' : ` in \`${path.slice(1).replaceAll('/', '.')}\``}`,
          at: subject.document.at(key),
          subject: `${subject.name} ${path}/${name}`,
          fix: takes(field.candidates),
          misspelt: { name, meant: near },
        }),
      );
    }
    for (const name of requiredOf(best)) {
      if (here.entries.some((entry) => entry.name === name)) continue;
      const typo = here.entries.some(
        (entry) => !fieldOf(best, entry.name).place && didYouMean(entry.name, [name]) !== undefined,
      );
      if (typo) continue;
      const [first] = here.entries;
      found.push(
        missing(name, path, first ? subject.document.at(first.key) : subject.document.at(here.node)),
      );
    }
  }

  function missing(name: string, path: string, at: Location): Diagnostic {
    const where = path === '' ? '' : ` in \`${path.slice(1).replaceAll('/', '.')}\``;
    return diagnostic('missing-request-field', {
      message: `\`${subject.name}\` needs \`${name}\`${where}`,
      at,
      subject: `${subject.name} ${path}/${name}`,
      fix: `add \`${name}:\`${path === '' ? ' under `with`' : where}`,
    });
  }

  function visitLiteral(here: Template & { kind: 'literal' }, place: Place, path: string): void {
    // Said once, where all of them are looked for.
    if (!isPlaceholder(here.value)) visitValue(here.value, subject.document.at(here.node), place, path);
  }

  function visitValue(value: Json, at: Location, place: Place, path: string): void {
    if (place.alternatives.some((parts) => parts.every((part) => fitsPlainly(part, value)))) return;
    const [issue] = validatorFor(schemaOf(place), place.definitions)(value);
    if (!issue) return;
    const allowed = literalsOf(place);
    const near = typeof value === 'string' && allowed ? didYouMean(value, allowed) : undefined;
    found.push(
      diagnostic('request-value-invalid', {
        message: `${path === '' ? `\`${subject.name}\`` : `\`${path.slice(1).replaceAll('/', '.')}\``} ${issue.message}`,
        at,
        subject: `${subject.name} ${path}`,
        ...(near !== undefined && { misspelt: { name: String(value), meant: near } }),
      }),
    );
  }

  /** What is written out of a text may show already that it never fits. */
  function visitText(parts: readonly TextPart[], place: Place, path: string, at: Location): void {
    // What nothing is written out of, may be anything.
    if (parts.every((part) => part === undefined)) return;
    const misfits = place.alternatives
      .filter((alternative) => typesOf({ ...place, alternatives: [alternative] }).has('string'))
      .map((alternative) =>
        alternative.map((part) => textMisfit(parts, part)).find((one) => one !== undefined),
      );
    const [misfit] = misfits;
    if (misfit === undefined || misfits.includes(undefined)) return;
    found.push(
      diagnostic('request-value-invalid', {
        message: `${path === '' ? `\`${subject.name}\`` : `\`${path.slice(1).replaceAll('/', '.')}\``} ${misfit}, and no value of its expressions makes it so`,
        at,
        subject: `${subject.name} ${path}`,
      }),
    );
  }

  function partsOf(here: Template & { kind: 'text' }): readonly TextPart[] {
    return here.parts.map((part) => (typeof part === 'string' ? part : textsOf(subject.typeOf(part))));
  }

  function wrongType(here: Template, place: Place, path: string, given: string): void {
    const name = path === '' ? 'the input' : `\`${path.slice(1).replaceAll('/', '.')}\``;
    found.push(
      expressionDiagnostic('wrong-type', {
        message: `${name} of \`${subject.name}\` must be ${typeNames(place)}; this is ${given}`,
        at: subject.document.at(here.node),
        subject: `${subject.name} ${path}`,
      }),
    );
  }
}

/** The parts of a text that an expression puts together with `+`. */
function joinedBy(node: Expr): readonly TextPart[] {
  if (node.kind === 'binary' && node.operator === '+')
    return [...joinedBy(node.left), ...joinedBy(node.right)];
  return [node.kind === 'literal' && typeof node.value === 'string' ? node.value : undefined];
}

/** The texts that an expression gives, where they are few. */
function textsOf(type: Type): readonly string[] | undefined {
  const values = valuesOf(type);
  return values?.length ? values.map(String) : undefined;
}

/** Issues of one value listed, at most. */
const ISSUES_MAX = 5;

/** Members that every alternative requires. */
export function requiredOf(place: Place): readonly string[] {
  const known = requiredByPlace.get(place);
  if (known) return known;
  const [first, ...rest] = place.alternatives.map(
    (alternative) => new Set(alternative.flatMap((part) => part.required ?? [])),
  );
  const required = first ? [...first].filter((name) => rest.every((other) => other.has(name))) : [];
  requiredByPlace.set(place, required);
  return required;
}

const requiredByPlace = new WeakMap<Place, readonly string[]>();

/** The alternative that a map was most likely written for: fewest unknown and missing members. */
function bestAlternative(here: Template & { kind: 'object' }, place: Place): Place {
  if (place.alternatives.length < 2) return place;
  const scored = place.alternatives.map((alternative) => {
    const one: Place = { ...place, alternatives: [alternative] };
    const unknown = here.entries.filter(({ name }) => !fieldOf(one, name).place).length;
    const missing = requiredOf(one).filter(
      (name) => !here.entries.some((entry) => entry.name === name),
    ).length;
    const mismatched = here.entries.filter(({ name, value }) => {
      const field = fieldOf(one, name).place;
      return field && value.kind === 'literal' && !field.any && !allows(field, value.value);
    }).length;
    return { one, score: unknown + missing + 2 * mismatched, isObject: typesOf(one).has('object') };
  });
  const objects = scored.filter(({ isObject: fits }) => fits);
  const [best] = (objects.length > 0 ? objects : scored).toSorted((a, b) => a.score - b.score);
  // Equally good alternatives are kept together, so that none of them is blamed alone.
  const equal = objects.filter(({ score }) => score === best?.score).flatMap(({ one }) => one.alternatives);
  return equal.length > 0 ? { ...place, alternatives: equal } : place;
}

function allows(place: Place, value: Json): boolean {
  const allowed = place.alternatives.map((alternative) => {
    const part = alternative.find((one) => one.const !== undefined || one.enum !== undefined);
    return part
      ? part.const !== undefined
        ? part.const === value
        : (part.enum ?? []).includes(value)
      : true;
  });
  return allowed.some(Boolean);
}

function schemaOf(place: Place): SchemaObject {
  const alternatives = place.alternatives.map((parts) => (parts.length === 1 ? parts[0]! : { allOf: parts }));
  return alternatives.length === 1 ? alternatives[0]! : { anyOf: alternatives };
}

function literalsOf(place: Place): readonly string[] | undefined {
  const values = place.alternatives.flatMap((alternative) => alternative.flatMap((part) => part.enum ?? []));
  return values.length > 0 ? values.filter((value) => !isObject(value)).map(String) : undefined;
}

function takes(candidates: readonly string[]): string | undefined {
  return candidates.length === 0 ? 'it takes nothing here' : `it takes ${candidates.slice(0, 12).join(', ')}`;
}

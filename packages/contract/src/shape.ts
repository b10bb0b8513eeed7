import { isTornAtComma, listMeant } from '@tenon/document';
import { didYouMean } from '@tenon/model';
import type { Findings } from './findings.ts';
import type { Part } from './part.ts';
import type { RefFailure, Sources } from './sources.ts';

/**
 * What a member must be, in a few words:
 * `string boolean number integer any` · `one of a|b` · `list of <…>` · `map of <…>` · `<name>`, an object of the table ·
 * `ref <name>`, such an object or a reference to one. A `!` at the end: must be there (error); `~`: should be (warning).
 * `@3.1` at the end: since that version of the format.
 */
export type ShapeText = string;

export interface ObjectShape {
  /** How a person calls it: `Operation Object`, `operation`. */
  readonly title: string;
  readonly members: Readonly<Record<string, ShapeText>>;
  /** Members whose names are the author's: the shape by pattern of name. */
  readonly patterned?: readonly { readonly name: RegExp; readonly shape: ShapeText }[];
  /** `any`: other members are fine. `typo`: one that looks like a known one is reported; `report`: each is. `x-` never. */
  readonly others: 'any' | 'typo' | 'report';
  /** How bad a member of the wrong type is here; for a text, number or flag that may be left out always a warning. Default: `error`. */
  readonly severity?: 'error' | 'warning';
  /** What else must hold. */
  readonly also?: (part: Part, check: ShapeChecker) => void;
}

export type Shapes = Readonly<Record<string, ObjectShape>>;

interface ParsedShape {
  readonly kind:
    | 'string'
    | 'boolean'
    | 'number'
    | 'integer'
    | 'any'
    | 'choice'
    | 'list'
    | 'map'
    | 'object'
    | 'ref';
  readonly of?: ParsedShape;
  readonly choices?: readonly string[];
  readonly name?: string;
  readonly need: 'error' | 'warning' | undefined;
  readonly since?: string;
}

/** A shape with its texts read, and the members that must be there set apart. */
interface ReadyShape extends ObjectShape {
  readonly parsed: ReadonlyMap<string, ParsedShape>;
  readonly needed: readonly (readonly [string, ParsedShape])[];
}

const readyByShape = new WeakMap<ObjectShape, ReadyShape>();

function ready(shape: ObjectShape): ReadyShape {
  let found = readyByShape.get(shape);
  if (!found) {
    const parsed = new Map(Object.entries(shape.members).map(([key, text]) => [key, parseShape(text)]));
    found = { ...shape, parsed, needed: [...parsed].filter(([, member]) => member.need) };
    readyByShape.set(shape, found);
  }
  return found;
}

const parsedByText = new Map<string, ParsedShape>();

function parseShape(text: string): ParsedShape {
  let parsed = parsedByText.get(text);
  if (!parsed) {
    const [body = '', since] = text.split('@');
    const need = body.endsWith('!') ? 'error' : body.endsWith('~') ? 'warning' : undefined;
    parsed = { ...parseBody(need ? body.slice(0, -1) : body), need, ...(since !== undefined && { since }) };
    parsedByText.set(text, parsed);
  }
  return parsed;
}

function parseBody(text: string): ParsedShape {
  const need = undefined;
  if (text.startsWith('list of ')) return { kind: 'list', of: parseShape(text.slice(8)), need };
  if (text.startsWith('map of ')) return { kind: 'map', of: parseShape(text.slice(7)), need };
  if (text.startsWith('one of ')) return { kind: 'choice', choices: text.slice(7).split('|'), need };
  if (text.startsWith('ref ')) return { kind: 'ref', name: text.slice(4), need };
  if (text === 'string' || text === 'boolean' || text === 'number' || text === 'integer' || text === 'any')
    return { kind: text, need };
  return { kind: 'object', name: text, need };
}

/** Compares a document with a table of shapes, every part once. */
export class ShapeChecker {
  readonly findings: Findings;
  readonly sources: Sources;
  /** Of the format: `3.1`. */
  readonly version: string;
  readonly #shapes: Shapes;
  /** Targets in other files and corners that were checked already, by shape and key. */
  readonly #checked = new Set<string>();

  constructor(parts: {
    readonly shapes: Shapes;
    readonly findings: Findings;
    readonly sources: Sources;
    readonly version: string;
  }) {
    this.#shapes = parts.shapes;
    this.findings = parts.findings;
    this.sources = parts.sources;
    this.version = parts.version;
  }

  check(part: Part, shape: ShapeText): void {
    this.#check(part, parseShape(shape), 'error');
  }

  #check(part: Part, shape: ParsedShape, severity: 'error' | 'warning'): void {
    const { value } = part;
    switch (shape.kind) {
      case 'any':
        return;
      case 'string':
      case 'boolean':
      case 'number':
        if (typeof value !== shape.kind) this.#wrongType(part, shape, severity);
        return;
      case 'integer':
        if (!Number.isInteger(value)) this.#wrongType(part, shape, severity);
        return;
      case 'choice':
        if (typeof value !== 'string') this.#wrongType(part, shape, severity);
        else if (!shape.choices!.includes(value)) this.#wrongChoice(part, value, shape.choices!, severity);
        return;
      case 'list':
        if (!Array.isArray(value)) this.#wrongType(part, shape, severity);
        else for (const item of part.items()) this.#check(item, shape.of!, severity);
        return;
      case 'map':
        if (!part.object) this.#wrongType(part, shape, severity);
        else
          for (const [name, member] of part.entries())
            if (!name.startsWith('x-')) this.#check(member, shape.of!, severity);
        return;
      case 'ref':
        if (part.text('$ref') !== undefined) this.#reference(part, shape.name!);
        else this.#object(part, shape, severity);
        return;
      case 'object':
        this.#object(part, shape, severity);
        return;
    }
  }

  #object(part: Part, shape: ParsedShape, severity: 'error' | 'warning'): void {
    const found = ready(this.#shapes[shape.name!]!);
    if (!part.object) {
      if (found.title !== 'schema' || typeof part.value !== 'boolean') this.#wrongType(part, shape, severity);
      return;
    }
    for (const [key, expected] of found.needed)
      if (!Object.hasOwn(part.object, key)) this.#missing(part, key, expected, found);
    let before: string | undefined;
    for (const [key, member] of part.entries()) {
      this.#member(member, key, found, before);
      before = typeof member.value === 'string' ? key : undefined;
    }
    found.also?.(part, this);
  }

  /** `before`: the member in front of it, where that is a text. */
  #member(member: Part, key: string, holder: ReadyShape, before: string | undefined): void {
    // What an extension says wrongly keeps nothing else of a document from being read.
    const severity = key.startsWith('x-') ? 'warning' : (holder.severity ?? 'error');
    const expected = holder.parsed.get(key);
    if (expected) {
      if (expected.since !== undefined && isBefore(this.version, expected.since))
        this.#tooNew(member, key, expected.since, holder);
      this.#check(member, expected, isScalar(expected) && expected.need !== 'error' ? 'warning' : severity);
      return;
    }
    const patterned = holder.patterned?.find(({ name }) => name.test(key));
    if (patterned) this.#check(member, parseShape(patterned.shape), severity);
    else if (holder.others !== 'any' && !key.startsWith('x-')) this.#unknown(member, key, holder, before);
  }

  /** Says where a reference cannot be followed; checks a target in another file or corner, for no one else gets there. */
  #reference(part: Part, name: string): void {
    const ref = part.text('$ref')!;
    const hasSiblings = name === 'schema' && Object.keys(part.object!).length > 1;
    if (hasSiblings) this.#object(part, { kind: 'object', name, need: undefined }, 'warning');
    const found = this.sources.resolve(ref, part.base);
    if ('failure' in found) {
      this.reportRef(part, ref, found.failure);
      return;
    }
    const { part: target, key } = found;
    const end = this.sources.follow(target);
    if ('failure' in end && end.failure.kind === 'circular') {
      if (target.place.file === part.place.file) this.#circular(part, ref);
      return;
    }
    const kind = /#\/components\/([^/]+)\/[^/]+$/.exec(ref)?.[1];
    const wanted = COMPONENT_OF[name];
    if (
      kind !== undefined &&
      wanted !== undefined &&
      Object.values(COMPONENT_OF).includes(kind) &&
      kind !== wanted
    ) {
      this.findings.add('contract-ref-kind', part.get('$ref')!, {
        message: `${JSON.stringify(ref)} names one of components.${kind} where one of components.${wanted} is expected`,
      });
      return;
    }
    const once = `${name} ${key}`;
    if ((target.base === part.base && isOnTheWay(key)) || this.#checked.has(once)) return;
    this.#checked.add(once);
    this.#check(target, { kind: 'ref', name, need: undefined }, 'error');
  }

  #circular(part: Part, ref: string): void {
    this.findings.add('contract-ref-circular', part.get('$ref')!, {
      message: `${JSON.stringify(ref)} leads back to itself through references alone: it stands for nothing`,
    });
  }

  reportRef(part: Part, ref: string, failure: RefFailure): void {
    const at = part.get('$ref') ?? part;
    const shown = JSON.stringify(ref);
    switch (failure.kind) {
      case 'remote':
        this.findings.add('contract-ref-remote', at, {
          message: `${shown} lies outside the workspace and is not fetched; anything passes here`,
        });
        return;
      case 'outside':
        this.findings.add('contract-ref-outside', at, { message: `${shown} leads out of the workspace` });
        return;
      case 'circular':
        this.#circular(part, ref);
        return;
      case 'noFile':
        this.findings.add('contract-ref-unresolved', at, {
          message: `${shown} names a file that is not there: ${failure.file}`,
        });
        return;
      case 'unreadable':
        this.findings.add('contract-ref-unresolved', at, {
          message: `${shown} names a file that cannot be read: ${failure.file}`,
        });
        return;
      case 'nothing': {
        const names = Object.keys(failure.near.object ?? {});
        const meant = didYouMean(failure.missing, names);
        const hint = meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`;
        this.findings.add('contract-ref-unresolved', at, {
          message: `${shown} names nothing: there is no ${JSON.stringify(failure.missing)}${hint}`,
        });
      }
    }
  }

  #wrongType(part: Part, shape: ParsedShape, severity: 'error' | 'warning'): void {
    const numberAsText = typeof part.value === 'number' && shape.kind === 'string';
    const list = shape.kind === 'list' && typeof part.value === 'string' ? listMeant(part.value) : undefined;
    this.findings.add('contract-member-type', part, {
      message: `expected ${this.#describe(shape)}, found ${kindOf(part.value)}`,
      // `null` is as good as absent, and a number without quotes can be read as the text it was meant to be.
      severity: part.value === null || numberAsText ? 'warning' : severity,
      fix: numberAsText ? 'Put the value in quotes.' : list && `Write \`${list}\`.`,
    });
  }

  #describe(shape: ParsedShape): string {
    const article = (title: string) => (/^[aeiou]/i.test(title) ? `an ${title}` : `a ${title}`);
    switch (shape.kind) {
      case 'string':
        return 'a text';
      case 'boolean':
        return 'true or false';
      case 'choice':
        return `one of ${shape.choices!.join(', ')}`;
      case 'list':
        return `a list, each item ${this.#describe(shape.of!)}`;
      case 'map':
        return `an object, each member ${this.#describe(shape.of!)}`;
      case 'ref':
        return `${article(this.#shapes[shape.name!]!.title)} or a reference to one`;
      case 'object':
        return `${article(this.#shapes[shape.name!]!.title)} (an object)`;
      default:
        return article(shape.kind);
    }
  }

  #wrongChoice(part: Part, value: string, choices: readonly string[], severity: 'error' | 'warning'): void {
    const meant = didYouMean(value, choices);
    const hint =
      meant === undefined
        ? `expected one of ${choices.join(', ')}`
        : `did you mean ${JSON.stringify(meant)}?`;
    this.findings.add('contract-value-unknown', part, {
      message: `${JSON.stringify(value)} is not known here; ${hint}`,
      severity,
    });
  }

  #missing(part: Part, key: string, shape: ParsedShape, holder: ObjectShape): void {
    this.findings.add('contract-member-missing', part, {
      message: `this ${holder.title} lacks \`${key}\`: ${this.#describe(shape)}`,
      ...(shape.need && { severity: shape.need }),
    });
  }

  #tooNew(member: Part, key: string, since: string, holder: ObjectShape): void {
    // Webhooks of a vendor whose document is of version 3.0 have no other place: nobody but Tenon reads the overlay.
    if (this.sources.isOverlay(member.place.file)) return;
    this.findings.add('contract-member-version', member, {
      message: `\`${key}\` of the ${holder.title} came with version ${since}; this document says ${this.version}`,
      onKey: true,
    });
  }

  #isTorn({ value, place }: Part): boolean {
    if (value !== null) return false;
    const at = this.sources.locateKey(place);
    const text = at && this.sources.text(at.file);
    return at !== undefined && text !== undefined && isTornAtComma(text, at.range.end.offset);
  }

  #unknown(member: Part, key: string, holder: ObjectShape, before: string | undefined): void {
    if (before !== undefined && this.#isTorn(member)) {
      this.findings.add('contract-member-unknown', member, {
        message: `\`${key}\` is no member of the ${holder.title}: a comma ended the text of \`${before}\``,
        onKey: true,
        fix: `Put the whole text of \`${before}\` in quotes.`,
      });
      return;
    }
    const meant = didYouMean(key, Object.keys(holder.members));
    if (meant === undefined && holder.others === 'typo') return;
    const hint = meant === undefined ? '' : `; did you mean \`${meant}\`?`;
    this.findings.add('contract-member-unknown', member, {
      message: `\`${key}\` is no member of the ${holder.title}${hint}`,
      onKey: true,
    });
  }
}

/** Parts of a document that the tables lead through, wherever its references point. `key`: see `Resolved`. */
function isOnTheWay(key: string): boolean {
  return /#\/(?:components|paths|webhooks|channels|operations)\//.test(key) && !key.includes('/x-');
}

function isScalar({ kind }: ParsedShape): boolean {
  return kind === 'string' || kind === 'boolean' || kind === 'number' || kind === 'integer';
}

/** Under which part of `components` objects of a shape are kept. */
const COMPONENT_OF: Readonly<Record<string, string>> = {
  schema: 'schemas',
  response: 'responses',
  parameter: 'parameters',
  example: 'examples',
  requestBody: 'requestBodies',
  header: 'headers',
  securityScheme: 'securitySchemes',
  link: 'links',
  callback: 'callbacks',
};

function kindOf(value: unknown): string {
  if (value === null) return 'nothing (null)';
  if (Array.isArray(value)) return 'a list';
  switch (typeof value) {
    case 'string':
      return `the text ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
    case 'object':
      return 'an object';
    default:
      return String(value);
  }
}

/** Is version `a` (`3.0`) before `b` (`3.1`)? */
function isBefore(a: string, b: string): boolean {
  const [majorA = 0, minorA = 0] = a.split('.').map(Number);
  const [majorB = 0, minorB = 0] = b.split('.').map(Number);
  return majorA === majorB ? minorA < minorB : majorA < majorB;
}

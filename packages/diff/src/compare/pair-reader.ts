import { canonicalJson, didYouMean, type Json } from '@tenon/model';
import { isSchemaObject, type JsonSchema, type SchemaObject } from '@tenon/schema';
import type { ChangeSeverity } from '../finding.ts';
import { changeRules, type RuleId } from '../rules/registry.ts';
import { FACETS, type Facet } from '../rules/schemas.ts';
import type { Side } from '../schema/includes.ts';
import { removalChange, stabilityChange, sunsetChange } from './lifecycle.ts';
import type { Answer, Below, Direction, LocalChange, Pair, SchemaDiffer } from './schemas.ts';
import { alignUnion } from './unions.ts';
import { type SchemaView, viewOf } from './view.ts';

/** Reads one pair of schemas, keyword by keyword. */
export class PairReader {
  private readonly differ: SchemaDiffer;
  private readonly direction: Direction;
  private readonly base: SchemaObject;
  private readonly revision: SchemaObject;
  private readonly pair: Pair;
  private readonly views: readonly [SchemaView, SchemaView];
  /** The side that sends, and its schema; the side that receives. */
  private readonly sender: SchemaObject;
  private readonly sendingSide: Side;

  constructor(
    differ: SchemaDiffer,
    direction: Direction,
    base: SchemaObject,
    revision: SchemaObject,
    pair: Pair,
  ) {
    this.differ = differ;
    this.direction = direction;
    this.base = base;
    this.revision = revision;
    this.pair = pair;
    this.sendingSide = direction === 'request' ? 0 : 1;
    this.sender = direction === 'request' ? base : revision;
    this.views = this.makeViews();
  }

  read(): void {
    const [base, revision] = this.views;
    const hasUnion = this.views.map(({ own }) => own['anyOf'] !== undefined || own['oneOf'] !== undefined);
    const isRegrouped = hasUnion[0] !== hasUnion[1] || base.parts.length !== revision.parts.length;
    if (isRegrouped) {
      this.readAnnotations();
      this.differ.addWhole(
        this.direction,
        this.pair,
        this.base,
        this.revision,
        this.base,
        this.revision,
        hasUnion[0] !== hasUnion[1] ? 'union' : 'all-of',
      );
      return;
    }
    this.readAnnotations();
    if (this.readFacet('type') && this.isDisjointType()) return;
    this.readValues();
    this.readProperties();
    for (const facet of PLAIN_FACETS) this.readFacet(facet);
    this.readItems();
    this.readOtherProperties();
    this.readPatternProperties();
    if (hasUnion[0]) this.readUnion();
    this.readUnevaluated();
    this.readContent();
    for (const [name, target] of base.refs) {
      const other = revision.refs.get(name);
      if (other !== undefined) this.descend([], target, other);
    }
    for (const [i, part] of base.parts.entries()) this.descend([], part, revision.parts[i]!);
  }

  /** Components that both sides join by reference stay by themselves; the others are read as if written inline. */
  private makeViews(): readonly [SchemaView, SchemaView] {
    const definitions = this.differ.contracts.map((contract) => contract.definitions);
    const first = [
      viewOf(this.base, definitions[0]!, NONE_INLINE),
      viewOf(this.revision, definitions[1]!, NONE_INLINE),
    ] as const;
    const shared = new Set([...first[0].refs.keys()].filter((name) => first[1].refs.has(name)));
    const others = new Set(
      [...first[0].refs.keys(), ...first[1].refs.keys()].filter((name) => !shared.has(name)),
    );
    if (others.size === 0) return first;
    return [viewOf(this.base, definitions[0]!, others), viewOf(this.revision, definitions[1]!, others)];
  }

  private descend(
    tokens: readonly string[],
    base: JsonSchema,
    revision: JsonSchema,
    more?: Pick<Below, 'canBeAbsent'>,
  ): void {
    this.differ.descend(this.direction, this.pair, tokens, base, revision, more);
  }

  private add(change: Omit<LocalChange, 'base' | 'revision' | 'tail'> & Partial<LocalChange>): void {
    this.pair.changes.push({ base: this.base, revision: this.revision, tail: [], ...change });
  }

  /** The keywords of a facet on one side, as a schema of their own. */
  private only(side: Side, keywords: readonly string[]): SchemaObject {
    const { own } = this.views[side];
    const found: Record<string, unknown> = {};
    for (const keyword of keywords) if (own[keyword] !== undefined) found[keyword] = own[keyword];
    return found as SchemaObject;
  }

  private differs(base: JsonSchema, revision: JsonSchema): boolean {
    return this.differ.colours.signature(0, base) !== this.differ.colours.signature(1, revision);
  }

  /**
   * Asks whether the sender's whole schema still fits this part of the receiver's. A schema that no value satisfies
   * fits everything: it was meant otherwise, and what the change means for what was meant nobody can tell.
   */
  private askAbout(parts: readonly [JsonSchema, JsonSchema]): Answer {
    const { differ, direction, sendingSide } = this;
    const [sent, received] = sendingSide === 0 ? parts : [parts[1], parts[0]];
    const answer = differ.ask(direction, this.sender, received);
    const isVoid =
      answer.is === 'included' &&
      differ.isUnsatisfiable(direction, sendingSide, this.sender) &&
      !differ.holds(direction, sendingSide, sent, received);
    return isVoid ? { is: 'undecided', keyword: UNSATISFIABLE } : answer;
  }

  private isReverse(parts: readonly [JsonSchema, JsonSchema]): boolean {
    const receiving: Side = this.sendingSide === 0 ? 1 : 0;
    const receiver = receiving === 0 ? this.base : this.revision;
    return this.differ.holds(this.direction, receiving, receiver, parts[this.sendingSide]);
  }

  /** True when the facet differs and the sender may send what the receiver refuses. */
  private readFacet(facet: Facet, parts?: readonly [JsonSchema, JsonSchema], message?: string): boolean {
    const { keywords, label } = FACETS[facet];
    const [base, revision] = parts ?? [this.only(0, keywords), this.only(1, keywords)];
    if (!this.differs(base, revision)) return false;
    const forward = this.askAbout([base, revision]);
    const change = this.differ.facetChange(this.direction, facet, forward, () =>
      this.isReverse([base, revision]),
    );
    if (!change) return false;
    this.add({
      ...change,
      message: message ?? `the ${label} ${was(base, keywords)} → ${was(revision, keywords)}`,
    });
    return forward.is === 'broken';
  }

  private isDisjointType(): boolean {
    const [a, b] = this.views.map(({ own }) => new Set(typesOf(own['type'])));
    if (a!.size === 0 || b!.size === 0) return false;
    return ![...a!].some(
      (type) =>
        b!.has(type) || (type === 'integer' && b!.has('number')) || (type === 'number' && b!.has('integer')),
    );
  }

  private readValues(): void {
    const [base, revision] = this.views.map(({ own }) => valuesOf(own));
    if (canonicalJson(base ?? null) === canonicalJson(revision ?? null)) return;
    const parts = [base, revision].map((values) => (values ? { enum: values } : true)) as [
      JsonSchema,
      JsonSchema,
    ];
    const texts = (values: readonly Json[] | undefined): Map<string, Json> =>
      new Map((values ?? []).map((value) => [canonicalJson(value), value]));
    const [before, after] = [texts(base), texts(revision)];
    const removed = [...before.keys()].filter((text) => !after.has(text));
    const added = [...after.keys()].filter((text) => !before.has(text));
    if (base && revision && removed.length + added.length === 0) return;
    const rule: RuleId = !base
      ? 'enum-introduced'
      : !revision
        ? 'enum-dropped'
        : removed.length === 0
          ? 'enum-value-added'
          : added.length === 0
            ? 'enum-value-removed'
            : 'enum-values-replaced';
    const forward = this.askAbout(parts);
    if (forward.is === 'included' && this.isReverse(parts)) return;
    const list = (values: readonly string[]): string =>
      values.slice(0, 8).join(', ') + (values.length > 8 ? ', …' : '');
    const message =
      !base || !revision
        ? `${revision ? 'only these values are allowed' : 'no longer limited to'}: ${list([...(revision ? after : before).keys()])}`
        : [
            removed.length > 0 && `no longer allowed: ${list(removed)}`,
            added.length > 0 && `newly allowed: ${list(added)}`,
          ]
            .filter((text) => text !== false)
            .join('; ');
    this.add({
      rule,
      ...this.severityOf(forward, rule === 'enum-value-added' ? 'risky' : 'breaking', 'source'),
      message,
    });
  }

  private severityOf(
    forward: Answer,
    whenBroken: ChangeSeverity,
    otherwise: ChangeSeverity,
  ): Pick<LocalChange, 'severity' | 'severityCapped' | 'witness' | 'undecided'> {
    if (forward.is === 'included')
      return { severity: otherwise, severityCapped: otherwise, witness: undefined };
    if (forward.is === 'undecided')
      return { severity: 'risky', severityCapped: otherwise, witness: undefined, undecided: forward.keyword };
    return {
      severity: forward.isOpenOnly && whenBroken === 'breaking' ? 'risky' : whenBroken,
      severityCapped: otherwise,
      witness: forward.witness,
    };
  }

  private readProperties(): void {
    const [base, revision] = this.views;
    for (const [name, before] of base.properties) {
      const after = revision.properties.get(name);
      if (after === undefined) this.readRemoved(name, before, this.renamedTo(name, before));
      else {
        const isSent = this.views[this.sendingSide].required.has(name);
        this.descend([name], before, after, isSent ? {} : { canBeAbsent: true });
        this.readRequired(name, before, after);
      }
    }
    for (const [name, after] of revision.properties)
      if (!base.properties.has(name)) this.readAdded(name, after);
    for (const name of new Set([...base.required, ...revision.required]))
      if (!base.properties.has(name) && !revision.properties.has(name)) this.readRequired(name, true, true);
  }

  private readRequired(name: string, before: JsonSchema, after: JsonSchema): void {
    const { direction, differ } = this;
    const isNeeded = [before, after].map((schema, side) => {
      const view = this.views[side === 0 ? 0 : 1];
      return view.required.has(name) && !differ.isDropped(direction, side === 0 ? 0 : 1, schema);
    });
    if (isNeeded[0] === isNeeded[1]) return;
    const parts = isNeeded.map((needed) => (needed ? { required: [name] } : true)) as [
      JsonSchema,
      JsonSchema,
    ];
    const forward = this.askAbout(parts);
    if (forward.is === 'included' && this.isReverse(parts)) return;
    this.add({
      rule: isNeeded[1] ? 'property-became-required' : 'property-became-optional',
      ...this.severityOf(forward, 'breaking', 'source'),
      base: objectOr(before) ?? this.base,
      revision: objectOr(after) ?? this.revision,
      tail: [name],
      message: `property \`${name}\` ${isNeeded[1] ? 'became required' : 'became optional'}`,
    });
  }

  /** The new property that looks like this one under another name: alike as a schema, and near as a name. */
  private renamedTo(name: string, before: JsonSchema): string | undefined {
    const [base, revision] = this.views;
    const added = [...revision.properties].filter(
      ([other, after]) => !base.properties.has(other) && !this.differs(before, after),
    );
    return didYouMean(
      name,
      added.map(([other]) => other),
    );
  }

  private readRemoved(name: string, before: JsonSchema, renamedTo: string | undefined): void {
    const isDropped = this.differ.isDropped(this.direction, 0, before);
    const wasRequired = this.views[0].required.has(name) && !isDropped;
    const stillRequired = this.views[1].required.has(name);
    // A reader misses it where it always came; a sender is refused where the object is closed now.
    const forward =
      this.direction === 'response'
        ? wasRequired && !stillRequired
          ? this.differ.ask('response', this.sender, { required: [name] })
          : ({ is: 'included' } as const)
        : isDropped
          ? ({ is: 'included' } as const)
          : this.differ.ask('request', this.sender, this.closedness(1, name));
    this.add({
      rule: wasRequired ? 'required-property-removed' : 'property-removed',
      ...this.severityOf(forward, 'breaking', isDropped ? 'info' : 'risky'),
      severityCapped: isDropped ? 'info' : 'risky',
      base: objectOr(before) ?? this.base,
      tail: [name],
      message: `property \`${name}\` is gone${renamedTo === undefined ? '' : `, and \`${renamedTo}\` looks like its new name`}`,
    });
    const early = isSchemaObject(before) ? removalChange(datesOf(before), this.differ.now) : undefined;
    if (early)
      this.add({
        rule: early.rule,
        severity: 'policy',
        severityCapped: 'policy',
        witness: undefined,
        base: objectOr(before) ?? this.base,
        tail: [name],
        message: `property \`${name}\` is ${early.message}`,
      });
  }

  private readAdded(name: string, after: JsonSchema): void {
    const isDropped = this.differ.isDropped(this.direction, 1, after);
    const isRequired = this.views[1].required.has(name) && !isDropped;
    const wasRequired = this.views[0].required.has(name);
    let forward: Answer = { is: 'included' };
    if (!isDropped && this.direction === 'request') {
      if (isRequired && !wasRequired) forward = this.differ.ask('request', this.sender, { required: [name] });
      if (forward.is === 'included') {
        forward = this.differ.ask('request', this.sender, { properties: { [name]: after } });
        // An undeclared property of that name was never a promise.
        if (forward.is === 'broken' && forward.isOpenOnly) forward = { is: 'included' };
      }
    } else if (!isDropped) forward = this.differ.ask('response', this.sender, this.closedness(0, name));
    this.add({
      rule: isRequired && !wasRequired ? 'required-property-added' : 'property-added',
      ...this.severityOf(forward, 'breaking', 'source'),
      revision: objectOr(after) ?? this.revision,
      tail: [name],
      message: `property \`${name}\` is new${isRequired ? ' and required' : ''}`,
    });
  }

  /** What one side says about a name that it does not declare. */
  private closedness(side: Side, name: string): JsonSchema {
    const { own } = this.views[side];
    if (own['additionalProperties'] === false && own['patternProperties'] === undefined)
      return { properties: { [name]: false } };
    const speaks = ['additionalProperties', 'patternProperties', 'unevaluatedProperties'];
    const isSilent = speaks.every((keyword) => own[keyword] === undefined || own[keyword] === true);
    return isSilent ? true : side === 0 ? this.base : this.revision;
  }

  private readItems(): void {
    const [base, revision] = this.views.map(({ own }) => own as SchemaObject);
    const [before, after] = [base!.prefixItems ?? [], revision!.prefixItems ?? []];
    const isParallel =
      before.length === after.length && base!.items !== undefined && revision!.items !== undefined;
    if (before.length === after.length && (isParallel || base!.items === revision!.items)) {
      for (const [i, item] of before.entries()) this.descend([String(i)], item, after[i]!);
      if (isParallel) this.descend(['*'], base!.items!, revision!.items!);
      return;
    }
    this.readFacet('items');
  }

  private readOtherProperties(): void {
    const [before, after] = this.views.map(({ own }) => (own as SchemaObject).additionalProperties);
    if (isSchemaObject(before) && isSchemaObject(after)) {
      this.descend(['*'], before, after);
      return;
    }
    if (before === undefined && after === undefined) return;
    const parts = ([0, 1] as const).map((side) => {
      const additional = (this.views[side].own as SchemaObject).additionalProperties;
      if (additional === undefined) return true;
      const names = new Set([...this.views[0].properties.keys(), ...this.views[1].properties.keys()]);
      return {
        // Names that either side declares are compared as properties.
        properties: Object.fromEntries([...names].map((name) => [name, true])),
        ...this.only(side, ['patternProperties']),
        additionalProperties: additional,
      };
    }) as unknown as [JsonSchema, JsonSchema];
    this.readFacet(
      'additional-properties',
      parts,
      `the rule for other properties ${was(this.views[0].own, ['additionalProperties'])} → ${was(this.views[1].own, ['additionalProperties'])}`,
    );
  }

  private readPatternProperties(): void {
    const [base, revision] = this.views.map(({ own }) => (own as SchemaObject).patternProperties ?? {});
    const sources = new Set([...Object.keys(base!), ...Object.keys(revision!)]);
    let differs = false;
    for (const source of sources) {
      const [before, after] = [base![source], revision![source]];
      if (before !== undefined && after !== undefined) this.descend(['*'], before, after);
      else differs = true;
    }
    if (differs) this.readFacet('pattern-properties');
  }

  private readUnion(): void {
    const [base, revision] = this.views.map(({ own }) => own as SchemaObject);
    const keywords = ['anyOf', 'oneOf'] as const;
    const before = base!.anyOf ?? base!.oneOf ?? [];
    const after = revision!.anyOf ?? revision!.oneOf ?? [];
    const parts = [this.only(0, keywords), this.only(1, keywords)] as const;
    if (!this.differs(parts[0], parts[1])) return;
    // Whether another variant takes what this one no longer does shows when a witness is grown to a whole message.
    const aligned = alignUnion(before, after, this.differ);
    for (const [left, right] of aligned.pairs) this.descend([], left, right);
    const receiving = parts[this.sendingSide === 0 ? 1 : 0];
    const sent = new Set(this.sendingSide === 0 ? aligned.removed : aligned.added);
    for (const [members, rule] of [
      [aligned.removed, 'union-member-removed'],
      [aligned.added, 'union-member-added'],
    ] as const) {
      for (const member of members) {
        const forward: Answer = sent.has(member)
          ? this.differ.ask(this.direction, member, receiving)
          : { is: 'included' };
        const side: Side = rule === 'union-member-removed' ? 0 : 1;
        this.add({
          rule,
          ...this.severityOf(forward, 'breaking', 'source'),
          ...(side === 0
            ? { base: objectOr(member) ?? this.base }
            : { revision: objectOr(member) ?? this.revision }),
          message: `variant ${nameOf(member)} is ${side === 0 ? 'gone' : 'new'}`,
        });
      }
    }
    const isExplained =
      aligned.removed.length + aligned.added.length > 0 || aligned.pairs.some(([l, r]) => this.differs(l, r));
    if (!isExplained) this.readFacet('union', [...parts]);
  }

  /** `unevaluated*` sees the whole schema, so the whole schema is asked about. */
  private readUnevaluated(): void {
    const { keywords } = FACETS.unevaluated;
    if (!this.differs(this.only(0, keywords), this.only(1, keywords))) return;
    const said = (schema: SchemaObject, side: Side): SchemaObject =>
      Object.keys(this.only(side, keywords)).length > 0 ? schema : {};
    this.readFacet(
      'unevaluated',
      [said(this.base, 0), said(this.revision, 1)],
      `the ${FACETS.unevaluated.label} ${was(this.only(0, keywords), keywords)} → ${was(this.only(1, keywords), keywords)}`,
    );
  }

  private readContent(): void {
    const keywords = ['contentEncoding', 'contentMediaType', 'contentSchema'];
    const [before, after] = [this.only(0, keywords), this.only(1, keywords)];
    if (!this.differs(before, after)) return;
    const isNarrowing = keywords.some(
      (keyword) => (this.direction === 'request' ? after : before)[keyword] !== undefined,
    );
    const severity: ChangeSeverity = isNarrowing ? 'breaking' : 'info';
    this.add({
      rule: 'string-content-changed',
      severity,
      severityCapped: severity,
      witness: undefined,
      message: `the content of the string ${was(before, keywords)} → ${was(after, keywords)}`,
    });
  }

  private readAnnotations(): void {
    const [base, revision] = this.views.map(({ own }) => own);
    const [before, after] = [base!['default'], revision!['default']];
    if (canonicalJson(before ?? null) !== canonicalJson(after ?? null)) {
      const rule: RuleId =
        before === undefined ? 'default-added' : after === undefined ? 'default-removed' : 'default-changed';
      const severity: ChangeSeverity =
        before === undefined ? 'info' : this.direction === 'request' ? 'risky' : 'info';
      this.add({
        rule,
        severity,
        severityCapped: severity,
        witness: undefined,
        message: `the default ${was(base!, ['default'])} → ${was(revision!, ['default'])}`,
      });
    }
    if (
      base!['deprecated'] !== revision!['deprecated'] &&
      (base!['deprecated'] === true || revision!['deprecated'] === true)
    ) {
      const isNow = revision!['deprecated'] === true;
      this.addInfo(
        isNow ? 'became-deprecated' : 'no-longer-deprecated',
        isNow ? 'deprecated' : 'no longer deprecated',
      );
    }
    for (const flag of ['readOnly', 'writeOnly'] as const) {
      if ((base![flag] === true) === (revision![flag] === true)) continue;
      this.addInfo(
        'access-changed',
        `${flag} ${base![flag] === true} → ${revision![flag] === true}`,
        'source',
      );
    }
    this.readStability(base!['x-stability-level'], revision!['x-stability-level']);
    const sunset = sunsetChange(datesOf(base!), datesOf(revision!));
    if (sunset) this.addInfo(sunset.rule, sunset.message, changeRules[sunset.rule].severity);
    this.readKnownValues(base!['x-extensible-enum'], revision!['x-extensible-enum']);
    if (canonicalJson(base!['discriminator'] ?? null) !== canonicalJson(revision!['discriminator'] ?? null))
      this.addInfo('discriminator-changed', 'the discriminator differs', 'source');
  }

  private readStability(before: unknown, after: unknown): void {
    const change = stabilityChange(before, after);
    if (change) this.addInfo(change.rule, change.message, changeRules[change.rule].severity);
  }

  /** Values that an open list names (`x-extensible-enum`): more may come, and those named are understood. */
  private readKnownValues(before: unknown, after: unknown): void {
    if (!Array.isArray(before) || !Array.isArray(after)) return;
    const texts = [before, after].map((list) => new Set(list.map((value) => JSON.stringify(value))));
    const removed = [...texts[0]!].filter((text) => !texts[1]!.has(text));
    const added = [...texts[1]!].filter((text) => !texts[0]!.has(text));
    if (removed.length > 0)
      this.addInfo(
        'known-value-removed',
        `no longer among the known values: ${removed.slice(0, 8).join(', ')}`,
        this.direction === 'request' ? 'policy' : 'info',
      );
    if (added.length > 0)
      this.addInfo('known-value-added', `newly among the known values: ${added.slice(0, 8).join(', ')}`);
  }

  private addInfo(rule: RuleId, message: string, severity: ChangeSeverity = 'info'): void {
    this.add({ rule, severity, severityCapped: severity, witness: undefined, message });
  }
}

/** What an undecided change names where the sender's schema accepts nothing at all. */
const UNSATISFIABLE = 'unsatisfiable';

const NONE_INLINE: ReadonlySet<string> = new Set();

const PLAIN_FACETS: readonly Facet[] = [
  'minimum',
  'maximum',
  'multiple-of',
  'min-length',
  'max-length',
  'pattern',
  'format',
  'min-items',
  'max-items',
  'unique-items',
  'contains',
  'min-properties',
  'max-properties',
  'property-names',
  'dependencies',
  'condition',
  'exclusion',
];

/** What a schema says about its own end. */
function datesOf(own: Readonly<Record<string, unknown>>): { deprecated: boolean; sunset?: string } {
  const sunset = own['x-sunset'];
  return { deprecated: own['deprecated'] === true, ...(typeof sunset === 'string' && { sunset }) };
}

function typesOf(type: unknown): readonly string[] {
  return typeof type === 'string' ? [type] : Array.isArray(type) ? type.map(String) : [];
}

function valuesOf(own: Readonly<Record<string, unknown>>): readonly Json[] | undefined {
  if (Array.isArray(own['enum'])) return own['enum'] as readonly Json[];
  return own['const'] === undefined ? undefined : [own['const'] as Json];
}

/** The schema as a node that has a place in its document; `true` and `false` have none. */
export function objectOr(schema: JsonSchema): object | undefined {
  return isSchemaObject(schema) ? schema : undefined;
}

/** What keywords say, for a message. */
function was(own: JsonSchema | Readonly<Record<string, unknown>>, keywords: readonly string[]): string {
  if (typeof own === 'boolean') return String(own);
  const texts = keywords.flatMap((keyword) => {
    const value = (own as Readonly<Record<string, unknown>>)[keyword];
    if (value === undefined) return [];
    const text = JSON.stringify(value);
    return [
      `${keywords.length > 1 ? `${keyword} ` : ''}${text.length > 60 ? `${text.slice(0, 57)}…` : text}`,
    ];
  });
  return texts.length === 0 ? 'none' : texts.join(', ');
}

function nameOf(schema: JsonSchema): string {
  if (!isSchemaObject(schema)) return String(schema);
  if (schema.$ref !== undefined) return `\`${schema.$ref.replace('#/$defs/', '')}\``;
  if (schema.title !== undefined) return `\`${schema.title}\``;
  const text = JSON.stringify(schema);
  return text.length > 60 ? `${text.slice(0, 57)}…` : text;
}

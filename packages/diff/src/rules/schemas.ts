import { type ChangeRule, type ChangeRules, NEW_VERSION } from './rule.ts';

const BREAKS =
  'A value that the sender sends by its version of the contract is refused by the other version. Where that cannot be, the change is told as harmless.';

export const propertyRules = {
  'property-removed': {
    direction: 'both',
    severity: 'risky',
    title: 'A property is gone',
    why: 'What reads it finds nothing; what sends it is ignored, or refused where the object is closed.',
    fix: NEW_VERSION,
    mirror: 'property-added',
  },
  'property-added': {
    direction: 'both',
    severity: 'source',
    title: 'A property is new',
    why: 'Harmless where objects are open; refused by a receiver whose objects are closed.',
    fix: 'Nothing to do, unless a witness shows that the object is closed.',
    mirror: 'property-removed',
  },
  'required-property-added': {
    direction: 'both',
    severity: 'breaking',
    title: 'A required property is new',
    why: 'Requests that were valid lack it. In a response it promises more than before.',
    fix: 'Make it optional with a default.',
    mirror: 'required-property-removed',
  },
  'required-property-removed': {
    direction: 'both',
    severity: 'breaking',
    title: 'A property that always came is gone',
    why: 'Readers rely on it. In a request it need not be sent any more.',
    fix: NEW_VERSION,
    mirror: 'required-property-added',
  },
  'property-became-required': {
    direction: 'both',
    severity: 'breaking',
    title: 'A property became required',
    why: 'Requests that left it out are refused. In a response it promises more than before.',
    fix: 'Keep it optional with a default.',
    mirror: 'property-became-optional',
  },
  'property-became-optional': {
    direction: 'both',
    severity: 'breaking',
    title: 'A property became optional',
    why: 'Responses may lack what readers rely on. In a request it need not be sent any more.',
    fix: 'Keep sending it always.',
    mirror: 'property-became-required',
  },
  'access-changed': {
    direction: 'both',
    severity: 'source',
    title: '`readOnly` or `writeOnly` differs',
    why: 'The property takes part in requests or responses in which it did not, or no longer does.',
    fix: 'Check that both sides agree who sets it.',
  },
} as const satisfies ChangeRules;

export const valueRules = {
  'enum-value-removed': {
    direction: 'both',
    severity: 'breaking',
    title: 'An allowed value is gone',
    why: BREAKS,
    fix: 'Accept the old values still.',
    mirror: 'enum-value-added',
  },
  'enum-value-added': {
    direction: 'both',
    severity: 'risky',
    title: 'An allowed value is new',
    why: 'A receiver that handles each value one by one does not know it.',
    fix: 'Announce it; receivers should handle unknown values.',
    mirror: 'enum-value-removed',
  },
  'enum-values-replaced': {
    direction: 'both',
    severity: 'breaking',
    title: 'The allowed values differ, in both directions',
    why: BREAKS,
    fix: 'Accept the old values still.',
  },
  'enum-introduced': {
    direction: 'both',
    severity: 'breaking',
    title: 'A value became one of a list',
    why: BREAKS,
    fix: 'Say in prose which values are known and accept others.',
    mirror: 'enum-dropped',
  },
  'enum-dropped': {
    direction: 'both',
    severity: 'breaking',
    title: 'A value is no longer one of a list',
    why: BREAKS,
    fix: 'Keep the list where values are sent.',
    mirror: 'enum-introduced',
  },
  'default-changed': {
    direction: 'both',
    severity: 'risky',
    title: 'A default differs',
    why: 'Who leaves the value out gets another behaviour without any error.',
    fix: 'Keep the default, or make senders say what they want.',
  },
  'default-added': {
    direction: 'both',
    severity: 'info',
    title: 'A default is new',
    why: 'What happens without the value is now said.',
    fix: 'Nothing to do.',
    mirror: 'default-removed',
  },
  'default-removed': {
    direction: 'both',
    severity: 'risky',
    title: 'A default is gone',
    why: 'What happens without the value is no longer said.',
    fix: 'Keep the default.',
    mirror: 'default-added',
  },
  'known-value-removed': {
    direction: 'both',
    severity: 'policy',
    title: 'A value is no longer among those that an open list names',
    why: '`x-extensible-enum` lets others come, and promises that those it names are understood.',
    fix: 'Keep it listed while somebody sends it.',
    mirror: 'known-value-added',
  },
  'known-value-added': {
    direction: 'both',
    severity: 'info',
    title: 'An open list names one more value',
    why: '`x-extensible-enum` said that more would come.',
    fix: 'Nothing to do.',
    mirror: 'known-value-removed',
  },
} as const satisfies ChangeRules;

export const compositionRules = {
  'union-member-added': {
    direction: 'both',
    severity: 'breaking',
    title: 'A variant is new',
    why: 'A receiver gets values of a shape that it does not know.',
    fix: 'Send the new variant only to those who ask for it.',
    mirror: 'union-member-removed',
  },
  'union-member-removed': {
    direction: 'both',
    severity: 'breaking',
    title: 'A variant is gone',
    why: 'Senders of that shape are refused.',
    fix: NEW_VERSION,
    mirror: 'union-member-added',
  },
  'discriminator-changed': {
    direction: 'both',
    severity: 'source',
    title: 'The discriminator differs',
    why: 'Generated code tells variants apart by it.',
    fix: 'Regenerate, and check how variants are told apart.',
  },
  'component-renamed': {
    direction: 'none',
    severity: 'source',
    title: 'A component has another name',
    why: 'Messages are the same; generated type names change.',
    fix: 'Nothing to do, or keep the name.',
  },
} as const satisfies ChangeRules;

/**
 * What a schema can constrain, each with the keywords that say it. From each come three rules: `-narrowed`,
 * `-widened`, and `-changed` for a change that is neither.
 */
export const FACETS = {
  type: { label: 'type', keywords: ['type'] },
  minimum: { label: 'lower bound', keywords: ['minimum', 'exclusiveMinimum'] },
  maximum: { label: 'upper bound', keywords: ['maximum', 'exclusiveMaximum'] },
  'multiple-of': { label: 'step', keywords: ['multipleOf'] },
  'min-length': { label: 'minimum length', keywords: ['minLength'] },
  'max-length': { label: 'maximum length', keywords: ['maxLength'] },
  pattern: { label: 'pattern', keywords: ['pattern'] },
  format: { label: 'format', keywords: ['format'] },
  'min-items': { label: 'minimum number of items', keywords: ['minItems'] },
  'max-items': { label: 'maximum number of items', keywords: ['maxItems'] },
  'unique-items': { label: 'uniqueness of items', keywords: ['uniqueItems'] },
  items: { label: 'rule for items', keywords: ['items', 'prefixItems'] },
  contains: { label: 'rule for contained items', keywords: ['contains', 'minContains', 'maxContains'] },
  'min-properties': { label: 'minimum number of properties', keywords: ['minProperties'] },
  'max-properties': { label: 'maximum number of properties', keywords: ['maxProperties'] },
  'property-names': { label: 'rule for property names', keywords: ['propertyNames'] },
  'pattern-properties': { label: 'rule for named properties', keywords: ['patternProperties'] },
  'additional-properties': { label: 'rule for other properties', keywords: ['additionalProperties'] },
  unevaluated: {
    label: 'rule for what is not declared',
    keywords: ['unevaluatedProperties', 'unevaluatedItems'],
  },
  dependencies: {
    label: 'dependency between properties',
    keywords: ['dependentRequired', 'dependentSchemas'],
  },
  condition: { label: 'condition', keywords: ['if', 'then', 'else'] },
  exclusion: { label: 'exclusion', keywords: ['not'] },
  'all-of': { label: 'combination', keywords: ['allOf'] },
  union: { label: 'set of variants', keywords: ['anyOf', 'oneOf'] },
  schema: { label: 'schema', keywords: [] },
} as const;

export type Facet = keyof typeof FACETS;
/** Facets of which every two settings stand one within the other: nothing is ever merely different. */
export type OrderedFacet =
  | 'minimum'
  | 'maximum'
  | 'min-length'
  | 'max-length'
  | 'min-items'
  | 'max-items'
  | 'unique-items'
  | 'min-properties'
  | 'max-properties'
  | 'schema';
export type FacetRule = `${Facet}-narrowed` | `${Facet}-widened` | `${Exclude<Facet, OrderedFacet>}-changed`;

export const ORDERED_FACETS: ReadonlySet<Facet> = new Set<OrderedFacet>([
  'minimum',
  'maximum',
  'min-length',
  'max-length',
  'min-items',
  'max-items',
  'unique-items',
  'min-properties',
  'max-properties',
  // One of the two is `true`, `false` or absent.
  'schema',
]);

export const facetRules: Readonly<Record<FacetRule, ChangeRule>> = Object.fromEntries(
  Object.entries(FACETS).flatMap(([facet, { label }]) => [
    [`${facet}-narrowed`, facetRule(`The ${label} allows less`, `${facet}-widened`)],
    [`${facet}-widened`, facetRule(`The ${label} allows more`, `${facet}-narrowed`)],
    ...(ORDERED_FACETS.has(facet as Facet)
      ? []
      : [[`${facet}-changed`, facetRule(`The ${label} allows other values`)]]),
  ]),
  // Every facet gives its three names: the key type says no more than the line above does.
) as unknown as Readonly<Record<FacetRule, ChangeRule>>;

function facetRule(title: string, mirror?: string): ChangeRule {
  return {
    direction: 'both',
    severity: 'breaking',
    title,
    why: BREAKS,
    fix: NEW_VERSION,
    ...(mirror !== undefined && { mirror }),
  };
}

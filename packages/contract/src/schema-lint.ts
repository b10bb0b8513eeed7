import { canonicalJson, didYouMean, isObject } from '@tenon/model';
import type { Part } from './part.ts';
import type { ShapeChecker } from './shape.ts';

/** What a schema says that contradicts itself, or that its dialect does not take. Its subschemas are looked at on their own. */
export function lintSchema(part: Part, check: ShapeChecker): void {
  for (const lint of lints) lint(part, check);
}

type Lint = (part: Part, check: ShapeChecker) => void;

const TYPES = ['string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];

const lints: readonly Lint[] = [
  lintType,
  lintValues,
  lintBounds,
  lintExclusive,
  lintRequired,
  lintTuple,
  lintDiscriminator,
  lintReference,
];

function lintType(part: Part, check: ShapeChecker): void {
  const type = part.get('type');
  if (!type) return;
  const given = Array.isArray(type.value) ? [...type.items()] : [type];
  for (const item of given) {
    if (typeof item.value !== 'string') {
      check.findings.add('contract-member-type', item, {
        message: `expected a type (${TYPES.join(', ')})`,
        severity: 'warning',
      });
      continue;
    }
    if (TYPES.includes(item.value)) continue;
    const meant = FOREIGN_TYPES.get(item.value.toLowerCase()) ?? didYouMean(item.value, TYPES);
    check.findings.add('contract-schema-type-unknown', item, {
      message: `there is no type ${JSON.stringify(item.value)}; ${meant === undefined ? `expected one of ${TYPES.join(', ')}` : `did you mean ${JSON.stringify(meant)}?`}`,
    });
  }
}

/** Names that other languages give to the types. */
const FOREIGN_TYPES = new Map(
  Object.entries({
    int: 'integer',
    long: 'integer',
    float: 'number',
    double: 'number',
    decimal: 'number',
    bool: 'boolean',
    str: 'string',
    text: 'string',
    date: 'string',
    map: 'object',
    dict: 'object',
    list: 'array',
    none: 'null',
  }),
);

/** `enum`, `const` and `default` against `type`. */
function lintValues(part: Part, check: ShapeChecker): void {
  const types = typesOf(part);
  if (types.length === 0) return;
  const nullable = part.flag('nullable');
  const fits = (value: unknown) => (nullable && value === null) || types.some((type) => hasType(value, type));
  for (const item of part.get('enum')?.items() ?? [])
    if (!fits(item.value) && item.value !== null)
      check.findings.add('contract-schema-enum-type', item, {
        message: `${shown(item.value)} in \`enum\` is no ${types.join(' or ')}: no value can be it`,
      });
  const fallback = part.get('default');
  if (fallback && !fits(fallback.value) && fallback.value !== null)
    check.findings.add('contract-schema-default', fallback, {
      message: `the default ${shown(fallback.value)} is no ${types.join(' or ')}`,
    });
  const choices = part.get('enum');
  if (
    fallback &&
    choices &&
    Array.isArray(choices.value) &&
    fits(fallback.value) &&
    !has(choices.value, fallback.value) &&
    fallback.value !== null
  )
    check.findings.add('contract-schema-default', fallback, {
      message: `the default ${shown(fallback.value)} is not in \`enum\``,
    });
}

function has(list: readonly unknown[], value: unknown): boolean {
  return list.some(
    (item) => item === value || (typeof item === 'object' && canonicalJson(item) === canonicalJson(value)),
  );
}

const BOUNDS = [
  ['minimum', 'maximum'],
  ['minLength', 'maxLength'],
  ['minItems', 'maxItems'],
  ['minProperties', 'maxProperties'],
  ['minContains', 'maxContains'],
] as const;

function lintBounds(part: Part, check: ShapeChecker): void {
  // Looked up bare first: this runs for each of the 60,000 schemas of a large document, and few have bounds.
  const schema = part.object!;
  const report = (key: string, message: string) =>
    check.findings.add('contract-schema-bounds', part.get(key)!, { message });
  for (const [low, high] of BOUNDS) {
    const least = schema[low];
    const most = schema[high];
    if (typeof least === 'number' && typeof most === 'number' && least > most)
      report(low, `\`${low}\` ${least} is above \`${high}\` ${most}: no value fits`);
    if (low === 'minimum') continue;
    if (typeof least === 'number' && least < 0) report(low, NOT_NEGATIVE);
    if (typeof most === 'number' && most < 0) report(high, NOT_NEGATIVE);
  }
  const step = schema['multipleOf'];
  if (typeof step === 'number' && step <= 0) report('multipleOf', '`multipleOf` must be above 0');
}

const NOT_NEGATIVE = 'a length or count cannot be negative';

/** `exclusiveMinimum` is a flag beside `minimum` in OpenAPI 3.0 and a bound of its own since 3.1; each is read in both. */
function lintExclusive(part: Part, check: ShapeChecker): void {
  const isFlagVersion = check.version === '3.0';
  for (const key of ['exclusiveMinimum', 'exclusiveMaximum']) {
    const member = part.get(key);
    if (!member) continue;
    const { value } = member;
    if (typeof value !== 'boolean' && typeof value !== 'number')
      check.findings.add('contract-member-type', member, {
        message: `expected ${isFlagVersion ? 'true or false' : 'a number'}, found ${shown(value)}`,
        severity: 'warning',
      });
    else if (typeof value === 'boolean' && !isFlagVersion)
      check.findings.add('contract-schema-dialect', member, {
        message: `\`${key}\` is a number in this version; it is read as the flag of OpenAPI 3.0`,
      });
  }
  if (!isFlagVersion && part.get('nullable') && OPENAPI_LATER.test(check.version))
    check.findings.add('contract-schema-dialect', part.get('nullable')!, {
      message: '`nullable` left OpenAPI with 3.1; it is read as in 3.0',
      onKey: true,
    });
}

const OPENAPI_LATER = /^3\.[12]$/;

/** A required name that `properties` does not hold is most often a typing error. Not so where other parts add properties. */
function lintRequired(part: Part, check: ShapeChecker): void {
  const required = part.get('required');
  const properties = part.get('properties')?.object;
  if (!required || !properties || !Array.isArray(required.value)) return;
  const isOpen = ['allOf', 'anyOf', 'oneOf', '$ref', 'patternProperties', 'additionalProperties', 'if'].some(
    (key) => part.get(key),
  );
  const holder = part.place.parent?.token;
  if (isOpen || holder === 'allOf' || holder === 'anyOf' || holder === 'oneOf') return;
  for (const item of required.items()) {
    if (typeof item.value !== 'string' || Object.hasOwn(properties, item.value)) continue;
    const meant = didYouMean(item.value, Object.keys(properties));
    check.findings.add('contract-schema-required-unknown', item, {
      message: `${shown(item.value)} is required, and \`properties\` does not have it${meant === undefined ? '' : `; did you mean ${JSON.stringify(meant)}?`}`,
    });
  }
}

function lintTuple(part: Part, check: ShapeChecker): void {
  const items = part.get('items');
  if (items && Array.isArray(items.value)) for (const item of items.items()) check.check(item, 'ref schema');
  else if (items) check.check(items, 'ref schema');
}

function lintDiscriminator(part: Part, check: ShapeChecker): void {
  const member = part.get('discriminator');
  if (!member || typeof member.value === 'string') return;
  const name = member.text('propertyName');
  if (name === undefined) {
    check.findings.add('contract-discriminator', member, { message: 'a discriminator needs `propertyName`' });
    return;
  }
  for (const [value, target] of member.get('mapping')?.entries() ?? [])
    if (typeof target.value !== 'string' || !isMappingTarget(target.value, target.base, check))
      check.findings.add('contract-discriminator', target, {
        message: `the mapping of ${JSON.stringify(value)} names no schema`,
      });
  const variants = [...(part.get('oneOf')?.items() ?? []), ...(part.get('anyOf')?.items() ?? [])];
  for (const variant of variants)
    if (!offers(variant, name, check, VARIANT_DEPTH_MAX))
      check.findings.add('contract-discriminator', variant, {
        message: `the discriminator's property ${JSON.stringify(name)} is not among this variant's properties`,
      });
}

function isMappingTarget(target: string, base: string, check: ShapeChecker): boolean {
  const byName = check.sources.resolve(
    `#/components/schemas/${target.replaceAll('~', '~0').replaceAll('/', '~1')}`,
    base,
  );
  return !('failure' in byName) || !('failure' in check.sources.resolve(target, base));
}

/** Compositions looked into for a discriminator's property. */
const VARIANT_DEPTH_MAX = 8;

function offers(variant: Part, name: string, check: ShapeChecker, depth: number): boolean {
  const target = check.sources.follow(variant);
  // What cannot be followed is reported as such.
  if ('failure' in target || depth === 0 || !target.object) return true;
  if (target.get('properties')?.get(name)) return true;
  const type = target.text('type');
  if (type !== undefined && type !== 'object') return type === 'null';
  const parts = ['allOf', 'anyOf', 'oneOf'].flatMap((key) => [...(target.get(key)?.items() ?? [])]);
  return parts.some((inner) => offers(inner, name, check, depth - 1));
}

/** OpenAPI 3.0 ignores what stands beside a `$ref`. */
const HARMLESS =
  /^(?:\$ref|title|summary|description|deprecated|readOnly|writeOnly|nullable|example|examples|default|externalDocs|xml|x-.*)$/;

function lintReference(part: Part, check: ShapeChecker): void {
  if (check.version !== '3.0' || part.text('$ref') === undefined) return;
  for (const [key, member] of part.entries())
    if (!HARMLESS.test(key))
      check.findings.add('contract-ref-siblings', member, {
        message: `\`${key}\` stands beside a $ref, where OpenAPI 3.0 ignores it`,
        onKey: true,
      });
}

function typesOf(part: Part): string[] {
  const type = part.get('type')?.value;
  const list = Array.isArray(type) ? type : [type];
  return list.filter((item): item is string => typeof item === 'string' && TYPES.includes(item));
}

function hasType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

import { isObject } from '@tenon/model';

/** What in a connector's module is not as its hooks are. */
export interface ModuleProblem {
  readonly message: string;
  /** The name at fault: it stands in the code somewhere. */
  readonly name: string;
}

/** Held when it is loaded, for TypeScript types are not: what is no hook would fail at the first call or delivery, with words that help nobody. */
export function moduleProblem(module: Readonly<Record<string, unknown>>): ModuleProblem | undefined {
  for (const member of ['transports', 'sources'] as const) {
    const found = namedProblem(module, member, (value) =>
      typeof value === 'function' ? undefined : 'is no function that makes one from its context',
    );
    if (found) return found;
  }
  const { classify } = module;
  if (classify !== undefined && typeof classify !== 'function')
    return { name: 'classify', message: '`classify` is no function' };
  return (
    namedProblem(module, 'operations', readsProblem) ?? namedProblem(module, 'webhookSchemes', schemeProblem)
  );
}

function namedProblem(
  module: Readonly<Record<string, unknown>>,
  member: string,
  problemOf: (value: unknown) => string | undefined,
): ModuleProblem | undefined {
  const named = module[member];
  if (named === undefined) return undefined;
  if (!isObject(named)) return { name: member, message: `\`${member}\` is no object by name` };
  for (const [name, value] of Object.entries(named)) {
    const problem = problemOf(value);
    if (problem !== undefined) return { name, message: `\`${member}\`: \`${name}\` ${problem}` };
  }
  return undefined;
}

function readsProblem(operation: unknown): string | undefined {
  const reads = isObject(operation) ? operation['reads'] : undefined;
  const areFields =
    Array.isArray(reads) && reads.every((field) => typeof field === 'string' && /^(\/|$)/.test(field));
  return areFields
    ? undefined
    : 'does not say what it `reads`: JSON Pointers into its input, such as `/body/orderId`';
}

/** See `WebhookScheme`. */
const SCHEME_FUNCTIONS = ['read', 'matches', 'sign'] as const;

function schemeProblem(scheme: unknown): string | undefined {
  if (!isObject(scheme)) return 'is no signature scheme: it is no object';
  const missing = SCHEME_FUNCTIONS.filter((name) => typeof scheme[name] !== 'function');
  if (missing.length > 0)
    return `is no signature scheme: it has no function ${missing.map((name) => `\`${name}\``).join(', ')}`;
  const { parsers } = scheme;
  const areParsers =
    isObject(parsers) && Object.values(parsers).every((parse) => typeof parse === 'function');
  return areParsers && Object.keys(parsers).length > 0
    ? undefined
    : 'is no signature scheme: its `parsers` are no functions by media type, such as `application/json`';
}

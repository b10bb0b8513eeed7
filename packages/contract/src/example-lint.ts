import {
  compileValidator,
  type DirectedSchema,
  type Direction,
  directional,
  type JsonSchema,
  reachableDefinitions,
  subschemas,
} from '@tenon/schema';
import type { Built } from './build.ts';
import type { Findings } from './findings.ts';
import type { MediaType, Message } from './ir.ts';
import { childPlace, type Place } from './place.ts';

/** Examples compared with their schemas in one load at most: each schema costs a compilation of some milliseconds. */
const EXAMPLES_MAX = 300;

interface Check {
  readonly schema: JsonSchema;
  readonly value: unknown;
  readonly at: object;
  /** From there to the example itself. */
  readonly way: readonly string[];
  readonly what: string;
  /** Ways the value may travel: what is not required on one of them may be missing. */
  readonly directions: readonly Direction[];
}

/** Compares examples with what they are examples of. Never prints a value: an example may be somebody's data. */
export function lintExamples(
  built: Built,
  definitions: Readonly<Record<string, JsonSchema>>,
  origins: ReadonlyMap<object, Place>,
  findings: Findings,
): void {
  let left = EXAMPLES_MAX;
  const seen = new Set<object>();
  for (const check of checks(built, definitions, seen)) {
    const place = origins.get(check.at);
    if (!place) continue;
    if (left-- === 0) return;
    const issue = firstIssue(check, definitions);
    if (issue !== undefined)
      findings.add('contract-example-invalid', check.way.reduce(childPlace, place), {
        message: `${check.what} does not fit its schema: ${issue}`,
      });
  }
}

function firstIssue(
  { schema, value, directions }: Check,
  definitions: Readonly<Record<string, JsonSchema>>,
): string | undefined {
  let directed: DirectedSchema = { schema, definitions: reachableDefinitions(schema, definitions) };
  for (const direction of directions)
    directed = directional(directed.schema, direction, directed.definitions);
  try {
    const validate = compileValidator(directed.schema, { definitions: directed.definitions, issuesMax: 1 });
    const [issue] = validate(value);
    return issue && `${issue.pointer === '' ? 'the value' : issue.pointer} ${issue.message}`;
  } catch {
    // Ajv refuses the schema itself: what is wrong with it is reported where it stands, and nothing can be compared.
    return undefined;
  }
}

function* checks(
  built: Built,
  definitions: Readonly<Record<string, JsonSchema>>,
  seen: Set<object>,
): Generator<Check> {
  for (const operation of built.operations.values()) {
    if (operation.kind === 'message') {
      for (const message of operation.messages) yield* messageChecks(message, ['request'], seen);
      continue;
    }
    yield* contentChecks(operation.body?.content ?? [], ['request'], seen);
    for (const response of operation.responses) yield* contentChecks(response.content, ['response'], seen);
  }
  for (const event of built.events.values()) yield* messageChecks(event.message, ['response'], seen);
  for (const schema of Object.values(definitions)) yield* schemaChecks(schema, seen);
  for (const operation of built.operations.values())
    for (const { schema } of operation.parameters) yield* schemaChecks(schema, seen);
}

function* contentChecks(
  content: readonly MediaType[],
  directions: readonly Direction[],
  seen: Set<object>,
): Generator<Check> {
  for (const media of content) {
    if (media.schema === undefined || seen.has(media) || !/[/+]json\b/.test(media.type)) continue;
    seen.add(media);
    for (const [name, value] of Object.entries(media.examples))
      yield {
        schema: media.schema,
        value,
        at: media,
        way: name === 'default' ? ['example'] : ['examples', name, 'value'],
        directions,
        what: name === 'default' ? 'the example' : `the example ${JSON.stringify(name)}`,
      };
  }
}

function* messageChecks(
  message: Message,
  directions: readonly Direction[],
  seen: Set<object>,
): Generator<Check> {
  if (seen.has(message)) return;
  seen.add(message);
  for (const [index, example] of message.examples.entries()) {
    const what = `example ${example.name ?? index + 1} of ${message.name}`;
    if (example.payload !== undefined)
      yield {
        schema: message.payload,
        value: example.payload,
        at: message,
        way: ['examples', String(index), 'payload'],
        directions,
        what,
      };
    if (example.headers !== undefined && message.headers !== undefined)
      yield {
        schema: message.headers,
        value: example.headers,
        at: message,
        way: ['examples', String(index), 'headers'],
        directions,
        what,
      };
  }
}

/** A schema's own examples may be of either way. */
const BOTH = ['request', 'response'] as const;

function* schemaChecks(schema: JsonSchema, seen: Set<object>): Generator<Check> {
  if (typeof schema === 'boolean' || seen.has(schema)) return;
  seen.add(schema);
  const examples = schema.examples ?? [];
  for (const [index, value] of examples.entries())
    yield {
      schema,
      value,
      at: examples,
      way: [String(index)],
      directions: BOTH,
      what: 'an example of this schema',
    };
  for (const child of subschemas(schema)) yield* schemaChecks(child.schema, seen);
}

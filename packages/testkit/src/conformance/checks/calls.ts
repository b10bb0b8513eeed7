import type { Json, JsonObject } from '@tenon/model';
import { compileValidator, isSchemaObject } from '@tenon/schema';
import { answersJson, isJsonAnswer } from '../answers-json.ts';
import { type BenchOperation, isHttp, withoutVersion } from '../bench.ts';
import { type Check, Tally } from '../check.ts';
import { inputValidator } from '../example-input.ts';
import { says } from '../says.ts';
import { withoutAuth } from './credentials.ts';

/** The check that says why no call can be proven, for all that cannot be carried out then. */
export const PROVEN = 200;

/** 2xx: one call, there and back. */
export const callChecks: readonly Check[] = [
  {
    number: PROVEN,
    name: 'calls-can-be-proven',
    title: 'a call to a real system can be proven: its credentials are there, and a token is to be had',
    why: 'Without that nothing can be asked, and no other check says anything of the connector.',
    fix: 'See `tenon explain` of the code. Name a connection that has credentials for this system (`--connection`), set the variables that they name, and see that its token endpoint is that of this system.',
    needs: 'sandbox',
    onTarget: 'reads',
    skip: withoutAuth,
    run: async (bench) => {
      if (bench.target.sandbox !== undefined)
        return { skip: 'the sandbox takes the credentials that the kit makes up' };
      const unproven = await bench.unproven();
      if (unproven === undefined) return { looked: '1 operation', problems: [] };
      const { operation, failure } = unproven;
      return { looked: '1 operation', problems: [`${operation}: ${failure.message} (${failure.code})`] };
    },
  },
  {
    number: 201,
    name: 'operations-answer',
    title: 'every operation can be called, and gives the answer that its contract promises',
    why: 'An operation that does not work against a true picture of its contract will not work against the system.',
    fix: 'See the failure. Where the input made up is the cause, give one in `fixtures/conformance.yaml` under `inputs`; where a thing must be in a certain state first, under `data`.',
    needs: 'sandbox',
    onTarget: 'reads',
    run: async (bench) => {
      const tally = new Tally();
      const isReal = bench.target.sandbox === undefined;
      for (const operation of isReal ? bench.reads : bench.operations) {
        bench.again();
        const result = await bench.call(operation, await bench.prepared(operation));
        const fits = result.ok && compileValidator(operation.plan.result)(result.body);
        tally.expect(result.ok, `${operation.name}: ${says(result)}`);
        if (fits && fits.length > 0)
          tally.problem(
            `${operation.name}: its answer does not fit the contract at ${fits[0]!.pointer || 'the top'}`,
          );
      }
      return tally.verdict('operations');
    },
  },
  {
    number: 202,
    name: 'values-arrive',
    title: '`false`, `0`, the empty text and null are sent as they are',
    why: 'An adapter that tests for truthiness cannot switch anything off, set anything to zero or clear a text.',
    fix: 'Leave out what is `undefined`, and nothing else.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.effects.filter(isHttp)) {
        bench.again();
        const input = withFalsyValues(operation, await bench.prepared(operation));
        if (input === undefined) continue;
        const before = bench.seen(operation.name).length;
        await bench.call(operation, input);
        const request = bench.seen(operation.name)[before];
        tally.look();
        const missing = Object.entries(input['body'] as JsonObject).find(
          ([name, value]) => !same((request?.body as JsonObject | undefined)?.[name], value),
        );
        if (missing)
          tally.problem(`${operation.name}: \`${missing[0]}: ${JSON.stringify(missing[1])}\` did not arrive`);
      }
      return tally.verdict(
        'bodies',
        'no operation takes a body with a value that is false, zero, empty or null',
      );
    },
  },
  {
    number: 203,
    name: 'input-held-to-contract',
    title: 'an input that its contract refuses is refused before a byte is sent',
    why: 'The other side may act on half of a wrong request, and its refusal would come too late to be certain.',
    fix: 'Hold the input against `operation.input` before sending; a transport of one’s own calls the validator itself.',
    needs: 'peer',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations) {
        bench.again();
        const wrong = wrongInput(operation, withoutVersion(await bench.prepared(operation)));
        if (wrong === undefined) continue;
        const before = bench.target.sandbox?.requests().length ?? 0;
        const result = await bench.call(operation, wrong);
        const isRefused =
          !result.ok && result.failure.delivery === 'notSent' && result.failure.class === 'validation';
        tally.expect(isRefused, `${operation.name}: ${says(result)} for an input that the contract refuses`);
        const sent = bench.target.sandbox
          ?.requests()
          .slice(before)
          .filter((request) => request.operation === operation.name);
        if (sent && sent.length > 0) tally.problem(`${operation.name}: it was sent all the same`);
      }
      return tally.verdict('operations', 'no operation has an input that could be wrong');
    },
  },
  {
    number: 204,
    name: 'answer-held-to-contract',
    title: 'an answer that breaks its contract is class `contract`, with the effect known',
    why: 'What a later step reads would be missing or of another kind; a retry would repeat the effect and change nothing.',
    fix: 'Hold the answer against `operation.http.responses` and say class `contract`, delivery `answered`.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp)) {
        const member = answersJson(operation) ? requiredMember(operation) : undefined;
        if (member === undefined) continue;
        bench.again();
        const input = await bench.prepared(operation);
        bench.sandbox.faults.add({
          fault: { kind: 'drift', remove: [`/${member}`] },
          operation: operation.name,
        });
        const result = await bench.call(operation, input);
        const isTold =
          !result.ok && result.failure.class === 'contract' && result.failure.delivery === 'answered';
        tally.expect(isTold, `${operation.name}: ${says(result)} for an answer without its \`${member}\``);
      }
      return tally.verdict('answers', 'no answer has a field that its contract requires');
    },
  },
  {
    number: 205,
    name: 'unknown-fields-tolerated',
    title: 'an answer that has grown a field is taken',
    why: 'Systems add fields without telling; that is not a breaking change, and must not stop an integration.',
    fix: 'Take `additionalProperties: false` off the answers, in an overlay where the document is a vendor’s.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp).filter(answersJson)) {
        bench.again();
        const input = await bench.prepared(operation);
        bench.sandbox.faults.add({
          fault: { kind: 'drift', add: grown(operation) },
          operation: operation.name,
        });
        const result = await bench.call(operation, input);
        tally.expect(result.ok, `${operation.name}: ${says(result)} for an answer with one field more`);
      }
      return tally.verdict('operations', 'no operation answers with JSON: no other answer has fields');
    },
  },
  {
    number: 206,
    name: 'unreadable-answer-is-no-success',
    title: 'an answer that cannot be read, or that breaks off, is no success',
    why: 'Half an answer taken for a whole one, or for none, loses what the next step needs and hides the loss.',
    fix: 'A body of JSON that does not parse is class `contract`; any that breaks off is delivery `lost`.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      let isAnyParsed = false;
      for (const operation of bench.operations.filter(isHttp)) {
        bench.again();
        const unspoilt = await bench.call(operation, await bench.prepared(operation));
        // Any bytes are a whole body of bytes or text: that one can only break off.
        const isParsed = isJsonAnswer(operation, unspoilt);
        isAnyParsed ||= isParsed;
        for (const kind of isParsed
          ? (['malformedBody', 'truncatedBody'] as const)
          : ['truncatedBody' as const]) {
          bench.again();
          const input = await bench.prepared(operation);
          bench.sandbox.faults.add({ fault: { kind }, operation: operation.name });
          const result = await bench.call(operation, input);
          // An answer without a body has nothing to spoil.
          if (unspoilt.ok && unspoilt.body === null) continue;
          const wanted = kind === 'malformedBody' ? 'answered' : 'lost';
          const isTold = !result.ok && result.failure.delivery === wanted;
          tally.expect(
            isTold,
            `${operation.name}: ${says(result)} for ${kind === 'malformedBody' ? 'a body that does not parse' : 'an answer that broke off'}`,
          );
        }
      }
      return tally.verdict(
        isAnyParsed ? 'answers' : 'answers that broke off; none is JSON, so none could fail to parse',
        'no operation answers with a body',
      );
    },
  },
  {
    number: 207,
    name: 'one-attempt',
    title: 'one call is one request: the connector does not retry by itself',
    why: 'Only the step knows whether a repeat is harmless and how often is enough; a hidden retry multiplies both.',
    fix: 'Make one attempt and say what is known of it; the retry belongs to the pipeline (`retry`).',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      for (const operation of bench.operations.filter(isHttp))
        for (const status of [500, 503]) {
          const input = await bench.ready(operation);
          bench.sandbox.faults.add({ fault: { kind: 'status', status }, operation: operation.name });
          const before = bench.seen(operation.name).length;
          await bench.call(operation, input);
          const sent = bench.seen(operation.name).length - before;
          tally.expect(sent === 1, `${operation.name}: sent ${sent} times after a ${status}`);
        }
      return tally.verdict('calls');
    },
  },
  {
    number: 208,
    name: 'trace-passed-on',
    title: 'the trace context is passed on, and nothing else is put beside it',
    why: 'A call can be followed through the other system only by the trace it came with; baggage travels to strangers.',
    fix: 'Send `traceparent` of the request as it is.',
    needs: 'sandbox',
    run: async (bench) => {
      const tally = new Tally();
      const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
      for (const operation of bench.operations.filter(isHttp)) {
        bench.again();
        const input = await bench.prepared(operation);
        const before = bench.seen(operation.name).length;
        await bench.call(operation, input, { traceparent });
        const headers = bench.seen(operation.name)[before]?.headers ?? {};
        const isPassed = headers['traceparent'] === traceparent && headers['baggage'] === undefined;
        tally.expect(isPassed, `${operation.name}: the trace did not arrive as it was given`);
      }
      return tally.verdict('operations');
    },
  },
];

/** The input with each member of its body that may be false, zero, empty or null set so; `undefined` where none may. */
function withFalsyValues(operation: BenchOperation, input: JsonObject): JsonObject | undefined {
  const fits = inputValidator(operation.plan);
  const body = input['body'];
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
  let result = body as JsonObject;
  let changes = 0;
  for (const name of bodyProperties(operation))
    for (const value of [false, 0, '', null] as const) {
      const next = { ...result, [name]: value };
      if (fits({ ...input, body: next }).length > 0) continue;
      result = next;
      changes += 1;
      break;
    }
  return changes === 0 ? undefined : { ...input, body: result };
}

function bodyProperties({ plan }: BenchOperation): string[] {
  if (!isSchemaObject(plan.input)) return [];
  const body = resolved(plan.input.properties?.['body'], plan.input.$defs);
  return Object.keys(body?.properties ?? {});
}

/** Follows references and takes the first of `allOf`: enough to find names; what is tried is judged by the validator. */
function resolved(
  schema: unknown,
  definitions: Readonly<Record<string, unknown>> = {},
  depth = 0,
):
  | {
      readonly properties?: Readonly<Record<string, unknown>>;
      readonly required?: readonly string[];
      readonly type?: unknown;
    }
  | undefined {
  // Schemas of a plan; `isSchemaObject` tells objects from booleans.
  if (!isSchemaObject(schema as never) || depth > 10) return undefined;
  const object = schema as {
    $ref?: string;
    allOf?: readonly unknown[];
    properties?: Record<string, unknown>;
    required?: string[];
  };
  const target = object.$ref?.startsWith('#/$defs/')
    ? definitions[
        decodeURIComponent(object.$ref.slice('#/$defs/'.length)).replaceAll('~1', '/').replaceAll('~0', '~')
      ]
    : undefined;
  const parts = [
    object,
    ...(target === undefined ? [] : [resolved(target, definitions, depth + 1)]),
    ...(object.allOf ?? []).map((part) => resolved(part, definitions, depth + 1)),
  ];
  return {
    properties: Object.assign({}, ...parts.map((part) => part?.properties ?? {})),
    required: parts.flatMap((part) => part?.required ?? []),
  };
}

/** An input that the contract refuses: a required member gone, else a body of the wrong kind, else an unknown member. */
function wrongInput(operation: BenchOperation, input: JsonObject): JsonObject | undefined {
  const fits = inputValidator(operation.plan);
  const candidates: JsonObject[] = [];
  const body = input['body'];
  if (typeof body === 'object' && body !== null && !Array.isArray(body))
    for (const name of Object.keys(body)) {
      const { [name]: _gone, ...rest } = body as JsonObject;
      candidates.push({ ...input, body: rest });
    }
  if (body !== undefined) candidates.push({ ...input, body: [[]] });
  candidates.push({ ...input, 'no-such-parameter': 1 });
  return candidates.find((candidate) => fits(candidate).length > 0);
}

/** A member that the answer must have. */
function requiredMember({ plan }: BenchOperation): string | undefined {
  if (!isSchemaObject(plan.result)) return undefined;
  return resolved(plan.result, plan.result.$defs)?.required?.[0];
}

const NEW_FIELD = 'x_grown_field';

/** One field more at the top, and in every item of a list. */
function grown({ declared }: BenchOperation): Readonly<Record<string, Json>> {
  const items = declared.pagination?.items;
  return {
    [`/${NEW_FIELD}`]: { grown: true },
    ...(items !== undefined && { [`${items}/*/${NEW_FIELD}`]: 1 }),
  };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

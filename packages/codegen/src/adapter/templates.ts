import Handlebars from 'handlebars';

/**
 * Our own templates, and only these: a template can run code, so none ever comes from a user. What they are filled with
 * is made safe before (`source-text.ts`), since escaping for HTML, Handlebars' own, would be wrong here.
 *
 * Operations are plain JavaScript beside a declaration file. As TypeScript, five of them took 45 ms to import, nearly
 * all of it Node's type stripper; as JavaScript they take 3 ms, run inside `node_modules`, and need no compiler flag.
 */
function template<View>(text: string): (view: View) => string {
  const render = Handlebars.compile<View>(text, { noEscape: true, strict: true });
  return (view) => render(view, { allowProtoPropertiesByDefault: false });
}

export interface OperationView {
  readonly header: string;
  readonly identifier: string;
  readonly typeName: string;
  /** The operation's id as a string literal. */
  readonly id: string;
  readonly docs: readonly string[];
  /** `{}` as the input's default, where nothing is required. */
  readonly defaultInput: string;
  readonly optionalInput: string;
  /** `ResultOf<…>` over the statuses of success, or `Unanswered`. */
  readonly result: string;
  readonly resultImport: string;
  readonly plan: string;
  /** The function that streams its bodies; `false`: none are bytes. */
  readonly stream:
    | false
    | {
        readonly identifier: string;
        readonly typeName: string;
        readonly sends: boolean;
        readonly receives: boolean;
        readonly input: string;
        readonly result: string;
      };
  /** What its declarations import, each with `, ` behind it. */
  readonly streamImports: string;
}

export const operationJs = template<OperationView>(`{{header}}
import { carryOut } from '../call.js';

export const {{identifier}}Plan = {{plan}};

export function {{identifier}}(transport, input{{defaultInput}}, options) {
  return carryOut(transport, {{identifier}}Plan, input, options);
}
{{#if stream}}

export function {{stream.identifier}}(transport, input, bodies, options) {
  return carryOut(transport, {{identifier}}Plan, input, { ...options, ...bodies });
}
{{/if}}
`);

export const operationDts = template<OperationView>(`{{header}}
import type { {{streamImports}}CallOptions, OperationPlan, {{resultImport}}, Transport } from '../call.js';
import type { Operations } from '../types.js';

export type {{typeName}}Input = Operations[{{id}}]["input"];
export type {{typeName}}Result = {{result}};

/**
{{#each docs}}
 *{{this}}
{{/each}}
 */
export declare function {{identifier}}(
  transport: Transport,
  input{{optionalInput}}: {{typeName}}Input,
  options?: CallOptions,
): Promise<{{typeName}}Result>;

{{#if stream}}
export interface {{stream.typeName}}Bodies {
{{#if stream.sends}}
  /** In place of \`body\`. */
  readonly send: BodyToSend;
{{/if}}
{{#if stream.receives}}
  readonly receive: BodyReceiver;
{{/if}}
}
export type {{stream.typeName}}Result = {{stream.result}};

/** The same, with bodies of bytes streamed: they are never whole in memory. */
export declare function {{stream.identifier}}(
  transport: Transport,
  input: {{stream.input}},
  bodies: {{stream.typeName}}Bodies,
  options?: CallOptions,
): Promise<{{stream.typeName}}Result>;

{{/if}}
/** What the transport carries out; \`completePlan\` adds the definitions that its schemas refer to. */
export declare const {{identifier}}Plan: OperationPlan;
`);

export interface AdapterView {
  readonly header: string;
  /** Type of the adapter, \`Billing\`, and its maker, \`createBilling\`. */
  readonly adapterName: string;
  readonly contractName: string;
  readonly operations: readonly (OperationView & { readonly file: string })[];
}

export const adapterJs = template<AdapterView>(`{{header}}

/** Each operation is loaded on its first call. */
export function create{{adapterName}}(transport) {
  return {
{{#each operations}}
    {{identifier}}: async (input{{defaultInput}}, options) =>
      (await import('./operations/{{file}}.js')).{{identifier}}(transport, input, options),
{{#if stream}}
    {{stream.identifier}}: async (input, bodies, options) =>
      (await import('./operations/{{file}}.js')).{{stream.identifier}}(transport, input, bodies, options),
{{/if}}
{{/each}}
  };
}
`);

export const adapterDts = template<AdapterView>(`{{header}}
import type { CallOptions, Transport } from './call.js';
{{#each operations}}
import type { {{typeName}}Input, {{typeName}}Result{{#if stream}}, {{stream.typeName}}Bodies, {{stream.typeName}}Result{{/if}} } from './operations/{{file}}.js';
{{/each}}

/** The operations of {{contractName}}, over one connection. A failed call is a value, never a rejection. */
export interface {{adapterName}}Adapter {
{{#each operations}}
  /**
{{#each docs}}
   *{{this}}
{{/each}}
   */
  {{identifier}}(input{{optionalInput}}: {{typeName}}Input, options?: CallOptions): Promise<{{typeName}}Result>;
{{#if stream}}
  /** The same, with bodies of bytes streamed: they are never whole in memory. */
  {{stream.identifier}}(input: {{stream.input}}, bodies: {{stream.typeName}}Bodies, options?: CallOptions): Promise<{{stream.typeName}}Result>;
{{/if}}
{{/each}}
}

export declare function create{{adapterName}}(transport: Transport): {{adapterName}}Adapter;
`);

export const callJs = template<{ readonly header: string }>(`{{header}}

/** Carries out one operation: the plan, with its definitions, and the input go to the transport. */
export async function carryOut(transport, operation, input, options) {
  return transport.call({ ...options, operation: await completePlan(operation), input });
}

const complete = new WeakMap();

/** A plan with its contract and all definitions that its schemas refer to; the same object for the same plan, so that validators are kept. */
export function completePlan(operation) {
  let plan = complete.get(operation);
  if (plan === undefined) {
    plan = import('./definitions.js').then(({ contract, definitions }) => withDefinitions({ ...operation, contract }, definitions));
    complete.set(operation, plan);
  }
  return plan;
}

function withDefinitions(operation, definitions) {
  const add = (schema) => {
    if (typeof schema !== 'object' || schema === null) return schema;
    const $defs = reachable(schema, definitions);
    return Object.keys($defs).length === 0 ? schema : { ...schema, $defs };
  };
  return {
    ...operation,
    input: add(operation.input),
    result: add(operation.result),
    ...(operation.refusals && {
      refusals: Object.fromEntries(
        Object.entries(operation.refusals).map(([code, refusal]) => [
          code,
          refusal.schema === undefined ? refusal : { ...refusal, schema: add(refusal.schema) },
        ]),
      ),
    }),
    ...(operation.http && {
      http: {
        ...operation.http,
        responses: operation.http.responses.map((response) =>
          response.schema === undefined ? response : { ...response, schema: add(response.schema) },
        ),
      },
    }),
  };
}

const PREFIX = '#/$defs/';

function reachable(schema, definitions) {
  const found = {};
  const queue = [schema];
  for (let here = queue.pop(); here !== undefined; here = queue.pop()) {
    if (typeof here.$ref === 'string' && here.$ref.startsWith(PREFIX)) {
      const name = decodeURIComponent(here.$ref.slice(PREFIX.length)).replaceAll('~1', '/').replaceAll('~0', '~');
      if (!Object.hasOwn(found, name) && Object.hasOwn(definitions, name)) {
        Object.defineProperty(found, name, { value: definitions[name], enumerable: true });
        if (typeof definitions[name] === 'object') queue.push(definitions[name]);
      }
    }
    for (const member of Object.values(here)) if (typeof member === 'object' && member !== null) queue.push(member);
  }
  return found;
}
`);

/** Structural twins of the connector package's types, so that an adapter depends on nothing; a test keeps them equal. */
export const callDts = template<{
  readonly header: string;
  readonly failureClass: string;
  readonly delivery: string;
}>(`{{header}}

/** A call that the other system answered with a status of success; \`status\` tells which of the bodies it is. */
export interface Called<Status, Body> {
  readonly ok: true;
  readonly status: Status;
  readonly body: Body;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
}

/** An answer that says no for good: nothing was done. */
export interface Refused<Code, Status, Body> {
  readonly code: Code;
  readonly status: Status;
  /** \`null\` where the contract does not say what it holds. */
  readonly body: Body;
}

/** Over the names in \`Refusals\`, told apart by \`code\`. */
export type RefusedOf<Refusals> = {
  [Code in keyof Refusals]: Refusals[Code] extends { status: infer Status; body: infer Body }
    ? Refused<Code, Status, Body>
    : never;
}[keyof Refusals];

/** A call that failed, or whose outcome is unknown: see \`failure.class\`. */
export interface Failed<Named = never> {
  readonly ok: false;
  readonly failure: Failure;
  /** The answer, where it is one of the refusals that have a name, and is as the contract says. */
  readonly refused?: Named;
}

/** Over the statuses of success in \`Results\`, told apart by \`status\`, and the refusals that have a name. */
export type ResultOf<Results, Success extends keyof Results, Refusals = Record<never, never>> =
  | { [Status in Success]: Called<Status extends number ? Status : number, Results[Status]> }[Success]
  | Failed<RefusedOf<Refusals>>;

/** What came of a body that was streamed, in place of it. */
export interface ReceivedBody {
  /** After decompression, as handed over. */
  readonly bytes: number;
  /** \`sha256:<hex>\` of them. */
  readonly digest: string;
  readonly mediaType: string | null;
}

/** \`Bytes\`: statuses whose body is streamed; \`Values\`: those that answer with a value. One may do both. */
export type StreamedResultOf<
  Results,
  Bytes extends keyof Results,
  Values extends keyof Results = never,
  Refusals = Record<never, never>,
> =
  | {
      [Status in Bytes | Values]: Called<
        Status extends number ? Status : number,
        (Status extends Bytes ? ReceivedBody : never) | (Status extends Values ? Results[Status] : never)
      >;
    }[Bytes | Values]
  | Failed<RefusedOf<Refusals>>;

/** A body that is sent as it is read. */
export interface BodyToSend {
  /** Its bytes from the first on; called again where the request is sent again. */
  readonly open: () => AsyncIterable<Uint8Array>;
  /** How many there are; absent: not known before. */
  readonly bytes?: number;
  readonly mediaType?: string;
}

/** Takes the body of an answer of success, piece by piece; it is whole when the call says so. */
export type BodyReceiver = (
  body: AsyncIterable<Uint8Array>,
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
) => Promise<void>;

/** The result of an operation that declares no answer. */
export type Unanswered<Refusals = Record<never, never>> = Called<number, unknown> | Failed<RefusedOf<Refusals>>;

export interface Failure {
  readonly class: {{failureClass}};
  /** For example \`HTTP_RESPONSE_STATUS\`. */
  readonly code: string;
  readonly message: string;
  /** \`notSent\`: no byte left; \`lost\`: it may have arrived, its effect is unknown; \`answered\`. */
  readonly delivery: {{delivery}};
  readonly status?: number;
  /** How long the other side asked to be left alone. */
  readonly retryAfterMs?: number;
  /** The field at fault, as a JSON Pointer into the request or response. */
  readonly pointer?: string;
}

export interface CallOptions {
  /** Sent as the operation's idempotency mode says; the same on every attempt. */
  readonly idempotencyKey?: string;
  /** ETag of the version that a write is based on: sent as If-Match, so that it is refused when that is not current. */
  readonly ifMatch?: string;
  /** Stop by then (epoch ms), whatever the operation's own timeout. */
  readonly deadlineAt?: number;
  readonly signal?: AbortSignal;
  /** W3C Trace Context, passed on. */
  readonly traceparent?: string;
  readonly correlationId?: string;
}

/** \`OperationPlan\` of the connector package. */
export interface OperationPlan {
  readonly name: string;
  readonly input: unknown;
  readonly result: unknown;
}

/** A transport of the connector package. */
export interface Transport {
  call(
    request: CallOptions & {
      readonly operation: OperationPlan;
      readonly input: object;
      readonly send?: BodyToSend;
      readonly receive?: BodyReceiver;
    },
  ): Promise<
    Called<number, unknown> | Failed<Refused<string, number, unknown>>
  >;
}

export declare function carryOut<Result>(
  transport: Transport,
  operation: OperationPlan,
  input: object,
  options?: CallOptions,
): Promise<Result>;

export declare function completePlan(operation: OperationPlan): Promise<OperationPlan>;
`);

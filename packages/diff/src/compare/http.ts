import type { EventDefinition, Header, HttpOperation, MediaType, Response } from '@tenon/contract';
import type { Contracts } from './contracts.ts';
import { compareParameters } from './parameters.ts';
import type { Sink } from './positions.ts';
import { bodyForms, wireForms } from './wire.ts';

/** The parameters, body and responses of one HTTP operation. */
export function compareHttp(
  before: HttpOperation,
  after: HttpOperation,
  contracts: Contracts,
  sink: Sink,
): void {
  compareParameters(before, after, contracts, sink);
  compareBody(before, after, contracts, sink);
  compareResponses(before, after, contracts, sink);
}

function compareBody(before: HttpOperation, after: HttpOperation, contracts: Contracts, sink: Sink): void {
  const both = { operation: before.id, direction: 'request' } as const;
  const usedAs = { target: 'request', path: ['body'] } as const;
  if (!before.body || !after.body) {
    if (before.body)
      sink.change({
        ...both,
        rule: 'request-body-removed',
        base: before.body,
        revision: after,
        message: 'the request body is gone',
        usedAs,
      });
    else if (after.body)
      sink.change({
        ...both,
        rule: after.body.required ? 'required-request-body-added' : 'request-body-added',
        base: before,
        revision: after.body,
        message: `a request body is new${after.body.required ? ' and required' : ''}`,
        ...(after.body.required && { needed: 'body' }),
      });
    return;
  }
  if (before.body.required !== after.body.required)
    sink.change({
      ...both,
      rule: after.body.required ? 'request-body-became-required' : 'request-body-became-optional',
      base: before.body,
      revision: after.body,
      message: `the request body became ${after.body.required ? 'required' : 'optional'}`,
      ...(after.body.required && { needed: 'body' }),
    });
  compareContent(before.body.content, after.body.content, {
    sink,
    contracts,
    direction: 'request',
    operation: before.id,
    label: 'the request body',
    prefix: ['body'],
    at: [before.body, after.body],
    ...(!before.body.required && { canBeAbsent: true }),
  });
}

function compareResponses(
  before: HttpOperation,
  after: HttpOperation,
  contracts: Contracts,
  sink: Sink,
): void {
  const left = new Map(after.responses.map((response) => [response.status, response]));
  const both = { operation: before.id, direction: 'response' } as const;
  for (const response of before.responses) {
    const other = left.get(response.status);
    left.delete(response.status);
    if (!other) {
      const isSuccess = /^[23]/.test(response.status);
      const isCovered = after.responses.some(({ status }) => covers(status, response.status));
      sink.change({
        ...both,
        rule: isSuccess ? 'success-response-removed' : 'error-response-removed',
        ...(isSuccess && isCovered && { severity: 'info' }),
        base: response,
        revision: after,
        message: `response ${response.status} is gone`,
        usedAs: { target: 'response', path: [] },
      });
      continue;
    }
    compareHeaders(response, other, before.id, contracts, sink);
    compareContent(response.content, other.content, {
      sink,
      contracts,
      direction: 'response',
      operation: before.id,
      label: `the ${response.status} response`,
      status: response.status,
      prefix: [],
      at: [response, other],
    });
  }
  for (const response of left.values())
    sink.change({
      ...both,
      rule: 'response-added',
      base: before,
      revision: response,
      message: `response ${response.status} is new`,
    });
}

/** Does a status as written (`2XX`, `default`) stand for another? */
function covers(written: string, status: string): boolean {
  return written === status || (/^[1-5]XX$/i.test(written) && written[0] === status[0]);
}

function compareHeaders(
  before: Response,
  after: Response,
  operation: string,
  contracts: Contracts,
  sink: Sink,
): void {
  const left = new Map(after.headers.map((header) => [header.name.toLowerCase(), header]));
  const both = { operation, direction: 'response' } as const;
  for (const header of before.headers) {
    const other = left.get(header.name.toLowerCase());
    left.delete(header.name.toLowerCase());
    if (!other) {
      sink.change({
        ...both,
        rule: header.required ? 'required-response-header-removed' : 'response-header-removed',
        base: header,
        revision: after,
        message: `response header \`${header.name}\` is gone`,
      });
      continue;
    }
    compareHeader(header, other, `header \`${header.name}\` of the ${before.status} response`, {
      operation,
      contracts,
      sink,
    });
  }
  for (const header of left.values())
    sink.change({
      ...both,
      rule: 'response-header-added',
      base: before,
      revision: header,
      message: `response header \`${header.name}\` is new`,
    });
}

function compareHeader(
  before: Header,
  after: Header,
  label: string,
  context: { readonly operation: string; readonly contracts: Contracts; readonly sink: Sink },
): void {
  const { operation, contracts, sink } = context;
  const both = { operation, direction: 'response', base: before, revision: after } as const;
  if (before.required !== after.required)
    sink.change({
      ...both,
      rule: after.required ? 'response-header-became-required' : 'response-header-became-optional',
      message: `response header \`${before.name}\` became ${after.required ? 'required' : 'optional'}`,
    });
  if (before.deprecated !== after.deprecated)
    sink.change({
      ...both,
      rule: after.deprecated ? 'became-deprecated' : 'no-longer-deprecated',
      message: `response header \`${before.name}\` is ${after.deprecated ? '' : 'no longer '}deprecated`,
    });
  const [base, revision] = wireForms(before.schema, after.schema, contracts);
  sink.position({
    direction: 'response',
    operation,
    label,
    base,
    revision,
    target: 'response',
    prefix: ['headers', before.name],
  });
}

/** What the receiver of a webhook answers travels as a request does: we send it. */
export function compareAnswers(
  before: EventDefinition,
  after: EventDefinition,
  contracts: Contracts,
  sink: Sink,
): void {
  const [old, now] = [before.answers ?? [], after.answers ?? []];
  for (const answer of old) {
    const other = now.find(({ status }) => status === answer.status);
    if (other)
      compareContent(answer.content, other.content, {
        sink,
        contracts,
        direction: 'request',
        operation: before.id,
        label: `the ${answer.status} answer to \`${before.id}\``,
        prefix: [],
        at: [answer, other],
        isAnswer: true,
      });
    else if (/^2/.test(answer.status) && !now.some(({ status }) => covers(status, answer.status)))
      sink.change({
        rule: 'success-response-removed',
        direction: 'request',
        operation: before.id,
        base: answer,
        revision: after,
        message: `the ${answer.status} answer to \`${before.id}\` is no longer expected`,
      });
  }
}

interface ContentContext {
  readonly sink: Sink;
  readonly contracts: Contracts;
  readonly direction: 'request' | 'response';
  readonly operation: string;
  readonly label: string;
  readonly prefix: readonly string[];
  readonly at: readonly [object, object];
  readonly isAnswer?: true;
  readonly canBeAbsent?: true;
  /** Of a response. */
  readonly status?: string;
}

function compareContent(
  before: readonly MediaType[],
  after: readonly MediaType[],
  context: ContentContext,
): void {
  const { sink, direction, operation } = context;
  const right = new Set(after);
  const pairs: (readonly [MediaType, MediaType])[] = [];
  const removed: MediaType[] = [];
  for (const media of before) {
    const other =
      after.find((each) => right.has(each) && each.type === media.type) ??
      after.find((each) => right.has(each) && isMediaWithin(media.type, each.type)) ??
      after.find((each) => right.has(each) && isMediaWithin(each.type, media.type));
    if (!other) {
      removed.push(media);
      continue;
    }
    right.delete(other);
    pairs.push([media, other]);
  }
  for (const media of removed)
    sink.change({
      rule: `${direction}-media-type-removed`,
      direction,
      operation,
      base: media,
      revision: context.at[1],
      message: `${context.label} is no longer ${media.type}`,
    });
  for (const media of right)
    sink.change({
      rule: `${direction}-media-type-added`,
      direction,
      operation,
      base: context.at[0],
      revision: media,
      message: `${context.label} may be ${media.type}`,
    });
  for (const [media, other] of pairs) {
    // A wider name in a response, or a narrower one in a request, is a promise less.
    const [sender, receiver] = direction === 'request' ? [media, other] : [other, media];
    if (!isMediaWithin(sender.type, receiver.type))
      sink.change({
        rule: `${direction}-media-type-removed`,
        direction,
        operation,
        base: media,
        revision: other,
        message: `${context.label} is ${other.type}, was ${media.type}`,
      });
    const [base, revision] = bodyForms(media, other, direction, context.contracts);
    sink.position({
      direction,
      operation,
      label: `${context.label}${before.length > 1 ? ` (${media.type})` : ''}`,
      base,
      revision,
      target: direction,
      prefix: context.prefix,
      ...(context.status !== undefined && { status: context.status }),
      ...(context.isAnswer && { isAnswer: true }),
      ...(context.canBeAbsent && { canBeAbsent: true }),
    });
  }
}

/** Is every body of the one media type a body of the other, as their names say? */
function isMediaWithin(narrow: string, wide: string): boolean {
  const [a = '', b = ''] = [narrow.split(';')[0]!.trim(), wide.split(';')[0]!.trim()];
  if (a === b || b === '*/*') return true;
  const [family, subtype = ''] = b.split('/');
  if (subtype === '*') return a.startsWith(`${family}/`);
  // `application/problem+json` is `application/json` (RFC 6838 §4.2.8).
  return a.startsWith(`${family}/`) && a.endsWith(`+${subtype}`);
}

import type { Clock, Json } from '@tenon/model';
import type { ConnectorFailureCode } from '../failure-codes.ts';
import type { HttpBinding, OperationPlan } from '../operation-plan.ts';
import { type AnswerClassifier, type CallResult, failedCall } from '../transport.ts';
import { validatorOf } from './check-request.ts';
import { classify, type Verdict } from './classify.ts';
import type { Exchange } from './exchange.ts';
import { placeOf, violated } from './failures.ts';
import { mediaMatches } from './media-type.ts';
import { declaredResponse, decodeBody, errorBody } from './read-response.ts';
import { isStreamable } from './streams.ts';

/** By what answers of one operation are judged. */
export interface Judge {
  readonly operation: OperationPlan;
  readonly http: HttpBinding;
  readonly clock: Clock;
  /** What the connector's own code makes of answers. */
  readonly own: AnswerClassifier | undefined;
}

export interface Judgement {
  readonly result: CallResult;
  /** The other side let nobody in: once the credential is renewed it may be asked again. */
  readonly isToRenew?: true;
}

/** What an answer means for the call: a failure by a rule or by its status, a breach of the contract, or its result. */
export function judgeAnswer(
  { operation, http, clock, own }: Judge,
  answer: Extract<Exchange, { kind: 'answered' | 'unreadable' }>,
  isStreamed: boolean,
): Judgement {
  const { status, headers } = answer;
  const declared = declaredResponse(http, status, headers['content-type']);
  const succeeded = status >= 200 && status < 300;
  if (answer.kind === 'unreadable' && succeeded)
    return { result: failedCall(violated(operation, status, UNREADABLE[answer.reason])) };
  const bytes = answer.kind === 'answered' ? answer.body : new Uint8Array();
  const decoded = succeeded ? decodeBody(bytes, headers, declared?.mediaType) : undefined;
  const body = decoded?.ok === true ? decoded.body : errorBody(bytes, headers);

  const verdict = classify(operation, { status, headers, body }, clock, own);
  if (verdict !== undefined)
    return {
      result: refusalResult(operation, verdict, body),
      ...(verdict.action === 'refreshOnce' && { isToRenew: true }),
    };
  // A success that is a value by the contract (an accepted export, say) is judged as any is: nothing of it was handed over.
  if (isStreamed && !isValue(declared?.mediaType, headers['content-type']))
    return {
      result: failedCall(
        violated(operation, status, {
          code: 'HTTP_RESPONSE_MALFORMED',
          says: 'it is of another media type than the contract says',
        }),
      ),
    };
  if (decoded?.ok === false)
    return {
      result: failedCall(
        violated(operation, status, { code: 'HTTP_RESPONSE_MALFORMED', says: decoded.reason }),
      ),
    };
  const issue = validatorOf(
    operation,
    declared === undefined ? operation.result : (declared.schema ?? true),
  )(body)[0];
  if (issue !== undefined)
    return {
      result: failedCall({
        ...violated(operation, status, {
          code: 'HTTP_RESPONSE_INVALID',
          says: `${placeOf(issue)} ${issue.message}`,
        }),
        pointer: issue.pointer,
      }),
    };
  return { result: { ok: true, status, body, headers } };
}

/**
 * A failure that says no, with the answer itself where a step takes it as a value. One that is not as the contract says is none to go by:
 * something else may have answered.
 */
function refusalResult(operation: OperationPlan, { failure, refusal }: Verdict, body: Json): CallResult {
  const taken = refusal === undefined ? undefined : operation.refusals?.[refusal];
  const { status } = failure;
  if (refusal === undefined || taken === undefined || status === undefined) return failedCall(failure);
  const { schema } = taken;
  const issue = schema === undefined ? undefined : validatorOf(operation, schema)(body)[0];
  if (issue === undefined)
    return {
      ok: false,
      failure,
      refused: { code: refusal, status, body: schema === undefined ? null : body },
    };
  return failedCall({
    ...failure,
    code: 'HTTP_REFUSAL_INVALID' satisfies ConnectorFailureCode,
    message: `${failure.message}; as a refusal it is not what the contract says: ${placeOf(issue)} ${issue.message}`,
    pointer: issue.pointer,
  });
}

/** A success by every rule, in a media type that the contract declares as bytes: nothing about it is left to be judged. */
export function isForReceiver(
  { operation, http, clock, own }: Judge,
  status: number,
  headers: Readonly<Record<string, string>>,
): boolean {
  if (status < 200 || status >= 300) return false;
  const type = headers['content-type'];
  const declared = declaredResponse(http, status, type)?.mediaType;
  const isDeclared =
    declared === undefined ||
    (isStreamable(declared) &&
      (type === undefined || /^application\/octet-stream/i.test(declared) || mediaMatches(declared, type)));
  return isDeclared && classify(operation, { status, headers, body: null }, clock, own) === undefined;
}

const UNREADABLE = {
  tooLarge: { code: 'HTTP_RESPONSE_TOO_LARGE', says: 'its body is larger than is taken' },
  encoding: { code: 'HTTP_RESPONSE_MALFORMED', says: 'its content encoding cannot be taken off' },
} as const;

function isValue(declared: string | undefined, type: string | undefined): boolean {
  return declared !== undefined && !isStreamable(declared) && mediaMatches(declared, type);
}

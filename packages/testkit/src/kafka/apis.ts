import { ERRORS } from './error-codes.ts';
import { groupApis } from './group-apis.ts';
import { logApis } from './log-apis.ts';
import type { Session } from './session.ts';
import type { WireReader, WireWriter } from './wire.ts';

/** One request of the protocol, in the versions that are spoken here. */
export interface Api {
  readonly min: number;
  readonly max: number;
  /** From this version on strings, bytes and lists are compact. */
  readonly flexibleFrom: number;
  /** Reads the request and writes the answer. */
  answer(request: WireReader, answer: WireWriter, call: ApiCall): Promise<void> | void;
}

export interface ApiCall {
  readonly version: number;
  readonly clientId: string;
  readonly session: Session;
  /** The client wants no answer. */
  dropAnswer(): void;
}

/** Never flexible. */
const NEVER = 99;
export const API_VERSIONS = 18;

/** By the protocol's key. */
export const apis: ReadonlyMap<number, Api> = new Map<number, Api>([
  ...logApis,
  ...groupApis,
  [
    17, // SaslHandshake
    {
      min: 1,
      max: 1,
      flexibleFrom: NEVER,
      answer: (request, answer, { session }) => {
        const error = session.handshake(request.string());
        answer.int16(error).list(['PLAIN'], (name) => answer.string(name));
      },
    },
  ],
  [
    API_VERSIONS,
    {
      min: 0,
      max: 3,
      flexibleFrom: 3,
      answer: (_request, answer, { version }) => writeVersions(answer, version, ERRORS.none),
    },
  ],
  [
    36, // SaslAuthenticate
    {
      min: 1,
      max: 2,
      flexibleFrom: 2,
      answer: (request, answer, { session }) => {
        const error = session.authenticate(request.bytes() ?? Buffer.alloc(0));
        answer.int16(error).string(null).bytes(Buffer.alloc(0)).int64(0n).end();
      },
    },
  ],
]);

/** In version 0 also the answer to a client that speaks a version unknown here: it goes on in one that is known. */
export function writeVersions(answer: WireWriter, version: number, error: number): void {
  answer.int16(error).list([...apis], ([key, { min, max }]) => {
    answer.int16(key).int16(min).int16(max).end();
  });
  if (version >= 1) answer.int32(0);
  answer.end();
}

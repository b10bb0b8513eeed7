import type { ConnectorFailureCode } from '../failure-codes.ts';

export interface EncodedBody {
  readonly contentType: string;
  readonly bytes: Uint8Array | string;
}

/** Why a value cannot be written as its binding says. Nothing of the value is in the message. */
export class EncodingProblem extends Error {
  readonly code: ConnectorFailureCode;
  readonly pointer: string;

  constructor(code: ConnectorFailureCode, message: string, pointer: string) {
    super(message);
    this.code = code;
    this.pointer = pointer;
  }
}

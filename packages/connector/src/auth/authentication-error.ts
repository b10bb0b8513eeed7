import type { ConnectorFailureCode } from '../failure-codes.ts';

/** Why a call cannot be authenticated; nothing was sent. */
export class AuthenticationError extends Error {
  readonly code: ConnectorFailureCode;
  readonly retryable: boolean;
  constructor(code: ConnectorFailureCode, message: string, retryable: boolean) {
    super(message);
    this.name = 'AuthenticationError';
    this.code = code;
    this.retryable = retryable;
  }
}

import type { RuntimeCode } from './rules.ts';

/** Why the runtime cannot be opened or go on; its code is explained in `rules.ts`. */
export class RuntimeError extends Error {
  readonly code: RuntimeCode;

  constructor(code: RuntimeCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'RuntimeError';
    this.code = code;
  }
}

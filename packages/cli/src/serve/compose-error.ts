/** A configuration that cannot be run as it stands, said in one sentence. */
export class ComposeError extends Error {
  /** For programs, where what is wrong has one; the sentence says where it is explained. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

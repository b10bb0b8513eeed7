/** A line of the log of `tenon serve`: its kind says what else is there. */
export interface LogLine {
  readonly kind: string;
  readonly [name: string]: unknown;
}

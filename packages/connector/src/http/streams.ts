import type { Json } from '@tenon/model';

/** A body that is sent as it is read, and is never whole in memory. */
export interface BodyToSend {
  /**
   * Its bytes from the first on. Called each time that the request is sent (again after a renewed credential), and once
   * more before where a signature needs the digest. Throw to say that they cannot be had again.
   */
  readonly open: () => AsyncIterable<Uint8Array>;
  /** How many bytes there are; absent: not known before, so they go out in chunks. */
  readonly bytes?: number;
  /** Default: the first of the operation's media types that can be streamed. */
  readonly mediaType?: string;
}

/**
 * Takes the body of an answer of success, piece by piece, content encodings taken off; the wire waits for it. Resolve
 * when all of it is where it should be. What is taken is whole only when the call says so: an answer that breaks off, or
 * passes its cap, ends the iteration with an error. Called once more where a renewed credential is tried.
 */
export type BodyReceiver = (
  body: AsyncIterable<Uint8Array>,
  answer: { readonly status: number; readonly headers: Readonly<Record<string, string>> },
) => Promise<void>;

/** What was received: the `body` of a call's result in place of the bytes. A success that is a value by the contract keeps its own. */
export interface ReceivedBody {
  /** After decompression, as handed over. */
  readonly bytes: number;
  /** `sha256:<hex>` of them. */
  readonly digest: string;
  /** As the answer says; null where it does not. */
  readonly mediaType: string | null;
}

/** Bounds of bodies that are streamed. */
export interface StreamLimits {
  /** Bytes of one body, either way, before and after decompression. Default 64 MiB. */
  readonly bytesMax: number;
  /** Time without a byte while the other side is waited for. Default 30 s. */
  readonly stallMs: number;
}

export const STREAM_DEFAULTS: StreamLimits = { bytesMax: 64 * 1024 * 1024, stallMs: 30_000 };

export function receivedJson({ bytes, digest, mediaType }: ReceivedBody): Json {
  return { bytes, digest, mediaType };
}

/** Bodies of JSON, forms and parts are values, held against a schema: they come and go whole. What may be anything is read as JSON too. */
export function isStreamable(mediaType: string): boolean {
  return !/^(?:\*\/\*|application\/json|text\/json|[^;]+\+json|application\/x-www-form-urlencoded|multipart\/[^;]+)\s*(?:;|$)/i.test(
    mediaType,
  );
}

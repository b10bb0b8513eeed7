import type { ActionResult, Protection } from '../../runtime.ts';
import type { EmbeddedEngine } from '../engine.ts';
import { type EncryptionOptions, keyFolder, wrappedBy } from './data-keys.ts';
import { namesLeft } from './name-older.ts';
import { KEEP_PAYLOADS_MS, retentionOf } from './retention.ts';
import { isMarkedEncrypted, olderLeft } from './seal-older.ts';
import type { Statements } from './statements.ts';
import { isTooLarge, leaveNothing, mayLeaveTraces, unusedBytes } from './written-anew.ts';

export function protectionOf(
  file: string,
  read: Statements,
  encryption: EncryptionOptions | undefined,
  keepPayloadsMs: number = KEEP_PAYLOADS_MS,
): Protection {
  const { anewAtMs, tracesSinceMs } = unusedBytes(read);
  const shreds = read.of('SELECT count(*) AS n FROM shreds').get();
  return {
    encrypted: isMarkedEncrypted(read),
    ...(encryption !== undefined && { current: encryption.current }),
    keyFiles: wrappedBy(keyFolder(file, encryption)),
    olderLeft: olderLeft(read),
    ...(anewAtMs !== undefined && { writtenAnewAtMs: anewAtMs }),
    ...(tracesSinceMs !== undefined && { tracesSinceMs }),
    shredsLeft: Number(shreds?.['n'] ?? 0),
    retention: retentionOf(read, keepPayloadsMs),
  };
}

/** A slice at a time, between other writes. Cut short, it is asked for again: what is done shows in the files' names. */
export async function rewrapKeys(
  engine: EmbeddedEngine,
  file: string,
  encryption: EncryptionOptions | undefined,
  actor: string,
  reason: string,
): Promise<ActionResult & { readonly files?: number }> {
  if (encryption === undefined)
    return {
      ok: false,
      code: 'KEYS_NOT_CONFIGURED',
      message: 'nothing is encrypted: engine.encryption is not configured',
    };
  const { current } = encryption;
  const others = Object.entries(wrappedBy(keyFolder(file, encryption))).filter(([kek]) => kek !== current);
  const files = others.reduce((sum, [, count]) => sum + count, 0);
  await engine.tend('rewrap');
  const details = { action: 'rewrap', actor, reason, from: others.map(([kek]) => kek), to: current, files };
  await engine.commit([], [engine.system({ kind: 'keys', details })]);
  return { ok: true, files };
}

/** Ends what an earlier process left to do: keys to destroy, and data from before there were any. Runs go on meanwhile. */
export function encryptInBackground(engine: EmbeddedEngine): void {
  const hasOlder = olderLeft(engine.read) > 0;
  void engine.dispatcher
    .busy(async () => {
      await engine.tend('shred');
      if (!hasOlder) return;
      await engine.tend('sealOlder');
      engine.rows.names.isMixed = namesLeft(engine.read) > 0;
      if (!engine.isStopping) engine.admission.known.begin();
      // What was there in clear stands in the write-ahead log until that is emptied.
      if (engine.isStopping) return;
      await engine.commit([mayLeaveTraces(engine)]);
      await leaveNothing(engine, isTooLarge(engine) ? 'emptyLog' : 'writeAnew');
    })
    // A disk that fails stops the runtime elsewhere; what is left is done after the next start.
    .catch(() => {});
}

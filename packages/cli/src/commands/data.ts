import { formatDuration } from '@tenon/model';
import type { Protection } from '@tenon/runtime';
import type { CommandSpec } from '../command.ts';
import { exit } from '../exit.ts';
import { plural } from '../render/index.ts';
import { isManaged, type KeyRefusal, lockedWords } from '../serve/data-keys.ts';
import { time } from '../text/utc-time.ts';
import { needReason, reason, remote } from './operator-options.ts';
import { REWRITE_COMMAND, rewriteDataCommand } from './rewrite-data.ts';
import { sayDone, withClient } from './with-client.ts';

/** How what is stored is protected. */
export const dataCommands: readonly CommandSpec[] = [
  {
    name: 'data',
    summary: 'How stored data is protected: encryption, keys, what is still to be done, how long it is kept',
    options: remote,
    run: withClient(async (client, _args, show, io) => {
      // The shape that contracts/operations promises; of a file that no process has open, also what keeps it shut.
      const protection = (await client.get('/v1/protection')) as unknown as Protection & {
        readonly keyProblem?: KeyRefusal;
      };
      const code = show(protection, () => protectionWords(protection));
      if (protection.keyProblem === undefined) return code;
      io.err(`${lockedWords(protection.keyProblem)}\n`);
      // How it is protected was said; that a manager keeps the key, so that nothing was opened by it, is no fault.
      return isManaged(protection.keyProblem) ? code : exit.findings;
    }),
  },
  {
    name: 'data rewrap',
    summary:
      'Wrap all data keys by the first key of engine.encryption, so that an older one can go; runs go on',
    options: { ...remote, ...reason },
    examples: ['tenon data rewrap --reason "yearly rotation"'],
    run: withClient(async (client, args, _show, io) => {
      const { files, current } = await client.post('/v1/protection/rewrap', { reason: needReason(args) });
      const words = `${plural(Number(files), 'files of data keys')} wrapped by ${String(current)}`;
      sayDone({ files, current }, words, args, io);
      return exit.clean;
    }),
  },
  rewriteDataCommand,
];

function protectionWords(protection: Protection): string {
  const kept = protection.retention.map(
    ({ pipeline, keepMs, because }) =>
      `  ${pipeline}: ${formatDuration(keepMs)}${because === undefined ? '' : ` (${because})`}`,
  );
  return [
    encryptionWords(protection),
    unusedWords(protection),
    ...(kept.length > 0 ? ['data of ended runs is kept', ...kept] : []),
  ].join('\n');
}

/** What was overwritten may stand in unused parts of the file until that is written anew. */
function unusedWords({ writtenAnewAtMs, tracesSinceMs }: Protection): string {
  const said =
    writtenAnewAtMs === undefined
      ? 'the file was never written anew'
      : `the file was last written anew ${time(writtenAnewAtMs)}`;
  return tracesSinceMs === undefined
    ? `${said}; what was overwritten since may stand in unused parts of it`
    : `${said}; since ${time(tracesSinceMs)} unused parts of it may hold what had to go: \`${REWRITE_COMMAND}\` while Tenon is stopped`;
}

function encryptionWords({ encrypted, current, keyFiles, olderLeft, shredsLeft }: Protection): string {
  if (!encrypted)
    return 'stored data is not encrypted: each value has a checksum (engine.encryption in tenon.config.yaml encrypts it)';
  const older = Object.keys(keyFiles).filter((kek) => kek !== current);
  const files = Object.entries(current === undefined ? keyFiles : { [current]: 0, ...keyFiles }).map(
    ([kek, count]) =>
      `  ${kek}${kek === current ? ' (current)' : ''}: ${plural(count, 'files of data keys')}`,
  );
  return [
    'stored data is encrypted with AES-256-GCM, each event and run by a key of its own; these are wrapped by',
    ...files,
    ...(current !== undefined && older.length > 0
      ? [
          `\`tenon data rewrap --reason …\` wraps these by ${current}; then ${older.join(', ')} can be taken away`,
        ]
      : []),
    olderLeft > 0
      ? `${plural(olderLeft, 'events and runs')} from before still stand in clear; they are being encrypted`
      : 'nothing stands in clear',
    ...(shredsLeft > 0 ? [`${plural(shredsLeft, 'data keys')} are being destroyed`] : []),
  ].join('\n');
}

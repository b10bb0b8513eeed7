import type { CommandSpec } from '../command.ts';
import { CommandError } from '../command-error.ts';
import { exit } from '../exit.ts';
import { ComposeError } from '../serve/compose-error.ts';
import type { Health } from '../serve/health.ts';
import { lookAtHealth } from '../serve/look-at-health.ts';
import { renderTable } from '../text/table.ts';
import { CONFIG_FILE } from '../workspace/root.ts';
import { exitCodeOf, openSession, printReport } from '../workspace/session.ts';
import { listing, outputFormat } from './operator-options.ts';
import { tableWidth } from './with-client.ts';

/** What CI and a scheduler ask: exit code 3 when a connection does not answer. */
export const healthCommand: CommandSpec = {
  name: 'health',
  summary: 'Does every connection answer its health call, which changes nothing?',
  options: {
    ...outputFormat,
    wide: listing['wide']!,
  },
  run: async (args, io) => {
    const session = await openSession(io);
    if (!('workspace' in session)) {
      await printReport({ diagnostics: session.diagnostics, checked: {} }, session.root, args, io);
      return exitCodeOf(session.diagnostics);
    }
    // Of a configuration that cannot be read there is no connection to ask, which would look like all is well.
    const faults = session.diagnostics.filter(
      ({ file, severity }) => file === CONFIG_FILE && severity === 'error',
    );
    if (faults.length > 0) {
      await printReport({ diagnostics: faults, checked: {} }, session.root, args, io);
      return exitCodeOf(faults);
    }
    try {
      const health = await lookAtHealth({ ...session, io });
      io.out(
        args.text('format') === 'json'
          ? `${JSON.stringify({ health }, null, 2)}\n`
          : healthWords(health, tableWidth(args, io)),
      );
      return health.every(({ ok }) => ok) ? exit.clean : exit.findings;
    } catch (error) {
      if (!(error instanceof ComposeError)) throw error;
      throw new CommandError(error.message, exit.failed, error.code);
    }
  },
};

function healthWords(health: readonly Health[], width: number | undefined): string {
  if (health.length === 0) return 'there is no connection\n';
  return `${renderTable(
    ['CONNECTION', 'CALL', 'ANSWER', { title: 'TOOK', drop: 1 }, { title: 'WHY', below: true }],
    health.map(({ connection, operation, ok, tookMs, failure, skipped }) => [
      connection,
      operation ?? '',
      skipped ? 'not asked' : ok ? 'ok' : 'FAILED',
      skipped ? '' : `${tookMs} ms`,
      failure ? `${failure.class} ${failure.code}: ${failure.message}` : (skipped ?? ''),
    ]),
    width,
  )}\n`;
}

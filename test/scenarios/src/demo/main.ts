/**
 * `pnpm demo`: four systems and a Tenon as real processes on loopback, a story in nine chapters, and at the end a table
 * of what every system holds, checked. Exits 1 when anything differs from what is promised.
 */
import { accountOf, chapters, invoices, mails, tickets } from './story.ts';
import { teller } from './teller.ts';
import { accounts, startWorld, type World } from './world.ts';

const isQuiet = process.argv.includes('--quiet');
const tell = teller(isQuiet, process.stdout.isTTY === true && !process.env['NO_COLOR']);
const startedAt = performance.now();

const world = await startWorld();
if (!isQuiet) {
  console.log('Tenon demo: every server below is real, on this machine only.');
  console.log(
    `   crm ${world.crm.url}  billing ${world.billing.url}  ticketing ${world.ticketing.url}  mail ${world.mail.url}`,
  );
  console.log(`   tenon ${world.tenon.url}, pid ${world.tenon.pid}`);
}
try {
  for (const chapter of chapters) await chapter(world, tell);
  finalState(world);
} catch (error) {
  tell.sees(error instanceof Error ? error.message : String(error), false);
} finally {
  await world.close();
}
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
console.log(
  tell.failures.length === 0
    ? `\ndemo: all as promised, in ${seconds} s`
    : `\ndemo: ${tell.failures.length} not as promised, in ${seconds} s`,
);
process.exitCode = tell.failures.length === 0 ? 0 : 1;

interface Expected {
  readonly account: string;
  readonly what: string;
  readonly invoice: string;
  readonly tickets: number;
  readonly mails: number;
  readonly support: string;
}

function finalState(of: World): void {
  const done = { invoice: '1 open', tickets: 1, mails: 1 };
  const expected: readonly Expected[] = [
    { account: accounts.flow, what: 'plain upgrade', ...done, support: 'priority' },
    { account: accounts.thrice, what: 'three deliveries', ...done, support: 'priority' },
    { account: accounts.busy, what: '503, 503, 429', ...done, support: 'priority' },
    {
      account: accounts.refused,
      what: 'refused by ticketing',
      invoice: '1 void',
      tickets: 0,
      mails: 0,
      support: 'standard',
    },
    { account: accounts.killed, what: 'SIGKILL mid-run', ...done, support: 'priority' },
    { account: accounts.lost, what: 'answer lost', ...done, support: 'priority' },
    { account: accounts.large, what: 'approved', ...done, support: 'priority' },
  ];
  tell.chapter('What every system holds in the end');
  if (!isQuiet)
    console.log(
      `   ${'account'.padEnd(12)}${'story'.padEnd(22)}${'invoices'.padEnd(10)}${'tickets'.padEnd(9)}${'mails'.padEnd(7)}support in crm`,
    );
  for (const row of expected) {
    const found = {
      invoice: invoices(of, row.account)
        .map((invoice) => invoice['status'])
        .join(', '),
      count: invoices(of, row.account).length,
      tickets: tickets(of, row.account).length,
      mails: mails(of, row.account),
      support: String(accountOf(of, row.account)['supportTier']),
    };
    const invoice = `${found.count} ${found.invoice}`;
    const holds =
      invoice === row.invoice &&
      found.tickets === row.tickets &&
      found.mails === row.mails &&
      found.support === row.support;
    tell.sees(
      `${row.account.padEnd(10)}${row.what.padEnd(22)}${invoice.padEnd(10)}${String(found.tickets).padEnd(9)}${String(found.mails).padEnd(7)}${found.support}`,
      holds,
    );
  }
  const log = JSON.stringify(of.tenon.lines);
  const leaked = [...of.secrets, '@customers.example'].filter((text) => log.includes(text));
  tell.sees(`${of.tenon.lines.length} log lines, and no address or credential in them`, leaked.length === 0);
}

import type { AcceptedRun } from '../../runtime.ts';
import type { AccountName } from './accounts.ts';

/** What the senders of two accounts were told: which run is of which account. */
export class Bookings {
  readonly byRun = new Map<string, AccountName>();
  readonly violations: string[] = [];

  told(account: AccountName, id: string, runs: readonly AcceptedRun[]): void {
    const own = runs.find(({ pipeline }) => pipeline === 'books');
    if (own === undefined) {
      this.violations.push(`${id} of ${account} was taken, and starts nothing`);
      return;
    }
    const before = this.byRun.get(own.runId);
    if (before !== undefined && before !== account)
      this.violations.push(`${id} of ${account} counts as that of ${before}`);
    else this.byRun.set(own.runId, account);
  }
}

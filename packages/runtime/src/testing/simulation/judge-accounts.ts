import type { Bench } from '../bench.ts';

/** Every write of an account, ours and theirs, left its member there; and no step wrote one twice. */
export function judgeAccounts({ target }: Bench): readonly string[] {
  const violations: string[] = [];
  for (const [id, { version, undone, members }] of target.accounts)
    if (members.length !== version - 1 - 2 * undone)
      violations.push(
        `account ${id} was written ${version - 1} times, ${undone} of them undoing, and ${members.length} are left`,
      );
  for (const [place, times] of target.amended)
    if (times > 1) violations.push(`${place} wrote its account ${times} times`);
  return violations;
}

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { Deployment } from '@tenon/runtime';

const run = promisify(execFile);
/** Git answers at once, or is waiting for something that nobody will give it. */
const GIT_MS_MAX = 5_000;
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;

/**
 * Where a workspace is from, as far as can be told: the commit that is checked out, and whether something differs from it. Who made it and
 * why is in that commit. Nothing of the sort where the folder is under no version control, or no git is there (a container).
 */
export async function deploymentOf(root: string, reason: string | undefined): Promise<Deployment> {
  const git = async (...args: string[]): Promise<string> =>
    (await run('git', args, { cwd: root, timeout: GIT_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX })).stdout.trim();
  const why = { ...(reason !== undefined && { reason }) };
  try {
    const commit = await git('rev-parse', '--verify', '--quiet', 'HEAD');
    const changed = await git('status', '--porcelain', '--', '.');
    return { ...why, commit, ...(changed !== '' && { isChanged: true }) };
  } catch {
    // Who put it in force can say where it is from.
    return why;
  }
}

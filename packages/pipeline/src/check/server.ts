import type { Diagnostic } from '@tenon/model';
import type { WorkspaceConfig } from '../load/config.ts';
import { diagnostic } from '../rules.ts';

/** What a start would refuse of the server's own configuration, said before the process is stopped that serves. */
export function checkServer({ server }: WorkspaceConfig): Diagnostic[] {
  const { host, hostAt, operators } = server;
  const found: Diagnostic[] = [];
  if (hostAt !== undefined && operators.length === 0 && !isLoopback(host))
    found.push(
      diagnostic('server-without-operators', {
        message: `\`${host}\` can be reached by others, and no operator is named`,
        at: hostAt,
        subject: host,
      }),
    );
  const holders = new Map<string, string>();
  for (const { name, token, tokenAt } of operators) {
    const other = holders.get(token);
    if (other === undefined) holders.set(token, name);
    else
      found.push(
        diagnostic('operator-token-shared', {
          message: `\`${other}\` and \`${name}\` have one token, \`${token}\``,
          at: tokenAt,
          subject: name,
        }),
      );
  }
  return found;
}

/** Whatever listens there is reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

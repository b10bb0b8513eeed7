import { execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

const SSHD = '/usr/sbin/sshd';

/** Why OpenSSH's server cannot be tested against here; `undefined` where it can. */
export const sshdMissing: string | undefined = existsSync(SSHD) ? undefined : `no ${SSHD} here`;

/** OpenSSH's own server, of a port and keys of its own, for whoever runs it; a key is its only login. */
export async function sshd(folder: string): Promise<
  {
    readonly port: number;
    readonly hostKey: string;
    readonly username: string;
    readonly privateKey: string;
  } & AsyncDisposable
> {
  await mkdir(folder, { recursive: true });
  for (const name of ['host', 'login'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-m', 'PEM', '-f', join(folder, name)]);
  const port = await freePort();
  const lines = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${join(folder, 'host')}`,
    `AuthorizedKeysFile ${join(folder, 'login.pub')}`,
    `PidFile ${join(folder, 'pid')}`,
    'StrictModes no',
    'PasswordAuthentication no',
    'UsePAM no',
    'Subsystem sftp internal-sftp',
  ];
  await writeFile(join(folder, 'config'), `${lines.join('\n')}\n`);
  // It wants this folder for the half of it that has no rights.
  if (process.getuid?.() === 0) await mkdir('/run/sshd', { recursive: true });
  const child = spawn(SSHD, ['-D', '-f', join(folder, 'config')], { stdio: 'ignore' });
  while (!(await answers(port))) {
    if (child.exitCode !== null) throw new Error('sshd does not come up');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const printed = execFileSync('ssh-keygen', ['-l', '-f', join(folder, 'host.pub')], { encoding: 'utf8' });
  return {
    port,
    hostKey: printed.split(' ')[1]!,
    username: userInfo().username,
    privateKey: await readFile(join(folder, 'login'), 'utf8'),
    [Symbol.asyncDispose]: async () => {
      child.kill();
    },
  };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}

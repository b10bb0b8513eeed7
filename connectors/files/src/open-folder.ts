import { fileURLToPath } from 'node:url';
import {
  basicCredentials,
  brokerAddress,
  CredentialsMissing,
  MessageRefused,
  type TransportContext,
} from '@tenon/connector';
import type { Folder } from './folder.ts';
import { localFolder } from './local-folder.ts';
import { sftpFolder } from './sftp-folder.ts';

const PROTOCOLS = { sftp: { port: 22, isSecure: true } } as const;

/** `sftp://host[:port]/folder?hostKey=SHA256:…`, or `file:///folder` of this machine. */
export async function openFolder(context: TransportContext, use: string): Promise<Folder> {
  const { connection } = context;
  if (connection.baseUrl.startsWith('file:///')) return localFolder(fileURLToPath(connection.baseUrl));
  const address = brokerAddress(connection, PROTOCOLS);
  const login = await basicCredentials(context, use);
  if (login === undefined) throw new CredentialsMissing(`connection ${connection.name} needs a login`);
  // A `+` of the fingerprint's base64 stands for itself here, not for a blank.
  const hostKey = address.parameters.get('hostKey')?.replaceAll(' ', '+');
  if (hostKey === undefined && !isLoopback(address.host))
    throw new MessageRefused(
      'permanent',
      `the base URL of connection ${connection.name} names no hostKey, so anyone could answer for its server; nothing was sent`,
      'notSent',
    );
  return sftpFolder({
    host: address.host,
    port: address.port,
    path: address.path,
    username: login.username.reveal(),
    secret: login.password.reveal(),
    ...(hostKey !== undefined && { hostKey }),
  });
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\./.test(host);
}

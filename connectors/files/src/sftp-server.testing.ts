import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import * as fs from 'node:fs';
import { join } from 'node:path';
import ssh2, { type Attributes, type Connection, type SFTPWrapper } from 'ssh2';
import { fingerprint } from './sftp-folder.ts';

/** An SFTP server over a folder of this machine, by ssh2's own server half: protocol version 3 without extensions. */
export interface SftpServer extends AsyncDisposable {
  readonly port: number;
  readonly hostKey: string;
  /** Asked before each rename: `deaf` does it and does not answer, `cut` ends the connection before it. */
  onRename: (() => 'deaf' | 'cut' | undefined) | undefined;
  cut(): void;
}

const { Server, utils } = ssh2;
const { STATUS_CODE, OPEN_MODE } = utils.sftp;

export async function sftpServer(base: string, password: string): Promise<SftpServer> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const connections = new Set<Connection>();
  const parsed = utils.parseKey(privateKey);
  if (parsed instanceof Error) throw parsed;
  const server = new Server({ hostKeys: [privateKey] }, (connection) => {
    connections.add(connection);
    connection.on('error', () => {});
    connection.on('close', () => connections.delete(connection));
    connection.on('authentication', (asked) => {
      if (asked.method === 'password' && asked.username === 'carrier' && asked.password === password)
        asked.accept();
      else asked.reject(['password']);
    });
    connection.on('session', (accept) => {
      accept().on('sftp', (open) => serve(open(), base, handle, connection));
    });
  });
  const handle: SftpServer = {
    port: 0,
    hostKey: fingerprint(Buffer.from((Array.isArray(parsed) ? parsed[0]! : parsed).getPublicSSH())),
    onRename: undefined,
    cut: () => {
      for (const connection of connections) connection.end();
    },
    [Symbol.asyncDispose]: async () => {
      handle.cut();
      server.close();
      await once(server, 'close');
    },
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return Object.assign(handle, { port: (server.address() as { readonly port: number }).port });
}

function serve(sftp: SFTPWrapper, base: string, server: SftpServer, connection: Connection): void {
  const files = new Map<number, number>();
  const listings = new Map<number, string | undefined>();
  let next = 0;
  const at = (path: string): string => join(base, path);
  const number = (handle: Buffer): number => handle.readUInt32BE(0);
  const newHandle = (): Buffer => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(next++);
    return handle;
  };
  const tell = (id: number, work: () => void): void => {
    try {
      work();
      sftp.status(id, STATUS_CODE.OK);
    } catch (error) {
      sftp.status(id, statusOf(error));
    }
  };
  sftp.on('OPEN', (id, path, flags) => {
    try {
      const handle = newHandle();
      files.set(number(handle), fs.openSync(at(path), flags & OPEN_MODE.WRITE ? 'w' : 'r'));
      sftp.handle(id, handle);
    } catch (error) {
      sftp.status(id, statusOf(error));
    }
  });
  sftp.on('READ', (id, handle, offset, length) => {
    const bytes = Buffer.alloc(length);
    const read = fs.readSync(files.get(number(handle))!, bytes, 0, length, offset);
    if (read === 0) sftp.status(id, STATUS_CODE.EOF);
    else sftp.data(id, bytes.subarray(0, read));
  });
  sftp.on('WRITE', (id, handle, offset, data) =>
    tell(id, () => fs.writeSync(files.get(number(handle))!, data, 0, data.length, offset)),
  );
  sftp.on('CLOSE', (id, handle) =>
    tell(id, () => {
      const file = files.get(number(handle));
      if (file !== undefined) fs.closeSync(file);
    }),
  );
  sftp.on('OPENDIR', (id, path) => {
    if (!fs.existsSync(at(path))) return sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    const handle = newHandle();
    listings.set(number(handle), at(path));
    sftp.handle(id, handle);
  });
  sftp.on('READDIR', (id, handle) => {
    const folder = listings.get(number(handle));
    listings.set(number(handle), undefined);
    if (folder === undefined) return sftp.status(id, STATUS_CODE.EOF);
    const names = fs.readdirSync(folder).map((filename) => {
      return { filename, longname: filename, attrs: attributesOf(fs.statSync(join(folder, filename))) };
    });
    sftp.name(id, names);
  });
  for (const event of ['STAT', 'LSTAT'] as const)
    sftp.on(event, (id: number, path: string) => {
      if (fs.existsSync(at(path))) sftp.attrs(id, attributesOf(fs.statSync(at(path))));
      else sftp.status(id, STATUS_CODE.NO_SUCH_FILE);
    });
  sftp.on('FSTAT', (id, handle) => sftp.attrs(id, attributesOf(fs.fstatSync(files.get(number(handle))!))));
  sftp.on('MKDIR', (id, path) => tell(id, () => fs.mkdirSync(at(path))));
  sftp.on('REMOVE', (id, path) => tell(id, () => fs.unlinkSync(at(path))));
  const rename = (id: number, work: () => void): void => {
    const fault = server.onRename?.();
    if (fault === 'cut') connection.end();
    else if (fault === 'deaf') work();
    else tell(id, work);
  };
  sftp.on('RENAME', (id, from, to) =>
    rename(id, () => {
      // Of version 3: never over a file that is there.
      fs.linkSync(at(from), at(to));
      fs.unlinkSync(at(from));
    }),
  );
}

function attributesOf({ mode, uid, gid, size, atimeMs, mtimeMs }: fs.Stats): Attributes {
  return { mode, uid, gid, size, atime: Math.floor(atimeMs / 1_000), mtime: Math.floor(mtimeMs / 1_000) };
}

function statusOf(error: unknown): number {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return STATUS_CODE.NO_SUCH_FILE;
  return code === 'EACCES' ? STATUS_CODE.PERMISSION_DENIED : STATUS_CODE.FAILURE;
}

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { ConnectionEnd } from '@tenon/connector';
import ssh2, { type Client, type ConnectConfig, type SFTPWrapper } from 'ssh2';
import { type Folder, Gone } from './folder.ts';

export interface SftpAddress {
  readonly host: string;
  readonly port: number;
  /** Base folder; empty: where the login lands. */
  readonly path: string;
  /** `SHA256:…` as `ssh-keygen -l` prints it; absent only for this very machine. */
  readonly hostKey?: string;
  readonly username: string;
  /** A password, or a private key in PEM. */
  readonly secret: string;
}

const CONNECT_MS = 15_000;
const KEEPALIVE_MS = 10_000;
const KEEPALIVES_UNANSWERED_MAX = 3;
/** Of the protocol. Version 3 has no code of its own for a file that is there already: that is a plain failure. */
const NO_SUCH_FILE = 2;
const FAILURE = 4;

/** The server's key is not the one that the connection names: whoever answers is somebody else. */
export class HostKeyWrong extends Error {
  readonly code = 'HOST_KEY_WRONG';
}

/** A folder over SFTP, on one connection. */
export async function sftpFolder(address: SftpAddress): Promise<Folder> {
  // The package names none of its exports where Node could see them.
  const client = new ssh2.Client();
  let isKeyWrong = false;
  const ended = new Promise<void>((resolve) => client.once('close', () => resolve()));
  // Seen by whoever waits on it; one that nobody waits on must not end the process.
  client.on('error', () => {});
  const isKey = /^-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(address.secret);
  const options: ConnectConfig = {
    host: address.host,
    port: address.port,
    username: address.username,
    ...(isKey ? { privateKey: address.secret } : { password: address.secret }),
    readyTimeout: CONNECT_MS,
    keepaliveInterval: KEEPALIVE_MS,
    keepaliveCountMax: KEEPALIVES_UNANSWERED_MAX,
    hostVerifier: (key: Buffer) => {
      isKeyWrong = address.hostKey !== undefined && fingerprint(key) !== address.hostKey;
      return !isKeyWrong;
    },
  };
  client.connect(options);
  try {
    await once(client, 'ready');
    const sftp = await new Promise<SFTPWrapper>((resolve, reject) => {
      client.sftp((error, opened) => (error === undefined ? resolve(opened) : reject(error)));
    });
    sftp.on('error', () => {});
    return folderOf(client, sftp, address.path, ended);
  } catch (error) {
    client.destroy();
    throw isKeyWrong ? new HostKeyWrong() : error;
  }
}

export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

function folderOf(client: Client, sftp: SFTPWrapper, base: string, ended: Promise<void>): Folder {
  const at = (path: string): string => [base, path].filter((part) => part !== '').join('/');
  const end = new ConnectionEnd();
  void ended.then(() => end.come(new ConnectionEnded()));
  const done = (work: (callback: (error?: Error | null) => void) => void): Promise<void> =>
    end.during(
      new Promise<void>((resolve, reject) => {
        work((error) => (error ? reject(statusOf(error) === NO_SUCH_FILE ? new Gone() : error) : resolve()));
      }),
    );
  return {
    list: async (path) => {
      const { promise, resolve } =
        Promise.withResolvers<Parameters<Parameters<SFTPWrapper['readdir']>[1]>[1]>();
      await done((callback) => {
        sftp.readdir(at(path), (error, list) => {
          if (!error) resolve(list);
          callback(error);
        });
      });
      return (await promise)
        .filter(({ attrs }) => attrs.isFile())
        .map(({ filename, attrs }) => ({
          name: filename,
          bytes: attrs.size,
          modifiedMs: attrs.mtime * 1_000,
        }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    read: (path) => {
      const stream = sftp.createReadStream(at(path));
      // Whoever reads sees it; one that comes behind the last byte, when the handle is given back, is nobody's.
      stream.on('error', () => {});
      return stream;
    },
    write: async (path, bytes) => {
      const { promise, resolve } = Promise.withResolvers<Buffer>();
      await done((callback) => {
        sftp.open(at(path), 'w', { mode: 0o640 }, (error, opened) => {
          if (!error) resolve(opened);
          callback(error);
        });
      });
      const handle = await promise;
      const whole = Buffer.from(bytes);
      if (whole.length > 0) await done((callback) => sftp.write(handle, whole, 0, whole.length, 0, callback));
      // Not every server can say that a file is on its disk; where one cannot, there is nothing better to wait for.
      await done((callback) => {
        try {
          sftp.ext_openssh_fsync(handle, () => callback());
        } catch {
          callback();
        }
      });
      await done((callback) => sftp.close(handle, callback));
    },
    replace: async (from, to) => {
      try {
        await done((callback) => sftp.ext_openssh_rename(at(from), at(to), callback));
      } catch (error) {
        if (!isUnsupported(error)) throw error;
        // A server without it: the name is free for a moment. Whoever polls for it sees the old file, none, or the new one.
        await done((callback) => sftp.unlink(at(to), () => callback()));
        await done((callback) => sftp.rename(at(from), at(to), callback));
      }
    },
    place: async (from, to) => {
      try {
        await done((callback) => sftp.rename(at(from), at(to), callback));
        return true;
      } catch (error) {
        if (statusOf(error) !== FAILURE) throw error;
        const isThere = await done((callback) => sftp.stat(at(to), (one) => callback(one))).then(
          () => true,
          () => false,
        );
        if (isThere) return false;
        throw error;
      }
    },
    remove: async (path) => {
      try {
        await done((callback) => sftp.unlink(at(path), callback));
        return true;
      } catch (error) {
        if (error instanceof Gone) return false;
        throw error;
      }
    },
    makeFolder: async (path) => {
      await done((callback) => {
        sftp.mkdir(at(path), (error) => callback(error && statusOf(error) === FAILURE ? null : error));
      });
    },
    ended,
    close: async () => {
      client.end();
      await ended;
    },
  };
}

class ConnectionEnded extends Error {
  readonly code = 'ECONNRESET';
}

function statusOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

/** ssh2 throws where the server has not named the extension. */
function isUnsupported(error: unknown): boolean {
  const OP_UNSUPPORTED = 8;
  return (
    error instanceof Error &&
    (statusOf(error) === OP_UNSUPPORTED || error.message.includes('does not support this extended request'))
  );
}

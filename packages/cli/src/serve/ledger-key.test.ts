import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Secret, type SecretStore } from '@tenon/model';
import { newCheckpointKey, verifierText } from '@tenon/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkpointOptions, publicKeys } from './ledger-key.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-key-'));
});
afterEach(() => rm(root, { recursive: true }));

const pem = newCheckpointKey();
const secrets: SecretStore = { resolve: async (reference) => new Secret(reference, pem) };
const options = (config: Parameters<typeof checkpointOptions>[0], env: Record<string, string> = {}) =>
  checkpointOptions(config, root, join(root, 'tenon.db'), secrets, env, () => {});

describe('the key of a ledger', () => {
  it('is made once, also when two processes start at the same time', async () => {
    const made = await Promise.all([options({ checkpoints: {} }), options({ checkpoints: {} })]);
    const later = await options({ checkpoints: {} });
    expect(new Set([...made, later].map(({ key }) => verifierText(key.publicKey))).size).toBe(1);
  });

  it('comes from where the configuration says, under the name it says, and older ones stay known', async () => {
    const first = await options({ checkpoints: {} });
    const second = await options({ name: 'shop.example/ledger', key: 'env:LEDGER_KEY', checkpoints: {} });
    expect(second.key.name).toBe('shop.example/ledger');
    const known = await publicKeys([], root);
    expect(known.map(verifierText)).toEqual([first, second].map(({ key }) => verifierText(key.publicKey)));
  });

  it('is taken as a text or from a file of them', async () => {
    const { key } = await options({ checkpoints: {} });
    const text = verifierText(key.publicKey);
    await writeFile(join(root, 'keys'), `${text}\n\n`);
    expect(await publicKeys([text, join(root, 'keys')], root)).toHaveLength(2);
    expect(await publicKeys(['nonsense'], root)).toEqual([]);
  });
});

describe('a witness', () => {
  let server: Server;
  const taken: string[] = [];
  let status = 200;
  beforeEach(async () => {
    server = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += chunk;
      });
      request.on('end', () => {
        taken.push(body);
        response.writeHead(status).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });
  afterEach(() => new Promise((resolve) => server.close(resolve)));

  it('gets each checkpoint, and one that does not take it is not counted on', async () => {
    // A TCP server's address is no pipe.
    const { port } = server.address() as AddressInfo;
    const { publish } = await options(
      { checkpoints: { witness: 'env:WITNESS' } },
      { WITNESS: `http://127.0.0.1:${port}/add` },
    );
    await publish!('a note\n');
    expect(taken).toEqual(['a note\n']);
    status = 409;
    await expect(publish!('another\n')).rejects.toThrow('HTTP 409');
  });

  it('that does not answer is named with why, and with nothing of its path', async () => {
    // As above.
    const { port } = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    const witness = `http://127.0.0.1:${port}/add?token=private`;
    const { publish } = await options({ checkpoints: { witness } });
    await expect(publish!('a note\n')).rejects.toThrow(`ECONNREFUSED at 127.0.0.1:${port}`);
    await expect(publish!('a note\n')).rejects.not.toThrow('private');
  });

  it('whose address holds a user and a password is given them, and neither is said where it fails', async () => {
    const logins: (string | undefined)[] = [];
    server.on('request', (request) => logins.push(request.headers.authorization));
    // As above.
    const { port } = server.address() as AddressInfo;
    status = 200;
    const witness = `http://ada:cnry%20pw@127.0.0.1:${port}/add`;
    const { publish } = await options({ checkpoints: { witness: 'env:WITNESS' } }, { WITNESS: witness });
    await publish!('a note\n');
    expect(logins).toEqual([`Basic ${Buffer.from('ada:cnry pw').toString('base64')}`]);
    await new Promise((resolve) => server.close(resolve));
    await expect(publish!('a note\n')).rejects.toThrow(`ECONNREFUSED at 127.0.0.1:${port}`);
  });

  it('that is asked for and whose address is not set is not passed over', async () => {
    const checkpoints = { witness: 'env:WITNESS' };
    await expect(options({ checkpoints })).rejects.toThrow(/URL in env:WITNESS, which is not set/);
    await expect(options({ checkpoints }, { WITNESS: '' })).rejects.toThrow(/which is not set/);
  });
});

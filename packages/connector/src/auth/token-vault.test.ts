import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { fileTokenVault, TokenLockedError, type TokenSeal } from './token-vault.ts';

const KEPT = JSON.stringify({ token: 'cnry-refresh-1', seed: 'sha256:0' });
const KEY = 'things/o';

async function folder(): Promise<string> {
  const own = await mkdtemp(join(tmpdir(), 'tenon-vault-'));
  onTestFinished(() => rm(own, { recursive: true }));
  return join(own, 'tokens');
}

/** Turns each byte by what its name says: what is sealed by `k1` is opened by whoever has a `k1` of the same turn. */
function turning(keys: Readonly<Record<string, number>>, current: string): TokenSeal {
  const turned = (bytes: Uint8Array, by: number): Uint8Array => bytes.map((byte) => byte ^ by);
  const named = (bytes: Uint8Array, name: string): Buffer => Buffer.concat([Buffer.from(`${name}\n`), bytes]);
  return {
    current,
    seal: (bytes, name) => turned(named(bytes, name), keys[current]!),
    open: (by, sealed, name) => {
      const key = keys[by];
      if (key === undefined) return { code: 'RUNTIME_KEY_MISSING', message: `${by} is not configured` };
      const opened = Buffer.from(turned(sealed, key));
      const head = `${name}\n`;
      return opened.toString().startsWith(head)
        ? opened.subarray(head.length)
        : { code: 'RUNTIME_KEY_WRONG', message: `${by} does not open it` };
    },
  };
}

function sealedBy(seal: TokenSeal, value: string, file: string): string {
  const sealed = Buffer.from(seal.seal(Buffer.from(value), file)).toString('base64');
  return JSON.stringify({ sealedBy: seal.current, sealed });
}

async function bytesIn(at: string): Promise<string> {
  const files = await readdir(at);
  return (await Promise.all(files.map((file) => readFile(join(at, file), 'latin1')))).join('\n');
}

describe('a vault with a seal', () => {
  it('gives back what it saved, and keeps no byte of it in clear', async () => {
    const at = await folder();
    const vault = fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') });
    await vault.save(KEY, KEPT);
    expect(await vault.load(KEY)).toBe(KEPT);
    expect(await bytesIn(at)).not.toContain('cnry');
    const [file] = await readdir(at);
    expect((await stat(join(at, file!))).mode & 0o777).toBe(0o600);
    expect(await fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') }).load(KEY)).toBe(KEPT);
  });

  it('seals what an earlier version kept in clear, also what it was about to keep', async () => {
    const at = await folder();
    await fileTokenVault(at).save(KEY, KEPT);
    const [file] = await readdir(at);
    await writeFile(join(at, `${file}.next`), '{"token":"cnry-refr');
    const vault = fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') });
    expect(await vault.load(KEY), 'before, too').toBe(KEPT);
    await vault.sealAll();
    expect(await vault.load(KEY)).toBe(KEPT);
    expect(await bytesIn(at)).not.toContain('cnry');
    expect(await readdir(at)).toEqual([file]);
  });

  it('seals by the current key what an earlier one sealed, which may then be taken away', async () => {
    const at = await folder();
    await fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') }).save(KEY, KEPT);
    await fileTokenVault(at, { seal: turning({ k1: 7, k2: 9 }, 'k2') }).sealAll();
    expect(await fileTokenVault(at, { seal: turning({ k2: 9 }, 'k2') }).load(KEY)).toBe(KEPT);
  });

  it('saves a token that is rotated meanwhile', async () => {
    const at = await folder();
    await fileTokenVault(at).save(KEY, KEPT);
    const vault = fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') });
    await Promise.all([vault.sealAll(), vault.save(KEY, 'the next')]);
    expect(await vault.load(KEY)).toBe('the next');
  });

  it('leaves a token that another process saved while this one sealed it', async () => {
    const at = await folder();
    const [k1, both] = [turning({ k1: 7 }, 'k1'), turning({ k1: 7, k2: 9 }, 'k2')];
    await fileTokenVault(at, { seal: k1 }).save(KEY, KEPT);
    const [file] = await readdir(at);
    const newer = sealedBy(k1, 'the next', file!);
    const seal: TokenSeal = {
      ...both,
      seal: (bytes, name) => {
        writeFileSync(join(at, file!), newer);
        return both.seal(bytes, name);
      },
    };
    const vault = fileTokenVault(at, { seal });
    await vault.sealAll();
    expect(await readFile(join(at, file!), 'utf8')).toBe(newer);
    expect(await vault.load(KEY)).toBe('the next');
    expect(await readdir(at), 'nor is a draft left').toEqual([file]);
  });

  it('shares no draft with another process that saves at the same time', async () => {
    const at = await folder();
    const vaults = [1, 2, 3, 4].map(() => fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') }));
    await Promise.all(vaults.map((vault, i) => vault.save(KEY, `token ${i}`)));
    expect(await vaults[0]!.load(KEY)).toMatch(/^token \d$/);
    expect(await readdir(at)).toHaveLength(1);
  });

  it('keeps what another process is about to save while this one wipes what was left', async () => {
    const at = await folder();
    const [one, another] = [0, 1].map(() => fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') }));
    for (let i = 0; i < 20; i++) {
      const saved = another!.save(KEY, `token ${i}`);
      await Promise.all([saved, one!.sealAll()]);
      expect(await one!.load(KEY)).toBe(`token ${i}`);
    }
  });

  it('opens no file under the name of another', async () => {
    const at = await folder();
    const seal = turning({ k1: 7 }, 'k1');
    await fileTokenVault(at, { seal }).save(KEY, KEPT);
    const [file] = await readdir(at);
    const moved = fileTokenVault(at, { seal });
    await moved.save('other/o', KEPT);
    const other = (await readdir(at)).find((one) => one !== file)!;
    await writeFile(join(at, other), await readFile(join(at, file!)));
    await expect(moved.load('other/o')).rejects.toMatchObject({ code: 'RUNTIME_KEY_WRONG' });
  });
});

describe('what is no whole token is said, and not taken for none', () => {
  const SEALED = { seal: turning({ k1: 7 }, 'k1') };

  it.each([
    ['empty', ''],
    ['cut off', '{"sealedBy":"k1","sea'],
    ['overwritten by the process that replaced it', '\0'.repeat(80)],
    ['something else', '[1]'],
  ])('%s', async (_what, text) => {
    const at = await folder();
    const vault = fileTokenVault(at, SEALED);
    await vault.save(KEY, KEPT);
    const [file] = await readdir(at);
    await writeFile(join(at, file!), text);
    for (const asked of [vault.load(KEY), vault.prove([KEY])])
      await expect(asked).rejects.toMatchObject({
        code: 'AUTH_TOKEN_LOCKED',
        message: expect.stringContaining(file!),
      });
    expect(await vault.prove(['another/o'])).toMatchObject([{ code: 'AUTH_TOKEN_LOCKED' }]);
    await vault.sealAll();
    expect(await readFile(join(at, file!), 'utf8'), 'nor is it sealed as if it were one').toBe(text);
    expect(await vault.unsealed()).toEqual({ clear: 0, older: 0 });
  });

  it('a file that cannot be read is no token either', async () => {
    const at = await folder();
    const vault = fileTokenVault(at, SEALED);
    await vault.save(KEY, KEPT);
    const [file] = await readdir(at);
    await rm(join(at, file!));
    await mkdir(join(at, file!));
    await expect(vault.load(KEY)).rejects.toMatchObject({
      code: 'AUTH_TOKEN_LOCKED',
      message: expect.stringContaining('EISDIR'),
    });
    await expect(vault.prove([KEY])).rejects.toBeInstanceOf(TokenLockedError);
  });

  it('read at the instant in which another process replaces it, it is the next one', async () => {
    const at = await folder();
    const vault = fileTokenVault(at, SEALED);
    await vault.save(KEY, KEPT);
    const [file] = await readdir(at);
    // What was opened before it was replaced is overwritten while it is read.
    const whole = await readFile(join(at, file!));
    await rm(join(at, file!));
    execFileSync('mkfifo', [join(at, file!)]);
    const loaded = vault.load(KEY);
    const opened = await open(join(at, file!), 'w');
    await writeFile(join(at, 'next'), whole);
    await rename(join(at, 'next'), join(at, file!));
    await opened.writeFile('\0'.repeat(80));
    await opened.close();
    expect(await loaded).toBe(KEPT);
  });
});

describe('what is locked is said, and taken for nothing else', () => {
  it.each([
    ['another key of the name', { seal: turning({ k1: 8 }, 'k1') }, 'RUNTIME_KEY_WRONG'],
    ['no key of the name', { seal: turning({ k2: 7 }, 'k2') }, 'RUNTIME_KEY_MISSING'],
    ['no key at all', {}, 'RUNTIME_KEY_MISSING'],
    [
      'keys that cannot be had',
      { refusal: { code: 'RUNTIME_KEY_MISSING', message: 'unset' } },
      'RUNTIME_KEY_MISSING',
    ],
  ] as const)('%s', async (_what, options, code) => {
    const at = await folder();
    await fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') }).save(KEY, KEPT);
    const before = await bytesIn(at);
    const vault = fileTokenVault(at, options);
    for (const asked of [vault.load(KEY), vault.prove([KEY])]) {
      const error = await asked.catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(TokenLockedError);
      expect(error).toMatchObject({ code });
    }
    expect(await vault.prove(['another/o']), 'nobody needs it').toMatchObject([{ code }]);
    await vault.sealAll();
    expect(await bytesIn(at)).toBe(before);
  });

  it('others are sealed beside it', async () => {
    const at = await folder();
    await fileTokenVault(at, { seal: turning({ k0: 3 }, 'k0') }).save('gone/o', KEPT);
    await fileTokenVault(at).save(KEY, KEPT);
    const vault = fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') });
    expect(await vault.unsealed()).toEqual({ clear: 1, older: 0 });
    await vault.sealAll();
    expect(await vault.unsealed()).toEqual({ clear: 0, older: 0 });
    expect(await bytesIn(at)).toContain('"sealedBy":"k0"');
  });

  it('where keys cannot be had, nothing is spent whose successor could not be kept', async () => {
    const refusal = { code: 'RUNTIME_KEY_MISSING', message: 'unset' };
    const vault = fileTokenVault(await folder(), { refusal });
    await expect(vault.load(KEY)).rejects.toMatchObject(refusal);
    await expect(vault.save(KEY, KEPT), 'nor is it kept in clear').rejects.toMatchObject(refusal);
  });

  it('but not of a folder that holds nothing sealed, or is not there', async () => {
    const at = await folder();
    await fileTokenVault(at).prove([KEY]);
    await mkdir(at);
    await writeFile(join(at, 'notes.txt'), 'mine');
    await fileTokenVault(at, { seal: turning({ k1: 7 }, 'k1') }).sealAll();
    expect(await readdir(at)).toEqual(['notes.txt']);
    await fileTokenVault(at).save(KEY, KEPT);
    await fileTokenVault(at).prove([KEY]);
  });
});

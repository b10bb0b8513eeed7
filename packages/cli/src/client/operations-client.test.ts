import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { systemClock, systemRandom } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Io } from '../io.ts';
import { type OperationsError, operationsClient, TOKEN_FILE } from './operations-client.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'tenon-client-'));
  await mkdir(dirname(join(root, TOKEN_FILE)), { recursive: true });
  await writeFile(join(root, TOKEN_FILE), 'own-token\n');
});
afterEach(async () => {
  vi.unstubAllGlobals();
  await rm(root, { recursive: true });
});

function quietIo(env: Io['env'] = {}): Io {
  return {
    out: () => {},
    err: () => {},
    cwd: root,
    env,
    color: false,
    clock: systemClock,
    random: systemRandom,
    interrupted: () => new Promise(() => {}),
  };
}

async function tokenSentTo(url: string, env: Io['env'] = {}): Promise<string | null> {
  const sent: Request[] = [];
  vi.stubGlobal('fetch', async (address: URL, init: RequestInit) => {
    sent.push(new Request(address, init));
    return Response.json({});
  });
  await (await operationsClient({ root, url }, quietIo(env))).get('/v1/runs');
  return sent[0]!.headers.get('authorization');
}

describe('the token of a call', () => {
  it.each(['http://127.0.0.1:4700', 'http://localhost:4700', 'http://[::1]:4700'])(
    'is the workspace’s own for %s',
    async (url) => {
      expect(await tokenSentTo(url)).toBe('Bearer own-token');
    },
  );

  it.each(['https://tenon.example', 'http://127.0.0.1.example', 'http://localhost.example'])(
    'is never the workspace’s own for %s',
    async (url) => {
      expect(await tokenSentTo(url)).not.toContain('own-token');
      expect(await tokenSentTo(url, { TENON_TOKEN: 'given' })).toBe('Bearer given');
    },
  );
});

describe('a refusal', () => {
  it.each([
    [{ title: 'No such run', code: 'HTTP_RESOURCE_UNKNOWN' }, 'No such run (HTTP_RESOURCE_UNKNOWN)'],
    [{ title: 'Refused', detail: 'not now', code: 'X' }, 'Refused: not now (X)'],
    [{}, 'HTTP 404'],
  ])('is said in one sentence: %j', async (problem, words) => {
    vi.stubGlobal('fetch', async () => Response.json(problem, { status: 404 }));
    await expect(
      (await operationsClient({ root, url: 'http://127.0.0.1:4700' }, quietIo())).get('/v1/runs/x'),
    ).rejects.toMatchObject({ message: words });
  });
});

describe('who is not known is told', () => {
  it('that too many have guessed, as one who may not', async () => {
    const problem = { title: 'Too many tokens', detail: 'wait', code: 'ACCESS_GUESSES_LIMITED' };
    vi.stubGlobal('fetch', async () => Response.json(problem, { status: 429 }));
    const asked = (await operationsClient({ root, url: 'http://127.0.0.1:4700' }, quietIo())).get('/v1/runs');
    await expect(asked).rejects.toMatchObject({
      exitCode: 4,
      message: 'Too many tokens: wait (ACCESS_GUESSES_LIMITED)',
    });
  });

  it.each([
    ['http://127.0.0.1:4700', { TENON_TOKEN: 'old' }, 'TENON_TOKEN is not the token of an operator there'],
    ['https://tenon.example', {}, 'TENON_TOKEN is not set'],
    ['http://127.0.0.1:4700', {}, 'operator.token is not one of an operator there'],
  ])('at %s with %j: %s', async (url, env, says) => {
    const problem = { title: 'Who are you?', detail: 'send a header', code: 'ACCESS_TOKEN_MISSING' };
    vi.stubGlobal('fetch', async () => Response.json(problem, { status: 401 }));
    const asked = (await operationsClient({ root, url }, quietIo(env))).get('/v1/runs');
    const failure = await asked.catch((error: OperationsError) => error);
    expect(failure).toMatchObject({ exitCode: 4 });
    expect((failure as OperationsError).message).toMatch(
      /^the Tenon at \S+ does not know who asks: TENON_TOKEN .*\(ACCESS_TOKEN_MISSING\)$/,
    );
    expect((failure as OperationsError).message).toContain(says);
  });
});

describe('where nothing answers, it is said', () => {
  const url = 'http://127.0.0.1:4700';
  const said = async (error: Error, act: 'get' | 'post'): Promise<string> => {
    vi.stubGlobal('fetch', async () => {
      throw error;
    });
    const client = await operationsClient({ root, url, saidBy: '--url' }, quietIo());
    const asked = act === 'get' ? client.get('/v1/runs') : client.post('/v1/switches', {});
    return asked.then(
      () => '',
      (failure: Error) => failure.message,
    );
  };
  const refused = new TypeError('fetch failed', {
    cause: Object.assign(new Error('no'), { code: 'ECONNREFUSED' }),
  });
  const reset = new TypeError('fetch failed', {
    cause: Object.assign(new Error('no'), { code: 'ECONNRESET' }),
  });
  const late = new DOMException('too late', 'TimeoutError');

  it('what was tried, who named it, and what to do', async () => {
    expect(await said(refused, 'get')).toBe(
      `no Tenon answers at ${url} (--url): ECONNREFUSED; start it with \`tenon serve\`, or name another with --url`,
    );
  });

  it('of a change that was not sent, that there is none', async () => {
    expect(await said(refused, 'post')).toBe(
      `no Tenon answers at ${url} (--url): ECONNREFUSED; nothing was changed; start it with \`tenon serve\`, or name another with --url`,
    );
  });

  it.each([
    ['did not answer within 30 s', late],
    ['broke off (ECONNRESET)', reset],
  ])('of a change that may have been made, so: it %s', async (why, error) => {
    expect(await said(error, 'post')).toBe(
      `the Tenon at ${url} (--url) ${why}: whether it did what was asked is not known; look before you ask again`,
    );
    expect(await said(error, 'get')).toContain('no Tenon answers');
  });

  it.each(['SELF_SIGNED_CERT_IN_CHAIN', 'CERT_HAS_EXPIRED', 'ERR_TLS_CERT_ALTNAME_INVALID'])(
    'of a certificate that is not trusted, that nothing went out: %s',
    async (code) => {
      const error = new TypeError('fetch failed', { cause: Object.assign(new Error('no'), { code }) });
      expect(await said(error, 'post')).toBe(
        `who answers at ${url} (--url) is not trusted: ${code}; nothing was changed; NODE_EXTRA_CA_CERTS names the file of an authority of your own`,
      );
    },
  );
});

it.each([
  ['HTTP_CALL_TIMEOUT', new DOMException('too late', 'TimeoutError')],
  ['ECONNRESET', new TypeError('no', { cause: Object.assign(new Error('no'), { code: 'ECONNRESET' }) })],
  [
    'CERT_HAS_EXPIRED',
    new TypeError('no', { cause: Object.assign(new Error('no'), { code: 'CERT_HAS_EXPIRED' }) }),
  ],
  ['HTTP_RESPONSE_STATUS', new Response('<html>', { status: 502 })],
  ['HTTP_RESPONSE_STATUS', new Response('<html>', { status: 404 })],
  [
    'HTTP_REDIRECT_REFUSED',
    new Response(null, { status: 301, headers: { location: 'https://tenon.example/' } }),
  ],
])('says %s to programs, whoever answers so', async (code, given) => {
  vi.stubGlobal('fetch', async () => {
    if (given instanceof Error) throw given;
    return (given as Response).clone();
  });
  const client = await operationsClient({ root, url: 'http://tenon.example' }, quietIo());
  for (const asked of [() => client.get('/v1/runs'), () => client.post('/v1/switches', {})])
    await expect(asked()).rejects.toMatchObject({ code });
});

describe('what is no answer of a Tenon', () => {
  const said = async (response: Response, act: 'get' | 'post'): Promise<string> => {
    vi.stubGlobal('fetch', async () => response.clone());
    const client = await operationsClient({ root, url: 'http://tenon.example' }, quietIo());
    const asked = act === 'get' ? client.get('/v1/runs') : client.post('/v1/switches', {});
    return asked.then(
      (answer) => JSON.stringify(answer),
      (failure: Error) => failure.message,
    );
  };
  const page = (status: number): Response => new Response('<html>', { status });

  it.each([200, 502, 504])('is not taken for one: HTTP %s', async (status) => {
    expect(await said(page(status), 'get')).toBe(
      `what answers at http://tenon.example does not answer as a Tenon: HTTP ${status}; name another with --url`,
    );
    expect(await said(page(status), 'post')).toBe(
      `the Tenon at http://tenon.example was not heard (HTTP ${status}): whether it did what was asked is not known; look before you ask again`,
    );
  });

  it('but leads elsewhere is said to, and not followed', async () => {
    const led = new Response(null, { status: 301, headers: { location: 'https://tenon.example/' } });
    for (const act of ['get', 'post'] as const)
      expect(await said(led, act)).toBe(
        'what answers at http://tenon.example is no Tenon: it leads on to https://tenon.example/; give the address itself with --url',
      );
  });

  it('a refusal is, whatever its status', async () => {
    const broken = Response.json({ title: 'It broke', code: 'X' }, { status: 500 });
    expect(await said(broken, 'post')).toBe('It broke (X)');
  });
});

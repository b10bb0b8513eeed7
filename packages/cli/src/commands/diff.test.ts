import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type SteadyClock, systemClock } from '@tenon/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { runCommand } from '../testing/run-command.ts';
import { diffCommand } from './diff.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tenon-diff-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function put(file: string, text: string): Promise<void> {
  await mkdir(dirname(join(folder, file)), { recursive: true });
  await writeFile(join(folder, file), text);
}

const diff = (argv: readonly string[], clock: SteadyClock = systemClock) =>
  runCommand([diffCommand], ['diff', ...argv], { cwd: folder, clock });

const document = (minimum: number, version = '1.0.0') => `openapi: 3.0.3
info: { title: Orders, version: ${version} }
paths:
  /orders:
    post:
      operationId: placeOrder
      requestBody:
        content:
          application/json:
            schema:
              type: object
              properties:
                amount: { type: integer, minimum: ${minimum} }
      responses: { '204': { description: ok } }
`;

describe('two files', () => {
  beforeEach(async () => {
    await put('old.yaml', document(0));
    await put('new.yaml', document(5));
  });

  it('are compared anywhere, and a finding names the operation, the witness and both places', async () => {
    const { code, out } = await diff(['old.yaml', 'new.yaml']);
    expect(code).toBe(exit.findings);
    expect(out).toContain('error minimum-narrowed');
    expect(out).toContain('(placeOrder)');
    expect(out).toContain('new.yaml:13:25');
    expect(out).toContain('old.yaml:13:25');
    expect(out).toContain('The base accepts and the revision refuses: {"amount":0}');
  });

  it('give the JSON of the documentation', async () => {
    const { out } = await diff(['old.yaml', 'new.yaml', '--format', 'json']);
    expect(JSON.parse(out)).toMatchObject({
      checked: { operations: 1, messages: 0, schemas: 1 },
      findings: [
        {
          rule: 'minimum-narrowed',
          severity: 'breaking',
          direction: 'request',
          operation: 'placeOrder',
          at: { base: { file: 'old.yaml', line: 13, column: 25 }, revision: { file: 'new.yaml' } },
          witness: { amount: 0 },
          acceptedBy: 'base',
          usage: [],
          contract: 'new',
        },
      ],
      undecided: [],
      contracts: [{ contract: 'new', base: { version: '1.0.0' }, revision: { version: '1.0.0' } }],
      diagnostics: [],
    });
  });

  it.each(['github', 'markdown', 'junit', 'sarif'])('print the witness as %s too', async (format) => {
    const { code, out } = await diff(['old.yaml', 'new.yaml', '--format', format]);
    expect(code).toBe(exit.findings);
    expect(out.replaceAll('&quot;', '"').replaceAll(/\\"/g, '"').replaceAll(/\s/g, '')).toContain(
      '{"amount":0}',
    );
  });

  it('are no change when they are copies, and no copies when their policies differ', async () => {
    await put('copy/old.yaml', document(0));
    const same = await diff(['old.yaml', 'copy/old.yaml']);
    expect(same).toMatchObject({
      code: exit.clean,
      out: expect.stringContaining('0 findings in 1 contract'),
    });
    await put(
      'copy/overlay.yaml',
      'overlay: 1.0.0\ninfo: { title: o, version: 1.0.0 }\nactions: [{ target: $.paths.*.post, update: { deprecated: true } }]\n',
    );
    const { out } = await diff(['copy/old.yaml', 'old.yaml']);
    expect(out).toContain('no-longer-deprecated');
  });

  it('may be one document and a git ref or folder that holds the same path', async () => {
    const git = (...argv: readonly string[]) =>
      execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv], { cwd: folder });
    await put('api/openapi.yaml', document(0));
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'before');
    await put('before/api/openapi.yaml', document(0));
    await put('api/openapi.yaml', document(5));
    for (const against of ['HEAD', 'before', 'before/api/openapi.yaml']) {
      const { code, out } = await diff(['--against', against, 'api/openapi.yaml']);
      expect([against, code]).toEqual([against, exit.findings]);
      expect(out).toContain('error minimum-narrowed');
      expect(out).toContain('as it was');
    }
    for (const argv of [
      ['--against', 'nowhere', 'api/openapi.yaml'],
      ['nowhere', 'api/openapi.yaml'],
    ])
      expect(await diff(argv)).toMatchObject({
        code: exit.findings,
        out: expect.stringMatching(
          /^error diff-base-unreadable .*nowhere is no file, no folder and no git ref here/,
        ),
      });
  });

  it('write each witness as a contract test', async () => {
    await diff(['old.yaml', 'new.yaml', '--tests', 'tests']);
    const [name] = await readdir(join(folder, 'tests'));
    expect(name).toMatch(/^new-minimum-narrowed-[0-9a-f]{16}\.test\.ts$/);
    expect(await readFile(join(folder, 'tests', name!), 'utf8')).toContain('"amount": 0');
  });

  it('take nothing that a link outside of their folder leads to', async () => {
    await put('secret/outside.yaml', 'type: string\nenum: [canary-4242]\n');
    const referring = document(0).replace(/schema:\n(?: {14}.*\n)+/, "schema: { $ref: 'linked.yaml' }\n");
    await put('in/old.yaml', referring);
    await put('in/new.yaml', referring.replace("'linked.yaml'", "'linked.yaml#/x'"));
    await symlink(join(folder, 'secret/outside.yaml'), join(folder, 'in/linked.yaml'));
    const { out, err } = await diff(['in/old.yaml', 'in/new.yaml', '--format', 'json']);
    expect(out + err).not.toContain('canary-4242');
  });
});

describe('two bare schemas', () => {
  beforeEach(async () => {
    await put('old.json', '{\n  "type": "integer",\n  "minimum": 0\n}\n');
    await put('new.json', '{\n  "type": "integer",\n  "minimum": 5\n}\n');
  });

  it('show the keyword that refuses in both documents', async () => {
    const { code, out } = await diff(['--schema', 'old.json', 'new.json']);
    expect(code).toBe(exit.findings);
    expect(out).toContain('error schema-narrowed  the revision refuses a value of the base: it must be >= 5');
    expect(out).toContain('new.json:3:14');
    expect(out).not.toContain('--accept');
  });

  it('break in the asked direction only', async () => {
    const answer = await diff([
      '--schema',
      'old.json',
      'new.json',
      '--direction',
      'response',
      '--format',
      'json',
    ]);
    expect(answer.code).toBe(exit.clean);
    expect(JSON.parse(answer.out)).toMatchObject({ verdict: 'safe', findings: [], undecided: [] });
    const asked = await diff([
      '--schema',
      'old.json',
      'new.json',
      '--direction',
      'request',
      '--format',
      'json',
    ]);
    expect(JSON.parse(asked.out)).toMatchObject({
      verdict: 'breaking',
      witness: 0,
      acceptedBy: 'base',
      findings: [{ rule: 'schema-narrowed', pointer: { base: '/minimum', revision: '/minimum' } }],
    });
  });

  it('are read by the dialect that is named where they name none', async () => {
    await put('plain.json', '{ "definitions": { "l": { "type": "array" } }, "$ref": "#/definitions/l" }');
    await put(
      'beside.json',
      '{ "definitions": { "l": { "type": "array" } }, "$ref": "#/definitions/l", "maxItems": 2 }',
    );
    const verdict = async (...more: string[]) =>
      (await diff(['--schema', 'plain.json', 'beside.json', ...more])).code;
    expect(await verdict('--dialect', 'draft7')).toBe(exit.clean);
    expect(await verdict()).toBe(exit.findings);
  });

  it('are refused where they are no schemas', async () => {
    await put('list.json', '[1]');
    expect(await diff(['--schema', 'list.json', 'new.json'])).toMatchObject({ code: exit.usage });
    expect(await diff(['--schema', 'old.json', 'new.json', '--accept', 'x'])).toMatchObject({
      code: exit.usage,
    });
  });
});

describe('a workspace', () => {
  const git = (...argv: readonly string[]) =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.com', ...argv], { cwd: folder });
  const revise = (minimum: number, version?: string) =>
    put('contracts/orders/openapi.yaml', document(minimum, version));

  beforeEach(async () => {
    await put('tenon.config.yaml', 'apiVersion: tenon/v1\nkind: Workspace\n');
    await put(
      'contracts/orders/contract.yaml',
      'apiVersion: tenon/v1\nkind: Contract\nsteward: team-orders\ncompatibility: backward\n',
    );
    await revise(0);
    git('init', '-q');
    git('add', '-A');
    git('commit', '-q', '-m', 'before');
    await revise(5);
  });

  const rules = async (argv: readonly string[], clock?: SteadyClock) => {
    const { code, out, err } = await diff([...argv, '--format', 'json'], clock);
    expect(err).toBe('');
    const report = JSON.parse(out);
    const all = [...report.findings, ...report.diagnostics];
    return { code, rules: all.map((each) => each.rule ?? each.code), report };
  };

  it('is held against a git ref and against a folder alike', async () => {
    const byRef = await rules(['--against', 'HEAD']);
    expect(byRef).toMatchObject({ code: exit.findings, rules: ['minimum-narrowed', 'version-not-raised'] });
    await put('before/contracts/orders/openapi.yaml', document(0));
    const byFolder = await rules(['--against', 'before']);
    expect(byFolder.rules).toEqual(byRef.rules);
    const byFile = await rules([
      'contracts/orders/openapi.yaml',
      '--against',
      'before/contracts/orders/openapi.yaml',
    ]);
    expect(byFile.rules).toEqual(byRef.rules);
    expect(await diff(['--against', 'no-such-ref'])).toMatchObject({ code: exit.findings });
  });

  it('lets a break that hits no pipeline pass as a new version, and not in place', async () => {
    await revise(5, '1.1.0');
    expect(await rules(['--against', 'HEAD'])).toMatchObject({ code: exit.findings });
    await revise(5, '2.0.0');
    expect(await rules(['--against', 'HEAD'])).toMatchObject({
      code: exit.clean,
      rules: ['minimum-narrowed'],
    });
  });

  it('lets a break pass that is accepted, until the day on which that ends', async () => {
    const { report } = await rules(['--against', 'HEAD']);
    // The version need not be raised for what is accepted.
    const { fingerprint } = report.findings[0];
    const refused = await diff(['--against', 'HEAD', '--accept', fingerprint]);
    expect(refused.code).toBe(exit.usage);
    const until = ['--reason', 'nobody calls it', '--expires', '2027-03-31'];
    const accepted = await diff(['--against', 'HEAD', '--accept', fingerprint, ...until]);
    expect(accepted).toMatchObject({ code: exit.clean, out: '' });
    const waivers = await readFile(join(folder, 'contracts/orders/waivers.yaml'), 'utf8');
    expect(waivers).toContain('owner: "team-orders"');
    const on = (date: string): SteadyClock => ({ ...systemClock, now: () => Date.parse(date) });
    expect(await rules(['--against', 'HEAD'], on('2026-12-01'))).toMatchObject({ code: exit.clean });
    const late = await rules(['--against', 'HEAD'], on('2027-05-01'));
    expect(late.code).toBe(exit.findings);
    expect(late.rules).toContain('waiver-expired');
    await revise(0);
    const stale = await rules(['--against', 'HEAD'], on('2026-12-01'));
    expect(stale.rules).toEqual(['waiver-stale']);
  });
});

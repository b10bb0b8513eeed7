import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compileExpression } from '@tenon/expression';
import type { Json } from '@tenon/model';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tenon } from './tenon.ts';

// The steps of our action for pull requests, carried out as its file has them by the shell that GitHub would start, in a
// checkout as shallow as GitHub's. Only `gh` is another: it writes down what it is asked.

const root = fileURLToPath(new URL('../../..', import.meta.url));
const command = `${process.execPath} --conditions=source ${join(root, 'packages/cli/src/main.ts')}`;
const action = parse(readFileSync(join(root, '.github/actions/tenon-diff/action.yml'), 'utf8')) as {
  readonly inputs: Readonly<Record<string, { readonly default: string }>>;
  readonly runs: { readonly steps: readonly Step[] };
};

interface Step {
  readonly name: string;
  readonly id?: string;
  readonly if?: string;
  readonly run: string;
  readonly env?: Readonly<Record<string, string>>;
}

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly steps: readonly string[];
}

const gh = `#!/bin/sh
for word in "$@"; do
  case "$word" in body=@*) cp "\${word#body=@}" "$GH_BODY" ;; esac
  printf '%s ' "$word" >> "$GH_CALLS"
done
echo >> "$GH_CALLS"
case "$*" in *--jq*) printf '%s' "$GH_COMMENTS" ;; esac
`;

let folder: string;
let origin: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tenon-pull-request-'));
  origin = join(folder, 'origin');
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/gh'), gh, { mode: 0o755 });
  git(folder, 'init', '-q', '-b', 'main', origin);
  await tenon(origin, ['init', '.']);
  commit('the shop');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function git(cwd: string, ...argv: readonly string[]): void {
  execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.invalid', ...argv], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
}

function commit(message: string): void {
  git(origin, 'add', '-A');
  git(origin, 'commit', '-qm', message);
}

function replace(file: string, from: string, to: string): void {
  const path = join(origin, file);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain(from);
  writeFileSync(path, text.replace(from, to));
}

/** A pull request that replaces words of the shop's contract, while `main` goes on; what GitHub checks out for it. */
function pullRequest(from: string, to: string): string {
  git(origin, 'switch', '-qc', 'change');
  replace('contracts/shop/openapi.yaml', from, to);
  for (const file of ['contracts/shop/openapi.yaml', 'connectors/shop/connector.yaml'])
    replace(file, 'version: 1.0.0', 'version: 2.0.0');
  commit('another contract');
  git(origin, 'switch', '-q', 'main');
  writeFileSync(join(origin, 'NOTES.md'), 'main went on');
  commit('notes');
  git(origin, 'switch', '-qc', 'merge');
  git(origin, 'merge', '-q', '--no-ff', '-m', 'merge', 'change');
  git(origin, 'update-ref', 'refs/pull/7/merge', 'HEAD');
  git(origin, 'switch', '-q', 'main');
  const checkout = join(folder, 'checkout');
  git(folder, 'init', '-q', checkout);
  git(checkout, 'remote', 'add', 'origin', `file://${origin}`);
  git(checkout, 'fetch', '-q', '--depth=1', 'origin', '+refs/pull/7/merge:refs/remotes/pull/7/merge');
  git(checkout, 'checkout', '-q', 'refs/remotes/pull/7/merge');
  return checkout;
}

/** Runs the action as GitHub does: a step that fails ends it. */
function runAction(checkout: string, given: Readonly<Record<string, string>>, comments = ''): Outcome {
  const github = {
    base_ref: 'main',
    event_name: 'pull_request',
    repository: 'shop/integrations',
    token: 'none',
    event: { pull_request: { number: 7 } },
  };
  const inputs: Record<string, string> = {};
  for (const [name, { default: value }] of Object.entries(action.inputs))
    inputs[name] = given[name] ?? filled(value, { github });
  const outputs: Record<string, Json> = {};
  const steps: string[] = [];
  let out = '';
  for (const step of action.runs.steps) {
    const scope = { github, inputs, steps: outputs };
    if (step.if !== undefined && evaluated(step.if, scope) !== true) continue;
    steps.push(step.name);
    const outputFile = join(folder, 'outputs');
    writeFileSync(outputFile, '');
    const env = Object.entries(step.env ?? {}).map(([name, value]) => [name, filled(value, scope)]);
    const result = spawnSync('bash', ['--noprofile', '--norc', '-eo', 'pipefail', '-c', step.run], {
      cwd: checkout,
      encoding: 'utf8',
      env: {
        HOME: folder,
        PATH: `${join(folder, 'bin')}${delimiter}${process.env['PATH']}`,
        GITHUB_OUTPUT: outputFile,
        GH_CALLS: join(folder, 'gh-calls'),
        GH_BODY: join(folder, 'gh-body'),
        GH_COMMENTS: comments,
        ...Object.fromEntries(env),
      },
    });
    out += result.stdout + result.stderr;
    if (step.id !== undefined)
      outputs[step.id] = {
        outputs: Object.fromEntries(
          readFileSync(outputFile, 'utf8')
            .split('\n')
            .filter(Boolean)
            .map((line) => line.split('=')),
        ),
      };
    if (result.status !== 0) return { code: result.status ?? -1, out, steps };
  }
  return { code: 0, out, steps };
}

/** GitHub's conditions are, as far as the action goes, ours as well. */
function evaluated(expression: string, scope: Readonly<Record<string, Json>>): Json {
  const result = compileExpression(expression).evaluate(scope);
  if (!result.ok) throw new Error(`${expression}: ${result.error.message}`);
  return result.value;
}

function filled(text: string, scope: Readonly<Record<string, Json>>): string {
  return text.replaceAll(/\$\{\{ (.*?) \}\}/g, (_, expression: string) =>
    String(evaluated(expression, scope)),
  );
}

it('a break of what a pipeline uses is annotated, commented once, written as SARIF, and refused', () => {
  const checkout = pullRequest('enum: [preparing, sent, cancelled]', 'enum: [packed, sent, cancelled]');
  const first = runAction(checkout, { command, sarif: 'tenon.sarif' });
  expect(first.steps).toEqual([
    'Fetch what the change is compared with',
    'Annotate',
    'SARIF',
    'Comment',
    'Verdict',
  ]);
  expect(first.out).toContain('::error file=contracts/shop/openapi.yaml');
  expect(first.code).toBe(3);
  const sarif = JSON.parse(readFileSync(join(checkout, 'tenon.sarif'), 'utf8'));
  expect(sarif.runs[0].results).not.toEqual([]);
  const calls = (): string[] => readFileSync(join(folder, 'gh-calls'), 'utf8').trim().split('\n');
  expect(calls().at(-1)).toContain('--method POST repos/shop/integrations/issues/7/comments');
  const body = readFileSync(join(folder, 'gh-body'), 'utf8');
  expect(body).toMatch(/^<!-- tenon-diff -->\n/);
  expect(body).toContain('order-paid');
  expect(runAction(checkout, { command }, '4711').code).toBe(3);
  expect(calls().at(-1)).toContain('--method PATCH repos/shop/integrations/issues/comments/4711');
  // A comment of a person that begins alike would stay that person's, to be changed after the report was put into it.
  expect(calls().find((call) => call.includes('--jq'))).toContain('.user.type == "Bot"');
});

it('a change that breaks nobody passes, and says so in the comment', () => {
  const checkout = pullRequest('summary: One order', 'summary: An order');
  const { code, out } = runAction(checkout, { command });
  expect(out).not.toContain('::error');
  expect(code).toBe(0);
  expect(readFileSync(join(folder, 'gh-body'), 'utf8')).toMatch(/^<!-- tenon-diff -->\n/);
});

it('one document is compared alone, and without a comment where none is wanted', () => {
  const checkout = pullRequest('required: [id, orderId, status]', 'required: [id, orderId]');
  const document = 'contracts/shop/openapi.yaml';
  const { code, out, steps } = runAction(checkout, { command, document, comment: 'false' });
  expect(steps).toEqual(['Fetch what the change is compared with', 'Annotate', 'Verdict']);
  expect(out).toContain('::error file=contracts/shop/openapi.yaml');
  expect(code).toBe(3);
});

it('what cannot be compared is refused, and the comment says why', () => {
  const checkout = pullRequest('summary: One order', 'summary: An order');
  const { code, out } = runAction(checkout, { command, against: 'origin/release' });
  expect(code).toBe(3);
  expect(out).toContain('diff-base-unreadable');
  expect(readFileSync(join(folder, 'gh-body'), 'utf8')).toContain('origin/release');
});

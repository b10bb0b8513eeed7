import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { Diagnostic } from '@tenon/model';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { tenon } from '../tenon.ts';

interface Edit {
  readonly file: string;
  readonly find?: string;
  readonly put?: string;
  readonly text?: string;
  readonly remove?: boolean;
}

interface Expected {
  readonly code: string;
  readonly at?: string;
  readonly says?: string;
}

interface Case {
  readonly title: string;
  readonly edit: readonly Edit[];
  readonly run?: readonly string[];
  readonly exit?: number;
  readonly expect: readonly Expected[];
  readonly also?: readonly Expected[];
}

const CASES_MIN = 40;
const folder = join(import.meta.dirname, 'cases');
const files = readdirSync(folder)
  .filter((file) => file.endsWith('.yaml'))
  .sort();
const scratch: string[] = [];

afterAll(() => {
  for (const path of scratch) rmSync(path, { recursive: true, force: true });
});

describe('a broken workspace', () => {
  it(`has at least ${CASES_MIN} cases`, () => expect(files.length).toBeGreaterThanOrEqual(CASES_MIN));

  it.each(files)('%s: is found where it is, and nothing else is', async (file) => {
    const broken = parse(readFileSync(join(folder, file), 'utf8')) as Case;
    const root = await workspace(broken.edit);
    const result = await tenon(root, [...(broken.run ?? ['check']), '--format', 'json']);
    const findings = (JSON.parse(result.out) as { findings: Diagnostic[] }).findings;

    const errors = findings.filter(({ severity }) => severity === 'error');
    expect(errors.map(place), broken.title).toEqual(broken.expect.map(({ code, at }) => ({ code, at })));
    const warnings = findings.filter(({ severity }) => severity !== 'error');
    expect(warnings.map(place), broken.title).toEqual(
      (broken.also ?? []).map(({ code, at }) => ({ code, at })),
    );
    const said = [...broken.expect, ...(broken.also ?? [])];
    for (const [index, finding] of [...errors, ...warnings].entries()) {
      const says = said[index]?.says;
      if (says !== undefined) expect(`${finding.message}\n${finding.fix}`).toContain(says);
      expect(finding.fix, `${finding.code} says what to do`).not.toBe('');
      expect(finding.why, `${finding.code} says why`).not.toBe('');
    }
    expect(result.code).toBe(broken.exit ?? 3);
    expect(`${result.out}${result.err}`).not.toMatch(/^\s+at .+:\d+:\d+\)?$/m);
  });
});

function place({ code, file, range }: Diagnostic): { code: string; at: string | undefined } {
  return {
    code,
    at: file === undefined ? undefined : range ? `${file}:${range.start.line}:${range.start.column}` : file,
  };
}

/** The workspace of `tenon init`, edited. */
async function workspace(edits: readonly Edit[]): Promise<string> {
  const root = mkdtempSync(join(tmpdir(), 'tenon-broken-'));
  scratch.push(root);
  const made = await tenon(root, ['init']);
  expect(made.code, made.err).toBe(0);
  for (const edit of edits) {
    const path = join(root, edit.file);
    if (edit.remove) {
      rmSync(path, { recursive: true });
    } else if (edit.text !== undefined) {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, edit.text);
    } else {
      const text = readFileSync(path, 'utf8');
      const found = text.split(edit.find!).length - 1;
      expect(found, `"${edit.find}" must occur once in ${edit.file}`).toBe(1);
      writeFileSync(
        path,
        text.replace(edit.find!, () => edit.put ?? ''),
      );
    }
  }
  return root;
}

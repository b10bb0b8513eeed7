import type { Diagnostic, DiagnosticRules } from '@tenon/model';
import { describe, expect, it } from 'vitest';
import { formats, plural, type RenderContext, type Report, render } from './index.ts';

const text = [
  'steps:',
  '  - id: invoice',
  '    call: billing.createInvoice',
  '    retry: { attempts: 5 }',
  `    note: ${'x'.repeat(200)} HERE ${'y'.repeat(200)}`,
  '    token: sk_live_4242',
].join('\n');

function at(needle: string): {
  start: { line: number; column: number; offset: number };
  end: { line: number; column: number; offset: number };
} {
  const offset = text.indexOf(needle);
  const before = text.slice(0, offset).split('\n');
  const start = { line: before.length, column: before.at(-1)!.length + 1, offset };
  return {
    start,
    end: { line: start.line, column: start.column + needle.length, offset: offset + needle.length },
  };
}

const repeat: Diagnostic = {
  code: 'effect-can-repeat',
  severity: 'error',
  message: 'this effect can happen twice: no idempotency key',
  file: 'pipelines/a|b.pipeline.yaml',
  range: at('billing.createInvoice'),
  related: [
    { message: 'tried up to 5 times', file: 'pipelines/a|b.pipeline.yaml', range: at('{ attempts: 5 }') },
  ],
  why: 'a lost answer after the call leaves its outcome unknown',
  fix: 'declare `probe` for createInvoice, or set `retry: none`',
  fingerprint: '0123456789abcdef',
};
const rules: DiagnosticRules = {
  'effect-can-repeat': { severity: 'error', title: 'An effect can happen twice', why: 'w', fix: 'f' },
};
const context: RenderContext = { color: false, rules, toolVersion: '1.2.3', readText: () => text };
const report: Report = { diagnostics: [repeat], checked: { pipelines: 1, steps: 9 } };
const clean: Report = { diagnostics: [], checked: { policies: 1, operations: 14 } };

describe('human', () => {
  it('draws the place, related places in the same frame, why, fix and where to read more', () => {
    expect(
      render('human', report, context),
    ).toBe(`error effect-can-repeat  this effect can happen twice: no idempotency key
  ┌─ pipelines/a|b.pipeline.yaml:3:11
 3│     call: billing.createInvoice
  │           ^^^^^^^^^^^^^^^^^^^^^
 4│     retry: { attempts: 5 }
  │            --------------- tried up to 5 times
  why  a lost answer after the call leaves its outcome unknown
  fix  declare \`probe\` for createInvoice, or set \`retry: none\`
  see  tenon explain effect-can-repeat

1 error in 1 pipeline, 9 steps
`);
  });

  it('says what was checked when nothing was found', () => {
    expect(render('human', clean, context)).toBe('0 findings in 1 policy, 14 operations\n');
  });

  it('shows the part of a long line that matters, with the signs under it', () => {
    const lines = render(
      'human',
      { ...report, diagnostics: [{ ...repeat, range: at('HERE'), related: [] }] },
      context,
    ).split('\n');
    const row = lines.findIndex((line) => line.includes('HERE'));
    expect(lines[row]!.length).toBeLessThan(130);
    expect(lines[row + 1]!.indexOf('^')).toBe(lines[row]!.indexOf('HERE'));
  });

  it('never prints a secret that it points at', () => {
    const secret = { ...repeat, code: 'secret-literal', range: at('sk_live_4242'), related: [] };
    expect(render('human', { ...report, diagnostics: [secret] }, context)).not.toContain('sk_live');
  });

  it('paints only when asked to', () => {
    const controlSequence = '\u001b[';
    expect(render('human', report, context)).not.toContain(controlSequence);
    expect(render('human', report, { ...context, color: true })).toContain(controlSequence);
  });
});

describe('formats for machines', () => {
  it('json carries what was checked, a summary and the diagnostics whole', () => {
    expect(JSON.parse(render('json', report, context))).toEqual({
      checked: { pipelines: 1, steps: 9 },
      summary: { errors: 1, warnings: 0, infos: 0 },
      findings: [repeat],
    });
  });

  it('sarif names the rule, the region and the fingerprint', () => {
    const [run] = JSON.parse(render('sarif', report, context)).runs;
    expect(run.tool.driver).toMatchObject({
      name: 'tenon',
      version: '1.2.3',
      rules: [{ id: 'effect-can-repeat' }],
    });
    expect(run.results[0]).toMatchObject({
      ruleId: 'effect-can-repeat',
      ruleIndex: 0,
      level: 'error',
      partialFingerprints: { 'tenon/v1': '0123456789abcdef' },
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: 'pipelines/a%7Cb.pipeline.yaml' },
            region: { startLine: 3, startColumn: 11, endColumn: 32 },
          },
        },
      ],
    });
  });

  it('junit fails a case for an error, escapes what XML must have escaped, and passes one when clean', () => {
    const nasty = { ...repeat, message: 'a < b & "c" \u0000' };
    const xml = render('junit', { ...report, diagnostics: [nasty] }, context);
    expect(xml).toContain('<testsuites tests="1" failures="1">');
    expect(xml).toContain('a &lt; b &amp; &quot;c&quot; \ufffd');
    expect(render('junit', clean, context)).toContain(
      '<testcase name="1 policy, 14 operations" classname="tenon"/>',
    );
  });

  it('github annotates the line, with its own escapes', () => {
    expect(
      render('github', { ...report, diagnostics: [{ ...repeat, message: '50% off,\nmaybe' }] }, context),
    ).toBe(
      '::error file=pipelines/a|b.pipeline.yaml,line=3,endLine=3,col=11,endColumn=32,title=effect-can-repeat::50%25 off,%0Amaybe%0Awhy: a lost answer after the call leaves its outcome unknown%0Afix: declare `probe` for createInvoice, or set `retry: none`\n',
    );
  });

  it('markdown keeps its table whole', () => {
    expect(render('markdown', report, context)).toContain('| pipelines/a\\|b.pipeline.yaml:3:11 |');
  });

  it('every format gives the same bytes twice', () => {
    for (const format of formats)
      expect(render(format, report, context)).toBe(render(format, report, context));
  });
});

describe('counts', () => {
  it.each([
    [1, 'sandboxes', '1 sandbox'],
    [1, 'policies', '1 policy'],
    [1, 'changes', '1 change'],
    [0, 'pipelines', '0 pipelines'],
  ])('%i %s is said as %s', (count, names, words) => {
    expect(plural(count, names)).toBe(words);
  });
});

describe('a code frame', () => {
  const source = 'keys: { a: sk_live_one, b: sk_live_two } # \u001b[2J\u202e\n';
  const finding = (code: string, needle: string): Diagnostic => {
    const offset = source.indexOf(needle);
    const point = (at: number) => ({ line: 1, column: at + 1, offset: at });
    return {
      ...repeat,
      code,
      message: 'see \u001b[31m',
      file: 'a.yaml',
      range: { start: point(offset), end: point(offset + needle.length) },
      related: [],
    };
  };
  const text = render(
    'human',
    {
      diagnostics: [
        finding('secret-literal', 'sk_live_one'),
        finding('secret-literal', 'sk_live_two'),
        finding('unknown-field', 'keys'),
      ],
      checked: {},
    },
    { color: false, rules, toolVersion: '0', readText: () => source },
  );

  it('shows no secret of its line, whatever the finding is about', () => {
    expect(text).toContain('keys: { a: •••••••••••, b: ••••••••••• }');
    expect(text).not.toContain('sk_live');
  });

  it('hands no control character to the terminal', () => {
    expect(text).not.toMatch(/(?!\n)\p{Cc}|\u202e/u);
  });
});

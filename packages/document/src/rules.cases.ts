import type { documentRules } from './rules.ts';

export interface DocumentCase {
  readonly file: string;
  readonly text: string;
  /** `line:column` of the finding, where it fires. */
  readonly at?: string;
}

const bomb = ['a: &a [x, x, x, x, x, x, x, x, x, x]'];
for (const [name, of] of ['ba', 'cb', 'dc', 'ed', 'fe', 'gf', 'hg'])
  bomb.push(`${name}: &${name} [${Array(10).fill(`*${of}`).join(', ')}]`);

/** For each code a text that makes it fire, and one near to it that must not. */
export const documentCases = {
  'document-syntax': {
    fires: { file: 'a.json', text: '{\n  "a": 1,\n}', at: '3:1' },
    silent: { file: 'a.json', text: '{\n  "a": 1\n}' },
  },
  'document-unquoted': {
    fires: { file: 'a.yaml', text: 'a: 1\nnote: warning: late', at: '2:7' },
    silent: { file: 'a.yaml', text: 'a: 1\nnote: "warning: late"\nurl: http://x/y' },
  },
  'document-tab-indentation': {
    fires: { file: 'a.yaml', text: 'a:\n\tb: 1', at: '2:1' },
    silent: { file: 'a.yaml', text: 'a:\n  b: 1\t' },
  },
  'document-empty': {
    fires: { file: 'a.yaml', text: '# nothing yet\n', at: '1:1' },
    silent: { file: 'a.yaml', text: '~' },
  },
  'document-many': {
    fires: { file: 'a.yaml', text: 'a: 1\n---\nb: 2\n', at: '3:1' },
    silent: { file: 'a.yaml', text: '---\na: 1\n...\n' },
  },
  'document-duplicate-key': {
    fires: { file: 'a.json', text: '{ "a": 1, "b": { "c": 1 }, "\\u0061": 2 }', at: '1:28' },
    silent: { file: 'a.json', text: '{ "a": "\\":", "b": { "a": 1 } }' },
  },
  'document-key-not-text': {
    fires: { file: 'a.yaml', text: '? [a]\n: 1', at: '1:1' },
    silent: { file: 'a.yaml', text: '"[a]": 1' },
  },
  'document-key-changes': {
    fires: { file: 'a.yaml', text: 'a: 1\n1.0: first', at: '2:1' },
    silent: { file: 'a.yaml', text: "200: ok\n'1.0': first\nnothing: 1\n~a: 1" },
  },
  'document-number-not-json': {
    fires: { file: 'a.yaml', text: 'maximum: -.inf', at: '1:10' },
    silent: { file: 'a.yaml', text: 'maximum: "-.inf"\na: .infinite' },
  },
  'document-too-deep': {
    fires: { file: 'a.json', text: `${'['.repeat(300)}${']'.repeat(300)}`, at: '1:257' },
    silent: { file: 'a.json', text: `${'['.repeat(250)}${']'.repeat(250)}` },
  },
  'document-tag-unknown': {
    fires: { file: 'a.yaml', text: 'when: !paid', at: '1:7' },
    silent: { file: 'a.yaml', text: 'when: "!paid"\nb: !!str 1' },
  },
  'document-alias-unknown': {
    fires: { file: 'a.yaml', text: 'cron: *all', at: '1:7' },
    silent: { file: 'a.yaml', text: 'a: &all 1\ncron: *all' },
  },
  'document-alias-cycle': {
    fires: { file: 'a.yaml', text: 'a: &a\n  - *a', at: '2:5' },
    silent: { file: 'a.yaml', text: 'a: &a [1]\nb: [*a, *a]' },
  },
  'document-alias-expansion': {
    fires: { file: 'a.yaml', text: bomb.join('\n'), at: '8:44' },
    silent: { file: 'a.yaml', text: bomb.slice(0, 4).join('\n') },
  },
  'document-allow-ignored': {
    fires: {
      file: 'a.yaml',
      text: 'a: 1\nb: 2 # tenon: allow slo-cannot-hold because it is fast\n',
      at: '2:6',
    },
    silent: {
      file: 'a.yaml',
      text: "a: |\n  write\n  # tenon: allow slo-cannot-hold because it is fast\nb: 'say # tenon: allow x'\n",
    },
  },
} satisfies Record<keyof typeof documentRules, { fires: DocumentCase; silent: DocumentCase }>;

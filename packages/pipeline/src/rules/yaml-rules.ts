import type { DiagnosticRules } from '@tenon/model';

/** Text that is not the YAML its author meant. */
export const yamlRules = {
  'yaml-syntax': {
    severity: 'error',
    title: 'the file is not YAML',
    why: 'Nothing in the file can be trusted to mean what it seems to.',
    fix: 'mend the syntax at the place shown',
    example: {
      bad: 'limits: { deadline: 15m',
      good: 'limits: { deadline: 15m }',
    },
  },
  'yaml-expression-unquoted': {
    severity: 'error',
    title: 'an expression without quotes that YAML reads as a map',
    why: '`: `, `{` and `}` have a meaning in YAML; without quotes the expression is torn apart.',
    fix: 'put the whole value in quotes',
    example: { bad: "when: ${ {'a': 1}.a == 1 }", good: 'when: "${ {\'a\': 1}.a == 1 }"' },
  },
  'yaml-comment-in-expression': {
    severity: 'error',
    title: 'a comment cuts an expression off',
    why: 'In YAML ` #` starts a comment, inside an expression too.',
    fix: 'put the whole value in quotes',
    example: { bad: "when: ${ event.tag == 'a #1' }", good: 'when: "${ event.tag == \'a #1\' }"' },
  },
  'yaml-tag': {
    severity: 'error',
    title: 'a value that YAML reads as a tag',
    why: 'A value that starts with `!` is a tag in YAML: `!event.free` means nothing at all.',
    fix: 'write it as an expression in quotes',
    example: { bad: 'when: !event.free', good: 'when: "${ !event.free }"' },
  },
  'yaml-reserved-start': {
    severity: 'error',
    title: 'a value starts with a character that YAML reserves',
    why: 'YAML keeps `@`, `%` and the back quote for itself.',
    fix: 'put the value in quotes',
    example: { bad: 'by: @finance', good: 'by: "@finance"' },
  },
  'yaml-alias': {
    severity: 'error',
    title: 'an anchor or alias in a spec',
    why: 'A spec says what it means where it says it; an alias moves meaning out of sight of the reader, the reviewer and the diff.',
    fix: 'write the value out, or name it with a `set` step',
    example: { bad: 'retry: &fast { attempts: 2, within: 5s }', good: 'retry: { attempts: 2, within: 5s }' },
  },
  'yaml-duplicate-key': {
    severity: 'error',
    title: 'a key is given twice',
    why: 'Only one of the two can hold, and a reader cannot tell which.',
    fix: 'keep one of them',
    example: { bad: 'tier: low\ntier: high', good: 'tier: high' },
  },
  'yaml-key-not-text': {
    severity: 'error',
    title: 'a key that is no plain text',
    why: 'Keys of a spec are names.',
    fix: 'write the key as a word',
    example: { bad: '{ a: 1 }: b', good: 'a: b' },
  },
  'yaml-many-documents': {
    severity: 'error',
    title: 'more than one YAML document in a file',
    why: 'One file describes one thing; what follows `---` would be ignored.',
    fix: 'put the second document into a file of its own',
    example: {
      bad: 'tier: low\n---\ntier: high',
      good: '# one file for each document\ntier: low',
    },
  },
  'yaml-too-large': {
    severity: 'error',
    title: 'a file too large or too deeply nested to be a spec',
    why: 'Bounds keep a check fast and a mistake small.',
    fix: 'split the file',
    example: {
      bad: '# 2,000 steps in one file',
      good: '# several pipelines; the first emits an event that starts the next',
    },
  },
} as const satisfies DiagnosticRules;

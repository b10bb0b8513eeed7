import { describe, expect, it } from 'vitest';
import { displayWidth } from './display-width.ts';
import { type Column, renderTable } from './table.ts';

it('a table hands no control character of its cells to the terminal, and keeps one line a row', () => {
  const text = renderTable(['KEY', 'STATE'], [['a\u001b[2J\nb', 'failed']]);
  expect(text.split('\n')).toHaveLength(3);
  expect(text).toContain('a\uFFFD[2J b  failed');
});

it('the line below the titles ends with them where the last column has sentences, which wrap', () => {
  const [, rule, row] = renderTable(['KEY', 'WHY'], [['a', 'because '.repeat(30)]]).split('\n');
  expect(rule).toBe(`───  ${'─'.repeat(40)}`);
  expect(row).toBe(`a    ${'because '.repeat(30)}`);
});

it.each([
  ['東京都港区', 10],
  ['😀😀', 4],
  ['Zoe\u0301', 3],
  ['👩‍👩‍👧', 2],
  ['한국어', 6],
  ['Zoë', 3],
  ['plain', 5],
])('a column begins below its title, whatever stands before it: %s', (name, width) => {
  const [header, , row] = renderTable(['KEY', 'STATE'], [[name, 'failed']]).split('\n');
  expect(header).toBe(`${'KEY'.padEnd(Math.max(3, width))}  STATE`);
  expect(row).toBe(`${name}${' '.repeat(Math.max(0, 3 - width))}  failed`);
});

it.each(['😀', '東', 'e\u0301', '👩‍👩‍👧', 'x'])(
  'a name of %s that gives up its middle fits, and has no half of a sign',
  (sign) => {
    for (const width of [20, 21, 30]) {
      const columns = [{ title: 'KEY', shortens: true }, 'STATE'] as const;
      const [, , row] = renderTable(columns, [[sign.repeat(40), 'failed']], width).split('\n');
      expect(displayWidth(row!)).toBeLessThanOrEqual(width);
      expect(row!.replaceAll(sign, '')).toMatch(/^… +failed$/);
    }
  },
);

describe('one row with a text that is far too long', () => {
  const columns: readonly (string | Column)[] = ['RUN', { title: 'KEY', shortens: true }, 'STEP', 'OWNER'];
  const key = `begins-${'k'.repeat(20_000)}-ends`;
  const step = `lines[${'x'.repeat(20_000)}].book`;
  const rows = [
    ['r1', 'a', 'book', 'sales'],
    ['r2', key, 'book', 'sales'],
    ['r3', 'b', step, 'sales'],
  ];

  it.each([undefined, 100])(
    'makes no other row so long, and what a command is given is whole (%s)',
    (width) => {
      const lines = renderTable(columns, rows, width).split('\n');
      const [first, second, third] = lines.filter((line) => /^r\d /.test(line));
      for (const line of [first!, second!]) expect(line.length).toBeLessThanOrEqual(250);
      expect(second).toMatch(/ begin\S*…\S*ends /);
      expect(third).toContain(` ${step}  sales`);
      expect(Math.max(...lines.slice(0, 2).map((line) => line.length))).toBeLessThanOrEqual(250);
    },
  );
});

describe('in a terminal', () => {
  const columns: readonly (string | Column)[] = [
    'RUN',
    { title: 'PIPELINE', shortens: true },
    { title: 'OWNER', drop: 2 },
    { title: 'VERSION', drop: 1 },
    'STEP',
    { title: 'CAUSE', below: true },
  ];
  const row = ['01m8px7x8n6zj3rmwzwb6raqv2', 'subscription-upgraded-in-europe', 'sales', '3', 'pay'];
  const rows = [
    [...row, 'the other system answered 400, `tenon runs show 01m8px7x8n6zj3rmwzwb6raqv2`'],
    [...row, ''],
  ];

  it('a table that fits is the one that a pipe is given', () => {
    expect(renderTable(columns, rows, 200)).toBe(renderTable(columns, rows));
  });

  it('a sentence leaves its row before anything is lost', () => {
    expect(renderTable(columns, rows, 100).split('\n')).toEqual([
      'RUN                         PIPELINE                         OWNER  VERSION  STEP',
      '  └ CAUSE',
      '──────────────────────────  ───────────────────────────────  ─────  ───────  ────',
      '01m8px7x8n6zj3rmwzwb6raqv2  subscription-upgraded-in-europe  sales  3        pay',
      '  └ the other system answered 400, `tenon runs show 01m8px7x8n6zj3rmwzwb6raqv2`',
      '01m8px7x8n6zj3rmwzwb6raqv2  subscription-upgraded-in-europe  sales  3        pay',
    ]);
  });

  it('a name gives up its middle before a column is left out', () => {
    const text = renderTable(columns, rows, 72);
    expect(text).toContain('01m8px7x8n6zj3rmwzwb6raqv2  subscriptio…-in-europe  sales  3        pay');
    expect(text).not.toContain('not shown');
  });

  it('the least important column is left out first, and that is said', () => {
    const text = renderTable(columns, rows, 60);
    expect(text.split('\n')[0]).toMatch(/^RUN +PIPELINE +STEP$/);
    expect(text.split('\n').at(-1)).toBe('not shown: VERSION, OWNER; --wide shows all');
    expect(renderTable(columns, rows, 68)).toMatch(/not shown: VERSION; --wide shows all$/);
  });

  it.each([60, 68, 72, 80, 100, 120])(
    'of %d columns no line of the table is wider, and ids are whole',
    (width) => {
      const lines = renderTable(columns, rows, width).split('\n');
      for (const line of lines.filter((one) => !one.startsWith('  └')))
        expect(line.length).toBeLessThanOrEqual(width);
      expect(lines.filter((line) => line.startsWith(row[0]!))).toHaveLength(2);
    },
  );

  it('what cannot be narrower is left to wrap', () => {
    expect(renderTable(columns, rows, 20)).toContain(`${row[0]}  subsc…rope  pay`);
  });

  it('an empty column that may be left out is, without a word', () => {
    const empty = [[...row.slice(0, 2), '', '3', 'pay', '']];
    const text = renderTable(columns, empty, 70);
    expect(text.split('\n')[0]).toMatch(/^RUN +PIPELINE +VERSION +STEP$/);
    expect(text).not.toContain('not shown');
  });

  it('several sentences are told apart', () => {
    const two: readonly (string | Column)[] = [
      'RUN',
      { title: 'TASK', below: true },
      { title: 'BECAUSE', below: true },
    ];
    expect(
      renderTable(two, [['r1', 'send the correction', 'a sent mail stays sent']], 30).split('\n'),
    ).toEqual(['RUN', '───', 'r1', '  └ task: send the correction', '  └ because: a sent mail stays sent']);
  });

  it('what may leave the row and is not to be lost stands below it, together', () => {
    const owned: readonly (string | Column)[] = [
      'RUN',
      { title: 'QUEUE', drop: 3, below: true },
      'STEP',
      { title: 'ATTEMPTS', drop: 1 },
      { title: 'OWNER', drop: 2, below: true },
      { title: 'CAUSE', below: true },
    ];
    const cells = [['r1', 'repair', 'pay', '3', 'revenue-operations', 'their answer was 400']];
    expect(renderTable(owned, cells, 51).split('\n')[0]).toBe('RUN  QUEUE   STEP  ATTEMPTS  OWNER');
    expect(renderTable(owned, cells, 40).split('\n')).toEqual([
      'RUN  QUEUE   STEP  OWNER',
      '  └ CAUSE',
      '───  ──────  ────  ──────────────────',
      'r1   repair  pay   revenue-operations',
      '  └ their answer was 400',
      'not shown: ATTEMPTS; --wide shows all',
    ]);
    expect(renderTable(owned, cells, 20).split('\n')).toEqual([
      'RUN  QUEUE   STEP',
      '───  ──────  ────',
      'r1   repair  pay',
      '  └ owner: revenue-operations',
      '  └ cause: their answer was 400',
      'not shown: ATTEMPTS; --wide shows all',
    ]);
    expect(renderTable(owned, cells, 12).split('\n')).toEqual([
      'RUN  STEP',
      '───  ────',
      'r1   pay',
      '  └ queue: repair, owner: revenue-operations',
      '  └ cause: their answer was 400',
      'not shown: ATTEMPTS; --wide shows all',
    ]);
  });
});

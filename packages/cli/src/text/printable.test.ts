import { expect, it } from 'vitest';
import { oneLine, printable, terminalWriter } from './printable.ts';

const EVIL = 'paid\u001b[2J\u001b]0;title\u0007\u009b31m\b\u202edlrow\u001b[8mhidden\u001b[0m';

/** What a stream was written. */
function written(isTTY: boolean | undefined, text: string): string {
  let all = '';
  const write = (part: string): void => {
    all += part;
  };
  terminalWriter({ isTTY, write })(text);
  return all;
}

it('whatever a command says, a terminal is told nothing but text, line breaks, tabs and our own colours', () => {
  const told = written(true, `\u001b[1;31merror\u001b[0m a\tb\r\n${EVIL}`);
  expect(told.startsWith('\u001b[1;31merror\u001b[0m a\tb\r\npaid')).toBe(true);
  const ours = ['\u001b[1;31m', '\u001b[0m'];
  const text = ours.reduce((left, colour) => left.replaceAll(colour, ''), told);
  expect(text.match(/(?![\t\r\n])[\p{Cc}\p{Bidi_Control}]/gu)).toBeNull();
  expect(told, 'columns stay').toHaveLength(`\u001b[1;31merror\u001b[0m a\tb\r\n${EVIL}`.length);
});

it('a file or a pipe is given the bytes as they are', () => {
  for (const isTTY of [false, undefined]) expect(written(isTTY, EVIL)).toBe(EVIL);
});

it('what is one of several has one line', () => {
  expect(oneLine('a\nb\u2028c\u001b[2J')).toBe('a b c\ufffd[2J');
  expect(printable('a\r\nb\u009b')).toBe('a\r\nb\ufffd');
  expect(printable('failed\rsucceeded'), 'nor is it written over').toBe('failed\ufffdsucceeded');
});

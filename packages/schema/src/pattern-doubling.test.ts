import { describe, expect, test } from 'vitest';
import { doublingLoop, patternBudget } from './pattern-doubling.ts';

describe('a pattern that only a backtracking engine runs', () => {
  test.each([
    ['^(?!x)(a+)+$', '(a+)+'],
    ['^(?!x)([a-z]*)*$', '([a-z]*)*'],
    ['^(?!.*--)(\\w+\\s?)*$', '(\\w+\\s?)*'],
    ['(?=a)(?:a|a)*$', '(?:a|a)*'],
    ['^(\\w)\\1(?:ab|a|b)+$', '(?:ab|a|b)+'],
    ['^(?:[a-z0-9]+-?)+(?<!-)$', '(?:[a-z0-9]+-?)+'],
    ['^(?=(?:\\d|[0-9a-f])+$)', '(?:\\d|[0-9a-f])+'],
    ['^(?!-)(?:a{1,9}){2,40}$', '(?:a{1,9}){2,40}'],
  ])('%s reads a text in more ways with each character', (pattern, loop) => {
    expect(doublingLoop(pattern)).toEqual({ loop });
  });

  test.each([
    '^(?=.*[A-Z])(?=.*\\d).{8,}$',
    '^(?!-)[a-z0-9]+(?:-[a-z0-9]+)*$',
    '^(?:(?!--)[a-z-])+$',
    '^(?!\\d+$)(?:[a-z]|\\d)+$',
    '^(?!x)(?:[a-z]+\\.)*[a-z]+$',
    '^(?!x)(?:a|)*$',
    '^(?!x)(?:a?b)*$',
    '^(["\']).*\\1$',
  ])('%s reads it in one', (pattern) => {
    expect(doublingLoop(pattern)).toBe('none');
  });
});

test('what RE2 runs takes no more time for being ambiguous', () => {
  expect(doublingLoop('^(a+)+$')).toBe('none');
  expect(doublingLoop('^(?<name>a+)+$')).toBe('none');
});

test('of what is none nothing is said, and of what is too large to look at, that it was not', () => {
  expect(doublingLoop('(?!x)(a+')).toBe('none');
  expect(doublingLoop('^(?!x)(?:a{400}|a)+$')).toBe('unjudged');
  expect(doublingLoop(`^(?!x)(?:${'a'.repeat(20_000)})+$`)).toBe('unjudged');
});

test('what the patterns of a document cost together is bounded, however many there are', () => {
  const words = Array.from({ length: 149 }, (_, at) => `${String.fromCodePoint(0x4e00 + at)}b`);
  const budget = patternBudget();
  const judged = Array.from({ length: 100 }, (_, nth) =>
    doublingLoop(`(?!${nth})(?:${words.join('|')})+`, budget),
  );
  expect(new Set(judged)).toEqual(new Set(['unjudged']));
  expect(doublingLoop('^(?!x)(a+)+$', budget), 'nor is anything behind them').toBe('unjudged');
  expect(budget.stepsLeft).toBeGreaterThan(-10_000);
});

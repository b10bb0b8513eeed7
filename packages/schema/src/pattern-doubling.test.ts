import { describe, expect, test } from 'vitest';
import { doublingLoop } from './pattern-doubling.ts';

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
    expect(doublingLoop(pattern)).toBe(loop);
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
    expect(doublingLoop(pattern)).toBeUndefined();
  });
});

test('what RE2 runs takes no more time for being ambiguous', () => {
  expect(doublingLoop('^(a+)+$')).toBeUndefined();
  expect(doublingLoop('^(?<name>a+)+$')).toBeUndefined();
});

test('of what is none, or too large to look at, nothing is said', () => {
  expect(doublingLoop('(?!x)(a+')).toBeUndefined();
  expect(doublingLoop('^(?!x)(?:a{400}|a)+$')).toBeUndefined();
});

import { describe, expect, it } from 'vitest';
import { framesOf, thrownAt } from './thrown.ts';

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('what is said of something thrown', () => {
  it('is its name and place, and nothing of its message', () => {
    const quoting = thrownBy(() => JSON.parse('the token t-4711'));
    expect(String(quoting), 'this is why').toContain('t-4711');
    expect(thrownAt(quoting)).toMatch(/^SyntaxError at .*thrown\.test\.ts:\d+:\d+$/);
    expect(thrownAt(new TypeError('one\n    at ada@shop.example:1:1'))).toMatch(
      /^TypeError at .*thrown\.test\.ts:\d+:\d+$/,
    );
  });

  it('is less where there is less', () => {
    expect(thrownAt('t-4711')).toBe('a thrown value');
    const bare = Object.assign(new Error('t-4711'), { stack: 't-4711', name: 't-4711 !' });
    expect([thrownAt(bare), framesOf(bare)]).toEqual(['Error', []]);
  });
});

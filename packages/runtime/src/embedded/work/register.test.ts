import { expect, test } from 'vitest';
import { Register } from './register.ts';

test('holds what was put in until it goes, and nothing of it afterwards', () => {
  const register = new Register<number, string>();
  register.set(1, 'a');
  register.set(2, 'b');
  register.set(1, 'c');
  register.delete(2);
  register.delete(3);
  expect(register.get(1)).toBe('c');
  expect(register.get(2)).toBeUndefined();
  expect([...register.values()]).toEqual(['c']);
});

import { describe, expect, it } from 'vitest';
import { ConnectionEnd } from './connection-end.ts';

describe('the end of a connection', () => {
  it('gives what work comes to while it has not come', async () => {
    const end = new ConnectionEnd();
    expect(await end.during(Promise.resolve(7))).toBe(7);
    await expect(end.during(Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  });

  it('ends all that is waited for, and what is waited for afterwards, by its first reason', async () => {
    const end = new ConnectionEnd();
    const never = new Promise(() => {});
    const waits = [end.during(never), end.during(never)];
    end.come(new Error('closed'));
    end.come(new Error('once more'));
    for (const wait of [...waits, end.during(never)]) await expect(wait).rejects.toThrow('closed');
  });

  it('lets what is too late end unheard', async () => {
    const end = new ConnectionEnd();
    const late = Promise.withResolvers<never>();
    const wait = end.during(late.promise);
    end.come(new Error('closed'));
    await expect(wait).rejects.toThrow('closed');
    late.reject(new Error('too late'));
  });
});

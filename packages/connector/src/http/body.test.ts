import { describe, expect, it } from 'vitest';
import { encodeBody } from './body.ts';

describe('encodeBody', () => {
  it('takes the first media type that it can write', () => {
    expect(encodeBody(['application/xml', 'application/json'], { a: false })).toEqual({
      contentType: 'application/json',
      bytes: '{"a":false}',
    });
    expect(encodeBody(['application/merge-patch+json'], { a: null })).toEqual({
      contentType: 'application/merge-patch+json',
      bytes: '{"a":null}',
    });
    expect(encodeBody(['application/xml'], { a: 1 })).toBeUndefined();
  });

  it('writes forms: lists repeat, nested members are bracketed, false and 0 are sent, null is left out', () => {
    const body = {
      amount: 0,
      paid: false,
      note: '',
      tags: ['a b', 'c'],
      to: { name: 'x&y', lines: [{ q: 1 }] },
      gone: null,
    };
    expect(encodeBody(['application/x-www-form-urlencoded'], body)?.bytes).toBe(
      'amount=0&paid=false&note=&tags=a%20b&tags=c&to[name]=x%26y&to[lines][0][q]=1',
    );
  });

  it('writes multipart parts with a boundary that none of them holds', async () => {
    const encoded = encodeBody(['multipart/form-data'], {
      text: '--tenon-',
      object: { a: 1 },
      list: ['x', 'y'],
    });
    const parsed = await new Response(encoded?.bytes as string, {
      headers: { 'content-type': encoded?.contentType ?? '' },
    }).formData();
    expect(parsed.get('text')).toBe('--tenon-');
    expect(parsed.getAll('list')).toEqual(['x', 'y']);
    expect(parsed.has('object')).toBe(true);
  });

  it('writes forms by their encoding: styles, and members that are JSON', () => {
    const parts = {
      tags: { style: 'form', explode: false },
      range: { style: 'deepObject', explode: true },
      note: { style: 'form', allowReserved: true },
      meta: { types: ['application/json'] },
    };
    const body = { tags: ['a', 'b c'], range: { from: 1 }, note: 'a/b', meta: { x: [1] }, other: 'x' };
    expect(encodeBody(['application/x-www-form-urlencoded'], body, parts)?.bytes).toBe(
      'tags=a,b%20c&range[from]=1&note=a/b&meta=%7B%22x%22%3A%5B1%5D%7D&other=x',
    );
  });

  it('writes text as it is and bytes from base64', () => {
    expect(encodeBody(['text/plain'], 'hello')?.bytes).toBe('hello');
    expect(encodeBody(['application/octet-stream'], 'AP8=')?.bytes).toEqual(Buffer.from([0, 255]));
  });
});

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
      text: '--tenon-part',
      object: { a: 1 },
      list: ['x', 'y'],
    });
    const parsed = await new Response(encoded?.bytes as string, {
      headers: { 'content-type': encoded?.contentType ?? '' },
    }).formData();
    expect(parsed.get('text')).toBe('--tenon-part');
    expect(parsed.getAll('list')).toEqual(['x', 'y']);
    expect(parsed.has('object')).toBe(true);
  });

  it('writes text as it is and bytes from base64', () => {
    expect(encodeBody(['text/plain'], 'hello')?.bytes).toBe('hello');
    expect(encodeBody(['application/octet-stream'], 'AP8=')?.bytes).toEqual(Buffer.from([0, 255]));
  });
});

import type { Json, JsonObject } from '@tenon/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PartBinding } from '../operation-plan.ts';
import { encodeBody } from './body.ts';
import { EncodingProblem } from './encoded-body.ts';
import { harness, json, operationPlan } from './fault-server.testing.ts';

type Parts = Readonly<Record<string, PartBinding>>;

/** As somebody else reads it: the platform's own parser. */
async function parsed(body: JsonObject, parts: Parts = {}): Promise<FormData> {
  const encoded = encodeBody(['multipart/form-data'], body, parts)!;
  const bytes = new Uint8Array(Buffer.from(encoded.bytes));
  return await new Response(bytes, { headers: { 'content-type': encoded.contentType } }).formData();
}

function text(body: JsonObject, parts: Parts = {}): string {
  return Buffer.from(encodeBody(['multipart/form-data'], body, parts)!.bytes).toString('latin1');
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

describe('a body in parts', () => {
  it('is read back equal by another parser, whatever its names, texts, bytes and file names', async () => {
    const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
    const words = fc.string({ unit: 'grapheme' });
    const value = fc.oneof(
      fc.record({
        kind: fc.constant('text' as const),
        items: fc.array(words, { minLength: 1, maxLength: 3 }),
      }),
      fc.record({
        kind: fc.constant('json' as const),
        items: fc.array(fc.dictionary(words, words), { minLength: 1, maxLength: 3 }),
      }),
      fc.record({
        kind: fc.constant('file' as const),
        items: fc.array(fc.record({ content: fc.uint8Array({ maxLength: 300 }), filename: name }), {
          minLength: 1,
          maxLength: 3,
        }),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true }), async (given) => {
        // A part may have any name, `__proto__` too.
        const parts: Record<string, PartBinding> = Object.create(null);
        const body: Record<string, Json> = Object.create(null);
        for (const [key, { kind, items }] of Object.entries(given)) {
          if (kind === 'file') {
            parts[key] = { bytes: true, types: ['application/octet-stream', 'image/*'] };
            body[key] = items.map(({ content, filename }) => ({
              content: base64(content),
              filename,
              contentType: 'image/png',
            }));
          } else body[key] = items;
        }
        const form = await parsed(body, parts);
        expect(new Set(form.keys())).toEqual(new Set(Object.keys(given)));
        for (const [key, { kind, items }] of Object.entries(given)) {
          const read = form.getAll(key);
          if (kind === 'text') expect(read).toEqual(items);
          else if (kind === 'json') expect(read.map((one) => JSON.parse(String(one)))).toEqual(items);
          else
            for (const [index, { content, filename }] of items.entries()) {
              const file = read[index] as File;
              expect(file.name).toBe(filename);
              expect(file.type).toBe('image/png');
              expect(new Uint8Array(await file.arrayBuffer())).toEqual(new Uint8Array(content));
            }
        }
      }),
      {
        numRuns: 300,
        examples: [[Object.fromEntries([['__proto__', { kind: 'text' as const, items: [''] }]])]],
      },
    );
  });

  it('keeps what looks like a boundary, an end of a line or of a name', async () => {
    const first = encodeBody(['multipart/form-data'], { a: 'x' })!.contentType.split('=')[1]!;
    const body = {
      a: `--${first}--\r\n`,
      'n"a\r\nme': 'x',
      file: { content: base64(Buffer.from(`\r\n--${first}\r\n`)), filename: '"../\r\nx' },
    };
    const form = await parsed(body, { file: { bytes: true } });
    expect(form.get('a')).toBe(body.a);
    expect(form.get('n"a\r\nme')).toBe('x');
    expect((form.get('file') as File).name).toBe('"../\r\nx');
    expect(await (form.get('file') as File).text()).toBe(`\r\n--${first}\r\n`);
  });

  it('is the same bytes each time', () => {
    const body = { a: 'x', file: 'AAEC' };
    expect(text(body, { file: { bytes: true } })).toBe(text(body, { file: { bytes: true } }));
  });

  it('sends false, 0 and "", and leaves null out', async () => {
    const form = await parsed({ a: false, b: 0, c: '', d: null, e: [null, 'x'] });
    expect([...form]).toEqual([
      ['a', 'false'],
      ['b', '0'],
      ['c', ''],
      ['e', 'x'],
    ]);
  });

  it('gives a file a name and a type where it has none', async () => {
    const form = await parsed(
      { file: 'AP8=', image: { content: '' } },
      { file: { bytes: true }, image: { bytes: true, types: ['image/*', 'image/png'] } },
    );
    const file = form.get('file') as File;
    expect([file.name, file.type, file.size]).toEqual(['file', 'application/octet-stream', 2]);
    expect((form.get('image') as File).type).toBe('image/png');
  });

  it('sends headers of its own, the fixed ones by themselves', () => {
    const parts: Parts = {
      file: {
        bytes: true,
        headers: [{ name: 'X-Part' }, { name: 'X-Kind', fixed: 'scan' }, { name: 'X-Left' }],
      },
      meta: { wrapped: true, types: ['application/json'], headers: [{ name: 'X-Version' }] },
    };
    const body = {
      file: { content: 'eA==', headers: { 'X-Part': [1, 2] } },
      meta: { content: { a: 1 }, headers: { 'X-Version': 7 } },
    };
    const sent = text(body, parts);
    expect(sent).toContain(
      'filename="file"\r\nContent-Type: application/octet-stream\r\nX-Part: 1,2\r\nX-Kind: scan\r\n\r\nx',
    );
    expect(sent).toContain('name="meta"\r\nContent-Type: application/json\r\nX-Version: 7\r\n\r\n{"a":1}');
    expect(sent).not.toContain('X-Left');
  });

  it('writes styles as parts: repeated, joined, or a part for each member', async () => {
    const parts: Parts = {
      repeated: { style: 'form' },
      joined: { style: 'form', explode: false },
      piped: { style: 'pipeDelimited', explode: false },
      deep: { style: 'deepObject', explode: true },
    };
    const form = await parsed(
      { repeated: ['a b', 'c'], joined: ['x', 'y/é'], piped: ['1', '2'], deep: { a: 1, 'b c': 'd&e' } },
      parts,
    );
    expect([...form]).toEqual([
      ['repeated', 'a b'],
      ['repeated', 'c'],
      ['joined', 'x,y/é'],
      ['piped', '1|2'],
      ['deep[a]', '1'],
      ['deep[b c]', 'd&e'],
    ]);
  });

  it('is not sent where a part is not as it must be, and no value of it is told', async () => {
    const file: PartBinding = { bytes: true, types: ['image/*'], headers: [{ name: 'X-Part' }] };
    const wrong: [Json, string, string][] = [
      [{ content: '', contentType: 'text/html' }, 'HTTP_BODY_UNENCODABLE', '/body/file/contentType'],
      [
        { content: '', contentType: 'image/png\r\nX-Evil: 1' },
        'HTTP_BODY_UNENCODABLE',
        '/body/file/contentType',
      ],
      [
        { content: '', headers: { 'X-Part': 'a\r\nX-Evil: 1' } },
        'HTTP_HEADER_UNSAFE',
        '/body/file/headers/X-Part',
      ],
    ];
    for (const [value, code, pointer] of wrong) {
      expect(() => encodeBody(['multipart/form-data'], { file: value }, { file })).toThrow(EncodingProblem);
      const plan = operationPlan({ http: { bodyTypes: ['multipart/form-data'], parts: { file } } });
      await using test = await harness((_seen, response) => json(response, 200, {}), plan);
      const result = await test.call({ body: { file: value } });
      expect(result).toMatchObject({ failure: { class: 'validation', code, pointer, delivery: 'notSent' } });
      expect(JSON.stringify(result)).not.toMatch(/Evil|html/);
      expect(test.server.seen).toEqual([]);
    }
  });
});

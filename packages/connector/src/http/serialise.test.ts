import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InputField } from '../operation-plan.ts';
import { buildRequest, isDraft } from './build-request.ts';
import { operationPlan } from './fault-server.testing.ts';
import { encodeStrict, serialiseField } from './serialise.ts';

const color = { R: 100, G: 200, B: 150 };
const list = ['blue', 'black', 'brown'];

function field(change: Partial<InputField>): InputField {
  return {
    key: 'color',
    name: 'color',
    in: 'query',
    required: false,
    style: 'form',
    explode: false,
    allowReserved: false,
    ...change,
  };
}

/** The table of OpenAPI 3.1 §4.8.12.4 (style examples), row by row. */
describe('path styles', () => {
  it.each([
    ['simple', false, 'blue', 'blue'],
    ['simple', false, list, 'blue,black,brown'],
    ['simple', false, color, 'R,100,G,200,B,150'],
    ['simple', true, color, 'R=100,G=200,B=150'],
    ['label', false, 'blue', '.blue'],
    ['label', false, list, '.blue,black,brown'],
    ['label', true, list, '.blue.black.brown'],
    ['label', false, color, '.R,100,G,200,B,150'],
    ['label', true, color, '.R=100.G=200.B=150'],
    ['matrix', false, '', ';color'],
    ['matrix', false, 'blue', ';color=blue'],
    ['matrix', false, list, ';color=blue,black,brown'],
    ['matrix', true, list, ';color=blue;color=black;color=brown'],
    ['matrix', false, color, ';color=R,100,G,200,B,150'],
    ['matrix', true, color, ';R=100;G=200;B=150'],
  ])('%s explode=%s of %j is %s', (style, explode, value, expected) => {
    expect(serialiseField(field({ in: 'path', style, explode }), value).text).toBe(expected);
  });
});

describe('query styles', () => {
  it.each([
    ['form', false, '', 'color='],
    ['form', false, 'blue', 'color=blue'],
    ['form', false, list, 'color=blue,black,brown'],
    ['form', true, list, 'color=blue&color=black&color=brown'],
    ['form', false, color, 'color=R,100,G,200,B,150'],
    ['form', true, color, 'R=100&G=200&B=150'],
    ['spaceDelimited', false, list, 'color=blue%20black%20brown'],
    ['spaceDelimited', false, color, 'color=R%20100%20G%20200%20B%20150'],
    ['pipeDelimited', false, list, 'color=blue%7Cblack%7Cbrown'],
    ['pipeDelimited', true, list, 'color=blue&color=black&color=brown'],
    ['pipeDelimited', false, color, 'color=R%7C100%7CG%7C200%7CB%7C150'],
    ['deepObject', true, color, 'color[R]=100&color[G]=200&color[B]=150'],
    ['deepObject', true, { range: { from: 0, to: false } }, 'color[range][from]=0&color[range][to]=false'],
  ])('%s explode=%s of %j is %s', (style, explode, value, expected) => {
    expect(
      serialiseField(field({ style, explode }), value)
        .pairs.map(([name, text]) => `${name}=${text}`)
        .join('&'),
    ).toBe(expected);
  });

  it('writes JSON where the contract describes the parameter by content', () => {
    expect(serialiseField(field({ mediaType: 'application/json' }), { a: [1] }).pairs).toEqual([
      ['color', '%7B%22a%22%3A%5B1%5D%7D'],
    ]);
  });

  it('leaves reserved characters alone only where the contract allows it, and never the ones that end a value', () => {
    expect(serialiseField(field({}), 'a/b?c').pairs).toEqual([['color', 'a%2Fb%3Fc']]);
    expect(serialiseField(field({ allowReserved: true }), 'a/b?c&d#e=f').pairs).toEqual([
      ['color', 'a/b?c%26d%23e%3Df'],
    ]);
  });
});

describe('any text', () => {
  const text = fc.string({ unit: 'grapheme' });

  it('writes a cookie as it is, and nothing into it that would end it', () => {
    const cookie = field({ in: 'cookie', style: 'cookie', explode: true });
    expect(serialiseField(cookie, list).pairs).toEqual(list.map((one) => ['color', one]));
    expect(serialiseField(cookie, 'a=b/c; d="é"\n').pairs).toEqual([
      ['color', 'a=b/c%3B%20d=%22%C3%A9%22%0A'],
    ]);
  });

  it.each(['simple', 'label', 'matrix', 'unheard-of'])(
    'leaves no value out for a style that its place does not have: %s',
    (style) => {
      expect(serialiseField(field({ style, explode: true }), list).pairs).toHaveLength(3);
      expect(serialiseField(field({ style, in: 'cookie' }), 'blue').pairs).toEqual([['color', 'blue']]);
    },
  );

  it('survives the query of a URL', () => {
    fc.assert(
      fc.property(text, (value) => {
        const plan = operationPlan({
          http: { method: 'GET', bodyTypes: [], parameters: [field({ explode: true })] },
        });
        const draft = buildRequest(
          new URL('https://api.example/v1'),
          { operation: plan, input: { color: value } },
          plan.http!,
        );
        expect(isDraft(draft) && draft.url.searchParams.get('color')).toBe(value.toWellFormed());
      }),
    );
  });

  it('stays one segment of a path, or is refused', () => {
    const plan = operationPlan({
      http: {
        path: '/things/{color}/close',
        bodyTypes: [],
        parameters: [field({ in: 'path', style: 'simple', required: true })],
      },
    });
    fc.assert(
      fc.property(
        fc.oneof(text, fc.constantFrom('.', '..', '%2e', '/', '\\', '?', '#', '//evil.example', '@')),
        (value) => {
          const draft = buildRequest(
            new URL('https://api.example/v1/'),
            { operation: plan, input: { color: value } },
            plan.http!,
          );
          if (!isDraft(draft)) return;
          expect(draft.url.origin).toBe('https://api.example');
          expect(draft.url.pathname).toBe(`/v1/things/${encodeStrict(value)}/close`);
        },
      ),
    );
  });
});

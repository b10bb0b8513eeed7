import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTemplate } from './template.ts';

/** Text as it is, expressions as their source in « ». */
function shape(scalar: string): string[] {
  return parseTemplate(scalar).parts.map((part) =>
    part.kind === 'text' ? part.text : `«${part.expression.source}»`,
  );
}

describe('parts of a scalar', () => {
  it.each([
    ['plain', ['plain']],
    ['', ['']],
    ['${ a }', ['« a »']],
    ['x ${a} y ${b}', ['x ', '«a»', ' y ', '«b»']],
    ['${a}${b}', ['«a»', '«b»']],
    ['$${a}', ['${a}']],
    ['costs $5 and $${x} and ${y}', ['costs $5 and ${x} and ', '«y»']],
    ["${ {'a': '}'} }", ["« {'a': '}'} »"]],
    ["${ '\\'}' + \"}\" } end", ["« '\\'}' + \"}\" »", ' end']],
    ['a } b', ['a } b']],
    ["${ r'\\' } x", ["« r'\\' »", ' x']],
  ])('%s', (scalar, parts) => {
    expect(shape(scalar)).toEqual(parts);
    expect(parseTemplate(scalar).errors).toEqual([]);
  });

  it('spans expressions in the scalar', () => {
    expect(parseTemplate('ab ${ c } d').parts[1]).toMatchObject({ kind: 'expression', start: 5, end: 8 });
  });

  it('gives errors of expressions as offsets into the scalar', () => {
    expect(parseTemplate('ab ${ c. } ${ = }').errors.map(({ start, end }) => [start, end])).toEqual([
      [7, 8],
      [14, 15],
    ]);
  });

  it('says that an expression is not closed', () => {
    expect(parseTemplate('a ${ b').errors).toMatchObject([
      { message: '`${` is not closed', start: 2, end: 4 },
    ]);
  });

  it('ends an expression with an open string at the next brace, so that the rest is still read', () => {
    expect(shape("${ 'open } and ${ b }")).toEqual(["« 'open »", ' and ', '« b »']);
  });

  it('never throws, and loses no text', () => {
    const text = fc
      .array(fc.constantFrom('$', '{', '}', '${', '$${', "'", '"', 'a', ' ', '\\', '//', '\n'))
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, (scalar) => {
        const { parts } = parseTemplate(scalar);
        const back = parts
          .map((part) =>
            part.kind === 'text' ? part.text.replaceAll('${', () => '$${') : `\${${part.expression.source}}`,
          )
          .join('');
        if (parseTemplate(scalar).errors.length === 0) expect(shape(back)).toEqual(shape(scalar));
      }),
    );
  });

  it('stays linear on many unclosed expressions', () => {
    expect(parseTemplate("${'".repeat(20_000)).errors.length).toBeGreaterThan(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { caseDefinitions, caseEvent } from '../rules.cases.ts';
import { schemaTypes } from '../types/from-schema.ts';
import { objectOf, STRING } from '../types/type.ts';
import type { Environment } from './environment.ts';
import { completionsAt, hoverAt } from './inspect.ts';

const environment: Environment = {
  variables: {
    event: schemaTypes(caseDefinitions).typeOf({
      allOf: [
        caseEvent,
        { type: 'object', properties: { 'e-mail': { type: 'string', description: 'Where to write to.' } } },
      ],
    }),
    steps: objectOf({ invoice: objectOf({ id: STRING }) }),
  },
  policies: { large: { parameters: ['n'], expression: 'n > 1000' } },
};

/** Labels offered where the `|` stands. */
function offered(text: string): string[] {
  const offset = text.indexOf('|');
  return completionsAt(text.replace('|', ''), offset, environment).map((one) => one.label);
}

describe('completion', () => {
  it.each([
    ['event.|', ['id', 'plan', 'e-mail']],
    ['event.pl|', ['plan']],
    ['event.customer.|', ['email', 'age']],
    ['event.?customer.|', ['email']],
    ["event.id != '' && event.customer.| ", ['email']],
    ['(event.| + 1) * 2', ['id']],
    ['size(event.|', ['tags']],
    ['event.tags.map(t, t.|)', ['trim', 'contains', 'size']],
    ['steps.|', ['invoice']],
    ["event.method.type == 'card' ? event.method.| : ''", ['last4']],
    ['ev|', ['event', 'steps', 'size', 'has']],
    ['|', ['event', 'timestamp']],
    ['event.tags.map(t, |)', ['t', 'event']],
    ['policy.|', ['large']],
    ['event.plan == |', ["'free'", "'team'", "'pro'", 'event']],
    ["event.plan == 'fr|'", ["'free'"]],
    ["event.plan in ['free', '|']", ["'team'"]],
    ['event.?coupon.|', ['orValue', 'hasValue']],
  ])('%s offers %j', (text, labels) => {
    expect(offered(text)).toEqual(expect.arrayContaining(labels));
  });

  it('offers no field of another variant, no method of another type, no function after a dot', () => {
    expect(offered("event.method.type == 'card' ? event.method.| : ''")).not.toContain('iban');
    expect(offered('event.count.|')).not.toContain('trim');
    expect(offered('event.|')).not.toContain('has');
  });

  it('replaces what is written, and quotes names that need it', () => {
    const [field] = completionsAt('event.e', 7, environment).filter((one) => one.label === 'e-mail');
    expect(field).toMatchObject({
      text: '`e-mail`',
      replace: { start: 6, end: 7 },
      detail: 'a string, may be absent',
    });
    const [value] = completionsAt("event.plan == 'f'", 16, environment);
    expect(value).toMatchObject({ text: "'free'", replace: { start: 14, end: 17 } });
  });
});

describe('hover', () => {
  it('says the type, and what the contract says', () => {
    expect(hoverAt('event.plan', 7, environment)).toMatchObject({
      start: 6,
      end: 10,
      detail: '"free" or "team" or "pro"',
    });
    expect(hoverAt('event.`e-mail`', 8, environment)).toMatchObject({ doc: 'Where to write to.' });
    expect(hoverAt('event.?coupon', 9, environment)).toMatchObject({ detail: 'a string, if there is one' });
  });

  it('says what a function does', () => {
    expect(hoverAt('size(event.tags)', 2, environment)?.doc).toContain('How many');
  });
});

it('never throws, wherever the cursor is', () => {
  const part = fc.constantFrom(
    'event',
    '.',
    'plan',
    '.?',
    '(',
    ')',
    '[',
    ']',
    "'",
    '==',
    ' in ',
    'map(x, ',
    'x',
    '&&',
    '?',
    ':',
    '{',
    ',',
    'policy.',
    'has(',
  );
  fc.assert(
    fc.property(fc.array(part), fc.nat({ max: 60 }), (parts, offset) => {
      const source = parts.join('');
      const at = Math.min(offset, source.length);
      completionsAt(source, at, environment);
      hoverAt(source, at, environment);
    }),
    { numRuns: 1000 },
  );
});

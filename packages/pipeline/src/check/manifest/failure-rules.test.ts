import { expect, test } from 'vitest';
import { CONNECTOR, CONTRACT, swap, swaps, testWorkspace } from '../../test-workspace.ts';

const CREATED =
  "'201': { description: ok, content: { application/json: { schema: { $ref: '#/components/schemas/Charge' } } } }\n";
const FAULTS =
  '{ type: object, properties: { errors: { type: array, items: { type: object, properties: { code: { type: string } } } } } }';

/** What is said of a rule with this condition: of one operation, or (`defaults`) of all. */
async function said(
  when: string,
  place: 'createCharge' | 'defaults' = 'createCharge',
  declared = '402',
  status = 402,
) {
  const { diagnostics } = await testWorkspace({
    [CONTRACT]: swap(
      CREATED,
      `${CREATED}        '${declared}': { description: no, content: { application/json: { schema: ${FAULTS} } } }\n`,
    ),
    [CONNECTOR]:
      place === 'defaults'
        ? swap(
            'defaults: { timeout: 10s }',
            `defaults: { timeout: 10s, failures: [{ status: ${status}, when: "\${ ${when} }", class: permanent }] }`,
          )
        : swaps([
            'compensation: { operation: refundCharge }',
            `compensation: { operation: refundCharge }\n    failures: [{ status: ${status}, when: "\${ ${when} }", class: permanent }]`,
          ]),
  });
  return diagnostics.map(({ code, message, fix }) => `${code}: ${message}; ${fix}`);
}

test.each(['402', '4XX', 'default'])(
  'a rule that reads what answers lack, wherever in its condition, is told (declared under %s)',
  async (declared) => {
    const told = [expect.stringMatching(/^manifest-failure-field-unknown: .*`cod`; did you mean `code`\?$/)];
    expect(await said("body.errors.exists(e, e.cod == 'x')", 'createCharge', declared)).toEqual(told);
    expect(await said('status == 402 && has(body.errors[0].cod)', 'createCharge', declared)).toEqual(told);
    expect(await said("body.errors.exists(e, e.code == 'x')", 'createCharge', declared)).toEqual([]);
  },
);

test('a success is declared as that alone: what it holds where it says no is nobody’s word', async () => {
  expect(await said("body.ok == false && body.error == 'x'", 'createCharge', '402', 201)).toEqual([]);
});

test('what may be absent, and what the contract says nothing of, is no matter', async () => {
  expect(await said("body.errors[0].code == 'x' || 'retry-after' in headers")).toEqual([]);
  expect(await said("body.cod == 'x'", 'createCharge', '409')).toEqual([]);
});

test('a rule for all operations is told only where none of their answers has what it reads', async () => {
  expect(await said("body.cod == 'x'", 'defaults')).toEqual([]);
});

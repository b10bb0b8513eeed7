import { describe, expect, test } from 'vitest';
import {
  CHILD,
  childPipeline,
  type Edits,
  PIPELINE,
  parented,
  RUN,
  swap,
  swaps,
  testWorkspace,
} from '../../test-workspace.ts';

const low = swap('tier: medium', 'tier: low');
const found = async (edits: Edits): Promise<readonly string[]> => {
  const { diagnostics } = await testWorkspace(edits);
  return diagnostics.map(
    ({ code, file, range, message }) =>
      `${code} ${file}:${range?.start.line}:${range?.start.column} ${message}`,
  );
};
const inChild = (...pairs: [string, string][]) => swaps(...pairs)(childPipeline);

describe('a pipeline that runs another', () => {
  test('is sound when that is given what it takes, and names its plan', async () => {
    const { check, diagnostics } = await testWorkspace(parented());
    expect(diagnostics).toEqual([]);
    const child = check.plans.get('ship')!;
    const step = check.plans.get('order-placed')!.steps.find(({ id }) => id === 'shipped')!;
    expect(step).toMatchObject({
      kind: 'run',
      pipeline: 'ship',
      version: 1,
      plan: child.hash,
      result: child.output!.schema,
    });
  });

  test('has another plan when the one that it runs has', async () => {
    const plan = async (child: string) =>
      (await testWorkspace(parented(RUN, child))).check.plans.get('order-placed')!.hash;
    expect(await plan(inChild(['Ships what is paid.', 'Ships what was paid.']))).not.toBe(
      await plan(childPipeline),
    );
  });

  test.each([
    ["to: '${ event.customer.name }'", "too: '${ event.customer.name }'", 'unknown-request-field', '51:50'],
    ["to: '${ event.customer.name }'", 'to: 5', 'request-value-invalid', '51:54'],
    ["to: '${ event.customer.name }'", "to: '${ event.total }'", 'wrong-type', '51:58'],
    [", to: '${ event.customer.name }'", '', 'missing-request-field', '51:15'],
  ])('is told at its place what does not fit the input: %s → %s', async (from, to, code, place) => {
    const all = await found(parented(swap(from, to)(RUN)));
    expect(all).toHaveLength(1);
    expect(all[0]).toContain(`${code} ${PIPELINE}:${place} `);
  });

  test('reads the output by its schema, and the output fits it', async () => {
    expect(
      await found(parented(RUN, childPipeline, ['steps.shipped.parcel', 'steps.shipped.pacel'])),
    ).toEqual([expect.stringContaining(`unknown-field ${PIPELINE}`)]);
    expect(
      await found(
        parented(RUN, inChild(["value: { parcel: '${ steps.parcel.id }' }", 'value: { parcel: 5 }'])),
      ),
    ).toEqual([expect.stringContaining(`request-value-invalid ${CHILD}`)]);
  });

  test('a circle is told as the way round', async () => {
    const back = `${swap("to: '${ event.customer.name }'", "to: '${ event.to }'")(RUN).replaceAll('orderId', 'reference')}output:`;
    const all = await found(parented(RUN, inChild(['output:', back])));
    expect(all).toContainEqual(expect.stringContaining('trigger-cycle'));
    expect(all.join()).toContain('ship → runs ship → ship');
    const { check } = await testWorkspace(parented(RUN, inChild(['output:', back])));
    expect([...check.plans.keys()]).toEqual([]);
  });

  test('takes as long as what it runs, in deadline and SLO', async () => {
    const slow = inChild([
      '    compensate: { call: shop.cancel',
      '    retry: { attempts: 20, within: 4m }\n    compensate: { call: shop.cancel',
    ]);
    const all = await found(parented(RUN, slow));
    expect(all.map((one) => one.split(' ')[0])).toEqual(['slo-cannot-hold']);
    expect(all[0]).toContain('with the pipelines that it runs');
  });

  test('has a tier that is at least that of what it runs', async () => {
    expect(await found({ ...parented(), [PIPELINE]: (text) => low(parentedText(text)) })).toContainEqual(
      expect.stringContaining('tier is `low`, and `ship`, which it runs, is `medium`'),
    );
  });

  test('what it runs has ways back, at the tier that requires them', async () => {
    const back = "\n    compensate: { call: shop.cancelParcel, with: { parcelId: '${ steps.parcel.id }' } }";
    const all = await found(parented(RUN, inChild([back, ''], ['tier: medium', 'tier: low'])));
    expect(all).toEqual([expect.stringContaining('`ship` calls `shop.createParcel`, which nothing undoes')]);
  });

  test('classed data goes through it only where its input says so', async () => {
    const mailed = swap("to: '${ event.customer.name }'", "to: '${ event.customer.email }'")(RUN);
    expect(await found(parented(mailed))).toEqual([
      expect.stringContaining(
        'personal data (shop.orderPlaced /customer/email) goes to `ship input` at `to`',
      ),
    ]);
    const classed = (more = '') =>
      ['to: { type: string }', `to: { type: string, x-tenon-class: personal${more} }`] as [string, string];
    // Then it is the child that lets it out.
    expect(await found(parented(mailed, inChild(classed(', x-tenon-residency: eu'))))).toEqual([
      expect.stringContaining('personal data (ship input /to) goes to `shop.createParcel` at `body.to`'),
    ]);
    expect(await found(parented(mailed, inChild(classed())))).toContainEqual(
      expect.stringContaining('data-leaves-region'),
    );
  });

  test('classed data comes out of it only where its output says so, and is redacted', async () => {
    const given = (more = '') =>
      inChild(
        ['to: { type: string }', 'to: { type: string, x-tenon-class: personal }'],
        ["to: '${ event.to }'", 'to: nobody'],
        ['parcel: { type: string }', `parcel: { type: string${more} }`],
        ["value: { parcel: '${ steps.parcel.id }' }", "value: { parcel: '${ event.to }' }"],
      );
    expect(await found(parented(RUN, given()))).toEqual([
      expect.stringContaining('personal data (ship input /to) goes to `ship output` at `parcel`'),
    ]);
    const { check, diagnostics } = await testWorkspace(parented(RUN, given(', x-tenon-class: personal')));
    expect(diagnostics).toEqual([]);
    expect(check.plans.get('order-placed')!.redact['steps.shipped']).toEqual(['/parcel']);
    expect(check.plans.get('ship')!.redact['event']).toEqual(['/to']);
  });
});

function parentedText(text: string): string {
  const change = parented()[PIPELINE];
  return typeof change === 'function' ? change(text) : text;
}

test('a pipeline that is there and cannot be read is not unknown to those that run it', async () => {
  const codes = async (child: string) => {
    const { diagnostics } = await testWorkspace(parented(undefined, child));
    return [...new Set(diagnostics.map(({ code }) => code))];
  };
  expect(await codes(childPipeline.replace('steps:', 'steps: ['))).toEqual(['yaml-syntax']);
  // Its file has another name than it has itself.
  const moved = await testWorkspace({
    ...parented(undefined, null),
    'pipelines/other.pipeline.yaml': childPipeline.replace('steps:', 'steps: ['),
  });
  expect(moved.diagnostics.map(({ code }) => code)).not.toContain('unknown-pipeline');
  expect(await codes(childPipeline.replace('name: ship,', 'name: shipp,'))).toContain('unknown-pipeline');
});

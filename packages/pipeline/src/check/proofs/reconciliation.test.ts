import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CONTRACT, RECONCILIATION, reconciled, swap, testWorkspace } from '../../test-workspace.ts';

const planOf = async (...changes: readonly (readonly [string, string])[]) => {
  const { check, diagnostics } = await testWorkspace(reconciled(...changes));
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  return check.reconciliations.get('parcels-agree')!;
};

describe('a reconciliation without findings', () => {
  test('becomes a plan of its own, and no pipeline', async () => {
    const { check } = await testWorkspace(reconciled());
    expect([...check.plans.keys()]).toEqual(['order-placed']);
    expect(check.checked).toMatchObject({ pipelines: 1, reconciliations: 1 });
    expect(await planOf()).toMatchObject({
      schedule: { cron: '0 3 * * *', zone: 'Europe/Berlin', missed: 'once', jitterMs: 0 },
      windowMs: 604_800_000,
      listMax: 10_000,
      alarmAbove: 0,
      isKeyClassed: false,
      sides: { source: { connection: 'shop', items: '/items' } },
      compare: [{ name: 'id' }, { name: 'length', tolerance: { absolute: 1 } }],
      repair: [{ pipeline: 'order-placed', entity: { expression: 'key' } }],
    });
  });

  test.each([
    ['1%', { share: 0.01 }],
    ['2.5', { absolute: 2.5 }],
  ])('takes a tolerance of %s', async (written, tolerance) => {
    const { compare } = await planOf(['tolerance: 1 }', `tolerance: ${written} }`]);
    expect(compare[1]?.tolerance).toEqual(tolerance);
  });

  test('finds the runs of a record by its key, or by what the source says of it', async () => {
    const entity = (value: string) =>
      planOf(['  - pipeline: order-placed\n', `  - pipeline: order-placed\n    entity: ${value}\n`]);
    expect((await entity("'order:${ key }'")).repair).toMatchObject([
      { pipeline: 'order-placed', entity: { text: ['order:', { expression: 'key' }] } },
    ]);
    expect((await entity("'${ record.reference }:${ record.id }'")).repair).toMatchObject([
      {
        pipeline: 'order-placed',
        entity: { text: [{ expression: 'record.reference' }, ':', { expression: 'record.id' }] },
        isOfRecord: true,
      },
    ]);
  });

  test('needs grants for what it reads, and for nothing else', async () => {
    const { check } = await testWorkspace(reconciled());
    expect(check.needed.get('shop')?.['parcels-agree']).toMatchObject({ operations: ['findParcels'] });
  });

  test('is a consumer of what it reads, as a pipeline is', async () => {
    const { check } = await testWorkspace(reconciled());
    const read = check.usage.filter(
      ({ pipeline, access }) => pipeline === 'parcels-agree' && access === 'read',
    );
    expect(read.map(({ path }) => path)).toContain('/items/*/reference');
  });

  test('says which of its values, and whether its key, hold classed data', async () => {
    const classed = (pointer: string) => ({
      ...reconciled(),
      'contracts/shop/contract.yaml': swap(
        'classes:\n',
        `classes:\n  /components/schemas/Parcel/properties/${pointer}: personal\n`,
      ),
    });
    const ofId = (await testWorkspace(classed('id'))).check.reconciliations.get('parcels-agree')!;
    expect([ofId.isKeyClassed, ofId.compare.map(({ isClassed }) => isClassed)]).toEqual([
      false,
      [true, false],
    ]);
    // Reports show the ids of records too.
    const withId = {
      ...classed('id'),
      ...reconciled(['shop.findParcels, key:', "shop.findParcels, id: '${ record.id }', key:"]),
    };
    const { isIdClassed } = (await testWorkspace(withId)).check.reconciliations.get('parcels-agree')!;
    expect([ofId.isIdClassed, isIdClassed]).toEqual([false, true]);
    const ofKey = (await testWorkspace(classed('reference'))).check.reconciliations.get('parcels-agree')!;
    // How long it is says nothing of what it is.
    expect([ofKey.isKeyClassed, ofKey.totals[0]?.isClassed]).toEqual([true, false]);
  });

  test('is told by the diff of its contract as any consumer: a field that it compares is gone', async () => {
    const { diagnostics } = await testWorkspace({
      ...reconciled(),
      [CONTRACT]: swap(
        'required: [id, reference]\n      properties:\n        id: { type: string }\n',
        'required: [reference]\n      properties:\n',
      ),
    });
    expect(diagnostics.filter(({ file }) => file === RECONCILIATION).map(({ code }) => code)).toContain(
      'unknown-field',
    );
  });

  test('has the name of no pipeline, and cannot be run by one', async () => {
    const { diagnostics } = await testWorkspace(reconciled(['name: parcels-agree', 'name: order-placed']));
    expect(diagnostics.map(({ code }) => code)).toContain('duplicate-pipeline');
  });
});

test('wrong fields of a reconciliation are told at once, each at its place, and what they leave open is not', async () => {
  const { diagnostics, workspace } = await testWorkspace(
    reconciled(
      ["record.id != ''", "record.stat != 'void' && record.kind == 'a' && record.knd == 'b'"],
      ["target: '${ size(record.reference) }'", "target: '${ size(record.ref) }'"],
    ),
  );
  const lines = workspace.pipelineFiles.get(RECONCILIATION)!.split('\n');
  const told = diagnostics.map(({ code, file, range }) => {
    const { line, column } = range!.start;
    return `${file} ${code} ${lines[line - 1]!.slice(column - 1, range!.end.column - 1)}`;
  });
  expect(told).toEqual(
    ['stat', 'kind', 'knd', 'ref'].map((name) => `${RECONCILIATION} unknown-field ${name}`),
  );
});

test('the example of the docs is the one that this workspace carries out', () => {
  const root = join(import.meta.dirname, '../../../../..');
  const page = readFileSync(join(root, 'docs/reconcile.md'), 'utf8');
  const file = readFileSync(join(root, 'pipelines/upgrades-agree.reconciliation.yaml'), 'utf8');
  const shown = /```yaml\n# pipelines\/upgrades-agree[^\n]*\n(.*?)```/s.exec(page)?.[1];
  expect(shown).toBe(file.replace(/^# yaml-language-server[^\n]*\n/, ''));
});

import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exit } from '../exit.ts';
import { initFolder } from '../testing/init-folder.ts';
import { runCommand } from '../testing/run-command.ts';
import { drillCommand } from './drill.ts';

let folder: string;
beforeEach(async () => {
  folder = await initFolder('drill');
});
afterEach(() => rm(folder, { recursive: true }));

const run = (...options: string[]) =>
  runCommand([drillCommand], ['drill', ...options], { cwd: folder, env: {} });
const PIPELINE = 'pipelines/order-paid.pipeline.yaml';

async function edit(from: string, to: string): Promise<void> {
  const path = join(folder, PIPELINE);
  const text = await readFile(path, 'utf8');
  expect(text).toContain(from);
  await writeFile(
    path,
    text.replace(from, () => to),
  );
}

const ROOT = fileURLToPath(new URL('../../../..', import.meta.url));

describe('drill', () => {
  it('tells a program that reads JUnit of each way by itself, and of the promise that it breaks', async () => {
    const ways = ['--only', 'somebody cancels', '--format', 'junit'];
    const sound = await run(...ways);
    expect(sound.out).toContain('<testsuite name="order-paid" ');
    expect(sound.out).toContain(
      '<testcase classname="order-paid" name="somebody cancels the run at entry 1 (accepted)"/>\n',
    );
    expect(sound.out).not.toContain('<failure');
    expect(sound.code).toBe(exit.clean);

    await edit('shipmentId: "${ steps.shipment.id }"', 'shipmentId: "${ steps.order.id }"');
    const { out, code } = await run(...ways);
    const cases = out.match(/<testcase classname="order-paid" name="somebody cancels/g) ?? [];
    const failures = out.match(/<failure type="drill-undoes-another" message="shipment did something/g) ?? [];
    expect(failures.length).toBeGreaterThan(1);
    expect(cases.length).toBeGreaterThan(failures.length);
    expect(out).toContain(`tests="${cases.length}" failures="${failures.length}" skipped="0"`);
    expect(code).toBe(exit.findings);
  });

  it('names the pipelines that it did not come to where it is interrupted', async () => {
    const interrupted = async () => {};
    const stopped = (format: string) =>
      runCommand([drillCommand], ['drill', '--format', format], { cwd: ROOT, env: {}, interrupted });
    const { code, out, err } = await stopped('json');
    expect(JSON.parse(out)).toMatchObject({
      pipelines: [{ pipeline: 'account-onboarded', isCut: true }],
      notBegun: ['subscription-upgraded'],
    });
    expect(err).toBe(
      'interrupted: not all of account-onboarded was tried, nothing of subscription-upgraded\n',
    );
    expect(code).toBe(exit.failed);
    const junit = await stopped('junit');
    expect(junit.out).toMatch(/name="account-onboarded" [^>]*>\n.*<skipped message="interrupted/);
    expect(junit.out).toMatch(/name="subscription-upgraded" [^>]*>\n.*<skipped message="interrupted/);
  });

  it('goes on where one of several pipelines has no such way', async () => {
    const { code, out } = await runCommand([drillCommand], ['drill', '--only', 'the approvers say nothing'], {
      cwd: ROOT,
      env: {},
    });
    expect(out).toContain('no way of account-onboarded has "the approvers say nothing" in its name\n');
    expect(out).toContain('subscription-upgraded: 1 run, seed 1\n');
    expect(out).toContain('2 pipelines, 1 run: no findings\n');
    expect(code).toBe(exit.clean);
  });

  it('finds nothing in the workspace that `tenon init` writes, and says where somebody is needed', async () => {
    const { code, out } = await run('--only', 'shipment: the system');
    expect(out).toMatch(/^order-paid: \d+ runs, seed 1\n {2}ended {3}\d+ succeeded/);
    expect(out).toContain(
      '    shipment, in doubt: fulfilment says how it goes on; told what is true, the run is succeeded\n',
    );
    expect(out).toContain('every promise held in these runs: ');
    expect(out).toMatch(/1 pipeline, \d+ runs: no findings\n$/);
    expect(code).toBe(exit.clean);
  });

  it('lists each run where that is asked for', async () => {
    const { out } = await run('--only', 'another delivery id', '--all');
    expect(out).toContain('  the event comes again under another delivery id: succeeded, 1 effect\n');
  });

  it('shows a promise that does not hold at its step, and ends with 3', async () => {
    await edit('shipmentId: "${ steps.shipment.id }"', 'shipmentId: "${ steps.order.id }"');
    const { code, out } = await run('--only', 'somebody cancels');
    expect(out).toMatch(
      /error drill-undoes-another {2}order-paid: shipment did something .*somebody cancels the run/,
    );
    expect(out).toMatch(/\d+│ {3}- id: shipment\n.*\^{8}\n/);
    expect(code).toBe(exit.findings);
    const { out: json } = await run('--only', 'somebody cancels', '--format', 'json');
    expect(JSON.parse(json)).toMatchObject({
      findings: [{ code: 'drill-undoes-another', file: PIPELINE }],
      pipelines: [{ pipeline: 'order-paid', seed: 1 }],
    });
  });

  it('drills nothing in a workspace with findings', async () => {
    await edit('call: shop.getOrder', 'call: shop.getOrdr');
    const { code, out } = await run();
    expect(out).toContain('unknown-operation');
    expect(out).not.toContain('order-paid:');
    expect(code).toBe(exit.findings);
  });

  it.each([
    [['other'], 'there is no pipeline other; there are: order-paid'],
    [['--only', 'nowhere'], '--only: no way of order-paid has "nowhere" in its name'],
    [['--only', ''], '--only: expected a part of the name of a way'],
    [['--only', '  '], '--only: expected a part of the name of a way'],
    [['--seed', 'x'], '--seed: expected a whole number of nine digits at most, and not x'],
    [['--start', 'none.yaml'], '--start: there is no readable file'],
    [['--start', PIPELINE], 'there is no `apiVersion`; there are: event, headers, connection, rows, signals'],
  ])('is called wrongly with %j, and says so', async (args, says) => {
    const { code, err } = await run(...args);
    expect(err).toContain(says);
    expect(code).toBe(exit.usage);
  });

  it('follows no aliases without end', async () => {
    const grown = Array.from(
      { length: 9 },
      (_, nth) => `a${nth + 1}: &a${nth + 1} [${Array(9).fill(`*a${nth}`)}]\n`,
    );
    await writeFile(join(folder, 'start.yaml'), `a0: &a0 [x]\n${grown.join('')}`);
    const { code, err } = await run('--start', 'start.yaml');
    expect(err).toContain('start.yaml: its aliases (*) cannot be followed: write the values out');
    expect(code).toBe(exit.usage);
  });

  it('begins with what it is given', async () => {
    const start = { event: { orderId: 'ord_7' } };
    await writeFile(join(folder, 'start.json'), JSON.stringify(start));
    const { err } = await run('--start', 'start.json', '--only', 'nothing goes wrong');
    // What is missing is said by its place.
    expect(err).toMatch(/--start: .*start\.json: `event`: .*\/\w+ is required/);
  });
});

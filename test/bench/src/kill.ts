import { killUnderLoad } from '@tenon/runtime/testing';

// `node --conditions=source test/bench/src/kill.ts [kills] [runs] [seed]`: SIGKILL at random moments of a load; prints
// the counts, exits 3 when anything was lost or doubled.
const [kills = '200', runs = '50', seed = '1'] = process.argv.slice(2);
const report = await killUnderLoad({ kills: Number(kills), runs: Number(runs), seed: Number(seed) });
console.log(JSON.stringify(report, null, 2));
process.exit(report.lost.length + report.doubled.length + report.wrong.length === 0 ? 0 : 3);

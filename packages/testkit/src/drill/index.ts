export { type DrillOptions, type DrillReport, drill, type TrialReport } from './drill.ts';
export { drillFindings } from './findings.ts';
export { readStart } from './given-start.ts';
export type { Broken, DrillEnd } from './judge.ts';
export type { DrillSource, Start } from './parts.ts';
export type { Schedule } from './schedule.ts';

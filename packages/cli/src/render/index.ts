import { renderHuman } from './human.ts';
import { renderGithub, renderJson, renderJunit, renderMarkdown, renderSarif } from './machine.ts';
import type { RenderContext, Report } from './report.ts';

export { painter } from './human.ts';
export { plural, type RenderContext, type Report } from './report.ts';

const renderers = {
  human: renderHuman,
  json: renderJson,
  sarif: renderSarif,
  junit: renderJunit,
  github: renderGithub,
  markdown: renderMarkdown,
} as const satisfies Record<string, (report: Report, context: RenderContext) => string>;

export type Format = keyof typeof renderers;
export const formats: readonly Format[] = Object.keys(renderers) as Format[];

export function render(format: Format, report: Report, context: RenderContext): string {
  return renderers[format](report, context);
}

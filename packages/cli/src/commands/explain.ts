import { didYouMean, failureClasses } from '@tenon/model';
import { type CommandSpec, UsageError } from '../command.ts';
import { exit } from '../exit.ts';
import { painter } from '../render/index.ts';
import { allRules } from '../rules.ts';

export const explainCommand: CommandSpec = {
  name: 'explain',
  summary: 'What a finding or failure class means, why it matters and how to mend it',
  positionals: ['[code]'],
  examples: ['tenon explain effect-can-repeat', 'tenon explain'],
  run: async (args, io) => {
    const code = args.positionals[0];
    const paint = painter(io.color);
    if (code === undefined) {
      const width = Math.max(...Object.keys(allRules).map((name) => name.length)) + 2;
      const lines = Object.keys(allRules)
        .sort()
        .map((name) => `${name.padEnd(width)}${allRules[name]!.title}`);
      io.out(`${lines.join('\n')}\n`);
      return exit.clean;
    }
    const rule = Object.hasOwn(allRules, code) ? allRules[code] : undefined;
    if (rule) {
      const parts = [
        `${paint(rule.severity, rule.severity)} ${paint('bold', code)}  ${rule.title}`,
        `why  ${rule.why}`,
        `fix  ${rule.fix}`,
        rule.example && `bad\n${indent(rule.example.bad)}`,
        rule.example && `good\n${indent(rule.example.good)}`,
      ];
      io.out(`${parts.filter(Boolean).join('\n\n')}\n`);
      return exit.clean;
    }
    if (Object.hasOwn(failureClasses, code)) {
      const { retry, meaning } = failureClasses[code as keyof typeof failureClasses];
      io.out(
        `failure class ${paint('bold', code)}  ${meaning}\n\nretried  ${retry === 'never' ? 'never: one attempt' : 'within the budget of the step'}\n`,
      );
      return exit.clean;
    }
    const near = didYouMean(code, [...Object.keys(allRules), ...Object.keys(failureClasses)]);
    throw new UsageError(
      'argument-unknown',
      `no finding is called "${code}"${near ? `; did you mean "${near}"?` : ''}`,
    );
  },
};

function indent(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

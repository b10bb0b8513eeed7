import { allRules, type CommandSpec, commands } from 'tenon';

/** Pages of `docs/` that are made from tables of the code: path → text. `pnpm docs:write` writes them. */
export function generatedPages(): Readonly<Record<string, string>> {
  return { 'docs/diagnostics.md': diagnosticsPage(), 'docs/commands.md': commandsPage() };
}

const STAMP = '<!-- Made by `pnpm docs:write` from the tables in the code; do not edit. -->';

function diagnosticsPage(): string {
  const entries = Object.keys(allRules)
    .sort()
    .map((code) => {
      const rule = allRules[code]!;
      const example = rule.example
        ? `\nBad:\n\n\`\`\`yaml\n${rule.example.bad.trim()}\n\`\`\`\n\nGood:\n\n\`\`\`yaml\n${rule.example.good.trim()}\n\`\`\`\n`
        : '';
      return `### ${code}\n\n*${rule.severity}*: ${rule.title}\n\n${rule.why}\n\n**Fix**: ${rule.fix}\n${example}`;
    });
  return `# Diagnostics\n\n${STAMP}\n\nEvery finding that Tenon can report; \`tenon explain <code>\` prints the same.\n\n${entries.join('\n')}`;
}

function commandsPage(): string {
  const entries = commands.map((command) => {
    const parts = [
      `## tenon ${[command.name, ...(command.positionals ?? [])].join(' ')}`,
      `${command.summary}.`,
      optionTable(command),
      command.examples && `\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``,
    ];
    return parts.filter(Boolean).join('\n\n');
  });
  return `# Commands\n\n${STAMP}\n\nData goes to stdout, the rest to stderr. Exit codes: 0 clean, 1 tool failed, 2 usage, 3 findings, 4 not authorised,\n5 changes pending, 6 partly done.\n\n${entries.join('\n\n')}\n`;
}

function optionTable(command: CommandSpec): string | undefined {
  const options = Object.entries(command.options ?? {});
  if (options.length === 0) return undefined;
  const rows = options.map(([name, spec]) => {
    const value = spec.type === 'string' ? ` ${spec.value ?? '<text>'}` : '';
    const choices = spec.choices ? ` (${spec.choices.join(', ')})` : '';
    return `| \`--${name}${value}\` | ${`${spec.help}${choices}`.replaceAll('|', '\\|')} |`;
  });
  return `| option | meaning |\n|---|---|\n${rows.join('\n')}`;
}

import { conformanceChecks } from '@tenon/testkit';
import { allRules, type CommandSpec, commands, exit, exitMeanings } from 'tenon';

/** Pages of `docs/` that are made from tables of the code: path → text. `pnpm docs:write` writes them. */
export function generatedPages(): Readonly<Record<string, string>> {
  return {
    'docs/diagnostics.md': diagnosticsPage(),
    'docs/commands.md': commandsPage(),
    'docs/conformance.md': conformancePage(),
  };
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

const NEEDS = {
  files: 'always',
  peer: 'any transport, against a peer that says nothing',
  sandbox: 'contracts over HTTP, in the sandbox',
} as const;

function conformancePage(): string {
  const entries = conformanceChecks.map((check) => {
    const there =
      check.onTarget === undefined
        ? ''
        : ` With \`--target\`: ${check.onTarget === 'reads' ? 'yes' : 'with `--allow-effects`'}.`;
    return `### ${check.number} ${check.name}\n\n${check.title[0]!.toUpperCase()}${check.title.slice(1)}.\n\n${check.why}\n\n**Fix**: ${check.fix}\n\n*Runs*: ${NEEDS[check.needs]}.${there}`;
  });
  return `# The conformance kit\n\n${STAMP}\n\n\`tenon test connector <name>\` puts a connector through these checks. What each is about, and how to run them, is told in\n[Writing a connector](connectors.md). A number is never given anew.\n\n${entries.join('\n\n')}\n`;
}

function commandsPage(): string {
  const entries = commands.map((command) => {
    const parts = [
      `## tenon ${[command.name, ...(command.positionals ?? [])].join(' ')}`,
      /[.?]$/.test(command.summary) ? command.summary : `${command.summary}.`,
      optionTable(command),
      command.examples && `\`\`\`sh\n${command.examples.join('\n')}\n\`\`\``,
    ];
    return parts.filter(Boolean).join('\n\n');
  });
  return `# Commands\n\n${STAMP}\n\nData goes to stdout, the rest to stderr. With \`--format json\` there is one JSON document on stdout, in success and in failure.\n\n| exit code | |\n|---|---|\n${exitCodeRows()}\n\n\`tenon --in <folder> <command> …\` goes to that folder first, as \`git -C\` does: every other path, \`--from\` included, is\nrelative to it.\n\n${entries.join('\n\n')}\n`;
}

function exitCodeRows(): string {
  return Object.entries(exitMeanings)
    .map(([key, { name, meaning }]) => `| ${exit[key as keyof typeof exit]} ${name} | ${meaning} |`)
    .join('\n');
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

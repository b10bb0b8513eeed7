import { evaluationErrors } from './failure.ts';
import { type FunctionSpec, functions, signature } from './functions.ts';

const GROUPS: Readonly<Record<FunctionSpec['group'], string>> = {
  macros: 'Macros',
  optionals: 'Optionals',
  text: 'Text, lists and objects',
  numbers: 'Numbers',
  conversions: 'Conversions',
  times: 'Times',
};

/** The table of functions as Markdown, for docs/expressions.md: one line a function, in groups. */
export function functionTable(): string {
  return Object.entries(GROUPS)
    .map(([group, title]) => {
      const rows = Object.entries(functions)
        .filter(([, spec]) => spec.group === group)
        .map(([name, spec]) => row(name, spec));
      return [
        `### ${title}`,
        '',
        '| call | what it gives | example | from |',
        '|---|---|---|---|',
        ...rows,
      ].join('\n');
    })
    .join('\n\n');
}

function row(name: string, spec: FunctionSpec): string {
  const calls = spec.overloads.map((overload) => `\`${signature(name, overload)}\``).join('<br>');
  const [source, result] = spec.example;
  return `| ${calls} | ${spec.doc} | \`${source}\` → \`${result}\` | ${spec.origin} |`.replaceAll(
    '||',
    '\\|\\|',
  );
}

/** What can go wrong at run time, as Markdown. */
export function errorTable(): string {
  const rows = Object.entries(evaluationErrors).map(
    ([code, { title, fix }]) => `| \`${code}\` | ${title} | ${fix} |`,
  );
  return ['| code | what happened | what to do |', '|---|---|---|', ...rows]
    .join('\n')
    .replaceAll('||', '\\|\\|');
}

/** A plain scalar that YAML reads otherwise than its writer meant. */
export interface YamlTrap {
  readonly start: number;
  readonly end: number;
  readonly message: string;
  readonly fix: string;
}

/** Looks at the line of a syntax error for the traps that most often cause one. */
export function yamlTrap(text: string, offset: number): YamlTrap | undefined {
  const lineStart = text.lastIndexOf('\n', offset - 1) + 1;
  const breakAt = text.indexOf('\n', offset);
  const line = text.slice(lineStart, breakAt === -1 ? text.length : breakAt).trimEnd();
  const value = VALUE.exec(line);
  if (!value) return undefined;
  const plain = value[2]!;
  const start = lineStart + value[1]!.length;
  const end = start + plain.length;
  if (/^[@`%]/.test(plain))
    return {
      start,
      end,
      message: `a value cannot begin with ${JSON.stringify(plain[0])} unless it is quoted`,
      fix: 'Put the value in quotes.',
    };
  if (/:(?:\s|$)/.test(plain) && !/^["'{[|>&*!]/.test(plain))
    return {
      start,
      end,
      message: 'this value holds ": " and is not quoted, so YAML takes it for another key',
      fix: 'Put the whole value in quotes.',
    };
  return undefined;
}

/** A `key: value` or `- value` line: what leads to the value, and the value. */
const VALUE = /^(\s*(?:- +)*(?:[^\s"'{[#][^:]*:\s+|- +|))(\S.*)$/;

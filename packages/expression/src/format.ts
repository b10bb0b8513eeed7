import type { BinaryOperator, Expr } from './ast.ts';

/**
 * The text of a tree, with no more brackets than it needs: `parseExpression(formatExpression(ast))` gives the same
 * tree, but for spans. An `error` node becomes nothing.
 */
export function formatExpression(ast: Expr): string {
  return print(ast, 0);
}

const LEVELS: Readonly<Record<BinaryOperator, number>> = {
  '||': 2,
  '&&': 3,
  '==': 4,
  '!=': 4,
  '<': 4,
  '<=': 4,
  '>': 4,
  '>=': 4,
  in: 4,
  '+': 5,
  '-': 5,
  '*': 6,
  '/': 6,
  '%': 6,
};
const UNARY = 7;
const POSTFIX = 8;

/** Prints a node where the grammar wants one that binds at least as tightly as `level`. */
function print(node: Expr, level: number): string {
  const own = levelOf(node);
  const text = printBare(node, own);
  return own < level ? `(${text})` : text;
}

function levelOf(node: Expr): number {
  switch (node.kind) {
    case 'conditional':
      return 1;
    case 'binary':
      return LEVELS[node.operator];
    case 'unary':
      return UNARY;
    case 'literal':
      return typeof node.value === 'number' && node.value < 0 ? UNARY : POSTFIX + 1;
    default:
      return POSTFIX + 1;
  }
}

function printBare(node: Expr, own: number): string {
  switch (node.kind) {
    case 'literal':
      return printLiteral(node.value);
    case 'identifier':
      return node.name;
    case 'list':
      return `[${node.items.map((item) => `${item.optional ? '?' : ''}${print(item.value, 0)}`).join(', ')}]`;
    case 'map': {
      const entries = node.entries.map(
        (entry) => `${entry.optional ? '?' : ''}${print(entry.key, 0)}: ${print(entry.value, 0)}`,
      );
      return `{${entries.join(', ')}}`;
    }
    case 'member':
      return `${printTarget(node.object)}.${node.optional ? '?' : ''}${printName(node.name)}`;
    case 'index':
      return `${printTarget(node.object)}[${node.optional ? '?' : ''}${print(node.index, 0)}]`;
    case 'call': {
      const target = node.target ? `${printTarget(node.target)}.` : '';
      return `${target}${node.name}(${node.args.map((arg) => print(arg, 0)).join(', ')})`;
    }
    case 'unary': {
      const inner = node.operand;
      // CEL allows `!!x` and `--x`, never one sign after the other.
      const isSame = inner.kind === 'unary' && inner.operator === node.operator;
      return `${node.operator}${print(inner, isSame ? UNARY : POSTFIX)}`;
    }
    case 'binary':
      return `${print(node.left, own)} ${node.operator} ${print(node.right, own + 1)}`;
    case 'conditional':
      return `${print(node.test, 2)} ? ${print(node.yes, 2)} : ${print(node.no, 1)}`;
    case 'error':
      return '';
  }
}

function printTarget(node: Expr): string {
  // `1.size()` would read `1.` as the start of a fraction to a human eye; brackets cost nothing.
  const text = print(node, POSTFIX);
  return node.kind === 'literal' && typeof node.value === 'number' && !text.startsWith('(')
    ? `(${text})`
    : text;
}

function printName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) && !['in', 'true', 'false', 'null'].includes(name)
    ? name
    : `\`${name}\``;
}

function printLiteral(value: null | boolean | number | string): string {
  if (typeof value === 'string') return quote(value);
  // A number beyond the safe integers needs an exponent to be read as approximate.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
    return value.toExponential();
  return String(value);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

function quote(text: string): string {
  const escaped = text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must be escaped
    /[\\'\u0000-\u001f\u007f]/g,
    (character) => ESCAPES[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  );
  return `'${escaped}'`;
}

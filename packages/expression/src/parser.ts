import type { BinaryOperator, Expr, ExpressionError, ParsedExpression, Span } from './ast.ts';
import { Lexer, type Token } from './lexer.ts';
import { macroProblem } from './macros.ts';

/** Characters of one expression at most. */
const SOURCE_CHARACTERS_MAX = 20_000;
/** Levels of the tree at most, so that no recursion over it can exhaust the stack. */
const TREE_DEPTH_MAX = 200;
const ERRORS_MAX = 20;

/** Parses CEL-JSON; always gives a tree, and says all that is wrong. Never throws. */
export function parseExpression(source: string): ParsedExpression {
  const errors: ExpressionError[] = [];
  if (source.length > SOURCE_CHARACTERS_MAX) {
    const message = `the expression is longer than ${SOURCE_CHARACTERS_MAX} characters`;
    const error = { start: 0, end: source.length, message };
    return {
      source,
      ast: { kind: 'error', ...error },
      errors: [{ ...error, fix: 'split it over several `set` steps, or move it into a connector function' }],
    };
  }
  const ast = new Parser(source, errors).parse();
  errors.sort((a, b) => a.start - b.start || a.end - b.end);
  return { source, ast, errors: errors.slice(0, ERRORS_MAX) };
}

const PRECEDENCE: ReadonlyMap<string, number> = new Map([
  ['||', 1],
  ['&&', 2],
  ...['==', '!=', '<', '<=', '>', '>=', 'in'].map((operator) => [operator, 3] as const),
  ['+', 4],
  ['-', 4],
  ['*', 5],
  ['/', 5],
  ['%', 5],
]);
const KEYWORDS: ReadonlyMap<string, null | boolean> = new Map([
  ['true', true],
  ['false', false],
  ['null', null],
]);
/** Words that CEL keeps for itself: no identifier may be called so, but a member may. */
const RESERVED: ReadonlySet<string> = new Set(
  'as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
);

/**
 * Recursive descent with precedence climbing. It recovers by giving an `error` node for what is missing and by
 * skipping to the next comma or closing bracket of the list it is in.
 */
class Parser {
  readonly #errors: ExpressionError[];
  readonly #tokens: Token[] = [];
  #index = 0;
  /** Brackets, operators and branches around the current token. */
  #nesting = 0;
  /** Height of the tree last returned by a parse method. */
  #height = 0;
  #isTooDeep = false;

  constructor(source: string, errors: ExpressionError[]) {
    this.#errors = errors;
    const lexer = new Lexer(source, 0, errors);
    for (let token = lexer.next(); ; token = lexer.next()) {
      // What the lexer refused is reported already; the parser reads on as if it were blank.
      if (token.type !== 'invalid') this.#tokens.push(token);
      if (token.type === 'end') break;
    }
  }

  parse(): Expr {
    const hadUnreadable = this.#errors.length > 0;
    if (this.#isEnd()) {
      const { start, end } = this.#token;
      if (!hadUnreadable) this.#error({ start, end }, 'the expression is empty', 'write a value or a field');
      return { kind: 'error', start, end, message: 'the expression is empty' };
    }
    const ast = this.#expression();
    while (!this.#isEnd() && !this.#isTooDeep) {
      const extra = this.#token;
      // A character that the lexer refused just before explains what follows it.
      if (!this.#errors.some((error) => error.end <= extra.start && error.start >= ast.end))
        this.#error(extra, `expected an operator or the end, found ${describe(extra)}`, extraHint(extra));
      if (!startsValue(extra)) this.#advance();
      if (!this.#isEnd()) this.#expression();
    }
    return ast;
  }

  get #token(): Token {
    return this.#tokens[this.#index]!;
  }

  #isEnd(): boolean {
    return this.#token.type === 'end';
  }

  #advance(): Token {
    const token = this.#token;
    if (!this.#isEnd()) this.#index += 1;
    return token;
  }

  #is(text: string): boolean {
    return this.#token.type === 'punctuation' && this.#token.text === text;
  }

  #take(text: string): Token | undefined {
    return this.#is(text) ? this.#advance() : undefined;
  }

  #expression(): Expr {
    return this.#nested(() => {
      const test = this.#binary(1);
      if (!this.#take('?')) return test;
      let height = this.#height;
      const yes = this.#binary(1);
      height = Math.max(height, this.#height);
      if (this.#is('?'))
        this.#error(
          this.#token,
          'a condition within a condition is hard to read',
          'put the inner one in ( )',
        );
      if (!this.#take(':')) {
        const found = this.#token;
        this.#error(
          found,
          `expected \`:\` and the value for "otherwise", found ${describe(found)}`,
          'write: test ? value : otherwise',
        );
        const no: Expr = { kind: 'error', start: yes.end, end: yes.end, message: 'missing value' };
        return this.#higher(height, { kind: 'conditional', test, yes, no, start: test.start, end: yes.end });
      }
      const no = this.#expression();
      height = Math.max(height, this.#height);
      return this.#higher(height, { kind: 'conditional', test, yes, no, start: test.start, end: no.end });
    });
  }

  #binary(lowest: number): Expr {
    let left = this.#unary();
    for (;;) {
      const operator = this.#binaryOperator();
      const precedence = operator === undefined ? undefined : PRECEDENCE.get(operator);
      if (operator === undefined || precedence === undefined || precedence < lowest) return left;
      this.#advance();
      const height = this.#height;
      const right = this.#nested(() => this.#binary(precedence + 1));
      left = this.#higher(Math.max(height, this.#height), {
        kind: 'binary',
        operator,
        left,
        right,
        start: left.start,
        end: right.end,
      });
      if (this.#isTooDeep) return left;
    }
  }

  #binaryOperator(): BinaryOperator | undefined {
    const { type, text } = this.#token;
    const isOperator = type === 'punctuation' ? PRECEDENCE.has(text) : type === 'identifier' && text === 'in';
    // The keys of PRECEDENCE are exactly the binary operators.
    return isOperator ? (text as BinaryOperator) : undefined;
  }

  #unary(): Expr {
    const sign = this.#token;
    if (!this.#is('!') && !this.#is('-')) return this.#member();
    return this.#nested(() => {
      this.#advance();
      const other = sign.text === '!' ? '-' : '!';
      if (this.#is(other))
        this.#error(this.#token, `\`${other}\` cannot follow \`${sign.text}\``, 'put its operand in ( )');
      const operand = this.#unary();
      // The lexer gives `!` and `-` only as themselves.
      const operator = sign.text as '!' | '-';
      return this.#higher(this.#height, {
        kind: 'unary',
        operator,
        operand,
        start: sign.start,
        end: operand.end,
      });
    });
  }

  #member(): Expr {
    let object = this.#primary();
    for (;;) {
      if (this.#isTooDeep) return object;
      if (this.#is('.')) object = this.#select(object);
      else if (this.#is('[')) object = this.#index_(object);
      else if (this.#is('{') && (object.kind === 'identifier' || object.kind === 'member')) {
        const brace = this.#token;
        this.#error(
          brace,
          'messages cannot be made by type name: JSON has maps only',
          "write a map: {'name': value}",
        );
        this.#primary();
      } else return object;
    }
  }

  #select(object: Expr): Expr {
    const dot = this.#advance();
    const height = this.#height;
    const optional = this.#take('?') !== undefined;
    const name = this.#token;
    const isKeyword = name.type === 'identifier' && (KEYWORDS.has(name.text) || name.text === 'in');
    if ((name.type !== 'identifier' && name.type !== 'quoted') || isKeyword) {
      const end = this.#tokens[this.#index - 1]!.end;
      if (isKeyword) {
        this.#error(name, `\`${name.text}\` is a keyword`, `write ['${name.text}']`);
        this.#advance();
      } else
        this.#error(
          { start: dot.start, end },
          `expected a name after \`${optional ? '.?' : '.'}\`, found ${describe(name)}`,
          name.type === 'number' ? 'list items are read with [ ]: items[0]' : undefined,
        );
      if (name.type === 'number' || name.type === 'string') this.#advance();
      const nameSpan = isKeyword ? spanOf(name) : { start: end, end };
      return this.#higher(height, {
        kind: 'member',
        object,
        name: '',
        nameSpan,
        optional,
        start: object.start,
        end: nameSpan.end,
      });
    }
    this.#advance();
    const nameSpan = spanOf(name);
    if (this.#is('(') && name.type === 'identifier' && !optional) return this.#call(name, object, height);
    return this.#higher(height, {
      kind: 'member',
      object,
      name: name.text,
      nameSpan,
      optional,
      start: object.start,
      end: name.end,
    });
  }

  #index_(object: Expr): Expr {
    const bracket = this.#advance();
    let height = this.#height;
    const optional = this.#take('?') !== undefined;
    const index = this.#expression();
    height = Math.max(height, this.#height);
    const end = this.#close(']', bracket);
    return this.#higher(height, { kind: 'index', object, index, optional, start: object.start, end });
  }

  #call(name: Token, target: Expr | undefined, targetHeight: number): Expr {
    const bracket = this.#advance();
    let height = targetHeight;
    const args: Expr[] = [];
    while (!this.#is(')') && !this.#isTooDeep) {
      args.push(this.#expression());
      height = Math.max(height, this.#height);
      this.#skipTo(')');
      const comma = this.#take(',');
      if (!comma) break;
      if (this.#is(')')) {
        const message = 'expected one more argument after the comma';
        this.#error(comma, message, 'remove the comma');
        // It stands for what is being written there, so that an editor can complete it.
        args.push({ kind: 'error', message, start: comma.end, end: this.#token.start });
      }
    }
    const end = this.#close(')', bracket);
    const call: Expr = {
      kind: 'call',
      name: name.text,
      nameSpan: spanOf(name),
      ...(target && { target }),
      args,
      start: target?.start ?? name.start,
      end,
    };
    const problem = macroProblem(call);
    if (problem) this.#errors.push(problem);
    return this.#higher(height, call);
  }

  #primary(): Expr {
    const token = this.#token;
    const { start, end } = token;
    this.#height = 1;
    switch (token.type) {
      case 'number':
        this.#advance();
        return { kind: 'literal', value: token.number!, start, end };
      case 'string':
        this.#advance();
        return { kind: 'literal', value: token.text, start, end };
      case 'identifier':
        return this.#name();
      case 'punctuation':
        if (token.text === '(') return this.#parenthesised();
        if (token.text === '[') return this.#list();
        if (token.text === '{') return this.#map();
        break;
      default:
    }
    return this.#missing();
  }

  #name(): Expr {
    const token = this.#token;
    const { text, start, end } = token;
    const keyword = KEYWORDS.get(text);
    if (keyword !== undefined) {
      this.#advance();
      return { kind: 'literal', value: keyword, start, end };
    }
    if (text === 'in') return this.#missing();
    this.#advance();
    if (RESERVED.has(text))
      this.#error(token, `\`${text}\` is a word that CEL keeps for itself`, 'use another name');
    if (this.#is('(')) return this.#call(token, undefined, 1);
    return { kind: 'identifier', name: text, start, end };
  }

  #parenthesised(): Expr {
    const bracket = this.#advance();
    const inner = this.#expression();
    const { start } = bracket;
    const height = this.#height;
    const end = this.#close(')', bracket);
    this.#height = height;
    // The span takes the brackets in, so that a span is always text that stands for itself.
    return { ...inner, start, end };
  }

  #list(): Expr {
    const bracket = this.#advance();
    let height = 0;
    const items: { value: Expr; optional: boolean }[] = [];
    while (!this.#is(']') && !this.#isEnd() && !this.#isTooDeep) {
      const optional = this.#take('?') !== undefined;
      items.push({ value: this.#expression(), optional });
      height = Math.max(height, this.#height);
      this.#skipTo(']');
      if (!this.#take(',')) break;
    }
    const end = this.#close(']', bracket);
    return this.#higher(height, { kind: 'list', items, start: bracket.start, end });
  }

  #map(): Expr {
    const bracket = this.#advance();
    let height = 0;
    const entries: { key: Expr; value: Expr; optional: boolean }[] = [];
    const keys = new Set<unknown>();
    while (!this.#is('}') && !this.#isEnd() && !this.#isTooDeep) {
      const optional = this.#take('?') !== undefined;
      const key = this.#expression();
      height = Math.max(height, this.#height);
      this.#checkKey(key, keys);
      let value: Expr;
      if (this.#take(':')) {
        value = this.#expression();
        height = Math.max(height, this.#height);
      } else {
        this.#error(this.#token, `expected \`:\` and a value, found ${describe(this.#token)}`, undefined);
        value = { kind: 'error', start: key.end, end: key.end, message: 'missing value' };
      }
      entries.push({ key, value, optional });
      this.#skipTo('}');
      if (!this.#take(',')) break;
    }
    const end = this.#close('}', bracket);
    return this.#higher(height, { kind: 'map', entries, start: bracket.start, end });
  }

  #checkKey(key: Expr, seen: Set<unknown>): void {
    if (key.kind !== 'literal') return;
    if (typeof key.value !== 'string')
      this.#error(key, 'the names of a JSON map are strings', `write '${String(key.value)}'`);
    else if (seen.has(key.value)) this.#error(key, `\`${key.value}\` is in this map already`, 'remove one');
    seen.add(key.value);
  }

  /** Consumes the closing bracket of `opening`, or says that it is missing. Gives the end of what was read. */
  #close(closer: string, opening: Token): number {
    const closing = this.#take(closer);
    if (closing) return closing.end;
    const end = this.#tokens[Math.max(0, this.#index - 1)]!.end;
    if (!this.#isTooDeep)
      this.#error(
        this.#isEnd() ? opening : this.#token,
        this.#isEnd()
          ? `\`${opening.text}\` is not closed`
          : `expected \`${closer}\`, found ${describe(this.#token)}`,
        `add ${closer}`,
      );
    return end;
  }

  /** After an item of a list that ends in `closer`: skips what does not belong there, saying so once. */
  #skipTo(closer: string): void {
    if (this.#is(',') || this.#is(closer) || this.#isEnd() || this.#isTooDeep) return;
    if (CLOSERS.has(this.#token.text) && this.#token.type === 'punctuation') return;
    this.#error(this.#token, `expected \`,\` or \`${closer}\`, found ${describe(this.#token)}`, undefined);
    let depth = 0;
    while (!this.#isEnd()) {
      const { type, text } = this.#token;
      if (type === 'punctuation') {
        if (depth === 0 && (text === ',' || CLOSERS.has(text))) return;
        if (OPENERS.has(text)) depth += 1;
        else if (CLOSERS.has(text)) depth -= 1;
      }
      this.#advance();
    }
  }

  #missing(): Expr {
    const token = this.#token;
    const previous = this.#tokens[this.#index - 1];
    const at = token.type === 'end' && previous ? spanOf(previous) : spanOf(token);
    const message = `expected a value, found ${describe(token)}`;
    this.#error(at, message, token.type === 'end' ? 'finish the expression' : missingHint(token, previous));
    const isOperator = token.type === 'punctuation' && PRECEDENCE.has(token.text);
    const isClosing = token.type === 'punctuation' && (CLOSERS.has(token.text) || ',:?'.includes(token.text));
    // An operator stays, so that its right side is still parsed; anything else that starts no value is skipped.
    const position = token.type === 'end' ? token.end : token.start;
    if (!isOperator && !isClosing && token.type !== 'end') this.#advance();
    return { kind: 'error', message, start: position, end: position };
  }

  #nested(parse: () => Expr): Expr {
    this.#nesting += 1;
    const result = this.#nesting > TREE_DEPTH_MAX ? this.#tooDeep() : parse();
    this.#nesting -= 1;
    return result;
  }

  /** Notes that `node` stands one level above its highest child. */
  #higher(childHeight: number, node: Expr): Expr {
    this.#height = childHeight + 1;
    return this.#height > TREE_DEPTH_MAX ? this.#tooDeep() : node;
  }

  #tooDeep(): Expr {
    const { start, end } = this.#token;
    const message = `the expression is nested more than ${TREE_DEPTH_MAX} levels deep`;
    if (!this.#isTooDeep) this.#error({ start, end }, message, 'split it over several `set` steps');
    this.#isTooDeep = true;
    this.#index = this.#tokens.length - 1;
    this.#height = 1;
    return { kind: 'error', message, start, end };
  }

  #error(span: Span, message: string, fix: string | undefined): void {
    // One thing wrong at a place is said once: what follows from it would only confuse.
    if (this.#errors.length > ERRORS_MAX * 5 || this.#errors.some((error) => error.start === span.start))
      return;
    this.#errors.push({ start: span.start, end: span.end, message, ...(fix !== undefined && { fix }) });
  }
}

const OPENERS: ReadonlySet<string> = new Set(['(', '[', '{']);
const CLOSERS: ReadonlySet<string> = new Set([')', ']', '}']);

function spanOf(token: Token): Span {
  return { start: token.start, end: token.end };
}

function describe(token: Token): string {
  if (token.type === 'end') return 'the end';
  if (token.type === 'string') return 'a string';
  return `\`${token.text}\``;
}

function startsValue(token: Token): boolean {
  if (token.type === 'punctuation') return ['(', '[', '{', '!', '-'].includes(token.text);
  return token.type === 'identifier' ? token.text !== 'in' : token.type !== 'end' && token.type !== 'quoted';
}

const WORD_OPERATORS: Readonly<Record<string, string>> = {
  and: '&&',
  or: '||',
  not: '!',
  eq: '==',
  ne: '!=',
  is: '==',
  if: 'test ? value : otherwise',
};

function extraHint(token: Token): string | undefined {
  if (token.type === 'identifier' && Object.hasOwn(WORD_OPERATORS, token.text))
    return `write ${WORD_OPERATORS[token.text]}`;
  if (token.type === 'punctuation' && CLOSERS.has(token.text)) return 'remove it, or open it before';
  return undefined;
}

function missingHint(token: Token, previous: Token | undefined): string | undefined {
  if (token.text === '?' && previous?.text === '?' && previous.end === token.start)
    return 'write `default(path, value)` for `??`: the value where the field is absent or null';
  if (token.type === 'quoted') return 'a quoted name may only follow a dot';
  if (token.text === '.') return 'start with a name: event.id';
  return undefined;
}

/** Offsets into the expression's text: from `start` up to, not including, `end`. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Every node has a span. A recovering parse gives `error` nodes where text is missing or unreadable. */
export type Expr = Span &
  (
    | { readonly kind: 'literal'; readonly value: null | boolean | number | string }
    | {
        readonly kind: 'list';
        readonly items: readonly { readonly value: Expr; readonly optional: boolean }[];
      }
    | {
        readonly kind: 'map';
        readonly entries: readonly { readonly key: Expr; readonly value: Expr; readonly optional: boolean }[];
      }
    | { readonly kind: 'identifier'; readonly name: string }
    | {
        readonly kind: 'member';
        readonly object: Expr;
        readonly name: string;
        readonly nameSpan: Span;
        readonly optional: boolean;
      }
    | { readonly kind: 'index'; readonly object: Expr; readonly index: Expr; readonly optional: boolean }
    | {
        readonly kind: 'call';
        readonly name: string;
        readonly nameSpan: Span;
        readonly target?: Expr;
        readonly args: readonly Expr[];
      }
    | { readonly kind: 'unary'; readonly operator: '!' | '-'; readonly operand: Expr }
    | {
        readonly kind: 'binary';
        readonly operator: BinaryOperator;
        readonly left: Expr;
        readonly right: Expr;
      }
    | { readonly kind: 'conditional'; readonly test: Expr; readonly yes: Expr; readonly no: Expr }
    | { readonly kind: 'error'; readonly message: string }
  );

export type BinaryOperator =
  | '||'
  | '&&'
  | '=='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | '+'
  | '-'
  | '*'
  | '/'
  | '%';

export interface ExpressionError extends Span {
  readonly message: string;
  readonly fix?: string;
}

export interface ParsedExpression {
  readonly source: string;
  readonly ast: Expr;
  readonly errors: readonly ExpressionError[];
}

export type TemplatePart =
  | { readonly kind: 'text'; readonly text: string }
  /** `start`, `end` span the expression's text inside the scalar, without `${` and `}`. */
  | ({ readonly kind: 'expression'; readonly expression: ParsedExpression } & Span);

/** A chain of names from a root identifier, as far as it is known statically: `steps.a.items[0].id`. */
export interface Reference {
  readonly root: string;
  readonly path: readonly ({ readonly name: string; readonly optional: boolean } & Span)[];
  readonly span: Span;
  /** Literal that the value is compared with, where it is: for enum checks and consumer contracts. */
  readonly comparedWith?: null | boolean | number | string;
  /** Only the list itself is read: how many items it has. What is read of the items is listed beside it. */
  readonly itemsUnread?: true;
}

export type {
  BinaryOperator,
  Expr,
  ExpressionError,
  ParsedExpression,
  Reference,
  Span,
  TemplatePart,
} from './ast.ts';
export {
  type Budget,
  type CompiledExpression,
  type CompiledTemplate,
  type CompileOptions,
  compileExpression,
  compileTemplate,
  type Evaluation,
  type EvaluationError,
  ExpressionSyntaxError,
  type Policies,
  type Scope,
} from './compile.ts';
export { type EvaluationErrorCode, evaluationErrors } from './failure.ts';
export { formatExpression } from './format.ts';
export { type FunctionSpec, functions, type Overload, signature, type TypeName } from './functions.ts';
export { parseExpression } from './parser.ts';
export { type CallSite, calls, references } from './references.ts';
export { parseTemplate } from './template.ts';
export type { SourcePoint, ValueTemplate } from './value.ts';

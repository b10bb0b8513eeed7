export type {
  BinaryOperator,
  Expr,
  ExpressionError,
  ParsedExpression,
  Reference,
  Span,
  TemplatePart,
} from './ast.ts';
export { type AssignmentIssue, assignmentIssues, isAssignable } from './check/assign.ts';
export {
  assume,
  type CheckedExpression,
  checkCondition,
  checkExpression,
  checkInterpolation,
} from './check/check.ts';
export { constantEvaluation } from './check/constant.ts';
export type { Conditional, Environment, Facts } from './check/environment.ts';
export { type Completion, completionsAt, type Hover, hoverAt } from './check/inspect.ts';
export type { ExpressionIssue } from './check/issues.ts';
export { fieldNames, type Lookup, lookup } from './check/lookup.ts';
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
export { type ExpressionIssueCode, expressionRules } from './rules.ts';
export { parseTemplate } from './template.ts';
export { describeType } from './types/describe.ts';
export { type SchemaInput, type SchemaTypes, schemaTypes } from './types/from-schema.ts';
export {
  ANY,
  type Field,
  intersect,
  listOf,
  literalType,
  membersOf,
  type ObjectType,
  objectOf,
  optionalOf,
  presentOf,
  STRING,
  type Type,
  union,
} from './types/type.ts';
export type { SourcePoint, ValueTemplate } from './value.ts';

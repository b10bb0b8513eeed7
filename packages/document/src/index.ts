export { type AllowComment, allowComments, ignoredAllowances } from './allow-comment.ts';
export { isTornAtComma, listMeant } from './commas.ts';
export {
  type DocumentFormat,
  type LocatedScalar,
  type ParseOptions,
  type PositionedDocument,
  parseDocument,
} from './document.ts';
export { documentRules } from './rules.ts';
export type { ScalarStyle } from './source-node.ts';
export { positionAt, textRange } from './text.ts';

export { type DocumentFormat, type PositionedDocument, parseDocument } from './document.ts';
export { documentRules } from './rules.ts';
export { positionAt, textRange } from './text.ts';

import type { Diagnostic, Json } from '@tenon/model';
import { diagnostic } from '../../rules.ts';
import type { SpecDocument, SpecNode, SpecScalar } from '../../yaml/spec-document.ts';

/** A value that stands for one which is not known yet, as `tenon add pipeline` writes it. `TODO list` may be a title, and is none. */
const PLACEHOLDER = /^TODO(?::|\s*$)/;

/** Does a value only stand for one that is not known yet? */
export function isPlaceholder(value: Json): boolean {
  return typeof value === 'string' && PLACEHOLDER.test(value);
}

/** Values that nobody has given yet. What is made up would be sent to the other side as if somebody meant it. */
export function placeholderDiagnostics(document: SpecDocument): Diagnostic[] {
  if (!document.root || !document.text.includes('TODO')) return [];
  const found: Diagnostic[] = [];
  visit(document.root);
  return found;

  function visit(node: SpecNode): void {
    if (node.kind === 'map') for (const { value } of node.entries) visit(value);
    else if (node.kind === 'list') for (const item of node.items) visit(item);
    else if (isPlaceholder(node.value)) found.push(placeholder(node));
  }

  function placeholder(node: SpecScalar): Diagnostic {
    const wanted = String(node.value).replace(/^TODO:?\s*/, '');
    return diagnostic('placeholder-left', {
      message: wanted === '' ? 'a value is still to be given' : `a value is still to be given: ${wanted}`,
      at: document.at(node),
      subject: String(node.value),
    });
  }
}

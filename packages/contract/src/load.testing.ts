import { hasErrors } from '@tenon/model';
import type { Contract } from './ir.ts';
import { type ContractSource, loadContract } from './load.ts';

/** Loads a contract from texts by name; fails on errors. The first file is the document. */
export async function contractOf(
  files: Readonly<Record<string, string>>,
  source: Partial<ContractSource> = {},
): Promise<Contract> {
  const { value, diagnostics } = await loadContract(
    { name: 'case', document: Object.keys(files)[0]!, ...source },
    { read: async (file) => files[file] },
  );
  if (!value || hasErrors(diagnostics)) throw new Error(JSON.stringify(diagnostics, undefined, 1));
  return value;
}

/** An OpenAPI document around some YAML. */
export function openapi(rest: string, version = '3.1.0'): string {
  return `openapi: ${version}\ninfo: { title: Case, version: '1' }\n${rest}\n`;
}

export * from './ast.ts';
export * from './compile.ts';
export * from './value.ts';

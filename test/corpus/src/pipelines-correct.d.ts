/** Pipelines without a fault over real documents, as one workspace; none when the corpora are absent. */
export declare function correctWorkspace(): Promise<Record<string, string> | undefined>;
/** The pipelines alone, by file. */
export declare function correctPipelines(): ReadonlyMap<string, string>;
//# sourceMappingURL=pipelines-correct.d.ts.map

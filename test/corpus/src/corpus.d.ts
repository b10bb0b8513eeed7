/** Real documents that tests read in place, beside the repository. */
export declare const corpora: string;
export declare const hasCorpora: boolean;
/** Without the corpora a test skips; with this set it must not. */
export declare const mustHaveCorpora: boolean;
export interface CorpusDocument {
  /** `openapi/github.json`: folder and name, without `.gz`. */
  readonly name: string;
  text(): string;
}
/** The documents of one folder of the corpora, in order of name; none when the corpora are absent. */
export declare function corpusDocuments(folder: 'openapi' | 'versions' | 'asyncapi'): CorpusDocument[];
//# sourceMappingURL=corpus.d.ts.map

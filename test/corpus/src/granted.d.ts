export declare const CONFIG = 'tenon.config.yaml';
/** The files of a workspace whose pipelines are granted what they need, as `tenon grants --write` leaves them. */
export declare function granted(files: Readonly<Record<string, string>>): Promise<Record<string, string>>;
//# sourceMappingURL=granted.d.ts.map

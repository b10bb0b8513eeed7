/**
 * Why a case of CEL's conformance suite may fail here, and how to know one. Each reason is a decision of the profile
 * (docs/expressions.md); a reason that no failing case has any more fails the suite.
 */
export const outOfProfile: Readonly<Record<string, (path: string, source: string) => boolean>> = {
  'unsigned integers have no form in JSON': (_path, source) => /\d[uU]\b|\buint\b/.test(source),
  'bytes have no form in JSON': (_path, source) =>
    /(?<![A-Za-z_])(?:[rR]?[bB]|[bB][rR])["']|\bbytes\b/.test(source),
  'messages, their fields and wrappers are protobuf': (path, source) =>
    /[A-Za-z]\s*\{|google\.protobuf|TestAll|\.\s*cel\s*\./.test(source) ||
    /^(proto2|proto3|proto2_ext|wrappers|dynamic|enums|fields\/field|type_deductions\/wrappers)/.test(path),
  'types are no values': (_path, source) =>
    /\btype\(|^(?:int|string|list|map|double|bool|null_type|type)$/.test(source),
  'keys of JSON objects are strings': (_path, source) =>
    /[{,]\s*\??(?:-?\d|true|false|null|dyn\()/.test(source),
  'integers beyond ±(2^53 - 1) are not exact in JSON': (_path, source) =>
    /\d{16,}|0x[0-9a-f]{14,}/i.test(source),
  'there is no NaN or infinity in JSON: dividing by zero fails': (_path, source) =>
    /\/ ?-?0\.0|NaN|[iI]nf/.test(source),
  'functions of extensions that are not in the table': (_path, source) =>
    /\b(?:math|base64|cel|net|ip|cidr|proto|strings)\.|\.(?:format|reverse|transform\w*|existsOne)\(|quote\(|ofNonZeroValue/.test(
      source,
    ) || /^(?:macros2|block_ext|bindings_ext|network_ext)\//.test(_path),
  'names of time zones need a database that changes': (_path, source) =>
    /\.get\w+\('[A-Z]\w+\/\w+'\)/.test(source),
  'there are no containers and no names with dots': (path) =>
    /^(?:namespace|fields\/qualified_identifier_resolution)\//.test(path),
  'bindings and results are JSON, never times or types': (path) =>
    /^(?:timestamps\/duration_converters|type_deductions|plumbing)\//.test(path),
};

/** Cases that differ on purpose, by path. */
export const skipped: Readonly<Record<string, string>> = {
  'basic/functions/unbound':
    'fails as it should; the runner takes no unknown function for a passed error case',
  'fp_math/fp_math/negative_zero': 'JSON has one zero',
  'fp_math/fp_math/fp_overflow_positive': 'JSON has no infinity: overflow is an error',
  'fp_math/fp_math/fp_overflow_negative': 'JSON has no infinity: overflow is an error',
  'optionals/optionals/map_null_entry_no_such_key': 'a chain with `.?` takes null on the way as absent',
  'optionals/optionals/map_optional_has': 'a map holds no optionals: they have no form in JSON',
  'optionals/optionals/map_optional_select_has': 'a map holds no optionals: they have no form in JSON',
  'timestamps/timestamp_range/sub_time_duration_over': 'our durations span all that timestamps can',
  'timestamps/timestamp_range/sub_time_duration_under': 'our durations span all that timestamps can',
};

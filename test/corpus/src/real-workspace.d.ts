/** Documents of the corpora that pipelines are written over, by the name of their contract. */
export declare const REAL_CONTRACTS: {
  readonly stripe: 'openapi/stripe.json';
  readonly github: 'openapi/github.json';
  readonly jira: 'openapi/jira.json';
  readonly slack: 'openapi/slack.json';
  readonly hubspot: 'openapi/hubspot-objects.json';
  readonly box: 'openapi/box.json';
  readonly pagerduty: 'openapi/pagerduty.json';
  readonly intercom: 'openapi/intercom.yaml';
  readonly openai: 'openapi/openai.yaml';
  readonly xero: 'openapi/xero-accounting.yaml';
  readonly trains: 'openapi/train-travel.yaml';
  readonly museum: 'openapi/museum.yaml';
};
export type RealContract = keyof typeof REAL_CONTRACTS;
/** The files of a workspace over real documents: contracts in place, connectors and connections made as `tenon add` makes them. */
export declare function realWorkspaceFiles(names: readonly RealContract[]): Promise<Record<string, string>>;
//# sourceMappingURL=real-workspace.d.ts.map

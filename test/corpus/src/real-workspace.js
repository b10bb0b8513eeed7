import { loadContractText } from '@tenon/contract';
import { addConnection, scaffoldConnector } from 'tenon';
import { corpusDocuments } from './corpus.js';
/** Documents of the corpora that pipelines are written over, by the name of their contract. */
export const REAL_CONTRACTS = {
  stripe: 'openapi/stripe.json',
  github: 'openapi/github.json',
  jira: 'openapi/jira.json',
  slack: 'openapi/slack.json',
  hubspot: 'openapi/hubspot-objects.json',
  box: 'openapi/box.json',
  pagerduty: 'openapi/pagerduty.json',
  intercom: 'openapi/intercom.yaml',
  openai: 'openapi/openai.yaml',
  xero: 'openapi/xero-accounting.yaml',
  trains: 'openapi/train-travel.yaml',
  museum: 'openapi/museum.yaml',
};
/** The files of a workspace over real documents: contracts in place, connectors and connections made as `tenon add` makes them. */
export async function realWorkspaceFiles(names) {
  const documents = new Map(corpusDocuments('openapi').map((one) => [one.name, one]));
  const files = {
    'owners.yaml':
      'apiVersion: tenon/v1\nkind: Owners\nteams: [{ name: sales }, { name: platform }, { name: finance }, { name: support }]\n',
  };
  let config = 'apiVersion: tenon/v1\nkind: Workspace\nconnections: {}\n';
  for (const name of names) {
    const source = REAL_CONTRACTS[name];
    const path = `contracts/${name}/openapi.${source.endsWith('.json') ? 'json' : 'yaml'}`;
    files[path] = documents.get(source).text();
    const contract = await contractOf(name, path, files[path]);
    files[`connectors/${name}/connector.yaml`] = scaffoldConnector(contract, name, 'platform').manifest;
    config = addConnection(config, contract, name);
  }
  files['tenon.config.yaml'] = config;
  return files;
}
async function contractOf(name, path, text) {
  const { value, diagnostics } = await loadContractText(name, path, text);
  if (!value) throw new Error(`${name} cannot be loaded: ${diagnostics[0]?.message}`);
  return value;
}
//# sourceMappingURL=real-workspace.js.map

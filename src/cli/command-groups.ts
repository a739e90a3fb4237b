/** The groups of commands, such as `accounts`, as the help describes them. */

export const GROUPS: Readonly<Record<string, string>> = {
  accounts: 'Connect, list, change, reconnect and disconnect accounts',
  audit: 'List and verify the audit of actions',
  'connect-settings': 'Show and change what owners see while they connect an account',
  'connect-sessions': 'List and revoke links with which owners connect accounts',
  encryption: 'Check and rotate encryption keys',
  events: 'List and follow the events that webhooks receive',
  indexes: "Check and build MongoDB's indexes",
  keys: 'Create, list and revoke API keys',
  providers: 'List the known providers, and check provider files',
  schedules: 'List, pause, resume and change the schedules of sweeps',
  sessions: 'List and end the sessions of people on the web pages',
  tokens: 'List the accounts whose tokens the key may get, and the callers that received tokens',
  webhooks: 'Create, change, test and remove webhooks',
  workflows: 'List, read and terminate workflows',
};

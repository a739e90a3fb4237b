/** The search of accounts, log entries and workflows, each by an index, within one organisation, and for what a person may see. */
import type { Principal } from '../../domain/access/principal';
import { hasScope } from '../../domain/access/principal';
import type { Account } from '../../domain/account/account';
import type { LogEntry } from '../../domain/logs/log-entry';
import type { ConfiguredProviders } from '../../providers/config/configured-providers';
import type { Store } from '../../store/store';
import type {
  ListedWorkflow,
  WorkflowClient,
  WorkflowFilters,
} from '../../temporal/workflow-client';

export const SEARCH_MAX = 100;
/** Results per kind. More would not fit a dialog, and a longer text finds fewer. */
const RESULTS_MAX = 8;
const ACCOUNT_ID = /acc_[0-9a-f]{24}/;
/** The ids of workflows begin with their type. */
const WORKFLOW_ID = /^[a-z-]+\//;

export interface SearchResults {
  accounts: Account[];
  entry: LogEntry | null;
  /** `null`: Temporal is unreachable. */
  workflows: ListedWorkflow[] | null;
}

interface SearchDependencies {
  store: Pick<Store, 'accounts' | 'logEntries'>;
  workflows: Pick<WorkflowClient, 'list'>;
  providers: ConfiguredProviders;
}

/** @param text without spaces around it, and not empty */
export async function search(
  { store, workflows, providers }: SearchDependencies,
  caller: Pick<Principal, 'organisation' | 'scopes'>,
  text: string,
): Promise<SearchResults> {
  if (!hasScope(caller, 'read')) return { accounts: [], entry: null, workflows: [] };
  const { organisation } = caller;
  const among = {
    providers: providers.all.map(({ id }) => id),
    environments: [...new Set(providers.all.flatMap((one) => [...one.environments.keys()]))],
  };
  const sought = soughtWorkflows(text);
  const [accounts, entry, listed] = await Promise.all([
    store.accounts.beginningWith(organisation, text, among, RESULTS_MAX),
    store.logEntries.find(organisation, text),
    sought === null
      ? []
      : workflows.list({ organisation, scopes: ['read'] }, sought, { limit: RESULTS_MAX }).then(
          ({ items }) => items,
          () => null,
        ),
  ]);
  return { accounts, entry, workflows: listed };
}

/** Workflows are sought by their id or by the id of their account. */
function soughtWorkflows(text: string): WorkflowFilters | null {
  if (WORKFLOW_ID.test(text)) return { idPrefix: text };
  const accountId = ACCOUNT_ID.exec(text)?.[0];
  return accountId === undefined ? null : { accountId };
}

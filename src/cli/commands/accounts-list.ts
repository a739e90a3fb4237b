/** `evergrant accounts list`: lists the organisation's accounts. */
import { ACCOUNT_STATUSES, type AccountStatus } from '../../domain/account/account';
import { ACCOUNT_SORTS, type AccountSort } from '../../store/accounts/account-listing';
import { tokenExpiry } from '../account-pairs';
import type { Command } from '../command';
import { time } from '../output';
import {
  emptyText,
  FILTERS_REPEAT,
  limitOf,
  limitOption,
  pages,
  providerFilters,
  showResults,
} from '../pages';

export const accountsList: Command = {
  words: ['accounts', 'list'],
  summary: 'List the accounts of your organisation',
  options: {
    search: {
      type: 'string',
      value: 'text',
      help: 'only accounts with this text in their label, external id or id',
    },
    ...providerFilters,
    kind: { type: 'string', multiple: true, value: 'name', help: 'only this kind' },
    status: {
      type: 'string',
      multiple: true,
      value: 'status',
      choices: ACCOUNT_STATUSES,
      help: 'only this status',
    },
    reason: {
      type: 'string',
      multiple: true,
      value: 'code',
      help: 'only accounts whose last failure has this code, such as invalid_grant',
    },
    quarantine: { type: 'boolean', help: 'only accounts in quarantine' },
    sort: {
      type: 'string',
      value: 'order',
      choices: ACCOUNT_SORTS,
      help: 'order of the accounts (default: id)',
    },
    limit: limitOption,
  },
  more: FILTERS_REPEAT,
  async run({ api, out, options }) {
    const filters = {
      q: options.text('search'),
      provider: options.filter('provider'),
      environment: options.filter('environment'),
      kind: options.filter('kind'),
      status: options.filter<AccountStatus>('status'),
      reason: options.filter('reason'),
      quarantine: options.isSet('quarantine') ? ('true' as const) : undefined,
    };
    const sort = options.word<AccountSort>('sort');
    const found = await pages(
      (part) =>
        api.ask(({ admin }) => admin.accounts.$get({ query: { ...filters, sort, ...part } })),
      { limit: limitOf(options) },
    );
    showResults(
      out,
      found,
      {
        id: ({ id }) => id,
        provider: ({ provider }) => provider,
        environment: ({ environment }) => environment,
        label: ({ label }) => label,
        status: ({ status }) => status,
        quarantine: ({ quarantine }) => (quarantine ? 'yes' : null),
        'token expires': tokenExpiry,
        'last refreshed': ({ last_refreshed_at: at }) => time(at) ?? 'never',
        'last error': ({ last_error: error }) => error?.code,
      },
      emptyText('accounts', filters),
    );
    return 0;
  },
};

/** `evergrant accounts list`: lists the organisation's accounts. */
import { ACCOUNT_STATUSES, type AccountStatus } from '../../domain/account/account';
import { ACCOUNT_SORTS, type AccountSort } from '../../store/accounts/account-listing';
import { tokenExpiry } from '../account-pairs';
import type { Command } from '../command';
import { time } from '../output';
import { emptyText, limitOf, limitOption, pages, remarkMore } from '../pages';

const PAGE_MAX = 500;

export const accountsList: Command = {
  words: ['accounts', 'list'],
  summary: 'List the accounts of your organisation',
  options: {
    search: {
      type: 'string',
      value: 'text',
      help: 'only accounts with this text in label, external id or id',
    },
    provider: { type: 'string', value: 'name', help: 'only this provider' },
    environment: { type: 'string', value: 'name', help: 'only this environment' },
    kind: { type: 'string', value: 'name', help: 'only this kind' },
    status: {
      type: 'string',
      value: 'status',
      help: `only this status: ${ACCOUNT_STATUSES.join(', ')}`,
    },
    quarantine: { type: 'boolean', help: 'only accounts in quarantine' },
    sort: { type: 'string', value: 'order', help: `one of ${ACCOUNT_SORTS.join(', ')}` },
    limit: limitOption,
  },
  async run({ api, out, json, options }) {
    const filters = {
      q: options.text('search'),
      provider: options.text('provider'),
      environment: options.text('environment'),
      kind: options.text('kind'),
      status: options.word<AccountStatus>('status'),
      quarantine: options.isSet('quarantine') ? ('true' as const) : undefined,
    };
    const page = await pages({ limit: limitOf(options), pageMax: PAGE_MAX }, (part) =>
      api.ask(({ admin }) =>
        admin.accounts.$get({
          query: { ...filters, sort: options.word<AccountSort>('sort'), ...part },
        }),
      ),
    );
    if (json) out.json(page);
    else {
      out.table(
        [
          'id',
          'provider',
          'environment',
          'label',
          'status',
          'quarantine',
          'token expires',
          'last refreshed',
          'last error',
        ],
        page.items.map((account) => [
          account.id,
          account.provider,
          account.environment,
          account.label,
          account.status,
          account.quarantine ? 'yes' : null,
          tokenExpiry(account),
          time(account.last_refreshed_at) ?? 'never',
          account.last_error?.code,
        ]),
        emptyText('accounts', filters),
      );
      remarkMore(out, page);
    }
    return 0;
  },
};

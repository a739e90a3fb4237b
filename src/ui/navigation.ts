/** The navigation entries, in display order. Entries with accounts are for sessions with the scope `read`. */

export const NAVIGATION = [
  { path: '/admin/workers', title: 'Workers', ofAccounts: false },
  { path: '/admin/accounts', title: 'Accounts', ofAccounts: true },
  { path: '/admin/terminal', title: 'Terminal', ofAccounts: true },
  { path: '/admin/workflows', title: 'Workflows', ofAccounts: false },
  { path: '/docs', title: 'API', ofAccounts: false },
] as const;

export type Section = (typeof NAVIGATION)[number]['path'];

/** The pages that are always one click away, in the order shown. */

export const NAVIGATION = [
  { path: '/admin/workers', title: 'Workers' },
  { path: '/admin/accounts', title: 'Accounts' },
  { path: '/admin/terminal', title: 'Terminal' },
  { path: '/admin/workflows', title: 'Workflows' },
  { path: '/docs', title: 'API' },
] as const;

export type Section = (typeof NAVIGATION)[number]['path'];

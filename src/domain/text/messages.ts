/** The recurring messages to people, worded once: empty lists, missing things, unreachable services, wrong usage. */

/** An empty list without filters, such as `No accounts yet.` @param things plural, such as `accounts` */
export const noneYet = (things: string, next?: string): string =>
  next === undefined ? `No ${things} yet.` : `No ${things} yet. ${next}`;

/** An empty list with filters. @param things plural, such as `log entries` */
export const noMatches = (things: string): string => `No ${things} match these filters.`;

/** A missing object of an organisation, or of another one, which the caller must not learn. */
export const notFoundText = (thing: string): string => `Your organisation has no ${thing}.`;

/** A provider that `providers.yaml` does not name. */
export const providerNotConfigured = (id: string): string =>
  `The provider "${id}" is not configured. Check its name, or add it to providers.yaml.`;

/** A cursor that another list returned, or none. @param source where the caller finds a valid one */
export const invalidCursor = (parameter: string, source = 'next_cursor'): string =>
  `${parameter}: is not a valid cursor. Take it from ${source}.`;

/** An account whose tokens are being revoked, or were revoked and deleted. */
export const isDisconnectedText = (id: string): string =>
  `The account is disconnected, so it has no tokens. Reconnect it: evergrant accounts reconnect ${id}, or POST /api/admin/accounts/${id}/reconnect.`;

/** A service that does not answer, and the setting that names it. */
export const unreachableText = (service: string, at: string, setting: string): string =>
  `${service} is unreachable at ${at}. Start it, or correct ${setting}.`;

/** A change that another change made impossible in the meantime. */
export const changedMeanwhile = (thing: string): string =>
  `The ${thing} was changed by another request in the meantime. Reload it and try again.`;

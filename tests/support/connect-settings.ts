/** The connect settings of a process without CONNECT_… variables, or with some of them. */
import type { ConnectDefaults } from '../../src/domain/connect/connect-settings';
import { OrganisationSettings } from '../../src/services/connect/connect-settings';
import type { Store } from '../../src/store/store';

export function connectSettings(
  store: Pick<Store, 'connectSettings'>,
  defaults: Partial<ConnectDefaults> = {},
): OrganisationSettings {
  const unset = { returnUrls: [], organisationName: null, logo: null, language: 'en' } as const;
  return new OrganisationSettings({
    store,
    now: () => new Date(),
    defaults: { ...unset, ...defaults },
  });
}

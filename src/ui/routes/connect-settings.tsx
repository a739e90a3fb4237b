/** The page with the connect settings of an organisation, and its form. */
import type { ConnectSettings } from '../../domain/connect/connect-settings';
import { ConnectSettingsChange } from '../../services/connect/connect-settings';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { EMPTY_FORM, type FormValues, formFields } from '../form';
import { showPage } from '../layout';
import { ACCOUNTS_PATH } from '../pages/accounts';
import {
  CONNECT_SETTINGS_PATH,
  ConnectSettingsPage,
  fieldsOf,
  type SettingsFields,
} from '../pages/connect-settings';
import { mayAct } from '../permissions';

const PAGE = { title: 'Connect settings', section: ACCOUNTS_PATH, narrow: true } as const;

export function registerConnectSettings(ui: UiApp, { connectSettings }: UiDependencies): void {
  ui.get(CONNECT_SETTINGS_PATH, async (c) => {
    const session = c.get('session');
    const settings = await connectSettings.current(session.organisation);
    return showPage(
      c,
      PAGE,
      <ConnectSettingsPage
        settings={settings}
        fields={fieldsOf(settings)}
        state={EMPTY_FORM}
        isSaved={c.req.query('saved') !== undefined}
        mayAct={mayAct(session)}
      />,
    );
  });

  ui.post(CONNECT_SETTINGS_PATH, async (c) => {
    const { organisation } = c.get('session');
    const given = await formFields(c);
    const fields: SettingsFields = {
      return_urls: given['return_urls'] ?? '',
      organisation_name: given['organisation_name'] ?? '',
      logo_url: given['logo_url'] ?? '',
      language: given['language'] ?? '',
    };
    const current = await connectSettings.current(organisation);
    const parsed = ConnectSettingsChange.safeParse(changeOf(fields, current));
    if (parsed.success) {
      await connectSettings.change(organisation, parsed.data);
      return c.redirect(`${CONNECT_SETTINGS_PATH}?saved`, 303);
    }
    const problems = new Map<string, string>();
    for (const { path, message } of parsed.error.issues) {
      const [name, index] = path;
      if (!isField(name)) continue;
      const line = typeof index === 'number' ? `Address ${index + 1} ` : 'This value ';
      problems.set(name, [problems.get(name) ?? [], `${line}${message}.`].flat().join(' '));
    }
    return showPage(
      c,
      { ...PAGE, status: 400 },
      <ConnectSettingsPage
        settings={current}
        fields={fieldsOf(current)}
        state={{ values: valuesOf(fields), problems, problem: null }}
        isSaved={false}
        mayAct
      />,
    );
  });
}

function valuesOf(fields: SettingsFields): FormValues {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, [value]]));
}

function isField(name: unknown): name is keyof SettingsFields {
  return (
    name === 'return_urls' ||
    name === 'organisation_name' ||
    name === 'logo_url' ||
    name === 'language'
  );
}

/** An empty field resets the member to the default. A list that allows no address has an empty field, and stays. */
function changeOf(
  fields: SettingsFields,
  { sources, returnUrls }: ConnectSettings,
): Record<string, unknown> {
  const urls = fields.return_urls
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const allowsNone = sources.returnUrls === 'organisation' && returnUrls.length === 0;
  return {
    ...(urls.length === 0 && allowsNone ? {} : { return_urls: urls.length === 0 ? null : urls }),
    organisation_name: orDefault(fields.organisation_name),
    logo_url: orDefault(fields.logo_url),
    language: orDefault(fields.language),
  };
}

function orDefault(text: string): string | null {
  return text.trim() === '' ? null : text.trim();
}

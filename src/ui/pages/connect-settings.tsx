/** The form with the connect settings of an organisation. */
import type { ConnectSettings, SettingSource } from '../../domain/connect/connect-settings';
import { LANGUAGES, type Language } from '../../domain/text/language';
import type { FormState } from '../form';
import { Field, Form, Select, TextArea } from '../parts/form';
import { Notice } from '../parts/notice';

export const CONNECT_SETTINGS_PATH = '/admin/connect-settings';

const LANGUAGE_NAMES: Readonly<Record<Language, string>> = {
  en: 'English',
  de: 'German',
  fr: 'French',
  es: 'Spanish',
};

/** The fields as text, by the names of the API's members. */
export type SettingsFields = Readonly<
  Record<'return_urls' | 'organisation_name' | 'logo_url' | 'language', string>
>;

interface SettingsProps {
  settings: ConnectSettings;
  /** The stored values. */
  fields: SettingsFields;
  /** The text that a person typed, and the problems by field. */
  state: FormState;
  isSaved: boolean;
  mayAct: boolean;
}

/** The organisation's own values. A field whose value comes from elsewhere is empty. */
export function fieldsOf({
  returnUrls,
  organisationName,
  logo,
  language,
  sources,
}: ConnectSettings): SettingsFields {
  return {
    return_urls: own(sources.returnUrls, returnUrls.join('\n')),
    organisation_name: own(sources.organisationName, organisationName),
    logo_url: own(sources.logoUrl, logo?.href ?? null),
    language: own(sources.language, language),
  };
}

function own(source: SettingSource, value: string | null): string {
  return source === 'organisation' ? (value ?? '') : '';
}

export function ConnectSettingsPage(props: SettingsProps) {
  const { settings, state, fields, isSaved, mayAct } = props;
  const { sources } = settings;
  const common = { state, disabled: !mayAct };
  return (
    <>
      {isSaved && (
        <Notice kind="good">
          The settings are saved. All processes use them within a few seconds.
        </Notice>
      )}
      <p>
        The owners of your accounts see these settings on consent pages and in reminders. An empty
        field uses the default of this Evergrant.
      </p>
      {sources.returnUrls === 'organisation' && settings.returnUrls.length === 0 && (
        <p>
          Your organisation allows no return address. For the default list, use{' '}
          <code>evergrant connect-settings set --reset return-url</code>.
        </p>
      )}
      <Form action={CONNECT_SETTINGS_PATH} state={state} {...(mayAct ? { submit: 'Save' } : {})}>
        <Field
          {...common}
          name="organisation_name"
          label="Name of the organisation"
          value={fields.organisation_name}
          hint={
            sources.organisationName === 'process'
              ? `Default: ${settings.organisationName}`
              : 'Default: the id of your organisation, unless CONNECT_ORGANISATION_NAME is set.'
          }
        />
        <Field
          {...common}
          name="logo_url"
          label="Address of the logo"
          value={fields.logo_url}
          hint={
            sources.logoUrl === 'process'
              ? `Default: ${settings.logo?.href}`
              : 'An image at an https address.'
          }
        />
        <TextArea
          {...common}
          name="return_urls"
          label="Return addresses"
          value={fields.return_urls}
          rows={4}
          hint={
            sources.returnUrls === 'process'
              ? `One per line. Your list replaces the default: ${settings.returnUrls.join(', ')}`
              : 'One per line. A connect session must state one of them exactly.'
          }
        />
        <Select
          {...common}
          name="language"
          label="Language of reminders"
          value={fields.language}
          options={[
            ['', 'default'],
            ...LANGUAGES.map((language) => [language, LANGUAGE_NAMES[language]] as const),
          ]}
        />
      </Form>
    </>
  );
}

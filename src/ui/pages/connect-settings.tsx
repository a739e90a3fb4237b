/** The form with the connect settings of an organisation. */
import type { ConnectSettings, SettingSource } from '../../domain/connect/connect-settings';
import { LANGUAGES, type Language } from '../../domain/text/language';
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
  /** Stored values, or the text that a person typed. */
  fields: SettingsFields;
  /** Problems by field. */
  problems: Readonly<Partial<Record<keyof SettingsFields, string>>>;
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
  const { settings, fields, problems, isSaved, mayAct } = props;
  const { sources } = settings;
  const isReadOnly = mayAct ? {} : { disabled: true };
  return (
    <div class="sign-in">
      {isSaved && (
        <Notice kind="good">
          The settings are saved. All processes use them within a few seconds.
        </Notice>
      )}
      {Object.keys(problems).length > 0 && (
        <Notice kind="bad">The settings are not saved. Correct the marked fields.</Notice>
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
      <form method="post" action={CONNECT_SETTINGS_PATH}>
        <Field
          name="organisation_name"
          label="Name of the organisation"
          problem={problems.organisation_name}
          hint={
            sources.organisationName === 'process'
              ? `Default: ${settings.organisationName}`
              : 'Default: the id of your organisation, unless CONNECT_ORGANISATION_NAME is set'
          }
        >
          {(described) => (
            <input
              id="organisation_name"
              name="organisation_name"
              value={fields.organisation_name}
              autocomplete="off"
              {...described}
              {...isReadOnly}
            />
          )}
        </Field>
        <Field
          name="logo_url"
          label="Address of the logo"
          problem={problems.logo_url}
          hint={
            sources.logoUrl === 'process'
              ? `Default: ${settings.logo?.href}`
              : 'An image at an https address'
          }
        >
          {(described) => (
            <input
              id="logo_url"
              name="logo_url"
              value={fields.logo_url}
              autocomplete="off"
              spellcheck={false}
              {...described}
              {...isReadOnly}
            />
          )}
        </Field>
        <Field
          name="return_urls"
          label="Return addresses"
          problem={problems.return_urls}
          hint={
            sources.returnUrls === 'process'
              ? `One per line. Your list replaces the default: ${settings.returnUrls.join(', ')}`
              : 'One per line. A connect session must state one of them exactly.'
          }
        >
          {(described) => (
            <textarea
              id="return_urls"
              name="return_urls"
              rows={4}
              spellcheck={false}
              {...described}
              {...isReadOnly}
            >
              {fields.return_urls}
            </textarea>
          )}
        </Field>
        <Field name="language" label="Language of reminders" problem={problems.language} hint="">
          {(described) => (
            <select id="language" name="language" {...described} {...isReadOnly}>
              <option value="">default</option>
              {LANGUAGES.map((language) => (
                <option
                  value={language}
                  {...(fields.language === language ? { selected: true } : {})}
                >
                  {LANGUAGE_NAMES[language]}
                </option>
              ))}
            </select>
          )}
        </Field>
        {mayAct && <button class="primary">Save</button>}
      </form>
    </div>
  );
}

/** A labelled field with its hint, and its problem beside it. */
function Field({
  name,
  label,
  hint,
  problem,
  children,
}: {
  name: keyof SettingsFields;
  label: string;
  hint: string;
  problem: string | undefined;
  children: (described: Record<string, string>) => unknown;
}) {
  const ids = [
    ...(hint === '' ? [] : [`${name}-hint`]),
    ...(problem === undefined ? [] : [`${name}-problem`]),
  ];
  const described = {
    ...(ids.length === 0 ? {} : { 'aria-describedby': ids.join(' ') }),
    ...(problem === undefined ? {} : { 'aria-invalid': 'true' }),
  };
  return (
    <>
      <label for={name}>{label}</label>
      {children(described)}
      {hint !== '' && (
        <p id={`${name}-hint`} class="muted">
          {hint}
        </p>
      )}
      {problem !== undefined && <p id={`${name}-problem`}>{problem}</p>}
    </>
  );
}

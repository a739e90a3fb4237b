/**
 * The fields of all forms that act: their labels, and what becomes of their values when a form is shown again. The audit
 * records the names of these fields, and no others.
 */

/**
 * `text`: shown again, to be corrected. `kept`: sent again unchanged. `secret`: never sent back to the browser, so the
 * person enters it again. `file`: chosen again, because browsers do not let a page fill it in.
 */
type Kind = 'text' | 'kept' | 'secret' | 'file';

export interface FormField {
  label: string;
  kind: Kind;
}

const text = (label: string): FormField => ({ label, kind: 'text' });
const kept = (label: string): FormField => ({ label, kind: 'kept' });
const secret = (label: string): FormField => ({ label, kind: 'secret' });

const FIELDS: ReadonlyMap<string, FormField> = new Map(
  Object.entries({
    access_token: secret('Access token'),
    accounts: text('Accounts'),
    action: kept('Action'),
    all: kept('All matching'),
    checked: kept('Checked file'),
    confirmed: kept('Confirmed'),
    description: text('Description'),
    environment: text('Environment'),
    event_types: kept('Event types'),
    every: text('Sweep every'),
    expires_at: text('Access token expires'),
    external_id: text('External id'),
    file: { label: 'File', kind: 'file' },
    filter: kept('Filter'),
    format: kept('Format'),
    id: kept('Id'),
    include_reconnect_link: kept('Reconnect link'),
    key: secret('API key or JWT'),
    kind: text('Kind'),
    kinds: text('Kinds'),
    label: text('Label'),
    language: kept('Language'),
    logo_url: text('Logo'),
    name: text('Name'),
    next: kept('Next page'),
    note: text('Reason'),
    organisation_name: text('Name of the organisation'),
    overlap_seconds: kept('Overlap'),
    owner_email: text('E-mail address of the owner'),
    'policy.back_off_first': text('First pause after a failure'),
    'policy.back_off_max': text('Longest pause after failures'),
    'policy.enabled': kept('Refreshed by sweeps'),
    'policy.jitter': text('Jitter'),
    'policy.refresh_after_age': text('Refresh at the latest after'),
    'policy.refresh_before': text('Refresh before expiry'),
    'policy.validate_every': text('Validate every'),
    provider: text('Provider'),
    provider_values: text('Values of the provider'),
    providers: kept('Providers'),
    quarantine: kept('Quarantine'),
    reason: text('Reason'),
    refresh_token: secret('Refresh token'),
    refresh_token_expires_at: text('Refresh token expires'),
    remove_owner_email: kept('Remove the address'),
    return_urls: text('Return addresses'),
    scopes: kept('Scopes'),
    shown: kept('Shown values'),
    state: kept('State'),
    status: kept('Status'),
    to: kept('New key'),
    url: text('URL'),
  } satisfies Record<string, FormField>),
);

export const FIELD_NAMES: ReadonlySet<string> = new Set(FIELDS.keys());

/** An unknown field may hold anything, so it counts as a secret. */
export function fieldOf(name: string): FormField {
  return FIELDS.get(name) ?? secret(name);
}

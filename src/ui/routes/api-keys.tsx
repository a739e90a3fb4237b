/** Admin → API keys: the keys of the organisation, a new key, and the actions on a key. */
import { z } from 'zod';
import { apiKeyBody } from '../../api/routes/api-keys/api-key-body';
import { SCOPES } from '../../domain/access/principal';
import { notFound } from '../../domain/service-error';
import {
  createApiKey,
  grantableScopes,
  grantScopes,
  mayChangeKey,
  NewApiKeyBody,
  revokeApiKey,
  ScopesToGrantBody,
} from '../../services/access/api-keys';
import type { ApiKey } from '../../store/access/api-keys';
import type { UiDependencies } from '../dependencies';
import { answerDone } from '../done';
import type { UiApp, UiContext } from '../env';
import { actOrShowAgain, type FormState, formFields, formValues, parsedForm } from '../form';
import { demandAdmin } from '../guard';
import { showPage } from '../layout';
import { registerList } from '../list-page';
import { many, single, text } from '../list-query';
import {
  KEYS_PATH,
  KeyPage,
  keyPath,
  NEW_KEY_PATH,
  NewKeyForm,
  restrictionOf,
} from '../pages/api-keys';
import { Badge } from '../parts/badge';
import { repeatedList } from '../parts/commands';
import { FilterBar, Many, Search } from '../parts/filter-bar';
import { type Column, ColumnChoice } from '../parts/list';
import { SecretOnce } from '../parts/secret-once';
import { Moment } from '../parts/time';

const KEY = `${KEYS_PATH}/:id` as const;
const SEARCH_MAX_CHARACTERS = 100;

const Query = z.object({
  q: single(text(SEARCH_MAX_CHARACTERS)),
  scope: many(z.enum(SCOPES)),
  column: many(text(32)),
  cursor: single(text(16)),
});

const COLUMNS: readonly Column<ApiKey>[] = [
  {
    id: 'name',
    title: 'Name',
    names: true,
    value: ({ name }) => name,
    cell: ({ keyId, name, status }) => (
      <>
        <a href={keyPath(keyId)}>{name}</a>
        {status === 'invalid' && <Badge tone="bad">invalid</Badge>}
      </>
    ),
  },
  { id: 'id', title: 'Id', value: ({ keyId }) => keyId, cell: ({ keyId }) => <code>{keyId}</code> },
  {
    id: 'scopes',
    title: 'Scopes',
    value: ({ scopes }) => scopes.join(' '),
    cell: ({ scopes }) => scopes.map((scope) => <Badge tone="plain">{scope}</Badge>),
  },
  {
    id: 'restriction',
    title: 'Restricted to',
    value: restrictionOf,
    cell: (key) =>
      key.bounds === undefined ? <span class="muted">not restricted</span> : restrictionOf(key),
  },
  {
    id: 'created_at',
    title: 'Created',
    value: ({ createdAt }) => createdAt.toISOString(),
    cell: ({ createdAt }) => <Moment at={createdAt} />,
  },
];

export function registerApiKeys(ui: UiApp, deps: UiDependencies): void {
  const { store, providers } = deps;
  const NEW = { title: 'Create an API key', section: KEYS_PATH, narrow: true } as const;

  const matching = async (organisation: string, { q, scope }: z.infer<typeof Query>) => {
    const keys = await store.apiKeys.list(organisation);
    const sought = q?.toLowerCase() ?? '';
    return keys.filter(
      ({ keyId, name, scopes }) =>
        (keyId === sought || name.toLowerCase().includes(sought)) &&
        (scope === undefined || scope.some((one) => scopes.includes(one))),
    );
  };

  registerList(ui, deps, {
    path: KEYS_PATH,
    title: 'API keys',
    schema: Query,
    things: ['API keys', 'API key'],
    columns: COLUMNS,
    idOf: ({ keyId }) => keyId,
    guard: demandAdmin,
    body: apiKeyBody,
    repeatedBy: (query) =>
      repeatedList({ path: '/api/admin/keys', words: ['keys', 'list'] }, query, {
        q: { label: 'Search' },
        scope: { label: 'Scope' },
      }),
    async count({ organisation }, query) {
      return (await matching(organisation, query)).length;
    },
    async page({ organisation }, query, limit) {
      const { cursor } = query;
      const found = await matching(organisation, query);
      const rest = cursor === undefined ? found : found.filter(({ keyId }) => keyId > cursor);
      const rows = rest.slice(0, limit);
      return { rows, next: rest.length > limit ? (rows.at(-1)?.keyId ?? null) : null };
    },
    async above(_c, query) {
      return (
        <>
          <FilterBar path={KEYS_PATH} label="API keys" replaces="#list">
            <Search
              name="q"
              label="Search"
              value={query.q}
              placeholder="Name or id"
              max={SEARCH_MAX_CHARACTERS}
            />
            <Many name="scope" label="Scope" chosen={query.scope} values={SCOPES} />
            <ColumnChoice columns={COLUMNS} chosen={query.column} />
          </FilterBar>
          <div class="toolbar">
            <a class="button primary" href={NEW_KEY_PATH}>
              Create an API key
            </a>
          </div>
        </>
      );
    },
  });

  const newKey = (c: UiContext, options = {}, state?: FormState) =>
    showPage(
      c,
      { ...NEW, ...options },
      <NewKeyForm
        scopes={grantableScopes(c.get('session'))}
        providers={providers.all.map(({ id }) => id)}
        {...(state === undefined ? {} : { state })}
      />,
    );

  ui.get(NEW_KEY_PATH, (c) => {
    demandAdmin(c.get('session'));
    return newKey(c);
  });

  ui.post(NEW_KEY_PATH, (c) =>
    actOrShowAgain(
      c,
      async () => {
        const { name = '', kinds = '', accounts = '' } = await formFields(c);
        const body = parsedForm(NewApiKeyBody, {
          name: name.trim(),
          scopes: await formValues(c, 'scopes'),
          ...filledLists({
            providers: await formValues(c, 'providers'),
            kinds: kinds.split(','),
            accounts: accounts.split(/[\s,]+/),
          }),
        });
        const { key, text: secret } = await createApiKey(deps, c.get('session'), body);
        c.set('createdId', key.keyId);
        return showPage(
          c,
          { ...NEW, title: `API key ${key.name}` },
          <>
            <SecretOnce label="the API key" secret={secret}>
              This is the API key {key.name}. Send it in the header Authorization: Bearer.
            </SecretOnce>
            <p>
              <a class="button" href={keyPath(key.keyId)}>
                Show the key’s page
              </a>
            </p>
          </>,
        );
      },
      (state, status) => newKey(c, { status }, state),
    ),
  );

  const keyOf = async (c: UiContext): Promise<ApiKey> => {
    const id = c.req.param('id');
    const keys = await store.apiKeys.list(c.get('session').organisation);
    const key = keys.find(({ keyId }) => keyId === id);
    if (key === undefined) throw notFound(`API key ${id}`);
    return key;
  };

  ui.get(KEY, async (c) => {
    demandAdmin(c.get('session'));
    return showKey(c, await keyOf(c));
  });

  ui.post(`${KEY}/grant`, async (c) => {
    const before = await keyOf(c);
    return actOrShowAgain(
      c,
      async () => {
        const { scopes } = parsedForm(ScopesToGrantBody, { scopes: await formValues(c, 'scopes') });
        const key = await grantScopes(deps, c.get('session'), before.keyId, scopes);
        const granted = `${key.name} has the scopes ${key.scopes.join(', ')} within 5 seconds.`;
        return answerDone(c, deps, keyPath(key.keyId), { text: granted });
      },
      (state, status) => showKey(c, before, { status }, state),
    );
  });

  ui.post(`${KEY}/revoke`, async (c) => {
    const { name, keyId } = await keyOf(c);
    await revokeApiKey(deps, c.get('session'), keyId);
    return answerDone(c, deps, KEYS_PATH, {
      text: `The key ${name} is revoked. Applications that use it are refused within 5 seconds.`,
    });
  });
}

/** Without blank entries and empty lists: an empty list would match no account. */
function filledLists(lists: Record<string, readonly string[]>): Record<string, string[]> {
  return Object.fromEntries(
    Object.entries(lists).flatMap(([name, values]) => {
      const filled = values.map((value) => value.trim()).filter((value) => value !== '');
      return filled.length === 0 ? [] : [[name, filled] as const];
    }),
  );
}

const showKey = (c: UiContext, key: ApiKey, options = {}, state?: FormState) => {
  const session = c.get('session');
  return showPage(
    c,
    { title: key.name, section: KEYS_PATH, ...options },
    <KeyPage
      apiKey={key}
      grantable={grantableScopes(session)}
      mayChange={mayChangeKey(session, key)}
      isOwn={session.keyId === key.keyId}
      {...(state === undefined ? {} : { state })}
    />,
  );
};

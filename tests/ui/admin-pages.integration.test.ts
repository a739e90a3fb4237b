/** The pages of encryption, token accesses, quarantine, settings and search, and the commands that pages offer, over HTTP. */
import { execFile } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { OPERATOR_AUDIT } from '../../src/domain/access/organisation';
import type { Scope } from '../../src/domain/access/principal';
import { AccountState } from '../../src/domain/account/account';
import { needsReconnectEvent } from '../../src/domain/events/event';
import { catalogueIds } from '../../src/providers/catalogue/read-file';
import type { RunningApi } from '../../src/server/serve';
import { logEntry } from '../api/_log-entry';
import { serve } from '../cli/_cli';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const run = promisify(execFile);
const FRESH = { expiresInMs: 3600_000, refreshedAgoMs: 0 };
const keyOf = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

let h: Harness;
let api: RunningApi;
beforeAll(async () => {
  h = await startHarness({
    providers: ['ebay', 'google'],
    encryptionKeys: `${keyOf('k1')},${keyOf('k2')}`,
  });
  api = await serve(h);
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

interface Person {
  get(path: string): Promise<{ status: number; html: string }>;
  post(path: string, form: Record<string, string>): Promise<{ status: number; html: string }>;
}

async function person(organisation: string, scopes: Scope[]): Promise<Person> {
  const key = await h.key({ organisation, scopes });
  const signedIn = await fetch(`${api.url}/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    headers: { 'sec-fetch-site': 'same-origin' },
    body: new URLSearchParams({ key }),
  });
  const cookie = signedIn.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
  const send = async (path: string, init: RequestInit) => {
    const headers = { cookie, 'sec-fetch-site': 'same-origin' };
    const answer = await fetch(`${api.url}${path}`, { ...init, headers, redirect: 'manual' });
    return { status: answer.status, html: await answer.text() };
  };
  return {
    get: (path) => send(path, {}),
    post: (path, form) => send(path, { method: 'POST', body: new URLSearchParams(form) }),
  };
}

const anOrganisation = () => `org-${randomUUID()}`;

/** The texts of a page's copy buttons whose label begins so. */
function copied(html: string, label: string): string[] {
  return [...html.matchAll(/data-copy="([^"]*)" aria-label="([^"]*)"/g)]
    .filter(([, , name = '']) => name.startsWith(label))
    .map(([, text = '']) => unescaped(text));
}

function unescaped(text: string): string {
  return text
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&amp;', '&');
}

describe('permissions', () => {
  it.each<[string, Scope[], number]>([
    ['/admin/encryption', ['admin'], 403],
    ['/admin/encryption', ['operator'], 200],
    ['/admin/encryption/stream', ['admin'], 403],
    ['/admin/token-accesses', ['read'], 403],
    ['/admin/token-accesses/stream', ['read'], 403],
    ['/admin/token-accesses/export', ['read'], 403],
    ['/admin/token-accesses', ['admin'], 200],
    ['/admin/settings', ['read'], 403],
    ['/admin/settings', ['admin'], 403],
    ['/admin/settings', ['operator'], 200],
    ['/admin/providers', ['read'], 200],
    ['/admin/providers/xero', ['read'], 200],
    ['/admin/providers/export?format=jsonl', ['read'], 200],
    ['/admin/providers/acme', ['read'], 404],
    ['/admin/providers', ['operator'], 403],
    ['/admin/quarantine', ['read'], 200],
    ['/admin/quarantine', ['operator'], 403],
    ['/admin/audit/verification', ['read'], 403],
    ['/admin/search?q=x', ['read'], 200],
    ['/admin/search?q=x', ['operator'], 200],
  ])('T2.2 GET %s with the scopes %j gets %i', async (path, scopes, status) => {
    const visitor = await person(anOrganisation(), scopes);
    expect((await visitor.get(path)).status).toBe(status);
  });

  it.each(['rotate', 'pause', 'resume'])(
    'T2.2 an admin without operator cannot %s the encryption',
    async (action) => {
      const admin = await person(anOrganisation(), ['admin']);
      expect((await admin.post(`/admin/encryption/${action}`, { note: 'x' })).status).toBe(403);
    },
  );
});

describe('the encryption', () => {
  it('T2.3 is rotated on the page, shows the keys and records, and contains no key', async () => {
    const organisation = anOrganisation();
    await h.addAccount({ organisation, ...FRESH });
    const operator = await person(organisation, ['operator', 'admin']);
    const before = await operator.get('/admin/encryption');
    expect(before.html).toContain('No rotation yet.');
    expect((await operator.post('/admin/encryption/pause', { note: 'x' })).status).toBe(409);
    expect((await operator.post('/admin/encryption/pause', {})).status).toBe(400);
    expect((await operator.post('/admin/encryption/rotate', { to: 'k2' })).status).toBe(303);
    const html = await eventually(async () => {
      const page = (await operator.get('/admin/encryption')).html;
      const isDone = page.includes('completed');
      return isDone && page.includes('Every readable record is encrypted with k2') && page;
    });
    for (const key of h.encryptionKeys.split(','))
      expect(html).not.toContain(key.slice(key.indexOf(':') + 1));
    const audit = await h.store.auditEntries.newest({ organisation: OPERATOR_AUDIT, limit: 10 });
    expect(audit.map(({ action }) => action)).toContain('POST /admin/encryption/rotate');
  });
});

describe('the token accesses', () => {
  it('T2.4 name account and caller, filter, and contain nothing of another organisation', async () => {
    const organisation = anOrganisation();
    const first = await h.addAccount({ organisation, ...FRESH, label: 'Quay Records' });
    const second = await h.addAccount({ organisation, ...FRESH, label: 'Copper Kettle' });
    const key = await h.key({ organisation, scopes: ['tokens'] });
    for (const { id } of [first, second])
      expect((await h.request(key, 'GET', `/api/tokens/${id}`)).status).toBe(200);
    const admin = await person(organisation, ['admin']);
    const all = await eventually(async () => {
      const { html } = await admin.get('/admin/token-accesses');
      return html.includes('Quay Records') && html.includes('Copper Kettle') && html;
    });
    expect(all).not.toContain(first.plain.accessToken);
    const one = (await admin.get(`/admin/token-accesses?account=${first.id}`)).html;
    expect(one).toContain('Quay Records');
    expect(one).not.toContain('Copper Kettle');
    expect((await admin.get('/admin/token-accesses?caller=nobody')).html).toContain(
      'No token accesses match these filters.',
    );
    const stranger = await person(anOrganisation(), ['admin']);
    for (const query of ['', `?account=${first.id}`]) {
      const html = (await stranger.get(`/admin/token-accesses${query}`)).html;
      expect(html).not.toContain('Quay Records');
    }
    expect((await admin.get(`/admin/accounts/${first.id}`)).html).toContain(
      `/admin/token-accesses?account=${first.id}`,
    );
  });
});

describe('the quarantine', () => {
  it('T2.5 shows since when, and releases after a preview', async () => {
    const organisation = anOrganisation();
    const held = await h.addAccount({ organisation, ...FRESH, label: 'Held' });
    await h.addAccount({ organisation, ...FRESH, label: 'Free' });
    await h.store.accounts.patch(organisation, held.id, { quarantine: true }, new Date());
    expect((await h.account(held.id)).quarantinedAt).not.toBeNull();
    const admin = await person(organisation, ['admin']);
    const { html } = await admin.get('/admin/quarantine');
    expect(html).toContain('Held');
    expect(html).not.toContain('Free');
    const stranger = await person(anOrganisation(), ['admin']);
    expect((await stranger.get('/admin/quarantine')).html).not.toContain('Held');
    const preview = await admin.post('/admin/accounts/actions', {
      action: 'release',
      all: 'true',
      filter: 'quarantine=true',
    });
    expect(preview.html).toContain('Release from quarantine: 1 account');
    await admin.post('/admin/accounts/actions/run', { action: 'release', id: held.id });
    expect(await h.account(held.id)).toMatchObject({ quarantine: false, quarantinedAt: null });
  });

  it('R5.4 an action on many accounts leaves a disconnected account as it is', async () => {
    const organisation = anOrganisation();
    const admin = await person(organisation, ['admin']);
    const { id } = await h.addAccount({ organisation });
    await h.store.disconnections.begin(id, { id: randomUUID(), by: 'key', now: new Date() });
    for (const action of ['disable', 'enable']) {
      const { html } = await admin.post('/admin/accounts/actions/run', { action, id });
      expect(html).toContain('The account is disconnected.');
    }
    const change = { state: AccountState.disabled, stateReason: null };
    expect(await h.store.accounts.patch(organisation, id, change, new Date())).toBeNull();
    expect(await h.account(id)).toMatchObject({ state: AccountState.disconnected });
  });
});

it('the audit shows only the actions that were refused or failed, if a person asks for them', async () => {
  const admin = await person(anOrganisation(), ['admin']);
  await admin.post('/admin/accounts/acc_000000000000000000000000/enable', {});
  const { html } = await admin.get('/admin/audit?result=failed');
  expect(html).toContain('404');
  expect(html).toMatch(/<strong>1<\/strong> audit entry/);
});

describe('the audit verification', () => {
  it('T2.6 checks one chain, from an entry on, and a noted entry', async () => {
    const organisation = anOrganisation();
    const admin = await person(organisation, ['admin']);
    await admin.post('/admin/accounts/actions', { action: 'enable', all: 'true', filter: '' });
    const { html } = await admin.get('/admin/audit/verification?chain=actions');
    expect(html).not.toContain('id="token-accesses-title"');
    const [last = ''] = copied(html, 'Copy the last entry');
    const noted = await admin.get(`/admin/audit/verification?known=${encodeURIComponent(last)}`);
    expect(noted.html).toContain('The noted entry is unchanged.');
    const wrong = `${last.slice(0, -1)}${last.endsWith('A') ? 'B' : 'A'}`;
    const changed = await admin.get(`/admin/audit/verification?known=${encodeURIComponent(wrong)}`);
    expect(changed.html).toContain('It differs from the known entry.');
    expect((await admin.get('/admin/audit/verification?known=x')).status).toBe(400);
    expect((await admin.get('/admin/audit/verification?after=-1')).status).toBe(400);
  });
});

describe('the settings', () => {
  it('T2.7 name sources, and contain no secret and no other organisation', async () => {
    const operator = await person(anOrganisation(), ['operator']);
    const { html } = await operator.get('/admin/settings');
    for (const name of ['ADMIN_API_KEY', 'ENCRYPTION_KEYS', 'SMTP_URL', 'MONGODB_URI'])
      expect(html).toContain(name);
    expect(html).toContain('Reachable');
    const { clientSecret, mongodbUri, encryptionKeys, providersFile } = h;
    for (const secret of [clientSecret, mongodbUri, encryptionKeys, providersFile])
      expect(html).not.toContain(secret);
    expect(html).toMatch(/id="setting-WEBHOOKS_ALLOW_PRIVATE_ADDRESSES".*?environment.*?true/s);
    expect(html).toMatch(/id="setting-LOG_RETENTION_DAYS".*?default.*?30/s);
  });
});

describe('the providers', () => {
  const idsIn = (html: string) =>
    [...html.matchAll(/href="\/admin\/providers\/([a-z-]+)"/g)].map(([, id = '']) => id);

  it('list those that are configured first, and filter by name', async () => {
    const reader = await person(anOrganisation(), ['read']);
    const { html } = await reader.get('/admin/providers');
    const ids = idsIn(html);
    expect(ids.slice(0, 3)).toEqual(['ebay', 'google', catalogueIds()[0]]);
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(Math.min(50, catalogueIds().length));
    expect(idsIn((await reader.get('/admin/providers?q=XER')).html)).toEqual(['xero']);
    const page = await reader.get(`/admin/providers?cursor=${ids[2]}`);
    expect(idsIn(page.html)[0]).toBe(ids[3]);
    expect((await reader.get('/admin/search?q=providers')).html).toContain('"/admin/providers"');
  });

  it('show facts with links to sources, unknown fields and an entry to copy', async () => {
    const { html } = await (await person(anOrganisation(), ['read'])).get('/admin/providers/xero');
    expect(html).toContain('href="https://developer.xero.com/faq/oauth2"');
    expect(html).toMatch(/PKCE<\/th>.*?S256.*?assumption/s);
    expect(html).toMatch(/Limit of the token endpoint<\/th>.*?unknown/s);
    expect(html).toContain('authorization.pkce, token.clientAuthentication');
    expect(html).toMatch(/data-copy="providers:\s+xero:\s+clientId: \$\{XERO_CLIENT_ID\}/);
  });
});

describe('the search', () => {
  it('T2.8 finds an account, a log entry, pages and actions of one’s own organisation', async () => {
    const organisation = anOrganisation();
    const account = await h.addAccount({ organisation, ...FRESH, label: 'Harbour Books' });
    const entry = logEntry({ organisation, account_id: account.id, provider: 'ebay' });
    await h.store.logEntries.record(entry);
    const admin = await person(organisation, ['admin']);
    const found = async (who: Person, q: string) =>
      (await who.get(`/admin/search?q=${encodeURIComponent(q)}`)).html;
    for (const q of ['Harb', 'harb', account.id, account.id.slice(0, 12), account.externalId])
      expect(await found(admin, q)).toContain(`href="/admin/accounts/${account.id}"`);
    expect(await found(admin, entry.id)).toContain(`entry=${encodeURIComponent(entry.id)}`);
    expect(await found(admin, 'verify')).toContain('/admin/audit/verification');
    expect(await found(admin, 'rotate')).toContain('Nothing found.');
    const stranger = await person(anOrganisation(), ['admin']);
    for (const q of ['Harb', account.id, account.externalId, entry.id])
      expect(await found(stranger, q)).toContain('Nothing found.');
    const operator = await person(organisation, ['operator']);
    expect(await found(operator, 'Harb')).toContain('Nothing found.');
    expect(await found(operator, 'rotate')).toContain('Rotate the encryption key');
    const reader = await person(organisation, ['read']);
    expect(await found(reader, 'verify')).toContain('Nothing found.');
    expect(await found(reader, '$gt')).toContain('Nothing found.');
  });
});

describe('the commands', () => {
  /** Runs a command in a shell that finds `evergrant`, as a person does after copying. */
  const inShell = async (command: string, key: string) => {
    const cli = join(__dirname, '..', '..', 'build', 'cli', 'main.js');
    const script = `evergrant() { "$NODE" "$CLI" "$@" --json; }\n${command}`;
    const { stdout } = await run('/bin/sh', ['-c', script], {
      env: {
        PATH: process.env['PATH'],
        NODE: process.execPath,
        CLI: cli,
        EVERGRANT_API_KEY: key,
      },
    });
    return JSON.parse(stdout) as { items: { id: string }[]; id: string; released: number };
  };

  it('T2.1 of a filtered list return what the list shows, with hostile text in the filter', async () => {
    const organisation = anOrganisation();
    const label = `It's "$(touch /tmp/evergrant-pwned)" \`id\` & {a,b} #1`;
    const wanted = await h.addAccount({ organisation, ...FRESH, label });
    await h.addAccount({ organisation, ...FRESH, label: 'Other' });
    const admin = await person(organisation, ['admin']);
    const key = await h.key({ organisation, scopes: ['admin'] });
    const query = new URLSearchParams({ q: label, provider: 'ebay' });
    const { html } = await admin.get(`/admin/accounts?${query.toString()}`);
    const commands = [...copied(html, 'Copy as curl'), ...copied(html, 'Copy as CLI')];
    expect(commands).toHaveLength(2);
    for (const command of commands) {
      expect(command).not.toContain(key);
      const { items } = await inShell(command, key);
      expect(items.map(({ id }) => id)).toEqual([wanted.id]);
    }
  });

  it('R3.7 the page of an account without a person shows its grant, and asks for credentials in place of a refresh token', async () => {
    const organisation = anOrganisation();
    const key = await h.key({ organisation, scopes: ['admin'] });
    const { body } = await h.request(key, 'POST', '/api/admin/accounts', {
      provider: 'ebay',
      external_id: 'application',
      grant: 'client_credentials',
    });
    const admin = await person(organisation, ['admin']);
    const { html } = await admin.get(`/admin/accounts/${body.id}`);
    expect(html).toContain('Client credentials, OAuth app of the provider');
    expect(html).toContain('<th scope="row">Credentials</th>');
    expect(html).toContain('New credentials …');
    expect(html).not.toContain('name="refresh_token"');
    const refused = await admin.post(`/admin/accounts/${body.id}/reconnect`, {
      credentials: '{"client_secret": "planted-secret"}',
    });
    expect(refused.html).toContain('credentials.client_id: required');
    expect(refused.html).not.toContain('planted-secret');
    expect(html).toContain('Force refresh');
  });

  it('T2.1 of an account show it and release it', async () => {
    const organisation = anOrganisation();
    const { id } = await h.addAccount({ organisation, ...FRESH });
    await h.store.accounts.patch(organisation, id, { quarantine: true }, new Date());
    const admin = await person(organisation, ['admin']);
    const key = await h.key({ organisation, scopes: ['admin'] });
    const { html } = await admin.get(`/admin/accounts/${id}`);
    for (const command of [
      ...copied(html, 'Copy as curl: Show'),
      ...copied(html, 'Copy as CLI: Show'),
    ])
      expect((await inShell(command, key)).id).toBe(id);
    const [release = ''] = copied(html, 'Copy as curl: Release');
    expect((await inShell(release, key)).released).toBe(1);
    const reader = await person(organisation, ['read']);
    expect(copied((await reader.get(`/admin/accounts/${id}`)).html, 'Copy as')).toHaveLength(2);
  });

  it.each([
    'workflows?since=24h',
    'terminal?since=24h',
    'audit?since=24h',
    'events?from=2026-11-30T12:00',
    'quarantine',
    'webhooks',
    'keys',
  ])('T2.1 of the page %s are accepted by the API and the command line', async (name) => {
    const organisation = anOrganisation();
    const account = await h.addAccount({ organisation, ...FRESH });
    await h.store.accounts.patch(organisation, account.id, { quarantine: true }, new Date());
    await h.store.logEntries.record(
      logEntry({ organisation, account_id: account.id, provider: 'ebay' }),
    );
    const admin = await person(organisation, ['admin']);
    await admin.post('/admin/accounts/actions', { action: 'enable', all: 'true', filter: '' });
    const key = await h.key({ organisation, scopes: ['admin'] });
    await h.store.events.raise(
      needsReconnectEvent(account, {
        state: AccountState.needsReconnect,
        reason: 'invalid_grant',
        at: new Date(),
      }),
    );
    const webhook = { url: 'https://example.com/hook', event_types: ['app.incident'] };
    await h.request(key, 'POST', '/api/admin/webhooks', webhook);
    const { html } = await admin.get(`/admin/${name}`);
    const commands = [...copied(html, 'Copy as curl'), ...copied(html, 'Copy as CLI')];
    expect(commands).toHaveLength(2);
    for (const command of commands) expect((await inShell(command, key)).items).toBeDefined();
    expect(commands[1]?.includes(' --since=24h')).toBe(name.includes('since=24h'));
  });
});

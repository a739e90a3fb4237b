/** `evergrant import --from`: exports of other systems, imported by the real CLI into the real API and store. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IMPORT_SOURCES } from '../../src/cli/import-sources';
import type { Account } from '../../src/domain/account/account';
import type { RunningApi } from '../../src/server/serve';
import { type Harness, startHarness } from '../support/harness';
import { type Ran, rows, serve, startCli } from './_cli';

const EXPORTS = join(__dirname, 'exports');
const folder = mkdtempSync(join(tmpdir(), 'evergrant-import-from-'));
/** Part of every token and secret in the exports. */
const SECRET = /0123456789/;

let h: Harness;
let api: RunningApi;
let key: string;
let organisation: string;
let environment: Record<string, string>;

beforeAll(async () => {
  const likeGoogle = { dialect: 'google' } as const;
  h = await startHarness({
    worker: false,
    providers: {
      google: {},
      ebay: {},
      microsoft: likeGoogle,
      hubspot: { ...likeGoogle, adapter: 'oauth2' },
    },
  });
  api = await serve(h);
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});
beforeEach(async () => {
  organisation = `org-${randomUUID()}`;
  key = await h.key({ organisation, scopes: ['admin', 'tokens'] });
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
});

/** Writes a file of `exports` with its relative times replaced. */
function exported(name: string): string {
  const path = join(folder, `${randomUUID().slice(0, 8)}-${name}`);
  const bytes = readFileSync(join(EXPORTS, name));
  if (name.endsWith('.bin')) writeFileSync(path, bytes);
  else writeFileSync(path, bytes.toString().replaceAll(/@(\w+):(-?\d+)@/g, moment));
  return path;
}

const NOW = Math.floor(Date.now() / 1000) * 1000;
function moment(_all: string, form: string, seconds: string): string {
  const at = NOW + Number(seconds) * 1000;
  const iso = new Date(at).toISOString();
  const forms: Record<string, string> = {
    seconds: String(at / 1000),
    ms: String(at),
    iso,
    naive: iso.replace('.000Z', ''),
    pg: iso.replace('.000Z', '+00:00'),
  };
  return forms[form] ?? '';
}
const IN_3000_S = new Date(NOW + 3_000_000).toISOString();

async function imported(from: string, args: string[]): Promise<Ran> {
  const ran = await startCli(environment, ['import', '--from', from, ...args], '').ended;
  expect(ran.stdout + ran.stderr).not.toMatch(SECRET);
  return ran;
}

async function stored(): Promise<Map<string, Account>> {
  const accounts = await h.store.accounts.list({ organisation, limit: 500 });
  return new Map(accounts.map((account) => [account.externalId, account]));
}

interface Wanted {
  provider: string;
  label?: string;
  refreshToken: string;
  accessToken?: string;
  scopes?: string[];
  refreshTokenExpiresAt?: string | null;
}

/** Expects exactly these accounts with their tokens. If an access token is given, the API must serve it. */
async function expectStored(wanted: Record<string, Wanted>): Promise<void> {
  const accounts = await stored();
  expect([...accounts.keys()].toSorted()).toEqual(Object.keys(wanted).toSorted());
  for (const [externalId, { provider, label = externalId, ...grant }] of Object.entries(wanted)) {
    const account = accounts.get(externalId);
    expect(account).toMatchObject({
      provider,
      label,
      current: {
        refreshTokenFingerprint: h.vault.fingerprint(grant.refreshToken),
        accessTokenFingerprint:
          grant.accessToken === undefined ? null : h.vault.fingerprint(grant.accessToken),
        scopes: grant.scopes ?? [],
        refreshTokenExpiresAt: grant.refreshTokenExpiresAt ?? null,
      },
    });
    if (grant.accessToken === undefined) continue;
    const token = await h.request(key, 'GET', `/api/tokens/${account?.id}?min_valid_seconds=60`);
    expect(token.body).toMatchObject({ access_token: grant.accessToken, expires_at: IN_3000_S });
  }
}

function reasons(ran: Ran): Record<string, string> {
  return Object.fromEntries(rows(ran.stdout).map((row) => [row['entry'], row['reason'] ?? '']));
}

describe('nango', () => {
  it('reads connections from the API and refuses those without a refresh token', async () => {
    const ran = await imported('nango', [
      '--map=google-mail=google',
      '--map=hubspot-prod=hubspot',
      exported('nango-connections.jsonl'),
    ]);
    expect(ran.code).toBe(1);
    await expectStored({
      '7c0f4f6e-1111-4a6c-9a53-0d7e1b2f3c4d': {
        provider: 'google',
        label: 'Seaview Hotel',
        refreshToken: 'rt-nango-0123456789',
        accessToken: 'at-nango-0123456789',
        scopes: ['https://www.googleapis.com/auth/gmail.readonly', 'openid'],
        refreshTokenExpiresAt: new Date(NOW + (3000 - 3600 + 604_800) * 1000).toISOString(),
      },
      'hub-2': { provider: 'hubspot', refreshToken: 'rt-hub-0123456789' },
    });
    expect(reasons(ran)).toEqual({
      'entry 3 (connection hub-3)': expect.stringContaining(
        '"https://api.nango.dev/connections/hub-3?provider_config_key=hubspot-prod&refresh_token=true"',
      ),
      'entry 4 (connection key-4)': 'has no OAuth 2.0 refresh token: its credentials are API_KEY',
    });
    expect(ran.stdout).toMatch(/^created +2$/m);
    expect(ran.stdout).toMatch(/^refused +2$/m);
    expect(ran.stderr).toMatch(/^hubspot: .* client id hub-client-1\. /m);
    expect(ran.stderr).toMatch(/^4 entries, 2 ok, 2 refused/m);
  });

  it('refuses encrypted rows and the list of connections, and shows the call that returns the tokens', async () => {
    const ran = await imported('nango', [
      '--provider=hubspot',
      exported('nango-rows.jsonl'),
      exported('nango-list.json'),
    ]);
    expect(reasons(ran)).toEqual({
      'entry 1 (connection hub-2)': expect.stringMatching(
        /encrypted with Nango's key\. Export it with: curl .*connections\/hub-2\?provider_config_key=hubspot-prod&refresh_token=true/,
      ),
      'entry 3 (connection hub-6)': 'deleted in Nango',
      'entry 4 (connection hub-2)': expect.stringMatching(/has no credentials\. Export it with: /),
    });
    await expectStored({
      'hub-5': {
        provider: 'hubspot',
        refreshToken: 'rt-row-0123456789',
        accessToken: 'at-row-0123456789',
      },
    });
  });
});

describe('n8n', () => {
  it('reads credentials of newer and older versions', async () => {
    const ran = await imported('n8n', [
      '--map=googleCalendarOAuth2Api=google',
      '--map=hub-client-1=hubspot',
      exported('n8n-decrypted.json'),
    ]);
    await expectStored({
      Kx3bQzT0aLw5RmN1: {
        provider: 'google',
        label: 'Booking calendar',
        refreshToken: 'rt-n8n-0123456789',
        accessToken: 'at-n8n-0123456789',
        scopes: [
          'https://www.googleapis.com/auth/calendar',
          'https://www.googleapis.com/auth/calendar.events',
        ],
      },
      '7': {
        provider: 'hubspot',
        label: 'HubSpot account',
        refreshToken: 'rt-n8nhub-0123456789',
      },
    });
    expect(reasons(ran)).toEqual({
      'entry 3 (credential b1)': expect.stringMatching(/^has no OAuth 2\.0 tokens/),
      'entry 4 (credential b2)': 'has no refresh token',
    });
  });

  it('refuses encrypted credentials and shows the command that exports them in plain text', async () => {
    const ran = await imported('n8n', [exported('n8n-encrypted.json')]);
    expect(ran.code).toBe(1);
    expect(reasons(ran)['entry 1 (credential Kx3bQzT0aLw5RmN1)']).toContain(
      'n8n export:credentials --all --decrypted --output=credentials.json',
    );
    await expectStored({});
  });
});

describe('airbyte', () => {
  it('reads rows of actors with the rows of their secrets', async () => {
    const ran = await imported('airbyte', [
      '--map=HubSpot=hubspot',
      '--map=Airtable=hubspot/sandbox',
      exported('airbyte-actors.jsonl'),
      exported('airbyte-secrets.jsonl'),
    ]);
    await expectStored({
      '18dccc91-0ab1-4f72-9ed7-0b8fc27c5826': {
        provider: 'hubspot',
        label: 'HubSpot of Seaview',
        refreshToken: 'rt-airhub-0123456789',
      },
      '28dccc91-0ab1-4f72-9ed7-0b8fc27c5826': {
        provider: 'hubspot',
        label: 'Airtable',
        refreshToken: 'rt-air-0123456789',
        accessToken: 'at-air-0123456789',
      },
    });
    expect((await stored()).get('28dccc91-0ab1-4f72-9ed7-0b8fc27c5826')?.environment).toBe(
      'sandbox',
    );
    const refused = reasons(ran);
    expect(refused['entry 3 (connector 38dccc91-0ab1-4f72-9ed7-0b8fc27c5826)']).toContain(
      'psql -qAt -c "select row_to_json(s) from secrets s"',
    );
    expect(refused['entry 4 (connector 48dccc91-0ab1-4f72-9ed7-0b8fc27c5826)']).toBe(
      'has no refresh token',
    );
  });

  it('refuses masked secrets and secret coordinates, and shows the command that exports the values', async () => {
    const ran = await imported('airbyte', [exported('airbyte-api.json')]);
    expect(reasons(ran)).toEqual({
      'entry 1 (connector 18dccc91-0ab1-4f72-9ed7-0b8fc27c5826)': expect.stringMatching(
        /API hides its secrets\. Export rows instead: psql .* from actor a .*from secrets s/,
      ),
      'entry 2 (connector 28dccc91-0ab1-4f72-9ed7-0b8fc27c5826)':
        expect.stringMatching(/from secrets s/),
    });
  });

  it('reads the configuration of one connector with --external-id', async () => {
    const path = exported('airbyte-config.json');
    const without = await imported('airbyte', ['--provider=hubspot', path]);
    expect(reasons(without)['entry 1 (connector)']).toMatch(/--external-id <id>/);
    const ran = await imported('airbyte', ['--provider=hubspot', '--external-id=hub-9', path]);
    expect(ran.code).toBe(0);
    await expectStored({
      'hub-9': { provider: 'hubspot', refreshToken: 'rt-config-0123456789' },
    });
  });
});

describe('google-authorized-user', () => {
  it('reads the files of google-auth, Node and oauth2client, and refuses files without an account', async () => {
    const ran = await imported('google-authorized-user', [
      exported('google-auth-token.json'),
      exported('google-node-token.json'),
      exported('google-oauth2client.json'),
      exported('google-adc.json'),
      exported('google-service-account.json'),
    ]);
    await expectStored({
      'desk@seaview.example': {
        provider: 'google',
        refreshToken: '1//rt-google-0123456789',
        accessToken: 'at-google-0123456789',
        scopes: ['https://www.googleapis.com/auth/gmail.readonly'],
      },
      'node@seaview.example': {
        provider: 'google',
        refreshToken: '1//rt-node-0123456789',
        accessToken: 'at-node-0123456789',
        scopes: ['https://www.googleapis.com/auth/drive.readonly', 'openid'],
      },
      'old@seaview.example': {
        provider: 'google',
        refreshToken: '1//rt-o2c-0123456789',
        accessToken: 'at-o2c-0123456789',
        scopes: ['https://www.googleapis.com/auth/drive'],
      },
    });
    expect(Object.values(reasons(ran))).toEqual([
      'has no account id: import it alone, with --external-id <id>',
      'a service account key, which has no refresh token',
    ]);
  });

  it('accepts --external-id for one file and omits an expired access token', async () => {
    const path = exported('google-auth-no-account.json');
    const ran = await imported('google-authorized-user', ['--external-id=ada', path]);
    expect(ran.code).toBe(0);
    await expectStored({
      ada: {
        provider: 'google',
        refreshToken: '1//rt-older-0123456789',
        scopes: ['https://www.googleapis.com/auth/gmail.readonly'],
      },
    });
    const two = await imported('google-authorized-user', ['--external-id=ada', path, path]);
    expect(two).toMatchObject({ code: 2, stderr: expect.stringMatching(/applies to one account/) });
  });
});

describe('msal', () => {
  it('reads one entry per account and app from the cache of MSAL for Python', async () => {
    const ran = await imported('msal', [
      '--map=contoso.b2clogin.com=hubspot',
      exported('msal-python.json'),
    ]);
    await expectStored({
      '11111111-aaaa.22222222-bbbb': {
        provider: 'microsoft',
        label: 'ada@seaview.example',
        refreshToken: 'rt-msal-0123456789',
        accessToken: 'at-msal-0123456789',
        scopes: ['Mail.Read', 'User.Read'],
      },
      '33333333-cccc.22222222-bbbb': { provider: 'hubspot', refreshToken: 'rt-b2c-0123456789' },
    });
    expect(reasons(ran)).toEqual({
      'entry 1 (account 11111111-aaaa.22222222-bbbb)': expect.stringMatching(/is newer/),
    });
  });

  it("reads the app's own refresh token from the cache of MSAL for Node, and no access token of several resources", async () => {
    await imported('msal', [exported('msal-node.json')]);
    await expectStored({
      'uid.utid': { provider: 'microsoft', label: 'John Doe', refreshToken: 'rt-own-0123456789' },
    });
  });

  it('refuses an encrypted cache and an empty file, and shows the command that exports it in plain text', async () => {
    const empty = join(folder, 'empty.bin');
    writeFileSync(empty, '');
    for (const path of [exported('msal-dpapi.bin'), empty]) {
      const ran = await imported('msal', [path]);
      expect(ran).toMatchObject({ code: 1, stdout: '' });
      expect(ran.stderr).toContain('from msal_extensions import build_encrypted_persistence');
    }
  });
});

describe('django-allauth', () => {
  it('joins tokens with their accounts and apps, and refuses OAuth 1 and incomplete tokens', async () => {
    const ran = await imported('django-allauth', [exported('django-allauth.json')]);
    await expectStored({
      '109876543210987654321': {
        provider: 'google',
        label: 'ada@seaview.example',
        refreshToken: '1//rt-allauth-0123456789',
        accessToken: 'at-allauth-0123456789',
      },
      '22': {
        provider: 'google',
        label: 'bob@seaview.example',
        refreshToken: '1//rt-allauth2-0123456789',
      },
    });
    expect(reasons(ran)).toEqual({
      'entry 3 (SocialToken 11)': 'has no refresh token (token_secret is empty)',
      'entry 4 (SocialToken 12)': 'a token of OAuth 1, which has no refresh token',
      'entry 5 (SocialToken 13)': expect.stringMatching(/dumpdata socialaccount/),
    });
  });
});

describe('python-social-auth', () => {
  it('reads a dump, and rows with extra_data as text that is encoded once or twice', async () => {
    const ran = await imported('python-social-auth', [
      '--map=google-oauth2=google',
      '--map=azuread-oauth2=microsoft',
      exported('python-social-auth.json'),
      exported('python-social-auth-rows.jsonl'),
    ]);
    await expectStored({
      'ada@seaview.example': {
        provider: 'google',
        refreshToken: '1//rt-psa-0123456789',
        accessToken: 'at-psa-0123456789',
      },
      'ada-ms': {
        provider: 'microsoft',
        refreshToken: 'rt-psams-0123456789',
        accessToken: 'at-psams-0123456789',
      },
      'bob@seaview.example': {
        provider: 'google',
        refreshToken: '1//rt-psatext-0123456789',
        accessToken: 'at-psatext-0123456789',
      },
      'cy@seaview.example': { provider: 'google', refreshToken: '1//rt-twice-0123456789' },
    });
    expect(reasons(ran)).toEqual({
      'entry 3 (UserSocialAuth 3)': 'a token of OAuth 1, which has no refresh token',
      'entry 4 (UserSocialAuth 4)': 'has no refresh token',
    });
  });
});

describe('next-auth and better-auth', () => {
  it('reads rows of NextAuth.js 4 and Auth.js', async () => {
    const ran = await imported('next-auth', [exported('next-auth.json')]);
    await expectStored({
      '109876543210987654321': {
        provider: 'google',
        refreshToken: '1//rt-next-0123456789',
        accessToken: 'at-next-0123456789',
        scopes: ['openid', 'https://www.googleapis.com/auth/userinfo.email'],
      },
      'hub-8': {
        provider: 'hubspot',
        refreshToken: 'rt-nexthub-0123456789',
        refreshTokenExpiresAt: new Date(NOW + 86_400_000).toISOString(),
      },
    });
    expect(reasons(ran)).toEqual({
      'entry 3 (account bob@seaview.example)': 'has no refresh token',
    });
  });

  it('reads rows of NextAuth.js 3 and documents of MongoDB', async () => {
    const ran = await imported('next-auth', [exported('next-auth-v3.jsonl')]);
    expect(ran.code).toBe(0);
    await expectStored({
      '44': {
        provider: 'google',
        refreshToken: '1//rt-v3-0123456789',
        accessToken: 'at-v3-0123456789',
      },
      '45': {
        provider: 'google',
        refreshToken: '1//rt-v3mongo-0123456789',
        accessToken: 'at-v3mongo-0123456789',
      },
      '46': {
        provider: 'google',
        refreshToken: '1//rt-mongo-0123456789',
        accessToken: 'at-mongo-0123456789',
      },
    });
  });

  it('reads rows of Better Auth and refuses encrypted ones', async () => {
    const ran = await imported('better-auth', [exported('better-auth.json')]);
    await expectStored({
      '109876543210987654321': {
        provider: 'google',
        refreshToken: '1//rt-better-0123456789',
        accessToken: 'at-better-0123456789',
        scopes: ['openid', 'email', 'https://www.googleapis.com/auth/drive'],
        refreshTokenExpiresAt: new Date(NOW + 86_400_000).toISOString(),
      },
      '77': {
        provider: 'google',
        refreshToken: '1//rt-snake-0123456789',
        accessToken: 'at-snake-0123456789',
      },
    });
    expect(reasons(ran)).toEqual({
      'entry 3 (account u2)': 'signs in by password, and has no refresh token',
      'entry 4 (account 88)': expect.stringMatching(/encryptOAuthTokens.*symmetricDecrypt/),
      'entry 5 (account 89)': expect.stringMatching(/encryptOAuthTokens/),
    });
  });
});

describe('import --from', () => {
  const connections = () => exported('nango-connections.jsonl');

  it('requests a mapping for the names found before it stores anything', async () => {
    const ran = await imported('nango', ['--map=google-mail=google', connections()]);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).toMatch(
      /no configured provider for: hubspot-prod \(1 entry\)\. Map each name with --map/,
    );
    expect(ran.stderr).toMatch(/"hubspot-prod" is not configured; configured providers: google, /);
    const wrong = await imported('nango', ['--provider=nobody', connections()]);
    expect(wrong).toMatchObject({ code: 2, stdout: '' });
    expect(wrong.stderr).toMatch(/google-mail \(1 entry\), hubspot-prod \(1 entry\)/);
    const typo = await imported('nango', ['--map=gogle=google', connections()]);
    expect(typo.stderr).toMatch(/no provider or client id "gogle"\. It has: google-mail/);
    await expectStored({});
  });

  it('--dry-run stores no account, and --quarantine updates accounts in quarantine', async () => {
    const args = ['--provider=hubspot', exported('nango-rows.jsonl')];
    const dry = await imported('nango', ['--dry-run', ...args]);
    expect(dry.stdout).toMatch(/^valid +1$/m);
    await expectStored({});
    await imported('nango', ['--quarantine', ...args]);
    expect((await stored()).get('hub-5')?.quarantine).toBe(true);
    const path = join(folder, 'newer.jsonl');
    writeFileSync(path, readFileSync(args[1] ?? '', 'utf8').replaceAll('rt-row-', 'rt-newer-'));
    const again = await imported('nango', ['--quarantine', '--provider=hubspot', path]);
    expect(again.stdout).toMatch(/^updated +1$/m);
    expect((await stored()).get('hub-5')?.current.refreshTokenFingerprint).toBe(
      h.vault.fingerprint('rt-newer-0123456789'),
    );
  });

  it('reads standard input, and UTF-16 files of PowerShell', async () => {
    const text = readFileSync(exported('next-auth-v3.jsonl'), 'utf8');
    const args = ['import', '--from', 'next-auth', '--json', '-'];
    const ran = await startCli(environment, args, text).ended;
    expect(ran.json()).toMatchObject({ summary: { lines: 3, created: 3, refused: 0 } });
    const path = join(folder, 'utf16.json');
    writeFileSync(path, Buffer.from(`\ufeff${text}`, 'utf16le'));
    const again = await imported('next-auth', ['--json', path]);
    expect(again.json()).toMatchObject({ summary: { lines: 3, existed: 3 } });
  });

  it('--json names each refused entry and counts all entries', async () => {
    const ran = await imported('nango', [
      '--json',
      '--map=google-mail=google',
      '--map=hubspot-prod=hubspot',
      connections(),
    ]);
    const answers = ran.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toMatchObject([
      { line: 3, result: 'refused', entry: 'entry 3 (connection hub-3)' },
      { line: 4, result: 'refused', entry: 'entry 4 (connection key-4)' },
      { summary: { lines: 4, created: 2, refused: 2 } },
    ]);
  });

  it('reports invalid options and unreadable files', async () => {
    const path = connections();
    expect(await imported('zapier', [path])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/--from must be one of nango, n8n, .*, not "zapier"/),
    });
    const none = join(folder, 'none.json');
    expect(await imported('n8n', [none])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/none\.json cannot be read \(ENOENT\)/),
    });
    const xml = join(folder, 'dump.xml');
    writeFileSync(xml, '<rt-0123456789/>');
    expect(await imported('django-allauth', [xml])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/dump\.xml is neither JSON nor JSON Lines/),
    });
    const cut = join(folder, 'cut.jsonl');
    writeFileSync(cut, readFileSync(path).subarray(0, -200));
    expect(await imported('nango', ['--provider=hubspot', cut])).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /cut\.jsonl: line 4 is not JSON\. Check that the export is complete\./,
      ),
    });
    for (const args of [
      ['import', '--provider', 'google', path],
      ['import', path, path],
      ['import', '--from', 'nango', '--format', 'jsonl', path],
    ])
      expect(await startCli(environment, args, '').ended).toMatchObject({ code: 2, stdout: '' });
  });

  it('refuses entries that the API does not accept, and prints no token', async () => {
    const path = join(folder, 'hostile.json');
    const row = (providerAccountId: string, refresh_token: unknown) => ({
      provider: 'google',
      providerAccountId,
      refresh_token,
    });
    const all = [
      row('a'.repeat(500), 'rt-long-0123456789'),
      row('rt-0123456789', 'rt-0123456789'),
      row('b', { toString: 'rt-0123456789' }),
      row('c', 'ENC:v1:rt-0123456789'),
      row('\u001b[31mred', 'rt-colour-0123456789'),
      'rt-0123456789',
      null,
    ];
    writeFileSync(path, JSON.stringify(all));
    const ran = await imported('next-auth', ['--dry-run', path]);
    expect(ran.code).toBe(1);
    expect(ran.stdout).not.toContain('\u001b[31m');
    expect(Object.keys(reasons(ran))).toEqual([
      'entry 1 (account)',
      'entry 3 (account b)',
      'entry 4 (account c)',
      'entry 5 (account)',
      'entry 6 (account)',
      'entry 7 (account)',
    ]);
  });

  it('streams 5,000 entries and reports refused ones in order', async () => {
    const all = Array.from({ length: 5_000 }, (_, at) => ({
      provider: 'google',
      providerAccountId: `many-${at}`,
      refresh_token: at % 2 === 0 ? null : at % 5 === 0 ? 'ENC:v1:x' : `rt-${at}-0123456789`,
    }));
    const path = join(folder, 'many.json');
    writeFileSync(path, JSON.stringify(all));
    const kept = join(folder, 'kept.jsonl');
    const ran = await imported('next-auth', ['--json', '--dry-run', '--refused', kept, path]);
    const answers = ran.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { summary } = answers.pop();
    expect(summary).toMatchObject({ lines: 5_000, valid: 2_000, refused: 3_000 });
    expect(answers.map(({ line }) => line)).toEqual(
      all.flatMap((_, at) => (at % 2 === 0 || at % 5 === 0 ? [at + 1] : [])),
    );
    expect(answers[3]).toMatchObject({ line: 6, entry: 'entry 6 (account many-5)' });
    const lines = readFileSync(kept, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(500);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      provider: 'google',
      external_id: 'many-5',
      refresh_token: 'ENC:v1:x',
    });
  });

  it('--help lists all systems and options', async () => {
    const { code, stdout } = await startCli(environment, ['import', '--help'], '').ended;
    expect(code).toBe(0);
    for (const system of IMPORT_SOURCES.keys()) expect(stdout).toContain(system);
    for (const option of ['--from', '--map', '--provider', '--external-id'])
      expect(stdout).toContain(option);
  });
});

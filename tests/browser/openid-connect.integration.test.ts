/** Sign-in with a certified OpenID provider in a real browser. */
import { randomUUID } from 'node:crypto';
import type { Page } from 'playwright-core';
import { Secret } from '../../src/domain/masking/secret';
import {
  type AuthorizationServer,
  type Person,
  startAuthorizationServer,
} from '../providers/_oidc-provider';
import { eventually } from '../support/eventually';
import { expectAccessible, expectNoComplaints, type Pages, startPages } from './_browser';

const CLIENT_ID = 'evergrant';
const SECRET = `secret-${randomUUID()}`;
const TENANT = `org-${randomUUID().slice(0, 8)}`;

let provider: AuthorizationServer;
let pages: Pages;

beforeAll(async () => {
  provider = await startAuthorizationServer([]);
  pages = await startPages({
    worker: false,
    oidc: {
      issuer: new URL(provider.issuer),
      clientId: CLIENT_ID,
      clientSecret: new Secret(SECRET),
      organisation: { claim: 'tenant' },
      scopesClaim: 'roles',
    },
  });
  await provider.register({
    client_id: CLIENT_ID,
    client_secret: SECRET,
    redirect_uris: [`${pages.url}/sign-in/oidc/callback`],
    grant_types: ['authorization_code'],
    backchannel_logout_uri: `${pages.url}/sign-in/oidc/back-channel-logout`,
    backchannel_logout_session_required: true,
  });
});
afterAll(async () => {
  await pages.stop();
  await provider.close();
});

/** Starts the sign-in on one of our pages, without a session. */
async function signInAs(person: Person | null, next = '/admin/workers'): Promise<Page> {
  provider.person = person;
  const page = await pages.visitor();
  await page.goto(next);
  await page.getByRole('link', { name: 'Sign in with your organisation’s account' }).click();
  return page;
}

const alertOn = (page: Page) => page.getByRole('alert').textContent();

it('signs a person in with the organisation and scopes of the claims, and opens the requested page', async () => {
  const page = await signInAs(
    { sub: 'alma', tenant: TENANT, roles: ['read', 'tokens'] },
    '/admin/workers?provider=ebay',
  );
  await page.waitForURL('**/admin/workers?provider=ebay');
  expect(await page.getByText(TENANT).isVisible()).toBe(true);
  expect(await page.getByText('read-only').isVisible()).toBe(true);
  expectNoComplaints(page);
});

it('shows the role admin for the scope admin', async () => {
  const page = await signInAs({ sub: 'otto', tenant: TENANT, roles: 'admin something' });
  await page.waitForURL('**/admin/workers');
  expect(await page.getByText(TENANT).isVisible()).toBe(true);
  expect(await page.getByText('admin', { exact: true }).isVisible()).toBe(true);
  expect(await page.getByText('read-only').count()).toBe(0);
});

it('ends the session once the person logs out at the provider', async () => {
  const page = await signInAs({ sub: 'ines', tenant: TENANT, roles: ['read'] });
  await page.waitForURL('**/admin/workers');
  const atProvider = await page.context().newPage();
  await atProvider.goto(`${provider.issuer}/session/end`);
  await atProvider.getByRole('button', { name: 'Log out' }).click();
  await atProvider.getByText('Logged out').waitFor();
  // The open page notices it through its stream.
  await page.waitForURL('**/sign-in?next=%2Fadmin%2Fworkers');
  expect((await page.request.get('/admin/workers', { maxRedirects: 0 })).status()).toBe(303);
});

it('renews the session of an open page at the provider, without asking the person, when its ID token expires', async () => {
  provider.idTokenLifeSeconds = 4;
  const page = await signInAs({ sub: 'rosa', tenant: TENANT, roles: ['read'] });
  await page.waitForURL('**/admin/workers');
  provider.idTokenLifeSeconds = 3600;
  const cookie = async () => {
    const cookies = await page.context().cookies(pages.url);
    return cookies.find(({ name }) => name === 'evergrant_session')?.value;
  };
  const before = await cookie();
  await eventually(async () => ![before, undefined].includes(await cookie()));
  await eventually(async () => page.url() === `${pages.url}/admin/workers`);
  await page.getByText(TENANT).waitFor();
  const answer = await page.request.get('/admin/workers', { maxRedirects: 0 });
  expect(answer.status()).toBe(200);
});

it('shows the sign-in page if the provider would have to ask the person', async () => {
  const page = await pages.visitor();
  await page.goto('/sign-in/oidc?next=%2Fadmin%2Faccounts&renew=1');
  expect(page.url()).toBe(`${pages.url}/sign-in?next=%2Fadmin%2Faccounts`);
});

it('shows the role operator and no accounts for the scope operator', async () => {
  const page = await signInAs({ sub: 'olga', tenant: TENANT, roles: ['operator'] });
  await page.waitForURL('**/admin/workers');
  expect(await page.getByText('operator', { exact: true }).isVisible()).toBe(true);
  expect(await page.getByRole('link', { name: 'Accounts' }).count()).toBe(0);
});

it.each<[string, Person | null, RegExp]>([
  ['a person who declines', null, /did not sign you in \(access_denied\)/],
  ['a person without an organisation', { sub: 'a', roles: ['admin'] }, /lacks the claim "tenant"/],
  [
    'a person without a scope for pages',
    { sub: 'b', tenant: TENANT, roles: ['tokens'] },
    /grants you none of the scopes/,
  ],
])('refuses %s and shows the reason', async (_who, person, sentence) => {
  const page = await signInAs(person);
  expect(await alertOn(page)).toMatch(sentence);
  await page.goto('/admin/workers');
  expect(new URL(page.url()).pathname).toBe('/sign-in');
});

it('refuses a callback for a sign-in that this browser did not start', async () => {
  const page = await pages.visitor();
  await page.goto('/sign-in/oidc/callback?code=stolen&state=known');
  expect(await alertOn(page)).toContain('was not started in this browser');
});

it('refuses a callback with a different state', async () => {
  const page = await pages.visitor();
  await page.request.get('/sign-in/oidc', { maxRedirects: 0 });
  await page.goto('/sign-in/oidc/callback?code=stolen&state=another');
  expect(await alertOn(page)).toMatch(/did not sign you in \(OAUTH_\w+\)/);
});

it('is offered on an accessible sign-in page', async () => {
  const page = await pages.visitor();
  await page.goto('/sign-in');
  await expectAccessible(page);
});

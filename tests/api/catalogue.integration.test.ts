/** The catalogue of provider files in the API: its list, and the facts of one file. */
import { catalogueIds } from '../../src/providers/catalogue/read-file';
import { type Api, expectError, startApi } from './_api';

let api: Api;
beforeAll(async () => {
  api = await startApi({ worker: false });
});
afterAll(() => api.stop());

it('lists every file, and a reader may see it', async () => {
  const key = await api.key(['read']);
  const { status, body } = await api.send('GET', '/api/admin/catalogue', { key });
  expect(status).toBe(200);
  expect(body.items.map(({ id }: { id: string }) => id).toSorted()).toEqual(catalogueIds());
  expect(body.next_cursor).toBeNull();
  expect(body.items.find(({ id }: { id: string }) => id === 'mailchimp')).toMatchObject({
    access_life: 'endless',
    configured_as: [],
  });
});

it('returns the facts of a file with their sources', async () => {
  const { status, body } = await api.get('/api/admin/catalogue/xero');
  expect(status).toBe(200);
  const facts = body.groups.flatMap((group: { facts: unknown[] }) => group.facts);
  expect(facts).toContainEqual({
    field: 'lives.access',
    title: 'Access token lives',
    value: '30m',
    sources: ['https://developer.xero.com/faq/oauth2'],
    is_unknown: false,
  });
  expect(body.unknown).toContain('authorization.pkce');
  expect(body.example).toContain('clientId: ${XERO_CLIENT_ID}');
});

it.each(['acme', 'oauth2', '..%2Fpackage'])('answers 404 for %s, which has no file', async (id) => {
  expectError(await api.get(`/api/admin/catalogue/${id}`), 404, 'not_found');
});

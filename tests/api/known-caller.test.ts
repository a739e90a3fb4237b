/** A caller who was recognised a moment ago is answered by a shorter way: nothing of the answer is otherwise. */
import type { ApiDependencies } from '../../src/api/dependencies';
import { ApiError } from '../../src/api/errors';
import { type Answer, type Api, expectError, type Send, startApi } from './_api';

let api: Api;
let send: Send;
beforeAll(async () => {
  api = await startApi({ worker: false });
  send = await api.served();
});
afterAll(() => api.stop());

const hour = { expiresInMs: 3600_000, refreshedAgoMs: 0 };
const addAccount = () => api.addAccount(hour);
/** What every answer has of its own. */
const withoutId = ({ headers }: Answer) =>
  Object.fromEntries([...headers].filter(([name]) => name !== 'x-request-id'));

it('R3.1 has the same headers and body as the first time', async () => {
  const { id } = await addAccount();
  const key = await api.key(['tokens']);
  const answers: Answer[] = [];
  for (let asked = 0; asked < 3; asked += 1)
    answers.push(await send('GET', `/api/tokens/${id}`, { key }));
  const [first, ...others] = answers as [Answer, ...Answer[]];
  for (const other of others) {
    expect(other.status).toBe(200);
    expect(other.body).toEqual(first.body);
    expect(withoutId(other)).toEqual(withoutId(first));
  }
  const ids = answers.map(({ headers }) => headers.get('x-request-id'));
  expect(new Set(ids).size).toBe(answers.length);
});

it('takes the request id that it is given, and no other than is one', async () => {
  const { id } = await addAccount();
  const ask = (given: string) =>
    send('GET', `/api/tokens/${id}`, { headers: { 'x-request-id': given } });
  await ask('first');
  expect((await ask('mine-1')).headers.get('x-request-id')).toBe('mine-1');
  for (const odd of ['a b', 'x'.repeat(256), '<script>'])
    expect((await ask(odd)).headers.get('x-request-id')).not.toBe(odd);
});

it('R3.1 is recorded, each time, with the id of the request and where the token came from', async () => {
  const { id } = await addAccount();
  const ids: (string | null)[] = [];
  for (let asked = 0; asked < 3; asked += 1)
    ids.push((await send('GET', `/api/tokens/${id}`)).headers.get('x-request-id'));
  await api.handouts.flush();
  const { body } = await api.get(`/api/admin/accounts/${id}/token-handouts`);
  const recorded = body.items.toReversed();
  expect(recorded.map((one: any) => one.request_id)).toEqual(ids);
  expect(recorded.map((one: any) => one.source)).toEqual(['store', 'memory', 'memory']);
});

it('is refused as everybody is: without the scope, with odd queries, for what is not there', async () => {
  const { id } = await addAccount();
  await send('GET', `/api/tokens/${id}`);
  for (const query of ['min_valid_seconds=soon', 'min_valid_seconds=86401', 'min_valid_seconds=-1'])
    expectError(await send('GET', `/api/tokens/${id}?${query}`), 400, 'invalid_request');
  expectError(await send('GET', `/api/tokens/${id}?organisation[$ne]=x`), 400, 'invalid_request');
  expectError(await send('GET', '/api/tokens/acc_nobody'), 404, 'not_found');
  const key = await api.key(['read']);
  for (let asked = 0; asked < 2; asked += 1)
    expectError(await send('GET', `/api/tokens/${id}`, { key }), 403, 'forbidden');
});

it('is told what went wrong as everybody is, and nothing is asked for twice', async () => {
  const refreshForUse = jest.fn(() =>
    Promise.reject(new ApiError('still_running', 'The refresh goes on.')),
  );
  const refreshes = { refreshForUse } as unknown as ApiDependencies['refreshes'];
  const failing = await api.served({ refreshes });
  const { id } = await api.addAccount({ expiresInMs: -1000 });
  const key = await api.key(['tokens']);
  const answers: Answer[] = [];
  for (let asked = 0; asked < 2; asked += 1)
    answers.push(await failing('GET', `/api/tokens/${id}`, { key }));
  for (const answer of answers) expectError(answer, 504, 'still_running');
  const [first, second] = answers as [Answer, Answer];
  expect(withoutId(second)).toEqual(withoutId(first));
  expect(refreshForUse).toHaveBeenCalledTimes(2);
});

it('is known by the key alone, and for five seconds after it was revoked', async () => {
  const clock = { aheadMs: 0 };
  const later = await api.served({ now: () => new Date(Date.now() + clock.aheadMs) });
  const { id } = await addAccount();
  const key = await api.key(['tokens']);
  expect((await later('GET', `/api/tokens/${id}`, { key })).status).toBe(200);
  const altered = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
  expectError(await later('GET', `/api/tokens/${id}`, { key: altered }), 401, 'unauthenticated');
  const [, keyId = ''] = /^evg_([0-9a-f]{16})_/.exec(key) ?? [];
  await api.store.apiKeys.revoke(api.organisation, keyId);
  clock.aheadMs = 5_000;
  expectError(await later('GET', `/api/tokens/${id}`, { key }), 401, 'unauthenticated');
});

it('has shown no token but where one was asked for', () => {
  expect(api.leaks()).toEqual([]);
});

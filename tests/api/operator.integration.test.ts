/**
 * Objects that belong to no organisation: sweeps, schedules, apps, encryption and processes. Admins can neither change
 * them nor learn about another organisation from them. The scope `operator` gives access to them, and to no organisation.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { OPERATOR_AUDIT } from '../../src/domain/access/organisation';
import { SCOPES } from '../../src/domain/access/principal';
import { refreshAccountWorkflowId } from '../../src/workflows/refresh-account';
import { eventually } from '../support/eventually';
import { randomKey } from '../vault/_keys';
import { type Answer, type Api, expectError, startApi } from './_api';
import { type OpenApiDocument, operationsOf } from './_contract';

const SCHEDULE = `/api/admin/schedules/${encodeURIComponent('sweep/ebay')}`;
const SWEEP = 'sweep/ebay/triggered';
const SWEEP_PATH = `/api/admin/workflows/${encodeURIComponent(SWEEP)}`;
/** The number of accounts of the other organisation. No other count has this value. */
const THEIRS = 61;
/** Their refreshes take half a minute on a machine that does other work as well. */
const SWEEP_WITHIN_MS = 90_000;
const MINUTE = 60_000;

/** Texts that only the other organisation or an operator may see. */
const planted = {
  label: `label-${randomBytes(6).toString('hex')}`,
  note: `note-${randomBytes(6).toString('hex')}`,
};

const theirs = `org-${randomUUID()}`;
const neighbour = `org-${randomUUID()}`;

let api: Api;
let document: OpenApiDocument;
/** An operator of the other organisation, and an admin without `operator` in each organisation. */
let operator: string;
let theirAdmin: string;
let admin: string;
/** The key of an operator without another scope, in an organisation with an account. */
let bare: string;
let mine: { id: string };
let batch: string;
let foreign: string[];
let damaged: string;

beforeAll(async () => {
  api = await startApi({ encryptionKeys: `k1:${randomKey()},k2:${randomKey()}` });
  document = (await api.send('GET', '/openapi.json', { key: null })).body;
  operator = await api.key(['admin', 'operator', 'internal', 'tokens'], theirs);
  theirAdmin = await api.key(['admin', 'tokens'], theirs);
  admin = await api.key(['admin', 'read', 'tokens'], neighbour);
  bare = await api.key(['operator'], theirs);
  mine = await api.addAccount({ organisation: neighbour });
  const others = [];
  for (let added = 0; added < THEIRS; added += 1)
    others.push(await api.addAccount({ organisation: theirs, label: planted.label }));
  foreign = others.map(({ id }) => id);
  await api.send('POST', '/api/admin/internal/refresh-tokens', { key: operator });
  await eventually(async () => {
    const { items } = (await api.send('GET', '/api/admin/sweeps', { key: operator })).body;
    return items[0]?.source === 'api' && items[0]?.status === 'completed';
  }, SWEEP_WITHIN_MS);
  batch = await refreshedTogether();
  ({ id: damaged } = await api.addAccount({
    organisation: theirs,
    spoil: (sealed) => `${sealed.slice(0, -8)}AAAAAAAA`,
  }));
  await rotated();
  await done(`${SCHEDULE}/pause`, { note: planted.note });
});
afterAll(() => api.stop());

/** Refreshes accounts of the other organisation in a batch. @returns the workflow id of the batch */
async function refreshedTogether(): Promise<string> {
  const ended = [];
  for (let added = 0; added < 4; added += 1)
    ended.push(await api.addAccount({ organisation: theirs, expiresInMs: -MINUTE }));
  await Promise.all(ended.map(({ id }) => api.send('GET', `/api/tokens/${id}`, { key: operator })));
  return eventually(async () => {
    const list = await api.send('GET', '/api/admin/workflows?type=batch&status=completed', {
      key: operator,
    });
    return list.body.items[0]?.workflow_id;
  });
}

/** Sends a request as an operator. */
async function done(path: string, body?: unknown): Promise<void> {
  const { status, text } = await api.send('POST', path, { key: operator, body });
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
}

async function rotated(): Promise<void> {
  await done('/api/admin/encryption/rotate');
  await eventually(async () => {
    const { body } = await api.send('GET', '/api/admin/encryption/rotation', { key: operator });
    return body.status === 'completed';
  });
}

/** Every GET route of the document that does not stream, with the given ids. */
function readable(ids: { account: string; workflow: string }): string[] {
  return operationsOf(document)
    .filter(({ method, path }) => method === 'GET' && path.startsWith('/api/'))
    .filter(({ path }) => !path.endsWith('/stream'))
    .map(({ path }) =>
      path
        .replace('{workflow_id}', encodeURIComponent(ids.workflow))
        .replace('{provider}', 'ebay')
        .replace(/\{(account_)?id\}/, ids.account),
    );
}

/** @returns the names, notes, ids, hosts and counts in a response that only the other organisation may see */
function foreignIn({ text, body }: Pick<Answer, 'text' | 'body'>): string[] {
  const texts = [...Object.values(planted), theirs, `@${hostname()}`, damaged, ...foreign];
  const untimed = text.replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, '');
  const said = texts.filter((one) => text.includes(one));
  // With the caller's only account, the counts of all organisations are one more.
  const counts = [THEIRS, THEIRS + 1].filter(
    (count) => holdsCount(body, count) || new RegExp(`\\b${count}/${count}\\b`).test(untimed),
  );
  return [...said, ...counts.map(String)];
}

function holdsCount(value: unknown, count: number): boolean {
  if (typeof value !== 'object' || value === null) return value === count;
  return Object.entries(value).some(
    // A duration in milliseconds is not a count.
    ([name, member]) => !name.endsWith('_ms') && holdsCount(member, count),
  );
}

describe('an admin of an organisation without the scope "operator"', () => {
  it('reads nothing of another organisation from any route, with its own ids or with foreign ones', async () => {
    const workflows = [SWEEP, batch, refreshAccountWorkflowId(foreign[0] ?? '')];
    const paths = new Set([
      ...workflows.flatMap((workflow) => readable({ account: mine.id, workflow })),
      ...readable({ account: mine.id, workflow: refreshAccountWorkflowId(mine.id) }),
      '/api/admin/sweeps?limit=100',
      '/api/admin/workflows?limit=500',
      '/api/admin/workflows?type=sweep',
      '/api/admin/workflows?type=batch',
      '/api/admin/audit?chain=operator',
      '/api/admin/audit/verify?chain=operator',
    ]);
    const found: object[] = [];
    for (const path of paths) {
      const answer = await api.send('GET', path, { key: admin });
      const asked = decodeURIComponent(path);
      const told = foreignIn({
        // An error may repeat the requested id.
        text:
          answer.status === 404
            ? answer.text.replaceAll(asked.split('/')[5] ?? '-', '')
            : answer.text,
        body: answer.body,
      }).filter((one) => !(answer.status === 404 && asked.includes(one)));
      if (told.length > 0) found.push({ path, told });
    }
    expect(found).toEqual([]);
    expect(paths.size).toBeGreaterThan(25);
  });

  it('reads whether sweeps run, its own accounts, and its own refreshes in a sweep', async () => {
    const schedules = await api.send('GET', '/api/admin/schedules', { key: admin });
    expect(schedules.body.items).toMatchObject([{ id: 'sweep/ebay', paused: true, note: null }]);
    const sweeps = await api.send('GET', '/api/admin/sweeps', { key: admin });
    expect(sweeps.body.items[0]).toMatchObject({ status: 'completed', result: null });
    const status = await api.send('GET', '/api/admin/status', { key: admin });
    expect(status.body).toMatchObject({
      total: 1,
      providers: [{ paused: true, note: null }],
      apps: [{ state: 'closed', used_today: null, forecast_per_day: null, warning: null }],
      running: { workers: 1 },
    });
    const history = await api.send('GET', `${SWEEP_PATH}/history`, { key: admin });
    const said = history.body.items.map(({ what }: { what: string }) => what);
    expect(said).toContain(`${refreshAccountWorkflowId(mine.id)}: refreshed`);
    expect(said.at(-1)).toBe('finished');
  });

  it('reads the state of an app only if it has an account of that provider', async () => {
    const key = await api.key(['read'], `org-${randomUUID()}`);
    expect((await api.send('GET', '/api/admin/status', { key })).body.apps).toEqual([]);
  });

  const changes: [string, string, unknown][] = [
    ['POST', `${SCHEDULE}/pause`, { note: 'x' }],
    ['POST', `${SCHEDULE}/resume`, { note: 'x' }],
    ['POST', `${SCHEDULE}/trigger`, {}],
    ['PATCH', SCHEDULE, { every: '5m' }],
    ['DELETE', SCHEDULE, undefined],
    ['POST', '/api/admin/encryption/rotate', {}],
    ['POST', '/api/admin/encryption/pause', {}],
    ['POST', '/api/admin/encryption/resume', undefined],
    ['POST', `${SWEEP_PATH}/terminate`, { reason: 'x' }],
    ['POST', '/api/admin/internal/refresh-tokens', {}],
  ];

  it.each(changes)('changes nothing with %s %s', async (method, path, body) => {
    for (const key of [admin, theirAdmin]) {
      const refused = await api.send(method, path, { key, body });
      expectError(refused, 403, 'forbidden');
      const scope = path.endsWith('/refresh-tokens') ? 'internal' : 'operator';
      expect(refused.body.error.message).toContain(`lacks the scope "${scope}"`);
      expect(refused.headers.get('www-authenticate')).toContain(`scope="${scope}"`);
    }
    const { body: after } = await api.send('GET', '/api/admin/schedules', { key: operator });
    expect(after.items).toMatchObject([{ paused: true, note: planted.note }]);
  });

  it('is refused on every route that changes an object of no organisation', () => {
    const named = operationsOf(document).filter(({ method, operation }) => {
      const scopes = (operation.security ?? []).flatMap(({ bearer }) => bearer ?? []);
      return method !== 'GET' && (scopes.includes('operator') || scopes.includes('internal'));
    });
    expect(named).toHaveLength(changes.length);
  });

  it('cannot become an operator through a new key, its own key or another key', async () => {
    const own = admin.split('_')[1] ?? '';
    for (const scopes of [['operator'], ['read', 'operator'], ['internal']]) {
      const body = { scopes };
      const created = { key: admin, body: { name: 'more', ...body } };
      expectError(await api.send('POST', '/api/admin/keys', created), 403, 'forbidden');
      const granted = await api.send('POST', `/api/admin/keys/${own}/grant`, { key: admin, body });
      expectError(granted, 403, 'forbidden');
    }
    const { body } = await api.send('GET', '/api/admin/keys', { key: admin });
    for (const { scopes } of body.items) expect(scopes).not.toContain('operator');
  });

  it('cannot revoke a key of its organisation that has the scope', async () => {
    const id = bare.split('_')[1] ?? '';
    expectError(
      await api.send('DELETE', `/api/admin/keys/${id}`, { key: theirAdmin }),
      403,
      'forbidden',
    );
    expect((await api.send('GET', '/api/admin/encryption', { key: bare })).status).toBe(200);
  });

  it('sees no note, count or host on any page', async () => {
    const cookie = await signedIn(admin);
    const pages = [
      '/admin/workers',
      '/admin/workflows',
      '/admin/workflows?type=sweep',
      `/admin/workflows/${encodeURIComponent(SWEEP)}`,
      '/admin/accounts',
      '/admin/terminal',
    ];
    for (const path of pages) {
      const page = await api.send('GET', path, { key: null, headers: { cookie } });
      expect({ path, status: page.status }).toEqual({ path, status: 200 });
      expect({ path, found: foreignIn({ text: page.text, body: null }) }).toEqual({
        path,
        found: [],
      });
      expect(page.text).not.toMatch(new RegExp(`\\b(${THEIRS}|${THEIRS + 1}) due`));
    }
    const batches = await api.send('GET', '/admin/workflows?type=batch', {
      key: null,
      headers: { cookie },
    });
    expect(batches.text).not.toContain(batch);
  });
});

describe('a caller with the scope "operator" alone', () => {
  const ask = (path: string) => api.send('GET', path, { key: bare });

  it('reads all objects of no organisation', async () => {
    expect((await ask('/api/admin/schedules')).body.items).toMatchObject([{ note: planted.note }]);
    const [sweep] = (await ask('/api/admin/sweeps')).body.items;
    expect(sweep).toMatchObject({ result: { due: THEIRS + 1 } });
    const status = (await ask('/api/admin/status')).body;
    expect(status.apps).toMatchObject([{ used_today: expect.any(Number) }]);
    expect(status.apps[0].used_today).toBeGreaterThan(THEIRS);
    expect((await ask('/api/admin/encryption/rotation')).body.progress.unreadable_records).toEqual([
      `accounts/${damaged}`,
    ]);
    expect((await ask('/api/admin/workflows?type=batch')).body.items).not.toHaveLength(0);
    const history = (await ask(`${SWEEP_PATH}/history`)).body.items;
    expect(history.at(-1).what).toContain(`refreshed ${THEIRS + 1}/${THEIRS + 1}`);
  });

  it('reads no account, not even of its organisation', async () => {
    const [account = ''] = foreign;
    const paths = readable({ account, workflow: refreshAccountWorkflowId(account) });
    const expected: object[] = [];
    for (const path of [...paths, '/api/admin/workflows?limit=500', `${SWEEP_PATH}/history`]) {
      const answer = await ask(path);
      const told = [planted.label, ...foreign].filter(
        (one) => answer.text.includes(one) && !path.includes(one),
      );
      if (told.length > 0) expected.push({ path, told });
    }
    expect(expected).toEqual([]);
    expectError(await ask('/api/admin/accounts'), 403, 'forbidden');
    expectError(await ask(`/api/admin/accounts/${account}`), 403, 'forbidden');
    const refresh = `/api/admin/workflows/${encodeURIComponent(refreshAccountWorkflowId(account))}`;
    expectError(await ask(`${refresh}/history`), 404, 'not_found');
    const terminate = { key: bare, body: { reason: 'x' } };
    expectError(await api.send('POST', `${refresh}/terminate`, terminate), 404, 'not_found');
    expect((await ask('/api/admin/status')).body).toMatchObject({
      total: null,
      accounts: [],
      validations: [],
      running: { refreshes: 0 },
    });
  });

  it('sees only the pages that belong to no organisation', async () => {
    const headers = { cookie: await signedIn(bare) };
    const open = async (path: string) => api.send('GET', path, { key: null, headers });
    const workers = await open('/admin/workers');
    expect(workers.status).toBe(200);
    expect(workers.text).toContain(planted.note);
    expect(workers.text).not.toContain('Accounts by status');
    expect(workers.text).not.toContain('href="/admin/accounts"');
    expect((await open('/admin/workflows')).status).toBe(200);
    for (const path of ['/admin/accounts', '/admin/terminal', `/admin/accounts/${foreign[0]}`])
      expect({ path, status: (await open(path)).status }).toEqual({ path, status: 403 });
  });
});

describe("an operator's actions", () => {
  const audit = async () =>
    (await api.send('GET', '/api/admin/audit?chain=operator&limit=500', { key: bare })).body.items;

  it('are in the operators’ audit with the organisation of the caller, and not in the audit of that organisation', async () => {
    const said = await audit();
    const pause = said.find(
      ({ action, details }: any) =>
        action === 'POST /api/admin/schedules/{schedule_id}/pause' && details.phase === 'asked',
    );
    expect(pause).toMatchObject({
      actor: operator.split('_')[1],
      details: { organisation: theirs, note: planted.note },
    });
    const actions = said.map(({ action }: any) => action);
    expect(actions).toContain('POST /api/admin/internal/refresh-tokens');
    expect(actions).toContain('POST /api/admin/encryption/rotate');
    await api.send('POST', `/api/admin/accounts/${damaged}/validate`, { key: operator });
    const own = await api.send('GET', '/api/admin/audit?limit=500', { key: operator });
    const acts = own.body.items.filter(({ actor }: any) => operator.includes(actor));
    expect(acts).not.toHaveLength(0);
    for (const { action } of acts) expect(action).not.toMatch(/schedules|encryption/);
  });

  it('on a page are in the operators’ audit as well', async () => {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
      cookie: await signedIn(operator),
    };
    await api.send('POST', `/admin/workers/${encodeURIComponent('sweep/ebay')}/run`, {
      key: null,
      headers,
      text: 'note=',
    });
    expect((await audit())[0]).toMatchObject({
      action: 'POST /admin/workers/{schedule_id}/run',
      details: { phase: 'answered', status: 303, organisation: theirs },
    });
  });

  it('that were refused are in the audit of the caller’s organisation, not in the operators’ audit', async () => {
    const before = await audit();
    await api.send('POST', `${SCHEDULE}/pause`, { key: admin, body: { note: 'let me' } });
    const own = await api.send('GET', '/api/admin/audit', { key: admin });
    expect(own.body.items[0]).toMatchObject({
      action: 'POST /api/admin/schedules/{schedule_id}/pause',
      details: { phase: 'answered', status: 403 },
    });
    expect(await audit()).toEqual(before);
  });

  it('on a refresh of their organisation are in the audit of that organisation', async () => {
    const id = encodeURIComponent(refreshAccountWorkflowId(foreign[0] ?? ''));
    const body = { reason: 'enough' };
    await api.send('POST', `/api/admin/workflows/${id}/terminate`, { key: operator, body });
    const own = await api.send('GET', '/api/admin/audit', { key: operator });
    expect(own.body.items[0].action).toBe('POST /api/admin/workflows/{workflow_id}/terminate');
  });

  it('are verified as a separate chain, whose name no organisation can have', async () => {
    const { body } = await api.send('GET', '/api/admin/audit/verify?chain=operator', { key: bare });
    expect(body).toMatchObject({ intact: true, breaks: [], first: 1 });
    expect(body.entries).toBeGreaterThan(5);
    expect(OPERATOR_AUDIT).not.toMatch(/^[\w.-]{1,64}$/);
    for (const path of ['/api/admin/audit', '/api/admin/audit/verify'])
      expectError(await api.send('GET', path, { key: bare }), 403, 'forbidden');
  });
});

describe('the scope "operator"', () => {
  it('can be granted by an operator to an existing key, which has it within five seconds', async () => {
    const created = await api.send('POST', '/api/admin/keys', {
      key: operator,
      body: { name: 'colleague', scopes: ['admin'] },
    });
    const { id, api_key: key } = created.body;
    const granted = await api.send('POST', `/api/admin/keys/${id}/grant`, {
      key: operator,
      body: { scopes: ['operator'] },
    });
    expect(granted).toMatchObject({ status: 200, body: { id, scopes: ['admin', 'operator'] } });
    expect((await api.send('GET', '/api/admin/encryption', { key })).status).toBe(200);
    const again = await api.send('POST', `/api/admin/keys/${id}/grant`, {
      key: operator,
      body: { scopes: ['operator', 'read'] },
    });
    expect(again.body.scopes).toEqual(['admin', 'read', 'operator']);
    expect((await api.send('DELETE', `/api/admin/keys/${id}`, { key: operator })).status).toBe(204);
  });

  it('protects its key from an admin without it who adds scopes', async () => {
    const id = bare.split('_')[1] ?? '';
    const grant = { key: theirAdmin, body: { scopes: ['tokens'] } };
    expectError(await api.send('POST', `/api/admin/keys/${id}/grant`, grant), 403, 'forbidden');
    expect((await api.store.apiKeys.find(theirs, id))?.scopes).toEqual(['operator']);
  });

  it('cannot be granted to a key of another organisation', async () => {
    const id = admin.split('_')[1] ?? '';
    const grant = { key: operator, body: { scopes: ['operator'] } };
    expectError(await api.send('POST', `/api/admin/keys/${id}/grant`, grant), 404, 'not_found');
  });

  it('gives no access to routes that need "read", "admin", "tokens" or "internal"', async () => {
    const others = SCOPES.filter((scope) => scope !== 'operator');
    for (const { name, method, path, operation } of operationsOf(document)) {
      const security = operation.security ?? [];
      const taken = security.flatMap(({ bearer }) => bearer ?? []);
      if (taken.length === 0 || taken.includes('operator')) continue;
      expect(others).toEqual(expect.arrayContaining(taken as never[]));
      const place = path.replaceAll(/\{\w+\}/g, 'nothing');
      const { status } = await api.send(method, place, { key: bare });
      expect({ name, status }).toEqual({ name, status: 403 });
    }
  });
});

/** Signs in with a key through the form. */
async function signedIn(key: string): Promise<string> {
  const answer = await api.send('POST', '/sign-in', {
    key: null,
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
    },
    text: new URLSearchParams({ key }).toString(),
  });
  return answer.headers.get('set-cookie')?.split(';', 1)[0] ?? '';
}

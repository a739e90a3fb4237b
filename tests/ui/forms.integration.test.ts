/** The forms with which people add and edit accounts, manage keys and webhooks, and import files. */
import { randomUUID } from 'node:crypto';
import { AccountState } from '../../src/domain/account/account';
import { type Harness, startHarness } from '../support/harness';
import { type Visitor, visit } from './_forms';

let h: Harness;
let me: Visitor;
let other: Visitor;
let reader: Visitor;
beforeAll(async () => {
  h = await startHarness({ worker: false, providers: ['ebay', 'salesforce'] });
  me = await visit(h, ['admin', 'operator']);
  other = await visit(h);
  reader = await visit(h, ['read']);
});
afterAll(() => h.stop());

const consent = () =>
  h.sandbox.issueGrant({ provider: 'ebay', subject: randomUUID() }).refresh_token;
const FRESH = { expiresInMs: 3600_000, refreshedAgoMs: 0 };
const mine = () => h.addAccount({ organisation: me.organisation, ...FRESH });

describe('U28.1: the form of a new account', () => {
  it('stores the account, and shows its page with a notice', async () => {
    const external_id = `shop-${randomUUID()}`;
    const page = await me.act('/admin/accounts/new', {
      provider: 'ebay',
      environment: '',
      external_id,
      refresh_token: consent(),
      label: 'Harbour Books',
      'policy.refresh_before': '20m',
    });
    expect(page.status).toBe(200);
    expect(page.text).toContain('Harbour Books is added.');
    const [account] = await h.store.accounts.list({
      organisation: me.organisation,
      sort: 'id',
      limit: 10,
    });
    expect(account).toMatchObject({
      externalId: external_id,
      policy: { refreshBeforeMs: 1_200_000 },
    });
  });

  it.each([
    ['an empty external id', { external_id: '' }, 'external_id-problem', 'Enter a value.'],
    [
      'an invalid address',
      { owner_email: 'nobody' },
      'owner_email-problem',
      'Is not an e-mail address.',
    ],
    [
      'an invalid policy',
      { 'policy.jitter': '5' },
      'policy.jitter-problem',
      'Must be none or a duration',
    ],
    ['a masked token', { refresh_token: '••••' }, 'refresh_token-problem', ''],
    ['a grant without a token', { refresh_token: '' }, 'refresh_token-problem', ''],
  ])('shows %s beside its field, with what was typed', async (_name, fields, id, problem) => {
    const secret = `secret${randomUUID()}`;
    const page = await me.post('/admin/accounts/new', {
      provider: 'ebay',
      external_id: 'quay-records',
      label: 'Typed label',
      refresh_token: secret,
      ...fields,
    });
    expect(page.status).toBe(400);
    expect(page.text).toContain(`id="${id}"`);
    expect(page.text).toContain(problem);
    expect(page.text).toContain('value="Typed label"');
    expect(page.text).not.toContain(secret);
  });

  it('takes the values that a consent keeps, and shows their problem beside the field', async () => {
    const external_id = `org-${randomUUID()}`;
    const fields = { provider: 'salesforce', external_id, refresh_token: randomUUID() };
    const post = (provider_values: string) =>
      me.post('/admin/accounts/new', { ...fields, provider_values });
    const refused = await post('instance_url=https://example.my.salesforce.com');
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('id="provider_values-problem"');
    expect(refused.text).toContain('JSON object');
    const values = { instance_url: 'https://example.my.salesforce.com' };
    const added = await me.act('/admin/accounts/new', {
      ...fields,
      provider_values: JSON.stringify(values),
    });
    expect(added.status).toBe(200);
    const [account] = await h.store.accounts.list({
      organisation: me.organisation,
      provider: 'salesforce',
      limit: 2,
    });
    expect(account?.current.providerValues).toEqual(values);
  });

  it('reports an account that exists already, and keeps what was typed', async () => {
    const { externalId } = await mine();
    const page = await me.post('/admin/accounts/new', {
      provider: 'ebay',
      external_id: externalId,
      refresh_token: consent(),
    });
    expect(page.status).toBe(409);
    expect(page.text).toContain('already exists');
    expect(page.text).toContain(`value="${externalId}"`);
  });
});

describe('U28.1: the form of an account', () => {
  it('changes the label, the kind, the owner and the policy, and removes them again', async () => {
    const { id } = await mine();
    const path = `/admin/accounts/${id}/edit`;
    const page = await me.act(path, {
      label: 'New name',
      kind: 'booking',
      owner_email: 'owner@example.com',
      'policy.enabled': 'false',
      'policy.jitter': 'none',
    });
    expect(page.text).toContain('New name is changed.');
    expect(await h.account(id)).toMatchObject({
      label: 'New name',
      kind: 'booking',
      ownerEmail: { masked: 'o***@example.com' },
      policy: { enabled: false, jitterMs: 0 },
    });
    expect((await me.get(path)).text).toContain('Now o***@example.com.');
    await me.act(path, { label: 'New name', kind: '', remove_owner_email: 'true' });
    expect(await h.account(id)).toMatchObject({ kind: null, ownerEmail: null, policy: null });
  });

  it('refuses to save over a newer change, and then shows the newer values once more', async () => {
    const { id } = await mine();
    const path = `/admin/accounts/${id}/edit`;
    const shownIn = (html: string) => /name="shown" value="([^"]+)"/.exec(html)?.[1] ?? '';
    const shown = shownIn((await me.get(path)).text);
    await me.act(path, { label: 'Newer', 'policy.enabled': 'false' });
    const refused = await me.post(path, { label: 'Older', shown });
    expect(refused.status).toBe(409);
    expect(refused.text).toContain('The account was changed while you edited it.');
    expect(await h.account(id)).toMatchObject({ label: 'Newer', policy: { enabled: false } });
    await me.act(path, { label: 'Older', shown: shownIn(refused.text) });
    expect(await h.account(id)).toMatchObject({ label: 'Older', policy: null });
  });

  it('keeps the owner if no address is entered', async () => {
    const { id } = await mine();
    const path = `/admin/accounts/${id}/edit`;
    await me.act(path, { label: 'A', owner_email: 'owner@example.com' });
    await me.act(path, { label: 'B', owner_email: '' });
    expect((await h.account(id)).ownerEmail?.masked).toBe('o***@example.com');
  });

  it('refuses an empty label beside its field', async () => {
    const { id } = await mine();
    const page = await me.post(`/admin/accounts/${id}/edit`, { label: '', kind: 'kept' });
    expect(page.status).toBe(400);
    expect(page.text).toContain('id="label-problem"');
    expect(page.text).toContain('value="kept"');
  });
});

describe('U28.6: an action that can be undone', () => {
  it.each([
    ['disable', { reason: 'Closed' }, 'enable'],
    ['quarantine', {}, 'release'],
  ])('offers to undo %s', async (action, fields, undo) => {
    const { id } = await mine();
    const path = `/admin/accounts/${id}`;
    const before = await h.account(id);
    const page = await me.act(`${path}/${action}`, fields);
    expect(page.text).toMatch(new RegExp(`action="${path}/${undo}"[^]*>Undo</button>`));
    await me.act(`${path}/${undo}`);
    const { state, quarantine } = await h.account(id);
    expect({ state, quarantine }).toEqual({ state: before.state, quarantine: before.quarantine });
    expect((await me.get(path)).text).not.toContain('>Undo</button>');
  });

  it('restores the reason when it disables an account again', async () => {
    const { id } = await mine();
    const path = `/admin/accounts/${id}`;
    await me.act(`${path}/disable`, { reason: 'Closed for good' });
    const page = await me.act(`${path}/enable`);
    expect(page.text).toContain('name="reason" value="Closed for good"');
    expect((await h.account(id)).state).toBe(AccountState.active);
  });
});

describe('U28.3: API keys', () => {
  const create = (fields = {}) =>
    me.post('/admin/keys/new', { name: 'shop backend', scopes: ['tokens'], ...fields });
  const keyOf = (text: string) => /evg_([0-9a-f]{16})_[\w-]{43}/.exec(text) ?? [];

  it('are created with restrictions and shown once, granted, and revoked', async () => {
    const page = await create({ providers: ['ebay'], kinds: 'booking, payment' });
    expect(page.status).toBe(200);
    const [key = '', id = ''] = keyOf(page.text);
    expect(await h.store.apiKeys.verify(key)).toMatchObject({
      scopes: ['tokens'],
      bounds: { providers: ['ebay'], kinds: ['booking', 'payment'], accounts: null },
    });
    const shown = await me.get(`/admin/keys/${id}`);
    expect(shown.text).toContain('providers ebay; kinds booking, payment');
    expect(shown.text).not.toContain(key);
    expect((await me.get('/admin/keys?q=shop')).text).toContain(`/admin/keys/${id}`);
    const gone = await me.act(`/admin/keys/${id}/revoke`);
    expect(gone.text).toContain('is revoked');
    expect(await h.store.apiKeys.verify(key)).toBeNull();
    const audit = await h.store.auditEntries.newest({ organisation: me.organisation, limit: 20 });
    expect(JSON.stringify(audit)).toContain(`"made":"${id}"`);
    expect(JSON.stringify(audit)).not.toContain(key);
  });

  it('get further scopes', async () => {
    const [, id = ''] = keyOf((await create()).text);
    const page = await me.act(`/admin/keys/${id}/grant`, { scopes: ['read', 'connect'] });
    expect(page.text).toContain('has the scopes read, tokens, connect within 5 seconds.');
    const refused = await me.post(`/admin/keys/${id}/grant`);
    expect(refused.status).toBe(400);
    expect(refused.text).toContain('Choose at least one.');
  });

  it.each([
    ['an empty name', { name: '' }, 400, 'id="name-problem"'],
    ['no scope', { scopes: [] }, 400, 'Choose at least one.'],
    [
      'a restriction of other scopes',
      { scopes: ['read'], providers: ['ebay'] },
      400,
      'id="scopes-problem"',
    ],
  ])(
    'are refused with %s beside the field, with what was typed',
    async (_name, fields, status, text) => {
      const page = await create({ kinds: 'typed kind', ...fields });
      expect(page.status).toBe(status);
      expect(page.text).toContain(text);
      expect(page.text).toContain('value="typed kind"');
    },
  );

  it('offer an admin no scope that only an operator may give', async () => {
    const form = await other.get('/admin/keys/new');
    expect(form.text).not.toContain('value="operator"');
    const page = await other.post('/admin/keys/new', { name: 'x', scopes: ['operator'] });
    expect(page.status).toBe(403);
    expect(page.text).toContain('An operator can grant it');
  });
});

describe('U28.4: webhooks', () => {
  const add = (fields = {}) =>
    me.post('/admin/webhooks/new', {
      url: 'https://example.com/hook',
      description: 'shop',
      event_types: ['account.needs_reconnect'],
      ...fields,
    });
  const newest = async () => {
    await add();
    const all = await h.store.webhookEndpoints.list(me.organisation);
    const last = all.toSorted((a, b) => a.createdAt.getTime() - b.createdAt.getTime()).at(-1);
    if (last === undefined) throw new Error('no webhook');
    return last;
  };

  it('are added with a secret that is shown once, changed, and removed', async () => {
    const page = await add();
    expect(page.text).toMatch(/whsec_\S+</);
    const { id } = await newest();
    const path = `/admin/webhooks/${id}`;
    expect((await me.get(path)).text).not.toContain('whsec_');
    const edited = await me.act(`${path}/edit`, {
      url: 'https://example.com/other',
      description: '',
      event_types: ['token.refreshed'],
    });
    expect(edited.text).toContain('https://example.com/other');
    const gone = await me.act(`${path}/remove`);
    expect(gone.text).toContain('is removed');
    expect((await me.get(path)).status).toBe(404);
  });

  it('are disabled and enabled with an undo, and get a new secret', async () => {
    const { id } = await newest();
    const path = `/admin/webhooks/${id}`;
    const off = await me.act(`${path}/disable`);
    expect(off.text).toMatch(new RegExp(`action="${path}/enable"[^]*>Undo</button>`));
    const on = await me.act(`${path}/enable`);
    expect(on.text).toMatch(new RegExp(`action="${path}/disable"[^]*>Undo</button>`));
    expect((await me.post(`${path}/rotate-secret`, { overlap_seconds: '3600' })).text).toContain(
      'whsec_',
    );
    expect((await me.get(path)).text).toContain('signs until');
  });

  it.each([
    ['an address that is not a URL', { url: 'nothing' }, 'id="url-problem"'],
    ['no event type', { event_types: [] }, 'id="event_types-problem"'],
    ['a long description', { description: 'x'.repeat(201) }, 'id="description-problem"'],
  ])('are refused with %s beside the field', async (_name, fields, text) => {
    const page = await add(fields);
    expect(page.status).toBe(400);
    expect(page.text).toContain(text);
  });

  it('replay one delivery and many, with a reason for each that cannot be replayed', async () => {
    const webhook = await newest();
    const event = {
      id: `evt_${randomUUID()}`,
      organisation: me.organisation,
      type: 'webhook.test' as const,
      at: new Date(),
      data: { webhook_id: webhook.id },
    };
    const one = await h.store.webhookDeliveries.create(event as never, webhook, new Date());
    const page = await me.act(`/admin/deliveries/${one.id}/replay`);
    expect(page.text).toContain('starts again within seconds');
    const many = await me.post('/admin/deliveries/replay', { id: [one.id, 'dlv_none'] });
    expect(many.text).toContain('1 delivery starts again within seconds, 1 cannot be replayed.');
    const all = await me.post('/admin/deliveries/replay', {
      all: 'true',
      filter: `webhook=${webhook.id}`,
    });
    expect(all.text).toContain('1 delivery starts again within seconds, 0 cannot be replayed.');
    expect((await me.post('/admin/deliveries/replay')).status).toBe(400);
    // Without a filter, all deliveries would match.
    expect((await me.post('/admin/deliveries/replay', { all: 'true' })).status).toBe(400);
  });
});

describe('U28.2: the import', () => {
  const csv = (...lines: string[]) =>
    new File([['provider,external_id,refresh_token', ...lines].join('\n')], 'accounts.csv');
  const line = (token = consent()) => `ebay,shop-${randomUUID()},${token}`;

  it('checks a file first, then imports the same file, and lists refused lines without their tokens', async () => {
    const token = consent();
    const file = csv(line(token), `none,x,${token}`);
    const check = await me.post('/admin/accounts/import', { file });
    expect(check.text).toContain('1 of 2 lines is correct, 1 refused. Nothing is stored yet.');
    expect(check.text).toContain('&quot;none&quot; is not configured');
    expect(check.text).toContain('download="import-problems.csv"');
    const checked = /name="checked" value="([^"]+)"/.exec(check.text)?.[1] ?? '';
    const done = await me.post('/admin/accounts/import', { file, checked });
    expect(done.text).toContain('1 account created, 0 existed already, 1 refused.');
    expect(check.text + done.text + h.logs.join('')).not.toContain(token);
  });

  it('only checks a file that differs from the checked one', async () => {
    const page = await me.post('/admin/accounts/import', { file: csv(line()), checked: 'other' });
    expect(page.text).toContain('This is not the file that was checked before');
    expect(page.text).toContain('Nothing is stored yet.');
  });

  it.each([
    ['no file', {}, 'Choose a file.'],
    ['a file of another format', { file: new File(['x'], 'accounts.xlsx') }, 'must end in .csv'],
  ])('refuses %s beside the field', async (_name, fields, text) => {
    const page = await me.post('/admin/accounts/import', fields);
    expect(page.status).toBe(400);
    expect(page.text).toContain('id="file-problem"');
    expect(page.text).toContain(text);
  });

  it('refuses a file that is too large, and says how large it may be', async () => {
    const file = new File([Buffer.alloc(9 * 1024 * 1024, 'x')], 'accounts.csv');
    const page = await me.post('/admin/accounts/import', { file });
    expect(page.status).toBe(413);
    expect(page.text).toContain('The file is larger than 8 MB.');
    expect((await me.get('/admin/accounts/import')).text).toContain('at most 8 MB');
  });
});

describe('U28.5: what one may not see or do', () => {
  it.each(['keys', 'keys/new', 'webhooks', 'webhooks/new', 'accounts/new', 'accounts/import'])(
    'refuses the page %s without the scope admin',
    async (name) => {
      expect((await reader.get(`/admin/${name}`)).status).toBe(403);
      expect((await reader.post(`/admin/${name}`)).status).toBe(403);
      expect((await me.get(`/admin/${name}`)).status).toBe(200);
    },
  );

  it('finds nothing of another organisation', async () => {
    const { id } = await mine();
    const { key } = await h.store.apiKeys.create(
      { organisation: me.organisation, name: 'x', scopes: ['read'] },
      new Date(),
    );
    await me.post('/admin/webhooks/new', {
      url: 'https://example.com/theirs',
      event_types: ['account.recovered'],
    });
    const [webhook] = await h.store.webhookEndpoints.list(me.organisation);
    const accountForm = { label: 'Taken' };
    const paths: [string, Record<string, string>][] = [
      [`/admin/accounts/${id}/edit`, accountForm],
      [`/admin/accounts/${id}/quarantine`, {}],
      [`/admin/keys/${key.keyId}/grant`, { scopes: 'tokens' }],
      [`/admin/keys/${key.keyId}/revoke`, {}],
      ...['edit', 'enable', 'disable', 'rotate-secret', 'test', 'remove'].map(
        (action): [string, Record<string, string>] => [
          `/admin/webhooks/${webhook?.id}/${action}`,
          {},
        ],
      ),
    ];
    for (const [path, fields] of paths)
      expect({ path, status: (await other.post(path, fields)).status }).toEqual({
        path,
        status: 404,
      });
    for (const path of [`/admin/keys/${key.keyId}`, `/admin/webhooks/${webhook?.id}`])
      expect((await other.get(path)).status).toBe(404);
  });
});

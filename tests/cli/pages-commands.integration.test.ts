/** Commands for what the pages and the API do: editing, debugging, events, the audit, tokens and histories. */
import { randomUUID } from 'node:crypto';
import type { RunningApi } from '../../src/server/serve';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { type Ran, rows, serve, startCli } from './_cli';

const HOUR = 3600_000;
const organisation = `org-${randomUUID()}`;

let h: Harness;
let api: RunningApi;
let environment: Record<string, string>;

beforeAll(async () => {
  h = await startHarness();
  api = await serve(h);
  const key = await h.key({ organisation, scopes: ['admin', 'internal', 'operator', 'tokens'] });
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

const cli = (...args: string[]): Promise<Ran> => startCli(environment, args, '').ended;
const add = (label: string) => h.addAccount({ organisation, label, expiresInMs: 2 * HOUR });

function expectDone(ran: Ran): Ran {
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' });
  return ran;
}

describe('accounts', () => {
  it('disable and enable change whether the account is refreshed', async () => {
    const { id } = await add('Switched');
    const closed = await cli('accounts', 'disable', id, '--reason', 'The shop closed');
    expect(expectDone(closed).stdout).toMatch(/^status +disabled$/m);
    expect(await h.account(id)).toMatchObject({
      state: 'disabled',
      stateReason: 'The shop closed',
    });
    expect(expectDone(await cli('accounts', 'enable', id, '--json')).json()).toMatchObject({
      id,
      status: 'ok',
    });
  });

  it('edit changes only the named members and merges the policy', async () => {
    const { id } = await add('Before');
    const edit = (...args: string[]) => cli('accounts', 'edit', id, '--json', ...args);
    expectDone(await edit('--label', 'After', '--kind', 'booking', '--refresh-before', '20m'));
    const changed = expectDone(
      await edit('--owner-email', 'owner@example.com', '--jitter', 'none', '--sweeps', 'no'),
    ).json();
    expect(changed).toMatchObject({
      label: 'After',
      kind: 'booking',
      owner_email: 'o***@example.com',
      policy: { enabled: false, refresh_before: '20m', jitter: 'none' },
    });
    const reset = expectDone(await edit('--provider-policy', '--kind=', '--owner-email=')).json();
    expect(reset).toMatchObject({ label: 'After', kind: null, owner_email: null, policy: null });
    const held = expectDone(await edit('--quarantine', 'yes')).json();
    expect(held.quarantine).toBe(true);
  });

  it.each([
    ['no change', []],
    ['an empty policy and a setting', ['--provider-policy', '--jitter', '5m']],
    ['an invalid duration', ['--jitter', 'long']],
  ])('edit refuses %s with exit code 2', async (_problem, args) => {
    const { id } = await add('Unchanged');
    expect(await cli('accounts', 'edit', id, ...args)).toMatchObject({ code: 2, stdout: '' });
  });

  it('delete requires --yes without a terminal and removes the account', async () => {
    const { id } = await add('Gone');
    expect(await cli('accounts', 'delete', id)).toMatchObject({ code: 2 });
    expect(expectDone(await cli('accounts', 'delete', id, '--yes')).stdout).toBe(
      `Deleted: ${id}\n`,
    );
    expect(await cli('accounts', 'show', id)).toMatchObject({ code: 1 });
  });
});

describe('debug', () => {
  it('refreshes the account and shows the masked exchange, without a token', async () => {
    const { id, plain } = await add('Debugged');
    const { stdout } = expectDone(await cli('debug', id));
    expect(stdout).toMatch(/^outcome +refreshed$/m);
    for (const title of ['Steps', 'Request', 'Response', 'Diagnostics'])
      expect(stdout).toMatch(new RegExp(`^${title}$`, 'm'));
    expect(stdout).toMatch(/^POST https?:/m);
    expect(stdout).not.toContain(plain.refreshToken);
    expect(await h.account(id)).toMatchObject({ generation: 2 });
    const diagnosed = expectDone(await cli('accounts', 'diagnose', id, '--json')).json();
    expect(diagnosed).toMatchObject({
      account_id: id,
      last_debug: { action: 'token_refresh_debug' },
    });
  });
});

describe('events', () => {
  it('list shows events, and follow shows only new ones', async () => {
    const refuse = async (label: string) => {
      const { id, plain } = await add(label);
      h.sandbox.revoke(plain.refreshToken);
      await cli('force-refresh', id);
      return id;
    };
    const first = await refuse('First');
    const list = () =>
      cli('events', 'list', '--type', 'account.needs_reconnect', '--output', 'jsonl');
    await eventually(async () => (await list()).stdout.includes(first));
    const run = startCli(environment, ['events', 'follow', '--output', 'csv'], '');
    await eventually(() => run.stdout().startsWith('at,type,account,label,'));
    // The first reading has ended before an event can count as new.
    const second = await eventually(async () => {
      const id = await refuse('Second');
      return run.stdout().includes('Second') ? id : null;
    });
    run.child.kill('SIGINT');
    await run.ended;
    expect(second).toMatch(/^acc_/);
    expect(run.stdout()).not.toContain(first);
    const since = await cli('events', 'list', '--since', '1h');
    expect(since.stdout).toContain('account.needs_reconnect');
    expect((await cli('events', 'list', '--until', '1h')).stdout).toBe(
      'No events match these filters.\n',
    );
  });
});

describe('audit list', () => {
  it('filters by actor, action and time', async () => {
    const { id } = await add('Audited');
    expectDone(await cli('accounts', 'edit', id, '--label', 'Audited twice'));
    const list = async (...args: string[]) =>
      expectDone(await cli('audit', 'list', '--output', 'jsonl', ...args))
        .stdout.split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line));
    const edits = await list('--action', 'PATCH /api/admin/accounts', '--since', '1h');
    expect(edits.length).toBeGreaterThan(0);
    for (const { action } of edits) expect(action).toContain('PATCH /api/admin/accounts');
    const [{ actor }] = edits;
    expect((await list('--actor', actor, '--action', 'PATCH')).length).toBe(
      (await list('--action', 'PATCH')).length,
    );
    expect(await list('--actor', 'unknown')).toEqual([]);
    expect(await list('--until', '1h')).toEqual([]);
  });
});

describe('tokens, links and histories', () => {
  it('token finds an account by provider and external id, and accesses list the caller', async () => {
    const { id } = await add('Named');
    const { externalId, provider } = await h.account(id);
    const byName = ['token', '--provider', provider, '--external-id', externalId];
    const served = await cli(...byName);
    expect(served).toMatchObject({ code: 0 });
    expect(served.stdout).toBe((await cli('token', id)).stdout);
    expect(await cli('token', '--provider', provider)).toMatchObject({ code: 2, stdout: '' });
    expect(await cli('token')).toMatchObject({ code: 2, stdout: '' });
    expect((await cli('tokens', 'list', '--output', 'csv')).stdout).toContain(`${id},Named,`);
    await eventually(async () => rows((await cli('tokens', 'accesses', id)).stdout).length >= 2);
  });

  it('connect-sessions list, show and revoke a session without its link', async () => {
    const created = (
      await cli('connect', 'ebay', '--external-id', randomUUID(), '--no-wait', '--json')
    ).json();
    const listed = expectDone(await cli('connect-sessions', 'list', '--json'));
    expect(listed.json().items).toContainEqual(expect.objectContaining({ id: created.id }));
    expect(listed.stdout).not.toContain(created.url);
    expect(expectDone(await cli('connect-sessions', 'show', created.id)).stdout).toMatch(
      /^status +created$/m,
    );
    expect(expectDone(await cli('connect-sessions', 'revoke', created.id)).stdout).toBe(
      `Revoked: ${created.id}\n`,
    );
    expect(await cli('connect-sessions', 'revoke', created.id)).toMatchObject({ code: 1 });
  });

  it('workflows history shows the events of a refresh as sentences', async () => {
    const { id } = await add('Remembered');
    expectDone(await cli('force-refresh', id));
    const { stdout } = expectDone(await cli('workflows', 'history', id));
    expect(rows(stdout).length).toBeGreaterThan(2);
    expect(stdout).toContain('Remembered');
  });

  it('statistics show the attempts of the last day', async () => {
    const { stdout } = expectDone(await cli('statistics'));
    expect(stdout).toMatch(/^Attempts of the last 24 hours$/m);
    expect((await cli('statistics', '--output', 'csv')).stdout).toMatch(
      /^from,to,refreshed,failed,/,
    );
  });

  it('sweeps start starts the sweep of a provider', async () => {
    const started = expectDone(await cli('sweeps', 'start', 'ebay', '--json')).json();
    expect(started.started).toMatchObject([{ provider: 'ebay' }]);
    expect(await cli('sweeps', 'start', 'none')).toMatchObject({ code: 1 });
  });
});

it('webhooks show, edit and disable a webhook', async () => {
  const added = await cli('webhooks', 'add', 'https://hooks.example/a', '--json');
  const { id } = added.json();
  const edited = expectDone(
    await cli('webhooks', 'edit', id, '--event', 'account.recovered', '--description', 'Shop'),
  );
  expect(edited.stdout).toMatch(/^events +account\.recovered$/m);
  expect(edited.stdout).toMatch(/^description +Shop$/m);
  expect(await cli('webhooks', 'edit', id)).toMatchObject({ code: 2, stdout: '' });
  expect(expectDone(await cli('webhooks', 'disable', id)).stdout).toBe(`Disabled: ${id}\n`);
  const shown = expectDone(await cli('webhooks', 'show', id));
  expect(shown.stdout).toMatch(/^state +disabled$/m);
  expect(shown.stdout).not.toContain('whsec_');
});

describe('formats', () => {
  it('CSV quotes cells and guards formulas, and JSON Lines have one account per line', async () => {
    await add('=HYPERLINK("http://evil.example")');
    const csv = expectDone(await cli('accounts', 'list', '--output', 'csv')).stdout;
    expect(csv.split('\n')[0]).toBe(
      'id,provider,environment,label,status,quarantine,token_expires,last_refreshed,last_error',
    );
    expect(csv).toContain(`,"'=HYPERLINK(""http://evil.example"")",`);
    const lines = expectDone(await cli('accounts', 'list', '-o', 'jsonl')).stdout.trimEnd();
    for (const line of lines.split('\n'))
      expect(JSON.parse(line)).toMatchObject({ provider: 'ebay' });
  });

  it('--since and --until bound the log entries', async () => {
    const { id } = await add('Logged');
    expectDone(await cli('force-refresh', id));
    const logs = (...args: string[]) => cli('logs', '--account', id, ...args);
    expect((await logs('--since', '2h', '--json')).json().items).toMatchObject([
      { account_id: id },
    ]);
    expect((await logs('--until', '2h', '--json')).json().items).toEqual([]);
    expect((await logs('--since', '2100-01-01', '--json')).json().items).toEqual([]);
    expect((await logs('--since', '2020-01-01T00:00', '--json')).json().items).toHaveLength(1);
  });

  it.each([
    ['an unknown format', ['accounts', 'list', '--output', 'xml']],
    ['two formats', ['accounts', 'list', '--json', '--output', 'csv']],
    ['an invalid time', ['logs', '--since', 'yesterday']],
    ['a range without length', ['logs', '--since', '1h', '--until', '2h']],
    ['an end of a stream', ['logs', '--follow', '--until', '1h']],
  ])('%s exits with 2', async (_problem, args) => {
    expect(await cli(...args)).toMatchObject({ code: 2, stdout: '' });
  });
});

/** R3.3: output and exit codes of each CLI command. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import mongoose from 'mongoose';
import { Secret } from '../../src/domain/masking/secret';
import type { RunningApi } from '../../src/server/serve';
import { logEntry } from '../api/_log-entry';
import { sessionRecord } from '../store/_session-record';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { temporalCommand } from '../temporal/_worker';
import { type Ran, rows, serve, startCli } from './_cli';

const organisation = `org-${randomUUID()}`;
const HOUR = 3600_000;

let h: Harness;
let api: RunningApi;
let environment: Record<string, string>;
let due: { id: string };
let fresh: { id: string };
let revoked: { id: string };

beforeAll(async () => {
  h = await startHarness();
  api = await serve(h);
  const key = await h.key({ organisation, scopes: ['admin', 'internal', 'operator'] });
  environment = { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key };
  due = await h.addAccount({ organisation, label: 'Harbour Books' });
  fresh = await h.addAccount({ organisation, label: 'Fresh', expiresInMs: 2 * HOUR });
  const bad = await h.addAccount({ organisation, label: 'Saffron\u001b[2J' });
  h.sandbox.revoke(bad.plain.refreshToken);
  revoked = bad;
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
});

const cli = (...args: string[]): Promise<Ran> => startCli(environment, args, '').ended;
const fed = (stdin: string, ...args: string[]): Promise<Ran> =>
  startCli(environment, args, stdin).ended;

function expectDone(ran: Ran): Ran {
  expect({ code: ran.code, stderr: ran.stderr }).toEqual({ code: 0, stderr: '' });
  return ran;
}

describe('read commands', () => {
  it('R3.3 status shows accounts by status, the next sweep, and the workers', async () => {
    const { stdout } = expectDone(await cli('status'));
    expect(rows(stdout)).toMatchObject([
      { provider: 'ebay', environment: 'production', accounts: '3', ok: '1', expiring_soon: '2' },
    ]);
    expect(stdout).toMatch(/^sweep\/ebay +30 d +ok +20\d\d-/m);
    expect(stdout).toMatch(/^running: 0 sweeps, 0 refreshes, 1 workers$/m);
  });

  it('status explains that a key without the scope read shows no accounts', async () => {
    const operator = await h.key({ organisation, scopes: ['operator'] });
    const asOperator = { ...environment, EVERGRANT_API_KEY: operator };
    const { stdout } = expectDone(await startCli(asOperator, ['status'], '').ended);
    expect(stdout).toMatch(/^Accounts are not shown, because this key lacks the scope "read"\./);
    expect(stdout).toMatch(/^sweep\/ebay +30 d +ok/m);
  });

  it('status names the command that connects the first account', async () => {
    const key = await h.key({ organisation: `org-${randomUUID()}`, scopes: ['read'] });
    const asReader = { ...environment, EVERGRANT_API_KEY: key };
    const { stdout } = expectDone(await startCli(asReader, ['status'], '').ended);
    expect(stdout).toMatch(/^No accounts yet\. Connect the first: evergrant accounts add --help$/m);
  });

  it('status --json prints the response of the API', async () => {
    expect(expectDone(await cli('status', '--json')).json()).toMatchObject({
      total: 3,
      by_status: { ok: 1, expiring_soon: 2 },
    });
  });

  it('accounts list prints a table without colours or control characters if stdout is not a terminal', async () => {
    const { stdout } = expectDone(await cli('accounts', 'list'));
    expect(stdout).not.toContain('\u001b');
    expect(rows(stdout).map(({ id }) => id)).toEqual([due.id, fresh.id, revoked.id].toSorted());
    expect(rows(stdout).find(({ id }) => id === due.id)).toMatchObject({
      label: 'Harbour Books',
      status: 'expiring_soon',
    });
  });

  it('accounts list filters, limits, and mentions further results', async () => {
    const ok = expectDone(await cli('accounts', 'list', '--status', 'ok', '--json')).json();
    expect(ok.items).toMatchObject([{ id: fresh.id }]);
    const limited = await cli('accounts', 'list', '--limit', '2');
    expect(rows(limited.stdout)).toHaveLength(2);
    expect(limited.stderr).toMatch(/^Showing the first 2\. To show more, use --limit 20\.$/m);
  });

  it('accounts list names the filters as the reason for an empty list', async () => {
    const { stdout } = expectDone(await cli('accounts', 'list', '--provider', 'none'));
    expect(stdout).toBe('No accounts match these filters.\n');
  });

  it('accounts show prints one account', async () => {
    const { stdout } = expectDone(await cli('accounts', 'show', due.id));
    expect(stdout).toMatch(/^label +Harbour Books$/m);
    expect(stdout).toMatch(/^status +expiring_soon$/m);
    expect(expectDone(await cli('accounts', 'show', due.id, '--json')).json()).toMatchObject({
      id: due.id,
    });
  });
});

describe('a new account', () => {
  it('shows no access token and no refresh in both commands', async () => {
    const other = `org-${randomUUID()}`;
    const key = await h.key({ organisation: other, scopes: ['admin'] });
    const asOther = (...args: string[]) =>
      startCli({ ...environment, EVERGRANT_API_KEY: key }, args, '').ended;
    const added = await startCli(
      { ...environment, EVERGRANT_API_KEY: key },
      ['accounts', 'add', '--provider', 'ebay', '--external-id', 'new', '--json'],
      'v^1.1#i^1#new-account',
    ).ended;
    const { id } = expectDone(added).json();
    const shown = expectDone(await asOther('accounts', 'show', id)).stdout;
    expect(shown).toMatch(/^token expires +no access token yet$/m);
    expect(shown).toMatch(/^last refreshed +never$/m);
    const [row] = rows(expectDone(await asOther('accounts', 'list')).stdout);
    expect(row).toMatchObject({
      'token expires': 'no access token yet',
      'last refreshed': 'never',
    });
    // The sweeps of later tests count the due accounts.
    await h.store.accounts.delete(other, id);
  });
});

describe('refresh commands', () => {
  it('R3.3 refresh skips an account that is not due and exits with 0', async () => {
    const { stdout } = expectDone(await cli('refresh', fresh.id));
    expect(stdout).toMatch(/^outcome +skipped$/m);
    expect(await h.account(fresh.id)).toMatchObject({ generation: 1 });
  });

  it('R3.3 refresh refreshes an account that is due', async () => {
    const { stdout } = expectDone(await cli('refresh', due.id));
    expect(stdout).toMatch(/^outcome +refreshed$/m);
    expect(await h.account(due.id)).toMatchObject({ generation: 2 });
  });

  it('R3.3 force-refresh refreshes an account that is not due', async () => {
    const outcome = expectDone(await cli('force-refresh', fresh.id, '--json')).json();
    expect(outcome).toMatchObject({ outcome: 'refreshed', generation: 2 });
  });

  it('refresh exits with 1 after a refusal by the provider and names the remedy', async () => {
    const { code, stdout } = await cli('refresh', revoked.id);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^outcome +failed$/m);
    expect(stdout).toMatch(/The owner must reconnect the account/);
    // A second refresh is skipped, but the account is still broken.
    const again = await cli('refresh', revoked.id, '--json');
    expect(again.json()).toMatchObject({ outcome: 'skipped', reason: 'needs_reconnect' });
    expect(again.code).toBe(1);
  });

  it('R3.3 validate asks the provider about the access token and exits with 1 if it does not work', async () => {
    // A separate organisation, because other tests read all entries of their organisation.
    const other = `org-${randomUUID()}`;
    const key = await h.key({ organisation: other, scopes: ['admin'] });
    const run = (...args: string[]) =>
      startCli({ ...environment, EVERGRANT_API_KEY: key }, args, '').ended;
    const { id, plain } = await h.addAccount({ organisation: other, expiresInMs: HOUR });
    expect(expectDone(await run('validate', id)).stdout).toMatch(/^outcome +valid$/m);
    expect(expectDone(await run('accounts', 'show', id)).stdout).toMatch(
      /^last validation +valid 20\d\d-/m,
    );
    expect(expectDone(await run('status')).stdout).toMatch(/^ebay: 1 access tokens validated/m);
    h.sandbox.revoke(plain.refreshToken);
    const refused = await run('validate', id);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/^outcome +invalid$/m);
    expect(refused.stdout).toMatch(/^refresh +failed: .*owner must reconnect/m);
  });

  it('logs prints each attempt, newest last', async () => {
    const { stdout } = expectDone(await cli('logs'));
    const lines = stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/token_refresh_failed {2}api {2}Saffron.*invalid_grant/);
    expect(lines.some((line) => /token_refreshed {2}api {2}Harbour Books/.test(line))).toBe(true);
    expect(stdout).not.toContain('\u001b');
    const limited = expectDone(await cli('logs', '--limit', '1', '--json')).json();
    expect(limited.items).toMatchObject([{ account_id: revoked.id }]);
    const untraced = await cli('logs', '--trace', 'a'.repeat(32), '--json');
    expect(expectDone(untraced).json().items).toEqual([]);
  });

  it('logs --follow prints each new entry once', async () => {
    const run = startCli(environment, ['logs', '--follow', '--json', '--limit', '1'], '');
    await eventually(() => run.stdout().includes(revoked.id));
    await cli('force-refresh', fresh.id);
    const entries = await eventually(() => {
      const lines = run.stdout().trimEnd().split('\n');
      return lines.length > 1 && lines.map((line) => JSON.parse(line));
    });
    run.child.kill('SIGINT');
    await run.ended;
    expect(entries).toMatchObject([{ account_id: revoked.id }, { account_id: fresh.id }]);
  });
});

it('logs --follow says that the stream left out entries, and continues', async () => {
  const leftOut = { message: 'Entries were left out: GET /list', list: '/list' };
  const entry = logEntry({ account_label: 'Harbour Books' });
  const server = createServer(({ url = '' }, response) => {
    if (!url.includes('/stream')) {
      response.writeHead(200, { 'content-type': 'application/json' });
      return response.end('{"items":[],"next_cursor":null}');
    }
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('id: 1\n\n');
    response.write(`event: entries_left_out\nid: 2\ndata: ${JSON.stringify(leftOut)}\n\n`);
    return response.write(`id: 3\ndata: ${JSON.stringify(entry)}\n\n`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const run = startCli({ ...environment, EVERGRANT_URL: url }, ['logs', '--follow'], '');
  await eventually(() => run.stdout().includes('Harbour Books'));
  run.child.kill('SIGINT');
  expect((await run.ended).stderr).toContain('Entries were left out: GET /list');
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

describe('control commands', () => {
  it('schedules pause, set, resume and list show the schedule as Temporal stores it', async () => {
    const paused = expectDone(await cli('schedules', 'pause', 'ebay', '--note', 'audit'));
    expect(rows(paused.stdout)).toMatchObject([
      { id: 'sweep/ebay', state: 'paused', note: 'audit' },
    ]);
    const set = expectDone(await cli('schedules', 'set', 'sweep/ebay', '--every', '5m', '--json'));
    expect(set.json()).toMatchObject({ every_seconds: 300, paused: true });
    const described = await temporalCommand(
      h,
      ...'schedule describe --schedule-id sweep/ebay'.split(' '),
    );
    expect(described).toMatch(/"every":"5m 0s"[^]*Notes +audit[^]*Paused +true/);
    expectDone(await cli('schedules', 'resume', 'ebay', '--note', 'done'));
    const listed = rows(expectDone(await cli('schedules', 'list')).stdout);
    expect(listed).toMatchObject([{ id: 'sweep/ebay', every: '5 min', state: 'ok', note: 'done' }]);
  });

  it('schedules delete removes only the schedule of a provider that is not configured', async () => {
    await temporalCommand(
      h,
      ...'schedule create --schedule-id sweep/gone --interval 24h'.split(' '),
      ...'--workflow-id sweep/gone --type sweepWorkflow --task-queue evergrant'.split(' '),
    );
    await eventually(async () => {
      const listed = rows((await cli('schedules', 'list')).stdout);
      return listed.some(({ id, state }) => id === 'sweep/gone' && state === 'not configured');
    });
    expect(expectDone(await cli('schedules', 'delete', 'gone')).stdout).toBe(
      'Deleted: sweep/gone\n',
    );
    expect(rows((await cli('schedules', 'list')).stdout)).toMatchObject([{ id: 'sweep/ebay' }]);
    expect(await cli('schedules', 'delete', 'ebay')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/"ebay" is configured.*Pause the schedule/),
    });
  });

  it('R2.4 schedules trigger runs a sweep, and sweeps shows its result', async () => {
    const before = expectDone(await cli('sweeps', '--json')).json().items.length;
    expectDone(await cli('schedules', 'trigger', 'ebay'));
    await eventually(async () => {
      const { items } = (await cli('sweeps', '--json')).json();
      return items.length > before && items.every((one: any) => one.status === 'completed');
    });
    const [newest] = rows(expectDone(await cli('sweeps', '--provider', 'ebay')).stdout);
    expect(newest).toMatchObject({ status: 'completed', result: 'ebay: nothing was due' });
  });

  it('workflows list shows refreshes and filters them', async () => {
    const listed = expectDone(await cli('workflows', 'list', '--account', revoked.id));
    expect(rows(listed.stdout)).toContainEqual(
      expect.objectContaining({
        workflow: `refresh-account/${revoked.id}`,
        outcome: 'invalid_grant',
        source: 'api',
      }),
    );
    const sweeps = await cli('workflows', 'list', '--type', 'sweep', '--limit', '1', '--json');
    expect(expectDone(sweeps).json().items).toMatchObject([{ type: 'sweep', provider: 'ebay' }]);
  });

  it('workflows terminate ends a waiting refresh and stores the reason in its history', async () => {
    const waiting = await h.addAccount({ organisation, expiresInMs: HOUR });
    h.sandbox.script({ subject: waiting.id, times: 50, answer: { kind: 'unavailable' } });
    await cli('force-refresh', waiting.id);
    const { stdout } = expectDone(
      await cli('workflows', 'terminate', waiting.id, '--reason', 'the shop asked for it'),
    );
    expect(stdout).toMatch(
      new RegExp(`^Terminated: refresh-account/${waiting.id} \\(run \\S+\\)$`, 'm'),
    );
    const history = await h.client.workflow
      .getHandle(`refresh-account/${waiting.id}`)
      .fetchHistory();
    const end = history.events?.at(-1)?.workflowExecutionTerminatedEventAttributes;
    expect(end?.reason).toMatch(/^the shop asked for it \(key /);
    expect(await cli('workflows', 'terminate', waiting.id, '--reason', 'again')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/\S/),
    });
  });

  it('audit verify reports unchanged entries and fails after a change', async () => {
    await cli('keys', 'create', '--name', 'audited', '--scope', 'read');
    const { stdout } = expectDone(await cli('audit', 'verify'));
    const known = /^Last entry: (\d+:\S+)/m.exec(stdout)?.[1] ?? '';
    expect(stdout).toMatch(/^Actions: \d+ entries are unchanged \(1 to \d+\)\.$/m);
    expect(stdout).toMatch(/^Token accesses: /m);
    expect(
      expectDone(await cli('audit', 'verify', '--known', known, '--json')).json(),
    ).toMatchObject({
      intact: true,
      breaks: [],
    });
    const database = await mongoose.createConnection(h.mongodbUri).asPromise();
    const entries = database.collection('audit_entries');
    await entries.updateOne({ organisation, sequence: 1 }, { $set: { actor: 'nobody' } });
    await database.close();
    const broken = await cli('audit', 'verify');
    expect(broken.code).toBe(1);
    expect(broken.stdout).toContain('Entry 1 is edited: It was edited');
  });

  it('audit list and verify show the audit of the organisation or, with --operator, of the operators', async () => {
    await cli('schedules', 'set', 'ebay', '--note', 'for the audit');
    const operators = rows(expectDone(await cli('audit', 'list', '--operator')).stdout);
    expect(operators[0]).toMatchObject({
      organisation,
      action: 'PATCH /api/admin/schedules/{schedule_id}',
    });
    const own = rows(expectDone(await cli('audit', 'list', '--limit', '500')).stdout);
    const actions = own.map(({ action }) => action ?? '');
    expect(actions).toContain('POST /api/admin/keys');
    expect(actions.filter((action) => action.includes('schedules'))).toEqual([]);
    const { stdout } = expectDone(await cli('audit', 'verify', '--operator'));
    expect(stdout).toMatch(/^Actions: \d+ entries are unchanged/m);
  });

  it('keys grant makes a key an operator, and a refused key learns the command', async () => {
    const created = await cli(
      'keys',
      'create',
      '--name',
      'colleague',
      '--scope',
      'admin',
      '--json',
    );
    const { id, api_key } = created.json();
    const asIt = (...args: string[]) =>
      startCli({ ...environment, EVERGRANT_API_KEY: api_key }, args, '').ended;
    const refused = await asIt('schedules', 'trigger', 'ebay');
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(
        /lacks the scope "operator"\..*evergrant keys grant <key id> --scope operator\. ADMIN_API_KEY has it/,
      ),
    });
    expect(await asIt('keys', 'grant', id, '--scope', 'operator')).toMatchObject({ code: 1 });
    const granted = await cli('keys', 'grant', id, '--scope', 'operator');
    expect(expectDone(granted).stdout).toMatch(/^scopes +admin operator$/m);
    await eventually(async () => (await asIt('audit', 'list', '--operator')).code === 0);
    expectDone(await cli('keys', 'revoke', id));
  });

  it('keys grant with ADMIN_API_KEY creates the first operator', async () => {
    const [key, other] = [randomUUID(), `org-${randomUUID()}`];
    const settings = { adminApiKey: new Secret(key), adminOrganisation: other };
    const restarted = await serve({ ...h, config: { ...h.config, ...settings } });
    const text = await h.key({ organisation: other, scopes: ['admin'] });
    const asIt = (apiKey: string, ...args: string[]) =>
      startCli({ EVERGRANT_URL: restarted.url, EVERGRANT_API_KEY: apiKey }, args, '').ended;
    const id = text.split('_')[1] ?? '';
    expectDone(await asIt(key, 'keys', 'grant', id, '--scope', 'operator'));
    expectDone(await asIt(text, 'audit', 'list', '--operator'));
    await restarted.stop();
  });

  it('keys create restricts a key to providers, kinds and accounts', async () => {
    const bounds = ['--provider', 'ebay', '--provider', 'etsy', '--kind', 'booking'];
    const create = ['keys', 'create', '--name', 'bound', '--scope'];
    const created = await cli(...create, 'tokens', ...bounds, '--account', 'acc_1');
    expect(created.code).toBe(0);
    expect(created.stdout).toMatch(
      /^accounts +provider ebay, provider etsy, kind booking, acc_1$/m,
    );
    expect(await cli(...create, 'read', ...bounds)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('may only have the scope "tokens"'),
    });
    expect(rows(expectDone(await cli('keys', 'list')).stdout)).toContainEqual(
      expect.objectContaining({ name: 'bound', scopes: 'tokens' }),
    );
  });

  it('keys create shows a key that works until it is revoked', async () => {
    const created = await cli('keys', 'create', '--name', 'dashboard', '--scope', 'read', '--json');
    const { id, api_key } = created.json();
    expect(rows(expectDone(await cli('keys', 'list')).stdout)).toContainEqual(
      expect.objectContaining({ id, name: 'dashboard', scopes: 'read' }),
    );
    const asIt = () =>
      startCli({ ...environment, EVERGRANT_API_KEY: api_key }, ['status'], '').ended;
    expectDone(await asIt());
    expectDone(await cli('keys', 'revoke', id));
    // The API caches a used key for five seconds.
    const refused = await eventually(async () => {
      const answer = await asIt();
      return answer.code === 0 ? null : answer;
    });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/unknown.*EVERGRANT_API_KEY/),
    });
  });
});

describe('sessions', () => {
  it('list shows the sessions, and end ends one session or all of an actor', async () => {
    const actor = `oidc:${randomUUID()}`;
    const sessions = [1, 2, 3].map(() => sessionRecord({ organisation, actor, by: 'oidc' }));
    for (const session of sessions) await h.store.sessionRecords.create(session);
    const list = async () =>
      rows(expectDone(await cli('sessions', 'list', '--actor', actor)).stdout);
    expect(await list()).toHaveLength(3);
    expect((await list())[0]).toMatchObject({ actor, by: 'oidc', scopes: 'admin' });
    const [first] = sessions;
    expect(expectDone(await cli('sessions', 'end', first?.id ?? '')).stdout).toBe('Ended: 1\n');
    expect(expectDone(await cli('sessions', 'end', '--actor', actor)).stdout).toBe('Ended: 2\n');
    const { stdout } = expectDone(await cli('sessions', 'list', '--actor', actor));
    expect(stdout).toBe('No sessions match these filters.\n');
    expect(await cli('sessions', 'end', first?.id ?? '')).toMatchObject({ code: 1 });
  });
});

describe('accounts add', () => {
  const consent = () => h.sandbox.issueGrant({ provider: 'ebay', subject: randomUUID() });
  const args = () => ['accounts', 'add', '--provider', 'ebay', '--external-id', randomUUID()];

  it('reads a plain refresh token from standard input', async () => {
    const { refresh_token } = consent();
    const { stdout } = expectDone(await fed(`${refresh_token}\n`, ...args(), '--label', 'New'));
    expect(stdout).toMatch(/^label +New$/m);
    expect(stdout).not.toContain(refresh_token);
    const id = /^id +(\S+)$/m.exec(stdout)?.[1] ?? '';
    expectDone(await cli('refresh', id));
  });

  it('reads a JSON object from a file', async () => {
    const { refresh_token, access_token, expires_at } = consent();
    const file = join(mkdtempSync(join(tmpdir(), 'evergrant-cli-')), 'tokens.json');
    writeFileSync(file, JSON.stringify({ refresh_token, access_token, expires_at }));
    const ran = expectDone(
      await cli(...args(), '--token-file', file, '--kind', 'booking', '--json'),
    );
    expect(ran.json()).toMatchObject({ kind: 'booking', status: 'ok' });
  });

  it('accepts no token in arguments', async () => {
    const { refresh_token } = consent();
    const ran = await cli(...args(), '--refresh-token', refresh_token);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).not.toContain(refresh_token);
    expect((await cli('accounts', 'add', '--help')).stdout).toMatch(/No option takes a token/);
  });

  it.each([
    ['empty input', ''],
    ['two words', 'one two'],
    ['half a JSON object', '{"refresh_token": "secret-in-there'],
  ])('refuses %s without printing it', async (_input, stdin) => {
    const ran = await fed(stdin, ...args());
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).not.toContain('secret-in-there');
  });

  it('R3.7 adds an account without a person, with the OAuth app or with credentials from standard input', async () => {
    const grant = [...args(), '--grant', 'client_credentials', '--scopes', 'scope-a scope-b'];
    const ofApp = expectDone(await cli(...grant, '--json')).json();
    expect(ofApp).toMatchObject({
      grant: 'client_credentials',
      own_client: false,
      scopes: ['scope-a', 'scope-b'],
    });
    const secret = `secret-${randomUUID()}`;
    const held = JSON.stringify({ client_id: 'own-client', client_secret: secret });
    const own = expectDone(await fed(held, ...args(), '--grant', 'client_credentials'));
    expect(own.stdout).toMatch(/^grant +client_credentials$/m);
    expect(own.stdout).toMatch(/^client +its own$/m);
    expect(own.stdout).not.toContain(secret);
  });

  it.each([
    ['a list as credentials', '["secret-in-there"]', ['--grant', 'client_credentials']],
    ['half a JSON object', '{"client_secret": "secret-in-there', ['--grant', 'jwt_bearer']],
    ['a subject of a refresh token', 'secret-in-there', ['--subject', 'alma']],
    ['an unknown grant', 'secret-in-there', ['--grant', 'password']],
  ])('refuses %s without printing it', async (_input, stdin, options) => {
    const ran = await fed(stdin, ...args(), ...options);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).not.toContain('secret-in-there');
  });

  it('prints the problem that the API found', async () => {
    const ran = await fed('{"refresh_token": 5}', ...args());
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/refresh_token/) });
  });
});

describe('accounts disconnect', () => {
  it('C41 states the effects, requires --yes without a terminal, and prints the result per token', async () => {
    const { id } = await h.addAccount({ organisation, label: 'Leaves' });
    const effect = 'eBay has no revocation for these tokens.';
    expect(await cli('accounts', 'disconnect', id)).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(new RegExp(`${effect}.*[^]*Use --yes`)),
    });
    expect((await h.account(id)).state).toBe('active');
    const ran = await cli('accounts', 'disconnect', id, '--yes');
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining(effect) });
    expect(ran.stdout).toMatch(/^status +disconnected$/m);
    expect(ran.stdout).toMatch(/^refresh token +not_supported$/m);
    const list = expectDone(await cli('workflows', 'list', '--type', 'disconnection'));
    expect(list.stdout).toContain(id);
  });
});

describe('exit codes and errors', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['dance']],
    ['half a command', ['accounts']],
    ['an unknown option', ['status', '--verbose']],
    ['a missing id', ['refresh']],
    ['an unexpected argument', ['status', 'all']],
    ['an invalid limit', ['accounts', 'list', '--limit', 'many']],
    ['a schedule without a change', ['schedules', 'set', 'ebay']],
    ['an empty id', ['accounts', 'show', '']],
    ['a termination without a reason', ['workflows', 'terminate', 'acc_none']],
    ['sessions without an id or an actor', ['sessions', 'end']],
    ['sessions with an id and an actor', ['sessions', 'end', 'ses_x', '--actor', 'x']],
    ['a key without a name', ['keys', 'create', '--scope', 'read']],
    ['an invalid account status', ['accounts', 'list', '--status', 'fine']],
    ['an invalid workflow status', ['workflows', 'list', '--status', 'fine']],
    ['an invalid workflow type', ['workflows', 'list', '--type', 'fine']],
    ['an invalid sweep status', ['sweeps', '--status', 'fine']],
    ['an invalid source', ['logs', '--source', 'fine']],
    ['an invalid action', ['logs', '--action', 'fine', '--follow']],
    ['an invalid interval', ['schedules', 'set', 'ebay', '--every', 'soon']],
    ['an interval without a unit', ['schedules', 'set', 'ebay', '--every', '5']],
    ['an invalid limit', ['sweeps', '--limit', 'few']],
    ['a limit below one', ['logs', '--limit', '0']],
    ['an invalid scope', ['keys', 'create', '--name', 'x', '--scope', 'god']],
    ['an invalid event type', ['webhooks', 'add', 'https://a.example/', '--event', 'fine']],
    ['an invalid delivery state', ['webhooks', 'deliveries', 'whk_none', '--state', 'fine']],
    ['an invalid overlap', ['webhooks', 'rotate-secret', 'whk_none', '--overlap', 'soon']],
    ['an invalid duration', ['token', 'acc_none', '--min-valid', 'long']],
  ])('%s exits with 2 and prints nothing to stdout', async (_problem, args) => {
    const ran = await cli(...args);
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/\S/) });
  });

  it.each([
    [['refresh'], "missing required argument 'id'"],
    [['import', '--dry-run'], "missing required argument 'file|-'"],
    [['status', 'v1.pasted'], "too many arguments for 'status'. Expected 0 arguments but got 1."],
    [
      ['refresh', 'acc_a', 'v1.pasted'],
      "too many arguments for 'refresh'. Expected 1 argument but got 2.",
    ],
  ])(
    'evergrant %j names the expected arguments without printing the given ones',
    async (args, message) => {
      const { code, stderr } = await cli(...args);
      const help = `See: evergrant ${args[0]} --help`;
      expect({ code, stderr }).toEqual({ code: 2, stderr: `evergrant: ${message}\n${help}\n` });
    },
  );

  it.each([
    [['import', '--refused', '--quarantine', 'accounts.jsonl']],
    [['schedules', 'pause', 'ebay', '--note', '--json']],
  ])('evergrant %j does not accept an option as the value of another option', async (args) => {
    const ran = await cli(...args);
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/ambiguous/) });
  });

  it.each([
    [['stauts'], "unknown command 'stauts' (Did you mean status?)", 'evergrant --help'],
    [
      ['accounts', 'lst'],
      "unknown command 'lst' (Did you mean list?)",
      'evergrant accounts --help',
    ],
    [
      ['accounts', 'list', '--provdier', 'ebay'],
      "unknown option '--provdier' (Did you mean --provider?)",
      'evergrant accounts list --help',
    ],
  ])('evergrant %j suggests the right word before it names the help', async (args, error, help) => {
    expect(await cli(...args)).toMatchObject({
      code: 2,
      stdout: '',
      stderr: `evergrant: ${error}\nSee: ${help}\n`,
    });
  });

  it.each([
    [[], 'status'],
    [['accounts'], 'disconnect'],
  ])('evergrant %j prints the error before the commands', async (args, command) => {
    const { code, stdout, stderr } = await cli(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^evergrant: missing command\n\nUsage: evergrant /);
    expect(stderr).toMatch(new RegExp(`^  ${command} `, 'm'));
  });

  it.each([
    ['--refresh-token=v1.pasted-token-of-an-account'],
    ['-vpasted-token-of-an-account'],
    ['pasted-token-of-an-account'],
  ])('an error does not repeat %s', async (word) => {
    for (const args of [
      [word],
      ['accounts', word],
      ['refresh', 'acc_a', word],
      ['logs', '--action', word],
    ]) {
      const { code, stdout, stderr } = await cli(...args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).not.toContain('pasted');
    }
  });

  it('accepts a value that begins with a dash after an equals sign', async () => {
    const ran = await cli('schedules', 'pause', 'ebay', '--note=--json');
    expect(rows(expectDone(ran).stdout)).toMatchObject([{ note: '--json' }]);
    expectDone(await cli('schedules', 'resume', 'ebay', '--note=-'));
  });

  it.each([['--version'], ['-V']])('%s prints the version of the package', async (option) => {
    const { version } = require('../../package.json');
    expect(expectDone(await cli(option)).stdout).toBe(`${version}\n`);
  });

  it('--help exits with 0 and prints to stdout', async () => {
    for (const args of [['--help'], ['accounts', '--help'], ['logs', '--help'], ['help', 'logs']])
      expect(expectDone(await cli(...args)).stdout).toMatch(/^Usage: evergrant /);
  });

  it('status without a key names the variable', async () => {
    const ran = await startCli({ EVERGRANT_URL: api.url }, ['status'], '').ended;
    expect(ran).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/EVERGRANT_API_KEY is not set/),
    });
  });

  it('status with an invalid URL shows a valid one', async () => {
    const ran = await startCli({ ...environment, EVERGRANT_URL: 'localhost:3000' }, ['status'], '')
      .ended;
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/EVERGRANT_URL.*http:/) });
  });

  it('status distinguishes an unreachable API from another server', async () => {
    const other = createServer((_request, response) => response.end('<html>hello</html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const ask = () => startCli({ ...environment, EVERGRANT_URL: url }, ['status'], '').ended;
    expect(await ask()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/returned HTTP 200 with a body that is not from Evergrant/),
    });
    await new Promise((resolve) => other.close(resolve));
    expect(await ask()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/unreachable at http:\/\/127\.0\.0\.1:\d+ .*ECONNREFUSED/),
    });
  });

  it('a request that the API refuses exits with 1 and prints the message of the API', async () => {
    expect(await cli('accounts', 'show', 'acc_none')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/Your organisation has no account acc_none/),
    });
    expect(await cli('schedules', 'pause', 'none')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/No schedule has the id sweep\/none/),
    });
    const reader = await h.key({ organisation, scopes: ['read'] });
    const asReader = { ...environment, EVERGRANT_API_KEY: reader };
    expect(await startCli(asReader, ['refresh', due.id], '').ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/lacks the scope "admin"/),
    });
  });
});

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

describe('looking', () => {
  it('R3.3 status says how many accounts are how, when the sweep runs next, and who works', async () => {
    const { stdout } = expectDone(await cli('status'));
    expect(rows(stdout)).toMatchObject([
      { provider: 'ebay', environment: 'production', accounts: '3', ok: '1', expiring_soon: '2' },
    ]);
    expect(stdout).toMatch(/^sweep\/ebay +30 d +ok +20\d\d-/m);
    expect(stdout).toMatch(/^running: 0 sweeps, 0 refreshes, 1 workers$/m);
  });

  it('status --json is what the API answers', async () => {
    expect(expectDone(await cli('status', '--json')).json()).toMatchObject({
      total: 3,
      by_status: { ok: 1, expiring_soon: 2 },
    });
  });

  it('accounts list is a table without colours where stdout is no terminal, and steers none', async () => {
    const { stdout } = expectDone(await cli('accounts', 'list'));
    expect(stdout).not.toContain('\u001b');
    expect(rows(stdout).map(({ id }) => id)).toEqual([due.id, fresh.id, revoked.id].toSorted());
    expect(rows(stdout).find(({ id }) => id === due.id)).toMatchObject({
      label: 'Harbour Books',
      status: 'expiring_soon',
    });
  });

  it('accounts list filters, limits, and says that there are more', async () => {
    const ok = expectDone(await cli('accounts', 'list', '--status', 'ok', '--json')).json();
    expect(ok.items).toMatchObject([{ id: fresh.id }]);
    const limited = await cli('accounts', 'list', '--limit', '2');
    expect(rows(limited.stdout)).toHaveLength(2);
    expect(limited.stderr).toMatch(/There are more/);
  });

  it('accounts show shows one account', async () => {
    const { stdout } = expectDone(await cli('accounts', 'show', due.id));
    expect(stdout).toMatch(/^label +Harbour Books$/m);
    expect(stdout).toMatch(/^status +expiring_soon$/m);
    expect(expectDone(await cli('accounts', 'show', due.id, '--json')).json()).toMatchObject({
      id: due.id,
    });
  });
});

describe('a new account', () => {
  it('has no access token yet and was not refreshed yet, in both commands that show it', async () => {
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
    expect(shown).toMatch(/^token ends +no access token yet$/m);
    expect(shown).toMatch(/^last refreshed +not yet$/m);
    const [row] = rows(expectDone(await asOther('accounts', 'list')).stdout);
    expect(row).toMatchObject({ 'token ends': 'no access token yet', 'last refreshed': 'not yet' });
    // The sweeps of later tests count the due accounts.
    await h.store.accounts.delete(other, id);
  });
});

describe('refreshing', () => {
  it('R3.3 refresh leaves an account alone that is not due, and that is well', async () => {
    const { stdout } = expectDone(await cli('refresh', fresh.id));
    expect(stdout).toMatch(/^outcome +skipped$/m);
    expect(await h.account(fresh.id)).toMatchObject({ generation: 1 });
  });

  it('R3.3 refresh refreshes an account that is due', async () => {
    const { stdout } = expectDone(await cli('refresh', due.id));
    expect(stdout).toMatch(/^outcome +refreshed$/m);
    expect(await h.account(due.id)).toMatchObject({ generation: 2 });
  });

  it('R3.3 force-refresh refreshes although nothing is due', async () => {
    const outcome = expectDone(await cli('force-refresh', fresh.id, '--json')).json();
    expect(outcome).toMatchObject({ outcome: 'refreshed', generation: 2 });
  });

  it('a refusal by the provider ends with 1 and says what to do', async () => {
    const { code, stdout } = await cli('refresh', revoked.id);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^outcome +failed$/m);
    expect(stdout).toMatch(/The owner must connect the account again/);
    // A second refresh is skipped, but the account is still broken.
    const again = await cli('refresh', revoked.id, '--json');
    expect(again.json()).toMatchObject({ outcome: 'skipped', reason: 'needs_reconnect' });
    expect(again.code).toBe(1);
  });

  it('R3.3 validate asks whether the access token works, and ends with 1 where it does not', async () => {
    // A separate organisation, because other tests read all entries of theirs.
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
    expect(refused.stdout).toMatch(/^refresh +failed: .*owner must connect/m);
  });

  it('logs shows each attempt, the newest last', async () => {
    const { stdout } = expectDone(await cli('logs'));
    const lines = stdout.trimEnd().split('\n');
    expect(lines.at(-1)).toMatch(/token_refresh_failed {2}api {2}Saffron.*invalid_grant/);
    expect(lines.some((line) => /token_refreshed {2}api {2}Harbour Books/.test(line))).toBe(true);
    expect(stdout).not.toContain('\u001b');
    const limited = expectDone(await cli('logs', '--limit', '1', '--json')).json();
    expect(limited.items).toMatchObject([{ account_id: revoked.id }]);
  });

  it('logs --follow shows what comes, once each', async () => {
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

describe('steering', () => {
  it('schedules pause, set, resume and list show what Temporal holds', async () => {
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

  it('schedules delete removes the schedule of a provider that is not configured, and no other', async () => {
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

  it('R2.4 schedules trigger runs a sweep, and sweeps shows what it came to', async () => {
    const before = expectDone(await cli('sweeps', '--json')).json().items.length;
    expectDone(await cli('schedules', 'trigger', 'ebay'));
    await eventually(async () => {
      const { items } = (await cli('sweeps', '--json')).json();
      return items.length > before && items.every((one: any) => one.status === 'completed');
    });
    const [newest] = rows(expectDone(await cli('sweeps', '--provider', 'ebay')).stdout);
    expect(newest).toMatchObject({ status: 'completed', result: 'ebay: nothing was due' });
  });

  it('workflows list shows what was refreshed, and filters', async () => {
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

  it('workflows terminate ends a refresh that waits, with a reason that its history keeps', async () => {
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

  it('audit verify says that all is as it was written, and fails where it is not', async () => {
    await cli('keys', 'create', '--name', 'audited', '--scope', 'read');
    const { stdout } = expectDone(await cli('audit', 'verify'));
    const known = /The last: (\d+:\S+)/.exec(stdout)?.[1] ?? '';
    expect(stdout).toMatch(/^Actions: \d+ entries are as they were written \(1 to \d+\)\.$/m);
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
    expect(broken.stdout).toContain('Entry 1 is edited: It is not as it was written');
  });

  it('audit list and verify show the audit of the organisation, and with --operator the operators’', async () => {
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
    expect(stdout).toMatch(/^Actions: \d+ entries are as they were written/m);
  });

  it('keys grant makes a key an operator, which another key is told how to become', async () => {
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

  it('keys grant with ADMIN_API_KEY makes the first operator of an installation that has none', async () => {
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

  it('keys create shows a key once that works until it is revoked', async () => {
    const created = await cli('keys', 'create', '--name', 'dashboard', '--scope', 'read', '--json');
    const { id, api_key } = created.json();
    expect(rows(expectDone(await cli('keys', 'list')).stdout)).toContainEqual(
      expect.objectContaining({ id, name: 'dashboard', scopes: 'read' }),
    );
    const asIt = () =>
      startCli({ ...environment, EVERGRANT_API_KEY: api_key }, ['status'], '').ended;
    expectDone(await asIt());
    expectDone(await cli('keys', 'revoke', id));
    // The API caches a recently used key for five seconds.
    const refused = await eventually(async () => {
      const answer = await asIt();
      return answer.code === 0 ? null : answer;
    });
    expect(refused).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not known.*EVERGRANT_API_KEY/),
    });
  });
});

describe('sessions', () => {
  it('list shows who is signed in, and end ends one, or all of an actor', async () => {
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
    expect(stdout).toBe('Nobody is signed in.\n');
    expect(await cli('sessions', 'end', first?.id ?? '')).toMatchObject({ code: 1 });
  });
});

describe('accounts add', () => {
  const consent = () => h.sandbox.issueGrant({ provider: 'ebay', subject: randomUUID() });
  const args = () => ['accounts', 'add', '--provider', 'ebay', '--external-id', randomUUID()];

  it('takes the bare refresh token from standard input', async () => {
    const { refresh_token } = consent();
    const { stdout } = expectDone(await fed(`${refresh_token}\n`, ...args(), '--label', 'New'));
    expect(stdout).toMatch(/^label +New$/m);
    expect(stdout).not.toContain(refresh_token);
    const id = /^id +(\S+)$/m.exec(stdout)?.[1] ?? '';
    expectDone(await cli('refresh', id));
  });

  it('takes a JSON object from a file', async () => {
    const { refresh_token, access_token, expires_at } = consent();
    const file = join(mkdtempSync(join(tmpdir(), 'evergrant-cli-')), 'tokens.json');
    writeFileSync(file, JSON.stringify({ refresh_token, access_token, expires_at }));
    const ran = expectDone(
      await cli(...args(), '--token-file', file, '--kind', 'booking', '--json'),
    );
    expect(ran.json()).toMatchObject({ kind: 'booking', status: 'ok' });
  });

  it('takes no token from arguments', async () => {
    const { refresh_token } = consent();
    const ran = await cli(...args(), '--refresh-token', refresh_token);
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).not.toContain(refresh_token);
    expect((await cli('accounts', 'add', '--help')).stdout).toMatch(
      /There is no option for a token/,
    );
  });

  it.each([
    ['nothing', ''],
    ['two words', 'one two'],
    ['half a JSON object', '{"refresh_token": "secret-in-there'],
  ])('refuses %s, and does not repeat it', async (_what, stdin) => {
    const ran = await fed(stdin, ...args());
    expect(ran).toMatchObject({ code: 2, stdout: '' });
    expect(ran.stderr).not.toContain('secret-in-there');
  });

  it('says what the API found wrong', async () => {
    const ran = await fed('{"refresh_token": 5}', ...args());
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/refresh_token/) });
  });
});

describe('exit codes and errors', () => {
  it.each([
    ['no command', []],
    ['an unknown command', ['dance']],
    ['half a command', ['accounts']],
    ['an unknown option', ['status', '--verbose']],
    ['an id that is missing', ['refresh']],
    ['one word too many', ['status', 'all']],
    ['a limit that is none', ['accounts', 'list', '--limit', 'many']],
    ['nothing to set', ['schedules', 'set', 'ebay']],
    ['an empty id', ['accounts', 'show', '']],
    ['an end without a reason', ['workflows', 'terminate', 'acc_none']],
    ['sessions without an id or an actor', ['sessions', 'end']],
    ['sessions with both', ['sessions', 'end', 'ses_x', '--actor', 'x']],
    ['a key without a name', ['keys', 'create', '--scope', 'read']],
    ['a status that is none', ['accounts', 'list', '--status', 'fine']],
    ['a workflow status that is none', ['workflows', 'list', '--status', 'fine']],
    ['a workflow type that is none', ['workflows', 'list', '--type', 'fine']],
    ['a sweep status that is none', ['sweeps', '--status', 'fine']],
    ['a source that is none', ['logs', '--source', 'fine']],
    ['an action that is none', ['logs', '--action', 'fine', '--follow']],
    ['an interval that is none', ['schedules', 'set', 'ebay', '--every', 'soon']],
    ['an interval without a unit', ['schedules', 'set', 'ebay', '--every', '5']],
    ['a limit that is none', ['sweeps', '--limit', 'few']],
    ['a limit below one', ['logs', '--limit', '0']],
    ['a scope that is none', ['keys', 'create', '--name', 'x', '--scope', 'god']],
    ['an event that is none', ['webhooks', 'add', 'https://a.example/', '--event', 'fine']],
    ['a state that is none', ['webhooks', 'deliveries', 'whk_none', '--state', 'fine']],
    ['an overlap that is none', ['webhooks', 'rotate-secret', 'whk_none', '--overlap', 'soon']],
    ['a life that is none', ['token', 'acc_none', '--min-valid', 'long']],
  ])('%s is wrong usage: 2, and stdout stays empty', async (_what, args) => {
    const ran = await cli(...args);
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/\S/) });
  });

  it.each([
    [['refresh'], 'missing argument: <id>'],
    [['import', '--dry-run'], 'missing argument: <file|->'],
    [['status', 'v1.pasted'], 'too many arguments: 1 given, none expected'],
    [['refresh', 'acc_a', 'v1.pasted'], 'too many arguments: 2 given, expected: <id>'],
  ])('evergrant %j names the arguments and repeats none', async (args, sentence) => {
    const { code, stderr } = await cli(...args);
    const help = `See: evergrant ${args[0]} --help`;
    expect({ code, stderr }).toEqual({ code: 2, stderr: `evergrant: ${sentence}\n${help}\n` });
  });

  it.each([
    [['import', '--refused', '--quarantine', 'accounts.jsonl']],
    [['schedules', 'pause', 'ebay', '--note', '--json']],
  ])('evergrant %j does not take an option for the value of another', async (args) => {
    const ran = await cli(...args);
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(/ambiguous/) });
  });

  it('help is an answer: 0, on stdout', async () => {
    for (const args of [['--help'], ['accounts', '--help'], ['logs', '--help']])
      expect(expectDone(await cli(...args)).stdout).toMatch(/^Usage: evergrant /);
  });

  it('no key: says where it comes from', async () => {
    const ran = await startCli({ EVERGRANT_URL: api.url }, ['status'], '').ended;
    expect(ran).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/EVERGRANT_API_KEY is not set/),
    });
  });

  it('an address that is none: says what one looks like', async () => {
    const ran = await startCli({ ...environment, EVERGRANT_URL: 'localhost:3000' }, ['status'], '')
      .ended;
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(/EVERGRANT_URL.*http:/) });
  });

  it('nobody there, and somebody else there', async () => {
    const other = createServer((_request, response) => response.end('<html>hello</html>'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    const ask = () => startCli({ ...environment, EVERGRANT_URL: url }, ['status'], '').ended;
    expect(await ask()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not as Evergrant does \(HTTP 200\)/),
    });
    await new Promise((resolve) => other.close(resolve));
    expect(await ask()).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/unreachable at http:\/\/127\.0\.0\.1:\d+ .*ECONNREFUSED/),
    });
  });

  it('refused, absent, or not allowed: 1, with the sentence of the API', async () => {
    expect(await cli('accounts', 'show', 'acc_none')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(/There is no account acc_none/),
    });
    expect(await cli('schedules', 'pause', 'none')).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/There is no schedule sweep\/none/),
    });
    const reader = await h.key({ organisation, scopes: ['read'] });
    const asReader = { ...environment, EVERGRANT_API_KEY: reader };
    expect(await startCli(asReader, ['refresh', due.id], '').ended).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/lacks the scope "admin"/),
    });
  });
});

/** R1.6 and R1.1: a refresh on request shows the whole exchange, and is otherwise the same as a scheduled one. */
import { randomUUID } from 'node:crypto';
import type { Config } from '../../src/process/config';
import { createLogger } from '../../src/process/logging';
import { ConfiguredProviders } from '../../src/providers/config/configured-providers';
import { registerSearchAttributes } from '../../src/temporal/register-search-attributes';
import { startWorker } from '../../src/worker/start-worker';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { CLIENT_ID } from '../support/harness';
import { startUpSweepsEnd } from '../support/sweeps';
import { type Api, expectError, startApi } from './_api';
import { type RecordingProxy, startRecordingProxy } from './_recording-proxy';

type ProviderConfig = Config['providers'][number];

let api: Api;
let wire: RecordingProxy;
let stopWorker: () => Promise<void>;

beforeAll(async () => {
  api = await startApi({ worker: false });
  const { config, store, vault } = api.harness;
  wire = await startRecordingProxy(api.sandbox.tokenEndpoint('ebay'));
  const { connection } = config.temporal;
  if (connection === null) throw new Error('the harness has an address');
  await registerSearchAttributes(api.client.connection, api.harness.namespace);
  const worker = await startWorker({
    config: { ...config, providers: config.providers.map(behindTheProxy) },
    temporal: connection,
    store,
    vault,
    logger: createLogger('fatal'),
    workflowBundle: engines.workflowBundle,
  });
  stopWorker = () => worker.stop();
  await startUpSweepsEnd(api.harness);
});
afterAll(async () => {
  await stopWorker();
  await wire.stop();
  await api.stop();
});

function behindTheProxy(provider: ProviderConfig): ProviderConfig {
  const environments = Object.entries(provider.environments).map(([name, environment]) => [
    name,
    { ...environment, tokenEndpoint: wire.url },
  ]);
  return { ...provider, environments: Object.fromEntries(environments) };
}

const debug = (id: string, provider = 'ebay') =>
  api.post(`/api/admin/${provider}/token/refresh-debug`, { account_id: id });
const entriesOf = async (id: string) =>
  (await api.get(`/api/admin/ebay/tokens/terminal-logs?account_id=${id}`)).body.items;

describe('the exchange', () => {
  it('R1.6 is shown whole and masked: method, URL, headers, body, status, response and duration', async () => {
    const account = await api.addAccount({ expiresInMs: 3600_000, refreshedAgoMs: 0 });

    const answer = await debug(account.id);

    const masked = `v^1.1#… (${account.plain.refreshToken.length} characters)`;
    expect(answer).toMatchObject({
      status: 200,
      body: { account_id: account.id, outcome: 'refreshed', generation: 2 },
    });
    const { entry } = answer.body;
    expect(entry).toMatchObject({
      id: answer.body.log_entry_id,
      action: 'token_refresh_debug',
      source: 'debug',
      environment: 'production',
      outcome: 'ok',
      error: null,
    });
    expect(entry.request).toEqual({
      method: 'POST',
      url: wire.url,
      refresh_token: masked,
      headers: expect.objectContaining({
        authorization: 'Basic <masked>',
        'content-type': expect.stringMatching(/^application\/x-www-form-urlencoded/),
      }),
      body: { grant_type: 'refresh_token', refresh_token: masked },
    });
    expect(entry.response).toEqual({
      status: 200,
      duration_ms: expect.any(Number),
      headers: expect.objectContaining({
        'content-type': 'application/json',
        'cache-control': 'no-store',
      }),
      body: {
        access_token: expect.stringMatching(/^v\^1\.1#… \(\d+ characters\)$/),
        expires_in: 7200,
        token_type: 'User Access Token',
      },
    });
    expect(await entriesOf(account.id)).toEqual([entry]);
  });

  it('R1.6 has the duration of each step up to the log entry', async () => {
    const account = await api.addAccount();
    const { steps } = (await debug(account.id)).body.entry;
    const names = steps.map(({ step }: { step: string }) => step);
    expect(names).toEqual(['claim', 'decrypt', 'request', 'response', 'commit', 'log']);
    const times = steps.map(({ at }: { at: string }) => at);
    expect(times).toEqual(times.toSorted());
    for (const { duration_ms } of steps) expect(duration_ms).toBeGreaterThanOrEqual(0);
  });

  it('R1.6 has the steps of a refusal, and of a token that cannot be decrypted', async () => {
    const refused = await api.addAccount({ refreshToken: `v^1.1#${randomUUID()}` });
    const broken = await api.addAccount({ spoil: (sealed) => `${sealed.slice(0, -4)}AAAA` });
    const names = async (id: string) =>
      (await debug(id)).body.entry.steps.map(({ step }: { step: string }) => step);
    expect(await names(refused.id)).toEqual([
      'claim',
      'decrypt',
      'request',
      'response',
      'log',
      'record_failure',
    ]);
    expect(await names(broken.id)).toEqual(['claim', 'decrypt', 'log', 'record_failure']);
  });

  it('R1.7 names the caller, and shows the token as stored, decrypted and sent', async () => {
    const account = await api.addAccount();
    const { diagnostics } = (await debug(account.id)).body.entry;
    const looks = `v^1.1#… (${account.plain.refreshToken.length} characters)`;
    expect(diagnostics).toEqual({
      caller: `key ${api.admin.split('_')[1]}`,
      input_prefix: 'ENC:v1:k1:…',
      decrypted_prefix: looks,
      final_prefix: looks,
      refresh_token_fingerprint: api.harness.vault.fingerprint(account.plain.refreshToken),
      warnings: [],
    });
  });

  it('R1.4 uses a token of another form too, with a warning', async () => {
    const { id } = await api.addAccount({ refreshToken: `AgAAAA**${randomUUID()}` });
    const { body } = await debug(id);
    expect(body).toMatchObject({ outcome: 'failed', failure: { code: 'invalid_grant' } });
    expect(body.entry.diagnostics.warnings).toEqual([expect.stringContaining('starts with "v^"')]);
  });

  it('is shown if the provider refuses, with the provider’s reason', async () => {
    const account = await api.addAccount();
    api.sandbox.revoke(account.plain.refreshToken);
    const { status, body } = await debug(account.id);
    expect({ status, outcome: body.outcome }).toEqual({ status: 200, outcome: 'failed' });
    expect(body.entry).toMatchObject({
      action: 'token_refresh_debug',
      outcome: 'rejected',
      response: {
        status: 400,
        body: { error: 'invalid_grant', error_description: expect.any(String) },
      },
      error: { code: 'invalid_grant' },
    });
  });

  it('is shown if the response is not JSON', async () => {
    const { id } = await api.addAccount({ expiresInMs: 0 });
    api.sandbox.script({ subject: id, answer: { kind: 'unavailable' } });
    const { entry } = (await debug(id)).body;
    expect(entry).toMatchObject({
      outcome: 'unknown',
      response: { status: 503, body: expect.stringContaining('Service Unavailable') },
    });
    // The replay that follows must end before later tests count requests.
    await api.client.workflow.getHandle(`refresh-account/${id}`).result();
  });

  it('has masked tokens wherever the provider puts them', async () => {
    // The workflow is terminated, so that it does not retry while later tests count requests.
    const { id, plain } = await api.addAccount({ expiresInMs: 0 });
    const { access_token } = api.consent();
    const body = JSON.stringify({
      error: 'temporarily_odd',
      error_description: `refused: ${plain.refreshToken} of ${CLIENT_ID}:${api.harness.clientSecret}`,
      echo: { refresh_token: plain.refreshToken },
      hint: access_token,
    });
    const headers = { 'x-debug': plain.refreshToken, 'set-cookie': `t=${access_token}` };
    api.sandbox.script({ subject: id, answer: { kind: 'respond', status: 400, body, headers } });
    const { entry } = (await debug(id)).body;
    expect(entry.response.body).toMatchObject({ error: 'temporarily_odd', echo: '<masked>' });
    expect(entry.response.headers['x-debug']).toMatch(/^<masked>/);
    expect(api.leaks()).toEqual([]);
  });
});

describe('a row', () => {
  it.each([
    [
      'is damaged',
      (sealed: string) => `${sealed.slice(0, -8)}AAAAAAAA`,
      'row_corrupt',
      '<decrypt_failed>',
    ],
    ['was never encrypted', () => `plain-${randomUUID()}`, 'row_not_sealed', '<decrypt_failed>'],
  ])(
    'R1.3 R1.8 that %s causes no request, and a log entry explains it',
    async (_what, spoil, code, placeholder) => {
      const { id } = await api.addAccount({ spoil });
      const before = wire.sent().length;
      const { status, body } = await debug(id);
      expect({ status, outcome: body.outcome }).toEqual({ status: 200, outcome: 'failed' });
      expect(body.entry).toMatchObject({
        outcome: 'not_sent',
        request: { method: 'POST', url: wire.url, refresh_token: placeholder },
        response: null,
        error: { class: 'account', code, message: expect.stringMatching(/owner must reconnect/) },
      });
      expect(wire.sent()).toHaveLength(before);
      const account = (await api.get(`/api/admin/accounts/${id}`)).body;
      expect(account).toMatchObject({
        status: 'needs_reconnect',
        status_reason: body.failure.message,
      });
    },
  );
});

describe('the request', () => {
  it('R1.1 has the same bytes for a scheduled, a requested and a debug refresh', async () => {
    const { id, plain } = await api.addAccount();
    await eventually(async () => {
      await api.post('/api/admin/internal/refresh-tokens', { provider: 'ebay' });
      return (await api.harness.account(id)).generation === 2;
    });
    // Until the scheduled workflow has ended, a request gets the outcome of that workflow.
    await api.client.workflow.result(`refresh-account/${id}`);
    await debug(id);
    await api.post(`/api/admin/accounts/${id}/refresh`, { force: true });

    const token = new URLSearchParams({ refresh_token: plain.refreshToken }).toString();
    const requests = wire.sent().filter((bytes) => bytes.includes(token));
    expect(requests).toHaveLength(3);
    const [scheduled = Buffer.alloc(0), ...others] = requests;
    expect(shape(scheduled)).toMatch(/^POST \S+ HTTP\/1\.1\r\n/);
    expect(shape(scheduled)).toContain('grant_type=refresh_token');
    for (const other of others) {
      // Compares text first, so that a difference is readable. No failure may print secrets.
      expect(shape(other)).toBe(shape(scheduled));
      expect(other.equals(scheduled)).toBe(true);
    }
    const sources = (await entriesOf(id)).map(({ source }: { source: string }) => source);
    expect(sources).toEqual(['api', 'debug', 'scheduled']);
  });

  it('R1.1 is captured only for debug, and other entries have fewer details', async () => {
    const { id } = await api.addAccount();
    await api.post(`/api/admin/accounts/${id}/refresh`, { force: true });
    const [entry] = await entriesOf(id);
    expect(Object.keys(entry.request).toSorted()).toEqual(['method', 'refresh_token', 'url']);
    expect(Object.keys(entry.response).toSorted()).toEqual(['duration_ms', 'status']);
    expect(entry).not.toHaveProperty('steps');
  });

  function shape(bytes: Buffer): string {
    return bytes
      .toString('latin1')
      .replaceAll(/(authorization: \w+ )\S+/gi, '$1<masked>')
      .replaceAll(/(refresh_token=)[^&\r\n]+/g, '$1<masked>');
  }
});

describe('a request that is refused', () => {
  it('names a provider that is not configured', async () => {
    const { id } = await api.addAccount();
    expectError(await debug(id, 'etsy'), 404, 'unknown_provider');
    expect(await entriesOf(id)).toEqual([]);
  });

  it('names an account of another provider', async () => {
    const { id } = await api.addAccount();
    const [ebay] = api.harness.config.providers;
    if (ebay === undefined) throw new Error('the harness has a provider');
    const providers = new ConfiguredProviders([ebay, { ...ebay, id: 'ebay-uk' }]);
    const answer = await api.with({ providers })('POST', '/api/admin/ebay-uk/token/refresh-debug', {
      body: { account_id: id },
    });
    expectError(answer, 404, 'not_found');
    expect(await entriesOf(id)).toEqual([]);
  });

  it.each([undefined, {}, { account_id: 7 }, { account_id: 'acc_1', force: true }])(
    'has the body %j',
    async (body) => {
      expectError(
        await api.post('/api/admin/ebay/token/refresh-debug', body),
        400,
        'invalid_request',
      );
    },
  );
});

it('no response and no log line contains a token', () => {
  expect(api.leaks()).toEqual([]);
});

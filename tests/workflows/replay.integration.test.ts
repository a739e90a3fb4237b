/**
 * Recorded histories replay against the current workflows, so that a change that breaks running workflows fails here.
 * `RECORD_HISTORIES=1 npx --no jest tests/workflows/replay` records them again.
 */
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Worker } from '@temporalio/worker';
import { anchorWorkflowId } from '../../src/domain/audit/audit-anchor';
import type { ConsentRecord } from '../../src/domain/connect/consent-record';
import { appEvent } from '../../src/domain/events/event';
import { createAuditLog } from '../../src/services/audit/audit-log';
import * as workflows from '../../src/workflows';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const HISTORIES = join(__dirname, '..', 'histories');
const workflowBundle = { codePath: engines.workflowBundle };

let h: Harness;
beforeAll(async () => {
  h = await startHarness({
    providers: { ebay: {}, shopify: {}, etsy: { perAccountUpTo: 3 }, google: {} },
    delivery: { pausesMs: [100] },
  });
});
afterAll(() => h?.stop());

async function assertReplays(name: string, workflowId: string): Promise<void> {
  const show = ['workflow', 'show', '--workflow-id', workflowId, '--output', 'json'];
  const where = ['--address', engines.temporalAddress, '--namespace', h.namespace];
  const text = execFileSync(engines.temporalCli, [...show, ...where], {
    encoding: 'utf8',
    maxBuffer: 64 * 2 ** 20,
  });
  await Worker.runReplayHistory({ workflowBundle }, JSON.parse(text), workflowId);
  if (process.env['RECORD_HISTORIES'] === undefined) return;
  mkdirSync(HISTORIES, { recursive: true });
  // The identity names the recording machine.
  const anonymous = text.replace(/"identity": *"[^"]*"|"\d+@[^"]*"/g, (found) =>
    found.startsWith('"identity"') ? '"identity": "worker"' : '"worker"',
  );
  writeFileSync(
    join(HISTORIES, `${name}.json`),
    `${JSON.stringify(JSON.parse(anonymous), null, 1)}\n`,
  );
}

const finished = (workflowId: string) =>
  eventually(
    async () =>
      (await h.client.workflow.getHandle(workflowId).describe()).status.name === 'COMPLETED',
  );

describe('a newly recorded history replays:', () => {
  it('a refresh that succeeds', async () => {
    const { id } = await h.addAccount({ label: 'Happy path' });
    await h.request(await h.key(), 'POST', `/api/admin/accounts/${id}/refresh`, {});
    await finished(`refresh-account/${id}`);
    await assertReplays('refresh-succeeds', `refresh-account/${id}`);
  });

  it('a refresh whose response is lost, and that is replayed and retried', async () => {
    const { id } = await h.addAccount({ label: 'Lost answer', expiresInMs: 10 * 60_000 });
    h.sandbox.script({ subject: id, times: 2, answer: { kind: 'drop', at: 'after_commit' } });
    const key = await h.key();
    await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {});
    await eventually(async () => (await h.entries(id)).length === 2);
    await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {});
    await finished(`refresh-account/${id}`);
    await assertReplays('refresh-replayed', `refresh-account/${id}`);
  });

  it('a sweep over fresh, due, refused and slow accounts', async () => {
    await h.addAccount({ expiresInMs: 90 * 60_000, refreshedAgoMs: 0 });
    await h.addAccount({ label: 'Due' });
    const refused = await h.addAccount({ label: 'Refused' });
    h.sandbox.revoke(refused.plain.refreshToken);
    const down = await h.addAccount({ label: 'Provider is down', expiresInMs: 5 * 60_000 });
    h.sandbox.script({ subject: down.id, times: 2, answer: { kind: 'unavailable' } });
    const { body } = await h.request(
      await h.key(),
      'POST',
      '/api/admin/internal/refresh-tokens',
      {},
    );
    const [{ workflow_id: workflowId }] = body.started;
    const summary = await h.client.workflow.getHandle(workflowId).result();
    expect(summary).toMatchObject({
      due: 3,
      refreshed: 1,
      failed: 2,
      needs_reconnect: 1,
      retrying: 1,
    });
    await assertReplays('sweep', workflowId);
    // Its next attempt is soon; no account may be due then.
    const path = `/api/admin/accounts/${down.id}`;
    await h.request(await h.key(), 'PATCH', path, { disabled: true });
  });

  it('a sweep in batches, and the workflow of an account that a batch could not refresh', async () => {
    const refused = await h.addAccount({ provider: 'etsy', label: 'Refused' });
    h.sandbox.revoke(refused.plain.refreshToken);
    for (let n = 0; n < 3; n += 1) await h.addAccount({ provider: 'etsy' });
    const { body } = await h.request(await h.key(), 'POST', '/api/admin/internal/refresh-tokens', {
      provider: 'etsy',
    });
    const [{ workflow_id: workflowId, run_id: runId }] = body.started;
    const summary = await h.client.workflow.getHandle(workflowId, runId).result();
    expect(summary).toMatchObject({ due: 4, refreshed: 3, failed: 1, needs_reconnect: 1 });
    await assertReplays('sweep-in-batches', workflowId);
    await assertReplays('batch', `refresh-batch/${runId}/1`);
    await assertReplays('refresh-begun-in-batch', `refresh-account/${refused.id}`);
  });

  it('a batch that callers wait for', async () => {
    const key = await h.key({ scopes: ['tokens'] });
    const ended = { provider: 'etsy', expiresInMs: -1000 } as const;
    const refused = await h.addAccount({ ...ended, label: 'Refused' });
    h.sandbox.revoke(refused.plain.refreshToken);
    const accounts = [await h.addAccount(ended), await h.addAccount(ended), refused];
    const answers = await Promise.all(
      accounts.map(({ id }) => h.request(key, 'GET', `/api/tokens/${id}`)),
    );
    expect(answers.map(({ body }) => body.active)).toEqual([true, true, false]);
    const query = "WorkflowId STARTS_WITH 'refresh-batch/api/'";
    const workflowId = await eventually(async () => {
      for await (const batch of h.client.workflow.list({ query })) return batch.workflowId;
      return false;
    });
    await finished(workflowId);
    await assertReplays('batch-awaited', workflowId);
  });

  it('a sweep that finds nothing due', async () => {
    const { body } = await h.request(
      await h.key(),
      'POST',
      '/api/admin/internal/refresh-tokens',
      {},
    );
    const [{ workflow_id: workflowId }] = body.started;
    expect(await h.client.workflow.getHandle(workflowId).result()).toMatchObject({ due: 0 });
    await assertReplays('sweep-heartbeat', workflowId);
  });
});

it('a newly recorded history of a delivery that is refused, retried and accepted replays', async () => {
  const organisation = 'default';
  const answers = [500, 200].values();
  const receiver = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(answers.next().value ?? 200).end());
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const { port } = receiver.address() as AddressInfo;
  const { body: webhook } = await h.request(await h.key(), 'POST', '/api/admin/webhooks', {
    url: `http://127.0.0.1:${port}/`,
    event_types: ['app.incident'],
  });
  const app = { provider: 'ebay', environment: 'production', since: new Date(), at: new Date() };
  const incident = appEvent(app, { type: 'app.incident', reason: 'invalid_client', detail: null });
  await h.store.events.raise(incident);
  await eventually(async () => {
    const query = { organisation, endpointId: webhook.id, limit: 1 };
    return (await h.store.webhookDeliveries.list(query))[0]?.state === 'delivered';
  });
  await new Promise((resolve) => receiver.close(resolve));
  const workflowId = `deliver-event/${incident.id}/${webhook.id}`;
  await finished(workflowId);
  await assertReplays('deliver-event', workflowId);
});

it('a newly recorded history of an audit anchor that advances replays', async () => {
  const organisation = 'org-replay';
  const { anchors, store, vault } = h;
  const audit = createAuditLog({ store, vault, retentionDays: 400, now: () => new Date() });
  const event = { organisation, actor: 'k', action: 'a', details: {} };
  for (let sequence = 1; sequence <= 3; sequence += 1) {
    anchors.note('actions', organisation, await audit.append(event));
    await anchors.flush();
    await eventually(
      async () => (await anchors.read('actions', organisation))?.sequence === sequence,
    );
  }
  await assertReplays('audit-anchor', anchorWorkflowId(organisation, 'actions'));
});

it('a newly recorded history of a disconnection that is retried once replays', async () => {
  const { id } = await h.addAccount({ provider: 'google', label: 'Leaves' });
  h.sandbox.script({ subject: id, request: 'revocation', answer: { kind: 'unavailable' } });
  await h.request(await h.key(), 'POST', `/api/admin/accounts/${id}/disconnect`);
  const workflowId = `disconnect/${id}`;
  expect(await h.client.workflow.getHandle(workflowId).result()).toMatchObject({
    outcome: 'disconnected',
    results: ['revoked', 'revoked'],
  });
  await assertReplays('disconnect', workflowId);
});

describe('a newly recorded history of a workflow that operators rarely see replays:', () => {
  const run = (workflowType: string, workflowId: string, args: unknown[]) =>
    h.client.workflow.execute(workflowType, {
      workflowId,
      taskQueue: h.config.temporal.taskQueue,
      args,
    });

  it('the due times of a changed policy', async () => {
    await h.addAccount({ provider: 'google', expiresInMs: 3_600_000, refreshedAgoMs: 0 });
    const policy = h.providers.policyText('google');
    await run('applyPolicyWorkflow', 'apply-policy/google', [{ provider: 'google', policy }]);
    await assertReplays('apply-policy', 'apply-policy/google');
  });

  it('a rotation of the encryption key that finds every record encrypted with it', async () => {
    const [to = ''] = h.encryptionKeys.split(':');
    await h.store.settings.setSealingKeyIdIfAbsent(to);
    const progress = await run('rotateEncryptionWorkflow', 'rotate-encryption', [{ to }]);
    expect(progress).toMatchObject({ to, phase: 'done' });
    await assertReplays('rotate-encryption', 'rotate-encryption');
  });

  it('the watch of an OAuth app whose circuit closes, which starts a sweep', async () => {
    const app = { provider: 'google', environment: 'production', isOpen: true };
    await run('watchAppWorkflow', 'watch-app/google', [app]);
    await finished('sweep/google/triggered');
    await assertReplays('watch-app', 'watch-app/google');
  });

  it('a consent that MongoDB could not take at once', async () => {
    const { id, current } = await h.account((await h.addAccount({ provider: 'google' })).id);
    const record: ConsentRecord = {
      sessionId: `con_${randomUUID()}`,
      organisation: 'default',
      accountId: id,
      isReconnect: true,
      expectedSubject: null,
      allowSubjectChange: false,
      provider: 'google',
      environment: 'production',
      externalId: id,
      label: 'Consented during an outage',
      kind: null,
      enteredRefreshToken: null,
      waitsForFinish: false,
      createdBy: 'a key',
      at: new Date().toISOString(),
      response: null,
      warnings: [],
      grant: current,
      subject: null,
      missingScopes: [],
    };
    const stored = await run('storeConsentWorkflow', 'store-consent/replay', [record]);
    expect(stored).toEqual({ failure: null });
    await assertReplays('store-consent', 'store-consent/replay');
  });
});

describe('a newly recorded history of a validation replays:', () => {
  const store = { provider: 'shopify', expiresInMs: 3_600_000, refreshedAgoMs: 0 } as const;
  const refuse = (subject: string) =>
    h.sandbox.script({
      subject,
      request: 'validation',
      answer: { kind: 'respond', status: 401, body: '{}' },
    });

  it('a token that is refused and refreshed', async () => {
    const { id } = await h.addAccount({ ...store, label: 'Refused' });
    refuse(id);
    const path = `/api/admin/accounts/${id}/validate`;
    const { body } = await h.request(await h.key(), 'POST', path);
    expect(body).toMatchObject({ outcome: 'invalid', refresh: { outcome: 'refreshed' } });
    await assertReplays('validate-refused', `validate-account/${id}`);
  });

  it('a sweep over stores whose tokens work, expire or are refused', async () => {
    await h.addAccount({ ...store, label: 'Works' });
    await h.addAccount({ ...store, label: 'Ends', expiresInMs: -1000 });
    const refused = await h.addAccount({ ...store, label: 'Refused and refreshed' });
    const removed = await h.addAccount({ ...store, label: 'Removed', endless: true });
    for (const { id } of [refused, removed]) refuse(id);
    const path = '/api/admin/internal/refresh-tokens';
    const { body } = await h.request(await h.key(), 'POST', path, { provider: 'shopify' });
    const [{ workflow_id: workflowId }] = body.started;
    const summary = await h.client.workflow.getHandle(workflowId).result();
    expect(summary).toMatchObject({ refreshed: 2, invalid: 2, failed: 1 });
    await assertReplays('sweep-validates', workflowId);
  });
});

describe('the recorded histories', () => {
  const recorded = readdirSync(HISTORIES).filter((file) => file.endsWith('.json'));
  it.each(recorded)('replay: %s', async (file) => {
    const history = JSON.parse(readFileSync(join(HISTORIES, file), 'utf8'));
    const replay = Worker.runReplayHistory(
      { workflowBundle },
      history,
      file.replace(/\.json$/, ''),
    );
    await expect(replay).resolves.toBeUndefined();
  });

  it('include each workflow at least once', () => {
    const all = recorded.map((file) => readFileSync(join(HISTORIES, file), 'utf8')).join('');
    const missing = Object.keys(workflows).filter((name) => !all.includes(`"${name}"`));
    expect(missing).toEqual([]);
  });

  it('fail to replay with a changed order of steps', async () => {
    const file = recorded.find((one) => one.startsWith('refresh-replayed')) ?? '';
    const text = readFileSync(join(HISTORIES, file), 'utf8').replaceAll(
      '"refreshGrant"',
      '"anotherActivity"',
    );
    const replay = Worker.runReplayHistory({ workflowBundle }, JSON.parse(text), 'changed');
    await expect(replay).rejects.toThrow(/[Nn]on-?determinis/);
  });
});

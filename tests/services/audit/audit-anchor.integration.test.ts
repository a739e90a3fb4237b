/** Temporal anchors the ends of the audit chains, so a chain that was cut off in MongoDB is detected. */
import { randomUUID } from 'node:crypto';
import mongoose, { type Connection } from 'mongoose';
import { anchorWorkflowId } from '../../../src/domain/audit/audit-anchor';
import { createAuditLog } from '../../../src/services/audit/audit-log';
import { verifyAnchor } from '../../../src/services/audit/verify-audit';
import { type Api, startApi } from '../../api/_api';
import { eventually } from '../../support/eventually';

let api: Api;
let database: Connection;
beforeAll(async () => {
  api = await startApi();
  database = await mongoose.createConnection(api.harness.mongodbUri).asPromise();
});
afterAll(async () => {
  await database?.close();
  await api?.stop();
});

const entries = () => database.collection('audit_entries');
const batches = () => database.collection('token_access_batches');
const now = () => new Date();
/** The audit log of a process that has just started. */
const newLog = () => {
  const { store, vault, anchors } = api.harness;
  return createAuditLog({
    store,
    vault,
    retentionDays: 400,
    now,
    onHead: (organisation, head) => anchors.note('actions', organisation, head),
  });
};

/** An organisation with four anchored entries and two anchored token accesses. */
async function anchored() {
  const name = `org-${randomUUID()}`;
  const key = await api.key(['admin', 'tokens'], name);
  const account = await api.addAccount({ organisation: name, expiresInMs: 3_600_000 });
  const act = () => api.send('PATCH', '/api/admin/accounts/nothing', { key, body: { label: 'x' } });
  for (let n = 0; n < 2; n += 1) {
    await act();
    await api.send('GET', `/api/tokens/${account.id}`, { key });
  }
  await api.harness.anchors.flush();
  const verify = async () => (await api.send('GET', '/api/admin/audit/verify', { key })).body;
  // A chain that was anchored before its last entry gets the newer anchor from its workflow, a moment later.
  await eventually(async () => (await verify()).anchor.sequence === 4);
  expect(await verify()).toMatchObject({
    intact: true,
    anchor: { state: 'matches', sequence: 4 },
    token_accesses: { anchor: { state: 'matches', sequence: 2 } },
  });
  return { name, key, act, verify };
}

it('verification finds an end that was cut off', async () => {
  const { name, verify } = await anchored();
  await entries().deleteMany({ organisation: name, sequence: { $gt: 2 } });
  expect(await verify()).toMatchObject({
    intact: false,
    breaks: [],
    anchor: {
      state: 'broken',
      sequence: 4,
      message: expect.stringMatching(/the end or the whole chain was removed/),
    },
    token_accesses: { anchor: { state: 'matches' } },
  });
});

it('verification finds token accesses that were cut off', async () => {
  const { name, verify } = await anchored();
  await batches().deleteOne({ organisation: name, sequence: 2 });
  expect(await verify()).toMatchObject({
    intact: false,
    anchor: { state: 'matches' },
    token_accesses: { breaks: [], anchor: { state: 'broken', sequence: 2 } },
  });
});

it('verification finds a deleted audit', async () => {
  const { name, verify } = await anchored();
  await entries().deleteMany({ organisation: name });
  await batches().deleteMany({ organisation: name });
  expect(await verify()).toMatchObject({
    intact: false,
    first: null,
    anchor: { state: 'broken', sequence: 4 },
    token_accesses: { first: null, anchor: { state: 'broken', sequence: 2 } },
  });
});

it('verification finds an audit that was deleted and started again, at any length', async () => {
  const { name, verify } = await anchored();
  await entries().deleteMany({ organisation: name });
  const log = newLog();
  for (let n = 0; n < 6; n += 1) {
    await log.append({ organisation: name, actor: 'k', action: 'a', details: {} });
    await api.harness.anchors.flush();
  }
  expect(await verify()).toMatchObject({
    intact: false,
    entries: 6,
    breaks: [],
    anchor: {
      state: 'broken',
      sequence: 4,
      message: expect.stringMatching(/differs from the entry that Temporal anchors/),
    },
  });
  const workflowId = anchorWorkflowId(name, 'actions');
  const told = api.logs.filter(
    (line) => line.includes('cut off or replaced') && line.includes(name),
  );
  expect(told.map((line) => JSON.parse(line))).toMatchObject([
    { level: 'error', workflow_id: workflowId, sequence: 4 },
  ]);
  // After a restore, an operator deletes the anchor, and the chain is anchored again from here.
  const { workflowService } = api.client.connection;
  await workflowService.deleteWorkflowExecution({
    namespace: api.harness.namespace,
    workflowExecution: { workflowId },
  });
  await eventually(async () => (await api.harness.anchors.read('actions', name)) === null);
  await log.append({ organisation: name, actor: 'k', action: 'a', details: {} });
  await api.harness.anchors.flush();
  expect(await verify()).toMatchObject({ intact: true, anchor: { state: 'matches', sequence: 7 } });
});

it('the anchor follows the chain', async () => {
  const { name, act, verify } = await anchored();
  await act();
  await api.harness.anchors.flush();
  await eventually(async () => (await api.harness.anchors.read('actions', name))?.sequence === 6);
  expect(await verify()).toMatchObject({ intact: true, anchor: { sequence: 6 } });
});

it('an older end from another process does not move the anchor back', async () => {
  const { name } = await anchored();
  const { anchors, client } = api.harness;
  const anchor = await anchors.read('actions', name);
  await client.workflow
    .getHandle(anchorWorkflowId(name, 'actions'))
    .signal('anchor', { ...anchor, sequence: 1 });
  await newLog().append({ organisation: name, actor: 'k', action: 'a', details: {} });
  await anchors.flush();
  await eventually(async () => (await anchors.read('actions', name))?.sequence === 5);
});

it('the anchor outlives the runs of its workflow, each of which ends before its history is too long', async () => {
  const { name } = await anchored();
  const { anchors, client } = api.harness;
  const handle = client.workflow.getHandle(anchorWorkflowId(name, 'actions'));
  const { runId } = await handle.describe();
  const anchor = await anchors.read('actions', name);
  for (let sent = 0; sent < 2_100; sent += 100)
    await Promise.all(Array.from({ length: 100 }, () => handle.signal('anchor', anchor)));
  await eventually(async () => (await handle.describe()).runId !== runId, 60_000);
  expect(await anchors.read('actions', name)).toEqual(anchor);
});

it('a chain whose retention is over still matches its anchor', async () => {
  const { name } = await anchored();
  await entries().deleteMany({ organisation: name });
  const { store, vault, anchors } = api.harness;
  const after = (days: number) =>
    verifyAnchor(
      { store, vault, anchors, now: () => new Date(Date.now() + days * 24 * 3_600_000) },
      { organisation: name, chain: 'actions' },
      null,
    );
  expect(await after(399)).toMatchObject({ state: 'broken' });
  expect(await after(401)).toMatchObject({ state: 'matches' });
});

it('a chain without an anchor is reported as none while it is young, and as missing later', async () => {
  const { store, vault, anchors } = api.harness;
  const whose = { organisation: `org-${randomUUID()}`, chain: 'actions' } as const;
  const deps = { store, vault, anchors, now };
  const minutesAgo = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
  expect(await verifyAnchor(deps, whose, null)).toMatchObject({ state: 'none' });
  expect(await verifyAnchor(deps, whose, minutesAgo(1))).toMatchObject({ state: 'none' });
  expect(await verifyAnchor(deps, whose, minutesAgo(10))).toMatchObject({ state: 'missing' });
});

it('verification does not report the audit as intact while Temporal is unreachable', async () => {
  const { key } = await anchored();
  const unreachable = api.with({ anchors: { read: () => Promise.reject(new Error('away')) } });
  const { status, body } = await unreachable('GET', '/api/admin/audit/verify', { key });
  expect(status).toBe(200);
  expect(body).toMatchObject({
    intact: false,
    breaks: [],
    anchor: { state: 'unreachable', message: expect.stringMatching(/Temporal/) },
    token_accesses: { breaks: [], anchor: { state: 'unreachable' } },
  });
});

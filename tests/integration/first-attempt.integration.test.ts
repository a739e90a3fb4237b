/** The first attempt of a refresh as a local activity: its cost, and that nothing is lost. */
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

/** Longer than a workflow task may take without a heartbeat. */
const SLOW_MS = 7_000;
/** More than the default number of concurrent workflow tasks. */
const MANY = 45;

let h: Harness;
let key: string;
beforeAll(async () => {
  h = await startHarness({ providers: ['ebay', 'etsy'] });
  key = await h.key();
});
afterAll(() => h?.stop());

const refresh = async (id: string) =>
  (await h.request(key, 'POST', `/api/admin/accounts/${id}/refresh`, {})).body;
const events = (event: string, ids: readonly string[]) =>
  h.sandbox.ledger.filter((one) => one.event === event && ids.includes(one.subject ?? ''));
const workflow = (id: string) => h.client.workflow.getHandle(`refresh-account/${id}`);

/** Holds the responses for these accounts until the returned function is called. */
function hold(ids: readonly string[]): () => void {
  let release = () => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  for (const subject of ids)
    h.sandbox.script({
      subject,
      answer: { kind: 'normal', delayMs: 60_000, delayAt: 'before_commit', until },
    });
  return release;
}

it('a successful refresh takes a single workflow task', async () => {
  const { id } = await h.addAccount();
  expect(await refresh(id)).toMatchObject({ outcome: 'refreshed' });
  const { events: history = [] } = await workflow(id).fetchHistory();
  const count = (name: string) =>
    (history ?? []).filter((event) => (event as Record<string, unknown>)[name]).length;
  expect(count('workflowTaskCompletedEventAttributes')).toBe(1);
  expect(count('activityTaskScheduledEventAttributes')).toBe(0);
});

it('an attempt that outlasts the task timeout sends one request, and is shown as in progress', async () => {
  const { id } = await h.addAccount();
  h.sandbox.script({ subject: id, answer: { kind: 'normal', delayMs: SLOW_MS } });
  const answered = refresh(id);
  await eventually(() => events('received', [id]).length > 0);
  const path = `/api/admin/workflows/${encodeURIComponent(`refresh-account/${id}`)}/history`;
  const { body } = await h.request(key, 'GET', path);
  expect(body).toMatchObject({
    status: 'running',
    pending: [{ activity: 'refreshGrant', attempt: 1 }],
  });
  expect(await answered).toMatchObject({ outcome: 'refreshed', generation: 2 });
  expect(events('received', [id])).toHaveLength(1);
  expect(await h.entries(id)).toHaveLength(1);
});

/** Requests a refresh, and cancels its workflow before the provider responds. */
async function cancelled(id: string) {
  const release = hold([id]);
  const answered = refresh(id);
  await eventually(() => events('received', [id]).length > 0);
  const { runId } = await workflow(id).describe();
  await workflow(id).cancel();
  release();
  // The cancellation repeats the workflow task, but not the attempt.
  const [entry, ...others] = await eventually(async () => {
    const entries = await h.entries(id);
    return entries.length > 0 && entries;
  });
  expect(others).toEqual([]);
  expect(events('received', [id])).toHaveLength(1);
  const result = await h.client.workflow.getHandle(`refresh-account/${id}`, runId).result();
  return { answer: await answered, result, entry };
}

it('an attempt completes and returns its outcome if its workflow is cancelled meanwhile', async () => {
  const { id } = await h.addAccount();
  const { answer, result, entry } = await cancelled(id);
  expect(result).toMatchObject({ outcome: 'refreshed', reason: 'refreshed', exchange: 'ok' });
  expect(answer).toMatchObject({ outcome: 'refreshed', generation: 2, log_entry_id: entry?.id });
});

it('a refusal keeps its outcome if a cancellation repeats the workflow task', async () => {
  const { id, plain } = await h.addAccount();
  h.sandbox.revoke(plain.refreshToken);
  const { answer, result, entry } = await cancelled(id);
  const refused = { outcome: 'failed', exchange: 'rejected', failure: { code: 'invalid_grant' } };
  expect(result).toMatchObject({ ...refused, reason: 'invalid_grant' });
  expect(answer).toMatchObject({ ...refused, log_entry_id: entry?.id });
});

it('attempts that wait for a slow provider leave workflow tasks free for other refreshes', async () => {
  const ids: string[] = [];
  while (ids.length < MANY) ids.push((await h.addAccount({ provider: 'etsy' })).id);
  const other = await h.addAccount();
  const release = hold(ids);
  const answered = ids.map(refresh);
  await eventually(() => events('received', ids).length === ids.length);
  expect(await refresh(other.id)).toMatchObject({ outcome: 'refreshed' });
  expect(events('committed', ids)).toEqual([]);
  release();
  for (const answer of answered) expect(await answer).toMatchObject({ outcome: 'refreshed' });
}, 60_000);

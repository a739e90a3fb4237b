/**
 * No plaintext anywhere: tokens with planted markers go through every path, and then every place where something is
 * kept or said is searched for them, in plain and in the forms in which text is usually hidden.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import mongoose from 'mongoose';
import type { ScriptedAnswer } from '../../src/sandbox/scripted-answer';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';

const MARKER = `Marker${randomBytes(9).toString('hex')}`;
const CONTROL = `Control${randomBytes(9).toString('hex')}`;

let h: Harness;
const answers: string[] = [];

/** The marker as it is, and as it reads inside base64 at each of the three alignments. */
function forms(marker: string): string[] {
  const base64 = [0, 1, 2].map((lead) => {
    const text = Buffer.concat([Buffer.alloc(lead), Buffer.from(marker)]).toString('base64');
    // What stands at both ends mixes with its neighbours; the middle is the same wherever the marker is.
    return text.slice(lead === 0 ? 0 : 4, -4);
  });
  return [marker, ...base64, Buffer.from(marker).toString('hex')];
}

function hits(text: string, markers: readonly string[]): string[] {
  return markers.flatMap(forms).filter((form) => text.includes(form));
}

/** The whole database of the Temporal server: every history of every namespace, with what is not yet in the main file. */
function temporalDatabase(): string {
  const read = (suffix: string) => {
    try {
      return readFileSync(`${engines.temporalDatabase}${suffix}`).toString('latin1');
    } catch {
      return '';
    }
  };
  return read('') + read('-wal');
}

async function mongodbDump(): Promise<string> {
  const connection = await mongoose.createConnection(h.mongodbUri).asPromise();
  try {
    const collections = (await connection.db?.collections()) ?? [];
    const dumps = await Promise.all(collections.map((one) => one.find({}).toArray()));
    return JSON.stringify(dumps);
  } finally {
    await connection.close();
  }
}

const refusal = (error: string, sent: string): ScriptedAnswer => ({
  kind: 'respond',
  status: 400,
  body: JSON.stringify({
    error,
    error_description: `${sent} (${encodeURIComponent(sent)}) is no good`,
    sent,
  }),
});

beforeAll(async () => {
  h = await startHarness();
});
afterAll(() => h?.stop());

it('a planted token is in no history of Temporal, no document of MongoDB, no log line and no answer of the API', async () => {
  const key = await h.key();
  const request = async (method: string, path: string, body?: unknown) => {
    const answer = await h.request(key, method, path, body);
    answers.push(JSON.stringify(answer.body));
    return answer;
  };
  const refresh = (id: string) =>
    request('POST', `/api/admin/accounts/${id}/refresh`, { force: true });
  const account = () => h.addAccount({ secretMarker: MARKER, expiresInMs: 10 * 60_000 });

  // Connected through the API, refreshed by API, debug and sweep.
  const granted = h.sandbox.issueGrant({
    provider: 'ebay',
    subject: MARKER.toLowerCase(),
    secretMarker: MARKER,
  });
  const created = await request('POST', '/api/admin/accounts', {
    provider: 'ebay',
    external_id: 'leak-check',
    access_token: granted.access_token,
    refresh_token: granted.refresh_token,
    expires_at: granted.expires_at,
  });
  expect(created.status).toBe(201);
  expect(granted.refresh_token).toContain(MARKER);
  await refresh(created.body.id);
  await request('POST', '/api/admin/ebay/token/refresh-debug', { account_id: created.body.id });
  await request('PATCH', `/api/admin/accounts/${created.body.id}`, {
    refresh_token: granted.refresh_token,
  });
  await request('POST', '/api/admin/accounts', {
    provider: 'ebay',
    external_id: 'x',
    refresh_token: `ENC:${MARKER}`,
  });
  await request('POST', '/api/admin/accounts', {
    provider: 'ebay',
    refresh_token: [granted.refresh_token],
  });

  // Used: the one answer that holds a token is not kept; what is recorded of it is.
  const used = await account();
  const fallback = `last-resort-${MARKER}`;
  await request('PATCH', `/api/admin/accounts/${used.id}`, { fallback_access_token: fallback });
  const uses = await h.key({ scopes: ['tokens'] });
  const own = await h.request(uses, 'GET', `/api/tokens/${used.id}?min_valid_seconds=3600`);
  expect(own.body.access_token).toContain(MARKER);
  h.sandbox.script({ subject: used.id, answer: refusal('invalid_grant', fallback) });
  await refresh(used.id);
  await eventually(async () => {
    const { body } = await h.request(uses, 'GET', `/api/tokens/${used.id}`);
    return body.access_token === fallback;
  });
  await h.handouts.flush();
  await request('GET', `/api/admin/accounts/${used.id}/token-handouts`);

  // Everything that can go wrong, with a provider that echoes what it was sent and what it grants.
  const faults: ((sent: string) => ScriptedAnswer)[] = [
    (sent) => refusal('invalid_grant', sent),
    (sent) => refusal('invalid_request', sent),
    (sent) => refusal(sent, sent),
    (sent) => ({
      kind: 'respond',
      status: 503,
      body: `<html>${sent}</html>`,
      headers: { 'x-debug': sent },
    }),
    (sent) => ({ kind: 'respond', status: 302, body: sent, headers: { location: `/?t=${sent}` } }),
    (sent) => ({ kind: 'respond', status: 200, body: JSON.stringify({ error: sent, hint: sent }) }),
    (sent) => ({
      kind: 'odd_success',
      body: `{"access_token":"${sent}x","refresh_token":"${sent}","expires_in":"soon"`,
    }),
    (sent) => ({
      kind: 'odd_success',
      body: JSON.stringify({
        access_token: `${sent}y`,
        token_type: sent,
        scope: sent,
        expires_in: sent,
        [sent]: sent,
      }),
    }),
    () => ({ kind: 'drop', at: 'after_commit' }),
  ];
  for (const answer of faults) {
    const { id, plain } = await account();
    h.sandbox.script({ subject: id, times: 3, answer: answer(plain.refreshToken) });
    await request('POST', '/api/admin/ebay/token/refresh-debug', { account_id: id });
    await request('GET', `/api/admin/accounts/${id}/diagnostics`);
  }
  const spoiled = await h.addAccount({ spoil: () => `v^1.1#legacy-${MARKER}` });
  await refresh(spoiled.id);
  await account();
  const swept = (await request('POST', '/api/admin/internal/refresh-tokens', {})).body.started[0];
  await h.client.workflow.getHandle(swept.workflow_id, swept.run_id).result();
  await request('GET', '/api/admin/accounts');
  await request('GET', '/api/admin/ebay/tokens/terminal-logs?limit=500');
  await request('GET', '/api/admin/keys');
  await request('GET', '/openapi.json');

  // The controls: the search finds what was planted on purpose, so that finding nothing means something.
  await h.client.workflow.start('sweepWorkflow', {
    taskQueue: 'nobody-listens',
    workflowId: `control-${CONTROL}`,
    args: [{ provider: CONTROL }],
    memo: { hidden: Buffer.from(CONTROL).toString('base64') },
  });
  await eventually(() => hits(temporalDatabase(), [CONTROL]).length >= 2);

  const secrets = [MARKER, h.clientSecret, h.encryptionKeys.slice(3, -1), key.slice(-43)];
  expect(hits(temporalDatabase(), secrets)).toEqual([]);
  expect(h.logs.filter((line) => hits(line, secrets).length > 0)).toEqual([]);
  expect(answers.filter((answer) => hits(answer, secrets).length > 0)).toEqual([]);
  const dump = await mongodbDump();
  expect(dump).toContain('ENC:v1:k1:');
  expect(dump).toContain('"source":"fallback"');
  // The legacy row is the one plaintext that was put there by the test itself.
  expect(hits(dump.replaceAll(`v^1.1#legacy-${MARKER}`, ''), secrets)).toEqual([]);
  expect(h.logs.length).toBeGreaterThan(20);
  expect(answers.length).toBeGreaterThan(20);
}, 120_000);

/**
 * F17, F19, F20: people and programs interfere with a refresh: they edit, disable, reconnect or delete the account at
 * any phase, request the same refresh a thousand times, or disconnect while they wait.
 */
import { once } from 'node:events';
import { request } from 'node:http';
import { serve } from '@hono/node-server';
import { refreshTokenFingerprint } from '../../src/sandbox/ledger';
import { createRefreshClient } from '../../src/temporal/refresh-client';
import { grantPlace } from '../../src/vault/vault';
import { eventually } from '../support/eventually';
import type { LabWorker } from '../support/lab-process';
import { type Lab, LONG, PHASES, type Phase, shuffled, startLab, times } from './_lab';
import { broken, checkPromises } from './_promises';
import { hitsOf, report } from './_report';

const EDITS = ['rename', 'disable', 'reconnect', 'delete'] as const;
type Edit = (typeof EDITS)[number];
/** Rounds of each edit at each phase. */
const ROUNDS = times(1, 8, 'FAULTS_EDITS');
const TRIGGERS = 1_000;
const PROCESSES = 8;
const CALLERS = times(20, 200, 'FAULTS_CALLERS');

let lab: Lab;
let worker: LabWorker;
beforeAll(async () => {
  lab = await startLab();
  worker = lab.spawn();
  await worker.run();
});
afterAll(() => lab?.stop());

/** The refresh tokens that replaced others, oldest first. */
const mintedFor = (subject: string) =>
  lab.h.sandbox.ledger
    .filter((entry) => entry.subject === subject)
    .flatMap((entry) => entry.mintedRefreshTokenFingerprint ?? []);
const received = (id: string) =>
  lab.h.sandbox.ledger.filter(({ event, subject }) => event === 'received' && subject === id);

describe('an edit at any phase of a refresh', () => {
  const tally = { resurrected: 0, clobbered: 0, lost: 0 };
  const edited: { id: string; phase: Phase; hitAt: number }[] = [];

  it(
    'F17 keeps its effect and the refreshed grant; a reconnect wins, and a deleted account stays deleted',
    async () => {
      const key = await lab.h.key();
      for (let round = 0; round < ROUNDS; round += 1) {
        const pairs = shuffled(
          PHASES.flatMap((phase) => EDITS.map((edit) => ({ phase, edit }))),
          lab.seed + round,
        );
        const victims: { id: string; phase: Phase; edit: Edit }[] = [];
        for (const pair of pairs) victims.push({ id: await lab.addAccount('strict'), ...pair });
        const held = await lab.holdAt(worker, victims);
        const connected = new Map<string, string>();
        const changes = victims.map(({ id, edit }) => change(key, id, edit, connected));
        // A reconnect responds once its candidate was tried, after the held attempt; other edits respond at once.
        const isReconnect = ({ edit }: { edit: Edit }) => edit === 'reconnect';
        await Promise.all(
          victims.flatMap((victim, at) => (isReconnect(victim) ? [] : (changes[at] ?? []))),
        );
        for (const { id } of victims.filter(isReconnect)) {
          await eventually(async () => {
            const { candidate, lastReconnect } = await lab.h.account(id);
            return candidate !== null || lastReconnect !== null;
          });
        }
        held.release();
        await Promise.all(changes);
        await lab.settled(victims.map(({ id }) => id));
        for (const { id, edit } of victims) await judge(id, edit, connected.get(id));
        edited.push(...victims.map(({ id, phase }) => ({ id, phase, hitAt: Date.now() })));
      }
      const hits = hitsOf(edited);
      report({
        id: 'F17',
        fault: 'rename, disable, reconnect, delete during a refresh',
        n: edited.length,
        hits,
        lost: tally.lost,
        seed: lab.seed,
        note: `resurrected ${tally.resurrected}, clobbered ${tally.clobbered}`,
      });
      for (const phase of PHASES) expect(hits[phase]).toBe(ROUNDS * EDITS.length);
      expect(tally).toEqual({ resurrected: 0, clobbered: 0, lost: 0 });
    },
    LONG ? 600_000 : 120_000,
  );

  async function change(key: string, id: string, edit: Edit, connected: Map<string, string>) {
    const path = `/api/admin/accounts/${id}`;
    if (edit === 'delete') return lab.h.request(key, 'DELETE', path);
    if (edit === 'rename') return lab.h.request(key, 'PATCH', path, { label: 'Renamed' });
    if (edit === 'disable') return lab.h.request(key, 'PATCH', path, { disabled: true });
    const grant = lab.h.sandbox.issueGrant({ provider: 'etsy', subject: `again-${id}` });
    connected.set(id, refreshTokenFingerprint(grant.refresh_token));
    const { access_token, refresh_token, expires_at } = grant;
    return lab.h.request(key, 'PATCH', path, { access_token, refresh_token, expires_at });
  }

  async function judge(id: string, edit: Edit, connected: string | undefined): Promise<void> {
    const account = await lab.h.store.grants.read(id);
    if (edit === 'delete') {
      if (account !== null) tally.resurrected += 1;
      return;
    }
    if (account === null) throw new Error(`no account ${id}`);
    const kept = [account.current, ...account.orphanedGrants].map(
      ({ refreshToken, generation }) => {
        const place = grantPlace(account, generation);
        return refreshTokenFingerprint(
          lab.h.vault.openToken(refreshToken ?? '', place, 'refresh_token'),
        );
      },
    );
    const minted = mintedFor(id).at(-1);
    if (edit === 'rename' && account.label !== 'Renamed') tally.clobbered += 1;
    if (edit === 'disable' && account.state !== 'disabled') tally.clobbered += 1;
    // If the held attempt had sent nothing yet, it refreshed the reconnected grant, and its successor is stored.
    const family = [connected, ...mintedFor(`again-${id}`)];
    if (connected !== undefined && !family.includes(kept[0])) tally.clobbered += 1;
    if (minted !== undefined && connected === undefined && !kept.includes(minted)) tally.lost += 1;
  }
});

it(`F19 R1.2 ${TRIGGERS} concurrent triggers of one account from ${PROCESSES} processes send one request and share its outcome`, async () => {
  const id = await lab.addAccount('strict');
  const account = await lab.h.account(id);
  let release = () => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  lab.h.sandbox.script({ subject: id, answer: { kind: 'normal', delayMs: 30_000, until } });
  const requestedAt = new Date().toISOString();
  const clients = Array.from({ length: PROCESSES }, () =>
    createRefreshClient(lab.h.client, lab.h.config.temporal.taskQueue, lab.h.store),
  );
  const asked = clients.flatMap((client) =>
    Array.from({ length: TRIGGERS / PROCESSES }, () =>
      client.refresh(account, {
        source: 'api',
        caller: 'fault lab',
        requestedAt,
        force: true,
        capture: false,
      }),
    ),
  );
  await eventually(() => received(id).length > 0);
  release();
  const answers = await Promise.all(asked);
  const calls = received(id).length;
  report({
    id: 'F19',
    fault: `${TRIGGERS} concurrent triggers of one account`,
    n: TRIGGERS,
    hits: {},
    lost: 0,
    seed: lab.seed,
    note: `requests at the provider ${calls}`,
  });
  expect(calls).toBe(1);
  expect(new Set(answers.map(({ logEntryId }) => logEntryId)).size).toBe(1);
  expect(broken(await checkPromises(lab.h, [id]))).toEqual([]);
});

it('F20 callers that disconnect while they wait abort no sent request', async () => {
  const key = await lab.h.key({ scopes: ['admin', 'tokens'] });
  const server = serve({ fetch: lab.h.app.fetch, hostname: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  let release = () => {};
  const until = new Promise<void>((resolve) => {
    release = resolve;
  });
  const ids: string[] = [];
  for (let n = 0; n < CALLERS; n += 1) ids.push(await lab.addAccount('strict'));
  const calls = ids.map((id) => {
    lab.h.sandbox.script({ subject: id, answer: { kind: 'normal', delayMs: 30_000, until } });
    const call = request({
      port,
      host: '127.0.0.1',
      path: `/api/tokens/${id}?min_valid_seconds=3000`,
      headers: { authorization: `Bearer ${key}` },
    });
    // The test itself destroys the request.
    call.on('error', () => undefined);
    call.end();
    return call;
  });
  await eventually(() => ids.every((id) => received(id).length > 0));
  for (const call of calls) call.destroy();
  release();
  // Batched refreshes have no separate workflows. The log entry is written last.
  await eventually(async () => {
    const entries = await Promise.all(ids.map((id) => lab.h.entries(id)));
    return entries.every(({ length }) => length > 0);
  });
  server.close();
  const tally = await checkPromises(lab.h, ids);
  report({
    id: 'F20',
    fault: 'the caller of a token disconnects after the request was sent',
    n: ids.length,
    hits: {},
    lost: tally.familiesLost,
    seed: lab.seed,
    note: `presented ${tally.presented}`,
  });
  expect(broken(tally)).toEqual([]);
  expect(tally).toMatchObject({ presented: ids.length, rotations: ids.length, familiesLost: 0 });
});

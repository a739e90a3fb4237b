/**
 * API processes under load are killed (-9) at random moments. Every token that a client received completely must have
 * its access on record, and the audit must be intact.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import mongoose, { type Connection } from 'mongoose';
import { AUDIT_CHAINS } from '../../src/domain/audit/audit-anchor';
import { type AuditVerification, verifyAudit } from '../../src/services/audit/verify-audit';
import { type ApiProcess, spawnApi } from '../support/api-process';
import { type Harness, startHarness } from '../support/harness';
import { LONG, times } from './_lab';
import { report } from './_report';

const KILLS = times(5, 100, 'FAULTS_API_KILLS');
/** The harness's organisation. */
const ORGANISATION = 'default';
const ACCOUNTS = 4;
const CLIENTS = 8;
/** Longest time, in ms, between a process's first response and its kill. */
const KILLED_WITHIN_MS = 400;

let h: Harness;
let database: Connection;
const started: ApiProcess[] = [];
beforeAll(async () => {
  h = await startHarness({ worker: false });
  database = await mongoose.createConnection(h.mongodbUri).asPromise();
});
afterAll(async () => {
  await Promise.all(started.map((one) => one.kill()));
  await database?.close();
  await h?.stop();
});

function spawn(): ApiProcess {
  const process = spawnApi(h);
  started.push(process);
  return process;
}

/** Requests tokens one after the other until the process is gone. */
async function useTokens(
  url: string,
  key: string,
  accounts: readonly string[],
  onToken: (requestId: string) => void,
): Promise<void> {
  for (;;) {
    const requestId = randomBytes(12).toString('hex');
    const account = accounts[randomInt(accounts.length)] ?? '';
    try {
      const response = await fetch(`${url}/api/tokens/${account}`, {
        headers: { authorization: `Bearer ${key}`, 'x-request-id': requestId },
      });
      // A truncated body is not valid JSON.
      const body = JSON.parse(await response.text());
      if (body.active === true) onToken(requestId);
    } catch {
      // The process was killed during the request.
      return;
    }
  }
}

it(
  'every token that a killed API process served has its access on record, and the audit is intact',
  async () => {
    const key = await h.key({ scopes: ['admin', 'tokens'] });
    const living = { expiresInMs: 3_600_000, refreshedAgoMs: 0 };
    const accounts: string[] = [];
    for (let n = 0; n < ACCOUNTS; n += 1) accounts.push((await h.addAccount(living)).id);
    const received = new Set<string>();
    let standby = spawn();
    for (let killed = 0; killed < KILLS; killed += 1) {
      const process = standby;
      const url = await process.ready;
      let first = () => {};
      const answered = new Promise<void>((resolve) => (first = resolve));
      const clients = Array.from({ length: CLIENTS }, () =>
        useTokens(url, key, accounts, (requestId) => {
          received.add(requestId);
          first();
        }),
      );
      await answered;
      if (killed + 1 < KILLS) standby = spawn();
      await delay(randomInt(KILLED_WITHIN_MS));
      await process.kill();
      await Promise.all(clients);
    }
    const batches = database.collection<{ rows: { request_id: string }[] }>('token_access_batches');
    const recorded = new Set<string>();
    for await (const { rows } of batches.find())
      for (const row of rows) recorded.add(row.request_id);
    const lost = [...received].filter((requestId) => !recorded.has(requestId));
    report({
      id: 'P6',
      fault: 'kill -9 of an API process that serves tokens',
      n: KILLS,
      hits: {},
      lost: lost.length,
      seed: 0,
      note: `${received.size} tokens received, ${recorded.size} accesses on record`,
    });
    expect(received.size).toBeGreaterThan(KILLS);
    expect(lost).toHaveLength(0);
    for (const chain of AUDIT_CHAINS) {
      let after: number | null = 0;
      while (after !== null) {
        const page: AuditVerification = await verifyAudit(
          { ...h, now: () => new Date() },
          { organisation: ORGANISATION, chain, after, limit: 1_000 },
        );
        expect(page).toMatchObject({ breaksTotal: 0, breaks: [] });
        after = page.next;
      }
    }
  },
  LONG ? 1_200_000 : 150_000,
);

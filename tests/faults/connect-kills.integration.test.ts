/**
 * API processes are killed (-9) at every step of a consent. No consent may be half stored, every session must end in a
 * named status, and the person or the administrator must have a way on.
 */
import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { Account } from '../../src/domain/account/account';
import {
  type ConnectSession,
  EXCHANGE_MAX_MS,
  failureAt,
  statusAt,
} from '../../src/domain/connect/connect-session';
import { createConsentClient } from '../../src/providers/consent/consent-client';
import { createTransport } from '../../src/providers/exchange/transport';
import { endInterruptedExchanges } from '../../src/services/connect/interrupted-exchanges';
import { createConnectClient } from '../../src/temporal/connect-client';
import { grantPlace } from '../../src/vault/vault';
import { type ApiProcess, spawnApi } from '../support/api-process';
import { type Harness, startHarness } from '../support/harness';
import type { ConnectOrder, ConnectPhase, ConnectReport } from '../support/lab-api';
import { compiled } from '../support/lab-process';
import { type Browser, decide, returnTo, type Started, startAt } from '../support/sandbox-consent';
import { hits, mongodbDump, temporalDump } from '../support/written';
import { LONG, times } from './_lab';
import { report } from './_report';

/** Kills of a new connection and of a reconnect at each of the nine phases. */
const ROUNDS = times(1, 12, 'FAULTS_CONNECTS');
const ORGANISATION = 'default';
const KINDS = ['connect', 'reconnect'] as const;

/** The stored status after a kill, by phase. */
const LEFT: Record<ConnectPhase, ConnectSession['status']> = {
  opened: 'opened',
  started: 'at_provider',
  callback: 'at_provider',
  exchanging: 'exchanging',
  answered: 'exchanging',
  sealed: 'exchanging',
  stored: 'exchanging',
  logged: 'exchanging',
  ended: 'connected',
};
const PHASES = Object.keys(LEFT) as ConnectPhase[];

interface Victim {
  phase: ConnectPhase;
  id: string;
  link: string;
  accountId: string;
  externalId: string;
  /** The account before the consent; `null`: a new account. */
  before: Account | null;
  started?: Started;
  callback?: string;
}

let h: Harness;
let key: string;
const started: ApiProcess[] = [];
/** Codes, states, verifiers, links and cookies. */
const secrets = new Set<string>();

beforeAll(async () => {
  h = await startHarness({ worker: false });
  key = await h.key({ organisation: ORGANISATION, scopes: ['admin'] });
});
afterAll(async () => {
  await Promise.all(started.map((one) => one.kill()));
  await h?.stop();
});

function spawn(): ApiProcess {
  const process = spawnApi(h, {}, compiled('lab-api'));
  process.child.on('message', (told: ConnectReport) => {
    if ('verifier' in told) secrets.add(told.verifier);
  });
  started.push(process);
  return process;
}

const browserAt =
  (url: string): Browser =>
  (path, init) =>
    fetch(new URL(path, url), { ...init, redirect: 'manual' });

async function create(url: string, body: object) {
  const answer = await fetch(new URL('/api/admin/connect/sessions', url), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const made = JSON.parse(await answer.text());
  if (answer.status !== 201) throw new Error(`no session: ${JSON.stringify(made)}`);
  secrets.add(new URL(made.url).pathname.split('/').at(-1) ?? '');
  return made as { id: string; url: string; account_id: string };
}

/** A whole consent without a kill. */
async function connect(url: string, made: { url: string }, subject: string) {
  const leg = await startAt(browserAt(url), made.url);
  return returnTo(browserAt(url), await decide(leg, subject), leg.cookie);
}

async function newVictim(
  url: string,
  phase: ConnectPhase,
  kind: (typeof KINDS)[number],
): Promise<Victim> {
  const externalId = `shop-${randomUUID()}`;
  let made = await create(url, { provider: 'ebay', external_id: externalId });
  let before: Account | null = null;
  if (kind === 'reconnect') {
    await connect(url, made, externalId);
    before = await h.account(made.account_id);
    made = await create(url, { account_id: made.account_id });
  }
  const { id, url: link, account_id: accountId } = made;
  return { phase, id, link, accountId, externalId, before };
}

/** Sends the victim's request that never ends, and resolves when the process waits at the phase. */
async function holdAt({ child }: ApiProcess, url: string, victim: Victim): Promise<void> {
  const { phase } = victim;
  const order: ConnectOrder = { phase, key: keyOf(victim) };
  const told = (wanted: 'planned' | 'reached') =>
    new Promise<void>((resolve) => {
      const listen = (message: ConnectReport) => {
        if (!('report' in message) || message.report !== wanted) return;
        if (message.key !== order.key || message.phase !== phase) return;
        child.off('message', listen);
        resolve();
      };
      child.on('message', listen);
    });
  const planned = told('planned');
  child.send(order);
  await planned;
  const reached = told('reached');
  const browser = browserAt(url);
  const never = async (path: string, init: RequestInit) => {
    try {
      const { status } = await fetch(new URL(path, url), { ...init, redirect: 'manual' });
      throw new Error(`${phase} was not held: ${status}`);
    } catch (error) {
      // The kill ends the request. Jest's realm has another `TypeError`.
      if ((error as Error).name !== 'TypeError') throw error;
    }
  };
  if (phase === 'opened') {
    void never(new URL(victim.link).pathname, {});
  } else if (phase === 'started') {
    const headers = {
      'content-type': 'application/x-www-form-urlencoded',
      'sec-fetch-site': 'same-origin',
    };
    void never(new URL(victim.link).pathname, { method: 'POST', headers, body: '' });
  } else {
    victim.started = await startAt(browser, victim.link);
    victim.callback = await decide(victim.started, victim.externalId);
    const parameters = new URL(victim.callback, url).searchParams;
    for (const name of ['code', 'state']) secrets.add(parameters.get(name) ?? '');
    secrets.add(victim.started.cookie.split('=')[1]?.split('.')[0] ?? '');
    void never(victim.callback, { headers: { cookie: victim.started.cookie } });
  }
  await reached;
}

function keyOf({ phase, id, accountId, externalId }: Victim): string {
  if (phase === 'exchanging' || phase === 'answered') return externalId;
  return phase === 'sealed' || phase === 'stored' || phase === 'logged' ? accountId : id;
}

async function sessionOf({ id }: Victim): Promise<ConnectSession> {
  const session = await h.store.connectSessions.find(ORGANISATION, id);
  if (session === null) throw new Error(`no session ${id}`);
  return session;
}

/** The phases in which the grant exists only in the killed process. */
const LOST: readonly ConnectPhase[] = ['exchanging', 'answered', 'sealed'];

const later = () => new Date(Date.now() + EXCHANGE_MAX_MS + 1_000);

/** The person opens the link or the callback again. */
async function goOn(victim: Victim, url: string): Promise<void> {
  const { phase, externalId } = victim;
  const session = await sessionOf(victim);
  const isExchanging = LEFT[phase] === 'exchanging';
  expect({
    phase,
    status: session.status,
    later: statusAt(session, later()),
    code: failureAt(session, later())?.code,
  }).toEqual({
    phase,
    status: LEFT[phase],
    later: isExchanging ? 'failed' : LEFT[phase],
    code: isExchanging ? 'answer_lost' : undefined,
  });
  const exchanges = exchangesOf(externalId);
  const { callback, started: leg } = victim;
  const shown =
    callback === undefined || leg === undefined
      ? await connect(url, { url: victim.link }, externalId)
      : await returnTo(browserAt(url), callback, leg.cookie);
  expect(shown.status).toBe(200);
  expect(shown.text).toContain(isExchanging ? 'consent was received' : 'is connected to');
  // A code that was received is not exchanged again.
  const isNew = ['opened', 'started', 'callback'].includes(phase);
  expect(exchangesOf(externalId) - exchanges).toBe(isNew ? 1 : 0);
}

/** The session has ended, with the whole grant on its account or without any of it. */
async function expectEnded(victim: Victim, url: string): Promise<void> {
  const { phase, accountId, externalId, before } = victim;
  const isLost = LOST.includes(phase);
  const ended = await sessionOf(victim);
  expect({ phase, status: ended.status, code: ended.failure?.code }).toEqual({
    phase,
    status: isLost ? 'failed' : 'connected',
    ...(isLost && { code: 'answer_lost' }),
  });
  expect(ended.leg?.sealedVerifier).toBeNull();
  const account = await h.store.accounts.find(ORGANISATION, accountId);
  const stored: unknown = expect.objectContaining(storedBy(victim));
  expect(account).toEqual(isLost ? before : stored);
  if (!isLost) secrets.add(decrypted(account).slice(-40));
  const entries = await h.store.logEntries.list({
    organisation: ORGANISATION,
    accountId,
    limit: 50,
  });
  const actions = entries.filter(({ id }) => id.startsWith(victim.id)).map(({ action }) => action);
  const action = before === null ? 'account_connected' : 'account_reconnected';
  expect({ phase, actions }).toEqual({ phase, actions: [isLost ? 'connect_failed' : action] });
  if (!isLost) return;
  // A new link works, for the same account.
  const again =
    before === null ? { provider: 'ebay', external_id: externalId } : { account_id: accountId };
  const shown = await connect(url, await create(url, again), externalId);
  expect(shown.text).toContain('is connected to');
}

const exchanged: string[] = [];
const exchangesOf = (subject: string) => exchanged.filter((one) => one === subject).length;

/** The account of a stored consent. */
function storedBy({ id, before }: Victim) {
  return {
    generation: before === null ? 1 : before.generation + 1,
    current: expect.objectContaining({ attemptId: id }) as unknown,
    subject: expect.objectContaining({ label: expect.any(String) as unknown }) as unknown,
    state: 'active',
  };
}

function decrypted(account: Account | null): string {
  const sealed = account?.current.refreshToken ?? null;
  if (account === null || sealed === null) throw new Error('no refresh token');
  return h.vault.openToken(sealed, grantPlace(account, account.generation), 'refresh_token');
}

it(
  'C15 no consent is half stored, and each session ends in a named status, wherever the API is killed',
  async () => {
    h.sandbox.on('committed', ({ subject }) => exchanged.push(subject ?? ''));
    const killed: Victim[] = [];
    let process = spawn();
    for (let round = 0; round < ROUNDS; round += 1) {
      const next = spawn();
      const url = await process.ready;
      const victims: Victim[] = [];
      for (const kind of KINDS)
        for (const phase of PHASES) victims.push(await newVictim(url, phase, kind));
      for (const victim of victims) await holdAt(process, url, victim);
      await process.kill();
      const nextUrl = await next.ready;
      for (const victim of victims) await goOn(victim, nextUrl);
      await endInterruptedExchanges({
        store: h.store,
        vault: h.vault,
        providers: h.providers,
        consent: createConsentClient({ transport: createTransport(), now: () => new Date() }),
        connect: createConnectClient(h.client, 'evergrant'),
        logger: pino({ enabled: false }),
        now: later,
      });
      for (const victim of victims) await expectEnded(victim, nextUrl);
      killed.push(...victims);
      process = next;
    }
    await process.kill();
    const written = [
      await temporalDump(h.client),
      await mongodbDump(h.mongodbUri),
      ...h.logs,
      ...started.flatMap(({ output }) => output),
    ].join('\n');
    secrets.delete('');
    const leaked = hits(written, [...secrets]);
    report({
      id: 'C-kill',
      fault: `kill -9 of the API at ${PHASES.length} steps of a consent`,
      n: killed.length,
      hits: {},
      lost: killed.filter(({ phase }) => LOST.includes(phase)).length,
      seed: 0,
      note: `half stored 0, without a named end 0; ${secrets.size} codes, states, verifiers, links and cookies searched, found ${leaked.length}`,
    });
    expect(secrets.size).toBeGreaterThan(killed.length);
    expect(leaked).toEqual([]);
    expect(killed).toHaveLength(ROUNDS * KINDS.length * PHASES.length);
  },
  LONG ? 1_200_000 : 180_000,
);

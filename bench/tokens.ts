/**
 * The cost of `GET /api/tokens/{account_id}` compared with a minimal endpoint: a bare Hono handler in a separate
 * process, with the same server and the same accounts. Measures a token in memory, one in the store, and an expired one
 * that is refreshed first. Every response is compared with the provider's tokens; a wrong one fails the bench.
 *
 * `npm run bench -- tokens --requests 20000 --accounts 3000 --expired 200 --connections 50 --rounds 3`;
 * `--kinds memory` measures only these, and `--profile <folder>` writes a CPU profile of the API there. Uses
 * MONGODB_URI and TEMPORAL_ADDRESS, or embedded engines.
 */
import { parseArgs } from 'node:util';
import { Accounts } from './sides/accounts';
import { startApi, startWorker } from './sides/evergrant/processes';
import { Sweeps } from './sides/evergrant/sweeps';
import { type Loaded, load } from './sides/load';
import { whole } from './sides/options';
import type { IssuedGrant } from './sides/provider-process';
import { ORGANISATION } from './sides/side';
import { program, Stage, log } from './sides/stage';
import { median, printTable } from './sides/table';
import { BareServer } from './sides/tokens/bare-server';

const KINDS = ['memory', 'store', 'expired'] as const;
type Kind = (typeof KINDS)[number];

/** Distinct accounts; few, so that they stay in memory, although each is read again every five seconds. */
const IN_MEMORY = 10;
const WARM_UP = { memory: 1_000, store: 500, expired: 20 } as const;
/** Minimum share of accesses from the expected source: while an account is read again, others wait for that read. */
const OF_SOURCE_MIN = { memory: 0.9, store: 0.99, expired: 1 } as const;
const SOURCE = { memory: 'memory', store: 'store', expired: 'refresh' } as const;
const HOUR_MS = 3600_000;

interface Options {
  requests: number;
  accounts: number;
  expired: number;
  connections: number;
  rounds: number;
  kinds: Kind[];
  profile: string | null;
}

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '20000' },
      accounts: { type: 'string', default: '3000' },
      expired: { type: 'string', default: '200' },
      connections: { type: 'string', default: '50' },
      rounds: { type: 'string', default: '3' },
      kinds: { type: 'string', default: KINDS.join(',') },
      profile: { type: 'string' },
    },
  });
  const connections = whole('connections', values.connections, 1);
  return {
    requests: whole('requests', values.requests, connections),
    accounts: whole('accounts', values.accounts, connections),
    expired: whole('expired', values.expired, connections),
    connections,
    rounds: whole('rounds', values.rounds, 1),
    kinds: readKinds(values.kinds),
    profile: values.profile ?? null,
  };
}

function readKinds(text: string): Kind[] {
  return text.split(',').map((name) => {
    const kind = KINDS.find((known) => known === name);
    if (kind === undefined) throw new Error(`--kinds must be of ${KINDS.join(', ')}, not "${name}"`);
    return kind;
  });
}

/** An endpoint to measure. */
interface Side {
  name: string;
  url: string;
  apiKey: string;
  path(kind: Kind, accountId: string): string;
}

interface Bench {
  stage: Stage;
  accounts: Accounts;
  options: Options;
}

/** Sends requests of one kind to one side, and checks the token in each response. */
async function ask(
  { stage, accounts, options }: Bench,
  side: Side,
  kind: Kind,
  requests: number,
): Promise<Loaded> {
  const distinct = kind === 'memory' ? Math.min(IN_MEMORY, requests) : requests;
  const end = Date.now() + (kind === 'expired' ? -1 : 1) * HOUR_MS;
  const issued = await accounts.add(distinct, () => new Date(end));
  const known = new Map(issued.map((grant) => [side.path(kind, grant.subject), grant]));
  const answered = new Map<string, string>();
  const paths = [...known.keys()];
  const loaded = await load({
    ...side,
    paths: Array.from({ length: requests }, (_, n) => paths[n % paths.length] ?? ''),
    connections: Math.min(options.connections, requests),
    check(path, status, body) {
      const grant = known.get(path);
      const token: unknown = status === 200 ? JSON.parse(body).access_token : null;
      const isOld = token === grant?.accessToken;
      if (typeof token !== 'string' || isOld === (kind === 'expired'))
        throw new Error(`${side.name} returned a wrong token or none: ${status}`);
      if (grant !== undefined) answered.set(grant.subject, token);
    },
  });
  if (kind === 'expired') await verifyRefreshed(stage, issued, answered);
  return loaded;
}

/** Verifies that the provider issued one token pair per account and accepts the returned tokens. */
async function verifyRefreshed(
  { provider }: Stage,
  issued: readonly IssuedGrant[],
  answered: ReadonlyMap<string, string>,
): Promise<void> {
  const subjects = issued.map(({ subject }) => subject);
  const { seen, honoured } = await provider.inspect(subjects, [...answered.values()]);
  const odd = seen.filter(({ received, committed }) => received !== 1 || committed !== 1).length;
  if (odd > 0 || honoured !== subjects.length)
    throw new Error(`${odd} accounts were not refreshed exactly once; ${honoured} of ${subjects.length} tokens are valid`);
}

/** Verifies that every served token has its access on record, with the expected source. */
async function verifyTokenAccesses(accounts: Accounts, kind: Kind, total: number): Promise<void> {
  const batches = accounts.connection.collection<{ rows: { source: string }[] }>('token_access_batches');
  const tokenAccesses = (await batches.find({}).toArray()).flatMap(({ rows }) => rows);
  const all = tokenAccesses.length;
  const ofSource = tokenAccesses.filter(({ source }) => source === SOURCE[kind]).length;
  if (all !== total || ofSource < total * OF_SOURCE_MIN[kind])
    throw new Error(`${kind}: ${total} requests, ${all} accesses, ${ofSource} from ${SOURCE[kind]}`);
}

/** Measures one kind on both sides alternately, on a separate database. */
async function measure(
  stage: Stage,
  options: Options,
  kind: Kind,
): Promise<{ kind: Kind; bare: Loaded[]; ours: Loaded[] }> {
  const setting = stage.setting();
  const accounts = await Accounts.open(setting, stage.provider);
  const sweeps = await Sweeps.open(setting);
  const worker = await startWorker(setting);
  await sweeps.ended();
  const api = await startApi(
    setting,
    options.profile === null ? [] : ['--cpu-prof', `--cpu-prof-dir=${options.profile}/${kind}`],
  );
  const bareServer = await BareServer.start(setting);
  const { text: apiKey } = await accounts.store.apiKeys.create(
    { organisation: ORGANISATION, name: 'bench', scopes: ['tokens'] },
    new Date(),
  );
  const ours: Side = {
    name: 'Evergrant',
    url: api.url,
    apiKey,
    path: (_, id) => `/api/tokens/${id}`,
  };
  const bare: Side = {
    name: 'bare Hono',
    url: bareServer.url,
    apiKey,
    path: (of, id) => `/${of}/${id}`,
  };
  const bench = { stage, accounts, options };
  const { [kind]: requests } = {
    memory: options.requests,
    store: options.accounts,
    expired: options.expired,
  };
  const results = { kind, bare: [] as Loaded[], ours: [] as Loaded[] };
  try {
    for (const side of [bare, ours]) await ask(bench, side, kind, WARM_UP[kind]);
    for (let round = 0; round < options.rounds; round += 1) {
      for (const side of round % 2 === 0 ? [bare, ours] : [ours, bare]) {
        const loaded = await ask(bench, side, kind, requests);
        (side === ours ? results.ours : results.bare).push(loaded);
        log(
          `round ${round + 1} of ${options.rounds}: ${kind}, ${side.name}: ${loaded.perSecond.toFixed(0)} per s`,
        );
      }
    }
  } finally {
    await api.stop();
    await bareServer.stop();
    await worker.stop();
    await sweeps.close();
  }
  await verifyTokenAccesses(accounts, kind, WARM_UP[kind] + options.rounds * requests);
  await accounts.drop();
  return results;
}

const rate = (side: readonly Loaded[]) => median(side.map(({ perSecond }) => perSecond));

program(async () => {
  const options = readOptions();
  await Stage.with(['packages', 'temporal'], async (stage) => {
    const lines: string[][] = [];
    for (const kind of options.kinds) {
      const { bare, ours } = await measure(stage, options, kind);
      for (const [name, side] of [
        ['bare Hono', bare],
        ['Evergrant', ours],
      ] as const) {
        lines.push([
          kind,
          name,
          rate(side).toFixed(0),
          `${median(side.map(({ p50Ms }) => p50Ms)).toFixed(1)} ms`,
          `${median(side.map(({ p99Ms }) => p99Ms)).toFixed(1)} ms`,
          (rate(side) / rate(bare)).toFixed(2),
        ]);
      }
    }
    const { connections, rounds } = options;
    process.stdout.write(
      `\n${stage.engines.strategies.join(' · ')} · ${connections} connections · medians of ${rounds} rounds\n`,
    );
    printTable(['token', 'side', 'per s', 'p50', 'p99', '÷ bare'], lines);
  });
});

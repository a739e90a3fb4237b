/**
 * The demo under a steady load: access tokens live 2 minutes, so each of 2,000 accounts is refreshed about once a
 * minute. Scrapes `/metrics` every 15 s and measures the data folder, and prints the figures as curves, so that a leak
 * shows. For comparison, in the same run: the first third against the last.
 *
 * `npm run bench -- soak --minutes 30 --accounts 2000 --svg curves.svg`
 */
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import getPort from 'get-port';
import { DEMO_ACCOUNT_PROVIDERS } from '../src/sandbox/demo-accounts';
import { startSandbox } from '../src/sandbox/server';
import { endChild, startChild } from './sides/child';
import { whole } from './sides/options';
import { log, program } from './sides/stage';
import { median, printTable } from './sides/table';

const LIFE_SECONDS = 120;
const SCRAPE_EVERY_MS = 15_000;
const READY_WITHIN_MS = 180_000;
const MAIN = join(__dirname, '..', 'build', 'main.js');
/** The client of demo mode. The state file keeps its grants and not its secret, so any secret works here. */
const DEMO_CLIENT = { clientId: 'evergrant-demo', clientSecret: randomBytes(16).toString('hex') };

interface Curve {
  title: string;
  unit: string;
  /** From the numbers of a scrape by series, and the bytes of the data folder. */
  of(series: ReadonlyMap<string, number>, folderBytes: number): number;
  values: number[];
}

const MB = 1024 * 1024;
const of = (series: ReadonlyMap<string, number>, name: string) =>
  [...series].filter(([key]) => key === name || key.startsWith(`${name}{`)).reduce((sum, [, value]) => sum + value, 0);

const curves = (): Curve[] => [
  { title: 'resident memory', unit: 'MB', of: (s) => of(s, 'process_resident_memory_bytes') / MB, values: [] },
  { title: 'heap used', unit: 'MB', of: (s) => of(s, 'nodejs_heap_size_used_bytes') / MB, values: [] },
  { title: 'event loop lag, p99', unit: 'ms', of: (s) => of(s, 'nodejs_eventloop_lag_p99_seconds') * 1_000, values: [] },
  { title: 'open file descriptors', unit: '', of: (s) => of(s, 'process_open_fds'), values: [] },
  { title: 'data folder', unit: 'MB', of: (_s, bytes) => bytes / MB, values: [] },
  { title: 'overdue accounts', unit: '', of: (s) => of(s, 'evergrant_accounts_overdue'), values: [] },
  { title: 'refresh attempts', unit: '', of: (s) => of(s, 'evergrant_refresh_attempts_total'), values: [] },
];

/** Grants of the sandbox, stored for the demo, as an import in CSV. */
async function issued(dataDir: string, count: number): Promise<string> {
  mkdirSync(dataDir, { recursive: true });
  const sandbox = await startSandbox({
    ...DEMO_CLIENT,
    stateFile: join(dataDir, 'sandbox.json'),
    accessTokenLifeSeconds: LIFE_SECONDS,
  });
  const lines = Array.from({ length: count }, (_, n) => {
    const provider = DEMO_ACCOUNT_PROVIDERS[n % DEMO_ACCOUNT_PROVIDERS.length] ?? 'ebay';
    const subject = provider === 'shopify' ? `soak-${n}.myshopify.com` : `soak-${n}`;
    const { refresh_token } = sandbox.issueGrant({ provider, subject });
    return [provider, 'production', subject, `Soak ${n}`, refresh_token].join(',');
  });
  await sandbox.stop();
  return ['provider,environment,external_id,label,refresh_token', ...lines].join('\n');
}

function folderBytes(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((file) => file.isFile())
    .reduce((sum, { parentPath, name }) => {
      try {
        return sum + statSync(join(parentPath, name)).size;
      } catch {
        // The engine has deleted it meanwhile.
        return sum;
      }
    }, 0);
}

async function scraped(url: string): Promise<Map<string, number>> {
  const answer = await fetch(url, { signal: AbortSignal.timeout(SCRAPE_EVERY_MS) });
  const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const at = line.lastIndexOf(' ');
      return [line.slice(0, at), Number(line.slice(at + 1))];
    }),
  );
}

async function ready(child: ChildProcess, url: string, logFile: string): Promise<void> {
  const deadline = Date.now() + READY_WITHIN_MS;
  for (;;) {
    const status = await fetch(`${url}/readyz`).then(({ status: one }) => one, () => 0);
    if (status === 200) return;
    if (child.exitCode !== null || Date.now() > deadline) throw new Error(`the demo did not start; see ${logFile}`);
    await delay(200);
  }
}

const shown = (numbers: readonly number[]) => Math.round(median(numbers)).toLocaleString('en');

/** One small chart per curve, below each other, with its lowest and highest value. */
function svgOf(all: readonly Curve[], minutes: number): string {
  const [width, height, left] = [640, 70, 150];
  const charts = all.map(({ title, unit, values }, row) => {
    const top = Math.max(...values) || 1;
    const point = (value: number, n: number) =>
      `${(left + (n / Math.max(1, values.length - 1)) * (width - left - 10)).toFixed(1)},${(height - 12 - (value / top) * (height - 24)).toFixed(1)}`;
    const base = height - 12;
    return `<g transform="translate(0 ${row * height})">
<text x="4" y="24">${title}</text><text x="4" y="42" fill="#666">0 to ${Math.round(top).toLocaleString('en')} ${unit}</text>
<path d="M${left} ${base}H${width - 10}" stroke="#ccc"/><polyline fill="none" stroke="#0b6" stroke-width="1.5" points="${values.map(point).join(' ')}"/></g>`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${all.length * height + 16}" font-family="sans-serif" font-size="13"><rect width="100%" height="100%" fill="#fff"/>
${charts.join('\n')}
<text x="${left}" y="${all.length * height + 10}" fill="#666">0 to ${minutes} minutes</text></svg>
`;
}

program(async () => {
  const { values: given } = parseArgs({
    options: {
      minutes: { type: 'string', default: '30' },
      accounts: { type: 'string', default: '2000' },
      svg: { type: 'string' },
    },
  });
  const [minutes, accounts] = [whole('minutes', given.minutes, 1), whole('accounts', given.accounts, 1)];
  const scratch = mkdtempSync(join(tmpdir(), 'evergrant-soak-'));
  const [dataDir, logFile] = [join(scratch, 'data'), join(scratch, 'demo.log')];
  const csv = await issued(dataDir, accounts);
  const [port, metricsPort] = [await getPort({ host: '127.0.0.1' }), await getPort({ host: '127.0.0.1' })];
  const key = randomBytes(24).toString('hex');
  const file = openSync(logFile, 'a');
  const child = startChild(process.execPath, [MAIN], {
    env: {
      PATH: process.env['PATH'],
      HOME: process.env['HOME'],
      DATA_DIR: dataDir,
      PORT: String(port),
      METRICS_PORT: String(metricsPort),
      ADMIN_API_KEY: key,
      SANDBOX_ACCESS_TOKEN_LIFE: `${LIFE_SECONDS}s`,
      REFRESH_INTERVAL_MINUTES: '1',
      LOG_LEVEL: 'warn',
    },
    stdio: ['ignore', file, file],
  });
  const url = `http://127.0.0.1:${port}`;
  const all = curves();
  try {
    await ready(child, url, logFile);
    const imported = await fetch(`${url}/api/admin/accounts/import`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'text/csv' },
      body: csv,
    });
    log(`metrics: http://127.0.0.1:${metricsPort}/metrics`);
    log(`import: ${imported.status} ${(await imported.text()).trim().split('\n').at(-1)}`);
    const end = Date.now() + minutes * 60_000;
    while (Date.now() < end) {
      await delay(SCRAPE_EVERY_MS);
      const series = await scraped(`http://127.0.0.1:${metricsPort}/metrics`);
      for (const curve of all) curve.values.push(curve.of(series, folderBytes(dataDir)));
      log(all.map(({ title, values }) => `${title} ${Math.round(values.at(-1) ?? 0)}`).join(', '));
    }
  } finally {
    await endChild(child);
    if (given.svg !== undefined) writeFileSync(given.svg, svgOf(all, minutes));
  }
  printTable(
    ['figure', 'first third', 'second third', 'last third', 'last ÷ second'],
    all.map(({ title, unit, values }) => {
      const third = Math.ceil(values.length / 3);
      const parts = [values.slice(0, third), values.slice(third, 2 * third), values.slice(2 * third)];
      const [, second = [], last = []] = parts;
      return [`${title}${unit === '' ? '' : `, ${unit}`}`, ...parts.map(shown), (median(last) / median(second)).toFixed(2)];
    }),
  );
  rmSync(scratch, { recursive: true, force: true, maxRetries: 5 });
});

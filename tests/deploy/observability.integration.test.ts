/** A real Prometheus: it checks and tests the rules, scrapes API and worker, and evaluates every rule and dashboard expression. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import getPort from 'get-port';
import { spawnApi } from '../support/api-process';
import { engines } from '../support/engines';
import { eventually } from '../support/eventually';
import { type Harness, startHarness } from '../support/harness';
import { spawnWorker } from '../support/worker-process';
import { alerts, expressions, FOLDER, metricsIn, rules } from './_observability';
import { type Programs, prometheusPrograms } from './_prometheus';

const START_MS = 300_000;
const DATA_MS = 150_000;

let programs: Programs;
beforeAll(() => {
  programs = prometheusPrograms(engines.cacheDir);
}, START_MS);

function promtool(...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(programs.promtool, args, {
    cwd: FOLDER,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`promtool ${args.join(' ')}:\n${stdout}${stderr}`);
  return stdout;
}

it(
  'M1.7 promtool accepts the rules and the configuration, and each alert fires and stays silent in its tests',
  () => {
    expect(promtool('check', 'rules', 'rules.yaml')).toContain(`${rules.length} rules found`);
    expect(promtool('check', 'config', '--syntax-only', 'prometheus.yml')).toContain('SUCCESS');
    expect(promtool('test', 'rules', 'rules.test.yaml')).toContain('SUCCESS');
  },
  START_MS,
);

describe('a real Prometheus', () => {
  let h: Harness;
  let url: string;
  const folder = mkdtempSync(join(tmpdir(), 'evergrant-prometheus-'));
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    h = await startHarness({ worker: false, providers: { ebay: { quota: '1000/day' } } });
    for (let one = 0; one < 3; one += 1) await h.addAccount({ expiresInMs: 600_000 });
    const worker = spawnWorker(h, h.encryptionKeys, { METRICS_PORT: '0' });
    const api = spawnApi(h, { METRICS_PORT: '0' });
    children.push(worker.child, api.child);
    const apiUrl = await api.ready;
    const targets = await Promise.all([targetOf(worker.output), targetOf(api.output)]);
    url = await startPrometheus(targets);
    const key = await h.key({ scopes: ['tokens', 'admin'] });
    await eventually(async () => (await query('evergrant_build_info')).length === 2, START_MS);
    // Traffic only after the first scrape of both, so that rates are above 0: each account is refreshed on request.
    for (let one = 0; one < 4; one += 1) {
      const { id } = await h.addAccount({ expiresInMs: 30_000 });
      await fetch(`${apiUrl}/api/tokens/${id}`, { headers: { authorization: `Bearer ${key}` } });
    }
    // Only a scheduled refresh has a lateness.
    await h.addAccount({ expiresInMs: 600_000 });
    await h.client.schedule.getHandle('sweep/ebay').trigger();
  }, START_MS);

  afterAll(async () => {
    for (const child of children) child.kill('SIGKILL');
    await h?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  async function targetOf(output: readonly string[]): Promise<string> {
    const line = await eventually(
      () => /^\{.*"msg":"metrics ready".*\}$/m.exec(output.join(''))?.[0] ?? false,
      START_MS,
    );
    return new URL(JSON.parse(line).url).host;
  }

  async function startPrometheus(targets: readonly string[]): Promise<string> {
    const configuration = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [join(FOLDER, 'rules.yaml')],
      scrape_configs: [{ job_name: 'evergrant', static_configs: [{ targets }] }],
    };
    const file = join(folder, 'prometheus.yml');
    writeFileSync(file, JSON.stringify(configuration));
    const address = `127.0.0.1:${await getPort({ host: '127.0.0.1' })}`;
    const child = spawn(
      programs.prometheus,
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=${address}`,
      ],
      { stdio: 'ignore' },
    );
    children.push(child);
    await eventually(async () => {
      const answer = await fetch(`http://${address}/-/ready`).catch(() => null);
      return answer?.ok === true;
    }, START_MS);
    return `http://${address}`;
  }

  /** The samples that have a value: a quantile of nothing is not a number, and a panel shows nothing for it. */
  async function query(expr: string): Promise<unknown[]> {
    const answer = await fetch(`${url}/api/v1/query`, {
      method: 'POST',
      body: new URLSearchParams({ query: expr }),
    });
    const body: any = await answer.json();
    if (body.status !== 'success') throw new Error(`${expr}: ${JSON.stringify(body)}`);
    return body.data.result.filter(({ value }: { value: [number, string] }) => value[1] !== 'NaN');
  }

  /** The names of those that have no data, once as many as possible have. */
  async function without(data: readonly { place: string; expr: string }[]): Promise<string[]> {
    let missing: string[] = [];
    await eventually(async () => {
      const results = await Promise.all(
        data.map(async ({ place, expr }) => ((await query(expr)).length === 0 ? [place] : [])),
      );
      missing = results.flat();
      return missing.length === 0;
    }, DATA_MS).catch(() => undefined);
    return missing;
  }

  it(
    'M1.8 has data for every expression of the dashboards',
    async () => {
      expect(expressions.length).toBeGreaterThan(40);
      expect(await without(expressions)).toEqual([]);
    },
    START_MS,
  );

  it(
    'M1.8 evaluates every rule, and has data for every metric of the alerts',
    async () => {
      const named = [...new Set(alerts.flatMap(({ expr }) => metricsIn(expr)))];
      expect(await without(named.map((name) => ({ place: name, expr: name })))).toEqual([]);
      const body: any = await (await fetch(`${url}/api/v1/rules`)).json();
      const evaluated = body.data.groups.flatMap((group: any) => group.rules);
      expect(evaluated).toHaveLength(rules.length);
      expect(evaluated.filter(({ health }: any) => health !== 'ok')).toEqual([]);
    },
    START_MS,
  );

  it('M1.8 shows both processes as up', async () => {
    expect(await query('up{job="evergrant"} == 1')).toHaveLength(2);
  });
});

/** The Helm chart: Helm itself renders it, and kubeconform checks the objects against the schemas of Kubernetes. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { engines } from '../support/engines';
import { BUILD_WITHIN_MS, type KubernetesTools, kubernetesTools } from './_kubernetes';
import { alerts, rules } from './_observability';
import { repository } from './compose-file';

const CHART = join(repository, 'deploy', 'helm', 'evergrant');
const CI = join(CHART, 'ci');
const SETS = readdirSync(CI);

let tools: KubernetesTools;
beforeAll(() => {
  tools = kubernetesTools(engines.cacheDir);
}, BUILD_WITHIN_MS);

const folder = mkdtempSync(join(tmpdir(), 'evergrant-helm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Run {
  status: number | null;
  stdout: string;
  stderr: string;
}

function run(program: string, ...args: string[]): Run {
  return spawnSync(program, args, { encoding: 'utf8', maxBuffer: 32 * 1024 * 1024 });
}

/** @param values a file of ci/ and further settings */
function template(file: string, ...settings: string[]): Run {
  const set = settings.flatMap((setting) => ['--set-json', setting]);
  return run(
    tools.helm,
    'template',
    'evergrant',
    CHART,
    '--kube-version',
    '1.34.4',
    '--values',
    join(CI, file),
    ...set,
  );
}

const object = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
  // biome-ignore lint/suspicious/noExplicitAny: objects of many kinds, read by their paths
  spec: z.any().optional(),
});
type KubernetesObject = z.infer<typeof object>;

interface Variable {
  name: string;
  value?: string;
}

function objects(file: string, ...settings: string[]): KubernetesObject[] {
  const { status, stdout, stderr } = template(file, ...settings);
  if (status !== 0) throw new Error(stderr);
  return parseAllDocuments(stdout)
    .map((document) => document.toJS() as unknown)
    .filter((one) => one !== null)
    .map((one) => object.parse(one));
}

function kinds(list: KubernetesObject[]): Record<string, string[]> {
  const names: Record<string, string[]> = {};
  for (const { kind, metadata } of list) (names[kind] ??= []).push(metadata.name);
  return names;
}

it('M2.1 helm lint accepts the chart with each set of values', () => {
  for (const file of SETS) {
    const { status, stdout } = run(
      tools.helm,
      'lint',
      '--strict',
      CHART,
      '--values',
      join(CI, file),
    );
    expect({ file, status, stdout }).toMatchObject({ file, status: 0 });
  }
});

it.each(SETS)(
  'M2.1 kubeconform accepts every object of %s against the schemas of Kubernetes',
  (file) => {
    const rendered = template(file);
    expect(rendered.stderr).not.toMatch(/error/i);
    const path = join(folder, file);
    writeFileSync(path, rendered.stdout);
    const { status, stdout } = run(
      tools.kubeconform,
      '-strict',
      '-summary',
      '-schema-location',
      tools.schemas,
      path,
    );
    expect({ status, stdout }).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/Valid: [1-9]\d*, Invalid: 0, Errors: 0, Skipped: 0/),
    });
  },
);

it('M2.1 kubeconform refuses an object with a member that Kubernetes does not know', () => {
  const path = join(folder, 'wrong.yaml');
  writeFileSync(
    path,
    template('minimal.yaml').stdout.replace(
      'automountServiceAccountToken',
      'automountServiceToken',
    ),
  );
  const { status, stdout } = run(tools.kubeconform, '-schema-location', tools.schemas, path);
  expect(status).toBe(1);
  expect(stdout).toMatch(/automountServiceToken/);
});

it('the least values give two processes with probes, budgets and closed networks, and no custom resource', () => {
  const list = objects('minimal.yaml');
  expect(kinds(list)).toEqual({
    ServiceAccount: ['evergrant'],
    Deployment: ['evergrant-api', 'evergrant-worker'],
    Service: ['evergrant-api'],
    PodDisruptionBudget: ['evergrant-api', 'evergrant-worker'],
    NetworkPolicy: ['evergrant-api', 'evergrant-worker'],
  });
  for (const { spec } of list.filter(({ kind }) => kind === 'Deployment')) {
    const pod = spec.template.spec;
    const [container] = pod.containers;
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 1000 },
    });
    expect(container).toMatchObject({
      image: 'registry.example.com/evergrant:0.1.0',
      readinessProbe: { httpGet: { path: '/readyz', port: 'metrics' } },
      livenessProbe: { httpGet: { path: '/healthz', port: 'metrics' } },
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
    });
    expect(container.env.map(({ name }: { name: string }) => name)).toEqual(
      expect.arrayContaining(['MONGODB_URI', 'TEMPORAL_ADDRESS', 'ENCRYPTION_KEYS_FILE']),
    );
  }
});

it('M2.2 no set of values puts a secret into an object: each secret is a reference', () => {
  for (const file of SETS) {
    const list = objects(file);
    expect(kinds(list)).not.toHaveProperty('Secret');
    const variables = list.flatMap(({ spec }) =>
      (spec?.template?.spec?.containers ?? []).flatMap(({ env }: { env: Variable[] }) => env),
    );
    const secrets = variables.filter(({ name }) => /KEY$|SECRET|MONGODB_URI|SMTP_URL/.test(name));
    expect(secrets.filter(({ value }) => value !== undefined)).toEqual([]);
  }
});

it('monitoring takes over the rules and dashboards of deploy/observability unchanged', () => {
  const list = objects('full.yaml');
  const [rule] = list.filter(({ kind }) => kind === 'PrometheusRule');
  const inChart = rule?.spec.groups.flatMap((group: { rules: object[] }) => group.rules);
  expect(inChart).toHaveLength(rules.length);
  expect(inChart.map(({ expr }: { expr: string }) => expr)).toEqual(rules.map(({ expr }) => expr));
  const dashboards = list.filter(({ metadata }) => metadata.name.includes('-dashboard-'));
  expect(dashboards).toHaveLength(3);
  const monitors = list.filter(({ kind }) => kind === 'ServiceMonitor');
  expect(monitors.map(({ spec }) => spec.endpoints[0].relabelings)).toEqual(
    Array.from({ length: 2 }, () => [{ targetLabel: 'job', replacement: 'evergrant' }]),
  );
});

it('the alerts link to the runbook at the address that is set', () => {
  const address = 'https://git.example.com/evergrant/docs/runbook.md';
  const list = objects('full.yaml', `metrics.prometheusRule.runbook=${JSON.stringify(address)}`);
  const [rule] = list.filter(({ kind }) => kind === 'PrometheusRule');
  const links = rule?.spec.groups
    .flatMap((group: { rules: { annotations?: { runbook: string } }[] }) => group.rules)
    .flatMap(
      ({ annotations }: { annotations?: { runbook: string } }) => annotations?.runbook ?? [],
    );
  expect(links).toEqual(
    alerts.map(({ annotations }) => annotations?.runbook.replace('docs/runbook.md', address)),
  );
});

it('workers scale on overdue accounts, and never to zero', () => {
  const [scaled] = objects('full.yaml').filter(({ kind }) => kind === 'ScaledObject');
  expect(scaled?.spec).toMatchObject({ minReplicaCount: 2, maxReplicaCount: 8 });
  expect(scaled?.spec.triggers[0].metadata.query).toContain('evergrant_accounts_overdue');
  const deployments = objects('full.yaml').filter(({ kind }) => kind === 'Deployment');
  for (const { spec } of deployments) expect(spec).not.toHaveProperty('replicas');
  expect(template('full.yaml', 'worker.autoscaling.minReplicas=0').stderr).toMatch(/minReplicas/);
});

it('a change of providers.yaml restarts the pods', () => {
  const checksum = (list: KubernetesObject[]) =>
    list.find(({ kind }) => kind === 'Deployment')?.spec.template.metadata.annotations;
  const changed = objects('full.yaml', 'providers.config="providers: []"');
  expect(checksum(changed)).not.toEqual(checksum(objects('full.yaml')));
});

it.each([
  ['image.repository=""', /image\.repository is empty\. Build the image/],
  ['mongodb.existingSecret=""', /mongodb\.existingSecret is empty\. Create a Secret/],
  ['temporal.address=""', /temporal\.address is empty\. Set it to host:port/],
  ['temporal.address="https://temporal:7233"', /Write host:port without a scheme/],
  ['encryption.existingSecret=""', /encryption\.existingSecret is empty\. Create a Secret/],
  ['api.existingSecret=""', /api\.existingSecret is empty\. Create a Secret/],
  ['providers.existingConfigMap=""', /No provider is configured\. Set providers\.config/],
  [
    'providers.config="providers: []"',
    /providers\.config and providers\.existingConfigMap are both set/,
  ],
  ['api.config={"ADMIN_API_KEY":"x"}', /api\.config\.ADMIN_API_KEY is a secret/],
  ['config={"EBAY_CLIENT_SECRET":"x"}', /config\.EBAY_CLIENT_SECRET is a secret/],
  ['worker.config={"METRICS_PORT":"1"}', /worker\.config\.METRICS_PORT is set by the chart/],
  ['worker.autoscaling.enabled=true', /prometheusAddress is empty\. KEDA reads/],
  [
    'api.autoscaling={"enabled":true,"minReplicas":9}',
    /maxReplicas is less than api\.autoscaling\.minReplicas/,
  ],
  ['api.ingress.enabled=true', /api\.ingress\.host is empty/],
  ['worker.config={"TEMPORAL_WORKER_BUILD_ID":"1"}', /needs Temporal's Worker Controller/],
  ['metrics.serviceMonitor.enabled=true', /networkPolicy\.metricsFrom is empty/],
  ['api.ingress={"enabled":true,"host":"e.example.com"}', /networkPolicy\.apiFrom is empty/],
  ['worker.terminationGracePeriodSeconds=10', /terminationGracePeriodSeconds/],
  ['worker.replica=3', /replica/],
  [
    'temporal.clientCertificate.serverCa=true',
    /serverCa needs temporal\.clientCertificate\.existingSecret/,
  ],
  ['config={"ENCRYPTION_KEYS_COMMAND":"cat"}', /chart sets ENCRYPTION_KEYS_FILE/],
  ['config={"LOG_LEVEL":"verbose"}', /LOG_LEVEL is "verbose"\. It must be one of trace/],
  ['fullnameOverride="Foo_Bar"', /fullnameOverride/],
  ['nameOverride="Foo_Bar"', /nameOverride/],
  ['temporal.address="temporal:99999"', /The port must be from 1 to 65535/],
  ['networkPolicy.mongodb.ports=null', /networkPolicy\.mongodb\.ports is empty/],
  ['networkPolicy.temporal.ports=null', /networkPolicy\.temporal\.ports is empty/],
  ['networkPolicy.httpsExcept=null', /networkPolicy\.httpsExcept is null/],
])('M2.2 the wrong value %s is refused with a sentence', (setting, sentence) => {
  const { status, stderr } = template('minimal.yaml', setting);
  expect(status).toBe(1);
  expect(stderr).toMatch(sentence);
});

it.each([
  'ADMIN_API_KEY',
  'EBAY_CLIENT_SECRET',
  'EBAY_PASSWORD',
  'EBAY_REFRESH_TOKEN',
  'ENCRYPTION_KEYS',
  'INTERNAL_API_KEY',
  'JWT_SECRET',
  'MONGODB_URI',
  'OIDC_CLIENT_SECRET',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'SMTP_URL',
  'TEMPORAL_API_KEY',
  'TEMPORAL_CODEC_AUTH',
  'TEMPORAL_GRPC_META_AUTHORIZATION',
  'TEMPORAL_GRPC_META_X_TENANT',
  'TEMPORAL_TLS_CLIENT_KEY_DATA',
])('the secret %s is refused in every config, and the sentence names existingSecret', (name) => {
  for (const place of ['config', 'api.config', 'worker.config']) {
    const { status, stderr } = template(
      'minimal.yaml',
      `${place}=${JSON.stringify({ [name]: 'x' })}`,
    );
    expect({ place, status, stderr }).toMatchObject({ place, status: 1 });
    expect(stderr).toContain(`${place}.${name} is a secret`);
    expect(stderr).toContain('name that in existingSecret');
  }
});

it('an address with a password is refused in config, and one without is accepted', () => {
  const { stderr } = template('minimal.yaml', 'config={"JWKS_URL":"https://me:pass@example.com"}');
  expect(stderr).toMatch(/config\.JWKS_URL is an address with a password.*existingSecret/s);
  const plain = 'config={"JWKS_URL":"https://example.com/a:b@c","LOG_LEVEL":"debug"}';
  expect(template('minimal.yaml', plain).status).toBe(0);
});

it('an API key and a client certificate of Temporal are refused together', () => {
  const { stderr } = template(
    'temporal-cloud.yaml',
    'temporal.clientCertificate.existingSecret="evergrant-temporal-tls"',
  );
  expect(stderr).toMatch(/temporal\.apiKey and temporal\.clientCertificate are both set/);
});

/** Builds `helm` and `kubeconform` from their Go modules, and takes Kubernetes' schemas from the modules that define them. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

export interface KubernetesTools {
  helm: string;
  kubeconform: string;
  /** The places of the schemas, as `kubeconform -schema-location` takes them. */
  schemas: string;
}

const HELM = 'helm.sh/helm/v3/cmd/helm@v3.22.0';
const KUBECONFORM = 'github.com/yannh/kubeconform/cmd/kubeconform@v0.7.0';
const KUBERNETES = 'k8s.io/kubernetes@v1.34.4';

/** The modules that carry custom resources, and the files of those that the chart makes. */
const CUSTOM_RESOURCES = {
  'github.com/prometheus-operator/prometheus-operator@v0.85.0': [
    'example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml',
    'example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml',
  ],
  'github.com/kedacore/keda/v2@v2.21.0': ['config/crd/bases/keda.sh_scaledobjects.yaml'],
};

/** A first build on two cores took 4 minutes; other tests run beside it. */
export const BUILD_WITHIN_MS = 25 * 60_000;

/** @param cacheDir keeps the programs and the schemas for later runs */
export function kubernetesTools(cacheDir: string): KubernetesTools {
  const folder = join(cacheDir, 'kubernetes');
  return {
    helm: built(HELM, folder),
    kubeconform: built(KUBECONFORM, folder),
    schemas: join(schemas(folder), '{{ .ResourceKind }}{{ .KindSuffix }}.json'),
  };
}

/** Returns the program of a Go package, built once per version. */
function built(source: string, folder: string): string {
  const [path, version] = source.split('@') as [string, string];
  const name = path.slice(path.lastIndexOf('/') + 1);
  const target = join(folder, `${name}-${version}`);
  if (existsSync(target)) return target;
  const staging = stagingFolder(folder);
  go(staging, ['install', source], { GOBIN: staging });
  renameSync(join(staging, name), target);
  return target;
}

const swagger = z.object({
  definitions: z.record(
    z.string(),
    z.looseObject({
      'x-kubernetes-group-version-kind': z
        .array(z.object({ group: z.string(), kind: z.string(), version: z.string() }))
        .optional(),
    }),
  ),
});

const customResource = z.object({
  spec: z.object({
    group: z.string(),
    names: z.object({ kind: z.string() }),
    versions: z.array(
      z.object({ name: z.string(), schema: z.object({ openAPIV3Schema: z.looseObject({}) }) }),
    ),
  }),
});

/** Writes a JSON schema per kind, with the names that kubeconform looks for, and returns their folder. */
function schemas(folder: string): string {
  const target = join(folder, `schemas-${KUBERNETES.split('@')[1]}`);
  if (existsSync(target)) return target;
  const staging = stagingFolder(folder);
  const text = readFileSync(
    join(moduleFolder(KUBERNETES), 'api/openapi-spec/swagger.json'),
    'utf8',
  );
  const { definitions } = swagger.parse(JSON.parse(text));
  for (const [name, definition] of Object.entries(definitions)) {
    for (const { group, kind, version } of definition['x-kubernetes-group-version-kind'] ?? []) {
      // Each file carries the definitions, so that a reference needs no other file.
      write(staging, { group, kind, version }, { $ref: `#/definitions/${name}`, definitions });
    }
  }
  for (const [source, files] of Object.entries(CUSTOM_RESOURCES)) {
    for (const file of files) {
      const { spec } = customResource.parse(
        parse(readFileSync(join(moduleFolder(source), file), 'utf8')),
      );
      for (const { name, schema } of spec.versions) {
        const kind = { group: spec.group, kind: spec.names.kind, version: name };
        write(staging, kind, schema.openAPIV3Schema);
      }
    }
  }
  renameSync(staging, target);
  return target;
}

/** The kinds whose schemas are kept: those that the chart makes. */
const KINDS = new Set([
  'ConfigMap',
  'Deployment',
  'HorizontalPodAutoscaler',
  'Ingress',
  'NetworkPolicy',
  'PodDisruptionBudget',
  'PrometheusRule',
  'ScaledObject',
  'Service',
  'ServiceAccount',
  'ServiceMonitor',
]);

function write(
  folder: string,
  { group, kind, version }: { group: string; kind: string; version: string },
  schema: object,
): void {
  if (!KINDS.has(kind)) return;
  // kubeconform names a file by the kind, the first part of the group, and the version, in lower case.
  const parts = [kind, group.split('.')[0], version].filter((part) => part !== '');
  const strict = strictly(schema);
  writeFileSync(join(folder, `${parts.join('-').toLowerCase()}.json`), JSON.stringify(strict));
}

/** Refuses members that the schema does not name, which the API server would ignore or refuse. */
function strictly(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(strictly);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy = Object.fromEntries(
    Object.entries(schema).map(([name, value]) => [name, strictly(value)]),
  );
  // Kubernetes' own form for a member that is a number or a text.
  if (copy['format'] === 'int-or-string') return { type: ['integer', 'string'] };
  const isClosed =
    copy['type'] === 'object' &&
    copy['properties'] !== undefined &&
    copy['additionalProperties'] === undefined &&
    copy['x-kubernetes-preserve-unknown-fields'] !== true;
  return isClosed ? { ...copy, additionalProperties: false } : copy;
}

function moduleFolder(source: string): string {
  const answer = go(process.cwd(), ['mod', 'download', '-json', source]);
  return z.object({ Dir: z.string() }).parse(JSON.parse(answer)).Dir;
}

function go(cwd: string, args: string[], environment: Record<string, string> = {}): string {
  // With the lowest priority, because other tests run beside it and measure races.
  return execFileSync('nice', ['-n', '19', 'go', ...args], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, GOFLAGS: '-mod=mod', GOTOOLCHAIN: 'local', ...environment },
    timeout: BUILD_WITHIN_MS,
    maxBuffer: 16 * 1024 * 1024,
  });
}

function stagingFolder(folder: string): string {
  mkdirSync(folder, { recursive: true });
  return mkdtempSync(join(folder, '.staging-'));
}

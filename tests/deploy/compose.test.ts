/**
 * The compose file, checked without a container engine: against the Compose specification, the rules for every
 * container, and the configuration of the application.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { z } from 'zod';
import { loadConfig } from '../../src/process/config';
import {
  compose,
  composeText,
  environmentOf,
  repository,
  type Service,
  variableNames,
} from './compose-file';

const services = Object.entries(compose.services);
const ours = services.filter(([, service]) => service.build !== undefined);
const stores = services.filter(([, { image }]) => /^(mongo|postgres):/.test(image));

const lintResultSchema = z.array(
  z.object({ messages: z.array(z.object({ type: z.string(), message: z.string() })) }),
);

const temporaryFolder = mkdtempSync(join(tmpdir(), 'evergrant-compose-'));
afterAll(() => rmSync(temporaryFolder, { recursive: true }));

describe('the Compose specification', () => {
  it('accepts the compose file', () => {
    expect(schemaErrors(composeText)).toEqual([]);
  });

  it('rejects a wrong type', () => {
    expect(
      schemaErrors(composeText.replace('stop_grace_period: 60s', 'stop_grace_period: [60s]')),
    ).toEqual([expect.stringContaining('stop_grace_period')]);
  });
});

describe('docker compose up -d', () => {
  it('R2.6 starts all services of the production shape, and long-running ones restart', () => {
    const stay = ['worker', 'api', 'mongo', 'postgres', 'temporal', 'temporal-ui'];
    const once = ['temporal-schema', 'temporal-namespace'];
    const started = services.filter(([, service]) => service['profiles'] === undefined);
    expect(started.map(([name]) => name).toSorted()).toEqual([...stay, ...once].toSorted());
    for (const [name, service] of started) {
      const restart = stay.includes(name) ? 'unless-stopped' : 'on-failure:5';
      expect({ name, restart: service['restart'] }).toEqual({ name, restart });
    }
  });
});

describe('docker compose --profile observability up -d', () => {
  it('also starts Prometheus and Grafana', () => {
    const further = services.filter(([, service]) => service['profiles'] !== undefined);
    expect(further.map(([name, service]) => [name, service['profiles'], service.restart])).toEqual([
      ['prometheus', ['observability'], 'unless-stopped'],
      ['grafana', ['observability'], 'unless-stopped'],
    ]);
  });
});

describe('every container', () => {
  it.each(services)('%s has no capabilities and can gain none', (_name, service) => {
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toContain('no-new-privileges:true');
    for (const key of ['privileged', 'cap_add', 'network_mode', 'pid', 'ipc', 'devices']) {
      expect(service).not.toHaveProperty(key);
    }
  });

  it.each(services)('%s writes no core dump and no unbounded log', (_name, service) => {
    expect(service.ulimits).toEqual({ core: 0 });
    expect(service['logging']).toMatchObject({
      options: { 'max-size': expect.any(String), 'max-file': expect.any(String) },
    });
  });

  it.each(services)('%s is published on loopback only, if at all', (_name, { ports }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:/);
  });

  it.each(services.filter(([, service]) => service.build === undefined))(
    '%s is pinned by version',
    (_name, { image }) => {
      expect(image).toMatch(/^[a-z/-]+:v?\d+\.\d+(\.\d+)?(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$/);
    },
  );

  it('runs one version of the Temporal server and its tools', () => {
    const tags = services.map(
      ([, { image }]) => /^temporalio\/(?:server|admin-tools):([^@]*)/.exec(image)?.[1],
    );
    expect(new Set(tags.filter((tag) => tag !== undefined)).size).toBe(1);
  });

  it('can complete if another service waits for its completion', () => {
    const jobs = dependenciesWith('service_completed_successfully');
    expect(jobs.length).toBeGreaterThan(0);
    for (const name of jobs) {
      expect(compose.services[name]?.restart).toMatch(/^(no|on-failure(:\d+)?)$/);
    }
  });

  it('has a health check if another service waits for its health', () => {
    const awaited = dependenciesWith('service_healthy');
    expect(awaited.length).toBeGreaterThan(0);
    for (const name of awaited) {
      expect(compose.services[name]).toHaveProperty('healthcheck.test');
    }
  });

  it('mounts only existing files, read-only, and never the container engine', () => {
    const sources = services.flatMap(([, { volumes }]) =>
      volumes.map((volume) => {
        if (typeof volume !== 'string')
          return { source: volume.source, readOnly: volume.read_only };
        const [source = '', , mode] = volume.split(':');
        return { source, readOnly: mode === 'ro' };
      }),
    );
    const files = sources.filter((volume) => /[./]/.test(volume.source));
    expect(files.length).toBeGreaterThan(0);
    for (const { source, readOnly } of files) {
      const path = source.replace(/^\$\{\w+:-(.*)\}$/, '$1');
      expect(path).toMatch(/^\.\//);
      expect(existsSync(join(repository, path))).toBe(true);
      expect(readOnly).toBe(true);
    }
  });
});

describe('the containers of Evergrant', () => {
  it('are the worker and the API, from one image', () => {
    expect(ours.map(([name, { command }]) => [name, command])).toEqual([
      ['worker', ['build/worker/main.js']],
      ['api', ['build/server/main.js']],
    ]);
    expect(new Set(ours.map(([, { image }]) => image)).size).toBe(1);
  });

  it.each(ours)('%s does not run as root and writes only to /tmp', (_name, service) => {
    expect(service.user).toBeUndefined(); // the image's own, see dockerfile.test.ts
    expect(service.read_only).toBe(true);
    expect(service.tmpfs).toEqual(['/tmp']);
  });

  it.each(ours)('%s restarts, and has time to finish its work before a stop', (_name, service) => {
    expect(service.restart).toBe('unless-stopped');
    expect(service.init).toBe(true);
    expect(Number(/^(\d+)s$/.exec(service.stop_grace_period)?.[1])).toBeGreaterThan(30);
  });

  it.each(ours)(
    '%s starts after the engines are healthy',
    (_name, { depends_on: dependencies }) => {
      expect(dependencies).toEqual({
        mongo: { condition: 'service_healthy' },
        'temporal-namespace': { condition: 'service_completed_successfully' },
      });
    },
  );
});

describe('the stores', () => {
  it('are two', () => expect(stores).toHaveLength(2));

  it.each(stores)(
    '%s does not run as root, publishes no port and has no route outside',
    (_name, service) => {
      expect(service.user).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect(service.read_only).toBe(true);
      expect(service.ports).toEqual([]);
      for (const network of service.networks)
        expect(compose.networks[network]).toEqual({ internal: true });
    },
  );

  it('share the network of the grants only with the worker and the API', () => {
    const neighbours = services
      .filter(([, { networks }]) => networks.includes('grants'))
      .map(([name]) => name);
    expect(neighbours.toSorted()).toEqual(['api', 'mongo', 'worker']);
  });
});

describe('settings and secrets', () => {
  const secrets = services.flatMap(([service, { environment }]) =>
    Object.entries(environment)
      .filter(([variable]) => /KEY|SECRET|PASSWORD|PWD/.test(variable))
      .map(([variable, value]) => ({ service, variable, value })),
  );

  it.each(secrets.filter(({ value }) => value !== null))(
    'require $variable for $service, with an error that names the remedy',
    ({ value }) => {
      expect(value).toMatch(/^\$\{\w+:\?.*\.env\.example.*\}$/);
    },
  );

  it('contain no password in an address', () => {
    expect(composeText).not.toMatch(/:\/\/[^/\s]*@/);
  });

  it('reach only the services that need them', () => {
    const holders = secrets.map(({ service, variable }) => `${variable} ${service}`);
    expect(holders.filter((holder) => /ENCRYPTION|API_KEY/.test(holder)).toSorted()).toEqual([
      'ADMIN_API_KEY api',
      'ENCRYPTION_KEYS api',
      'ENCRYPTION_KEYS worker',
      'INTERNAL_API_KEY api',
    ]);
  });

  it.each(variableNames())('include %s in .env.example', (name) => {
    expect(Object.keys(dotenvExample())).toContain(name);
  });

  it('have no value in .env.example if they are secret', () => {
    const filledIn = Object.entries(dotenvExample())
      .filter(([name, value]) => /KEY|SECRET|PASSWORD/.test(name) && value !== '')
      .map(([name]) => name);
    expect(filledIn).toEqual([]);
  });

  it.each(Object.keys(dotenvExample()))('contain no unused variable %s in .env.example', (name) => {
    expect([...variableNames(), ...applicationVariables()]).toContain(name);
  });

  it.each(ours)('reach %s only if the application reads them', (_name, { environment }) => {
    const given = Object.keys(environment);
    expect(given.length).toBeGreaterThan(0);
    for (const name of given) expect(applicationVariables()).toContain(name);
  });

  it.each(ours)('give %s every variable of providers.yaml', (_name, { environment }) => {
    expect(providerVariables()).toContain('EBAY_CLIENT_ID');
    for (const name of providerVariables()) expect(Object.keys(environment)).toContain(name);
  });

  it.each(ours)('pass the validation of %s', (_name, service) => {
    const environment = environmentOf(service, {
      ENCRYPTION_KEYS: `k1:${Buffer.alloc(32, 7).toString('base64')}`,
      INTERNAL_API_KEY: 'i'.repeat(64),
      ADMIN_API_KEY: 'a'.repeat(64),
      EBAY_CLIENT_ID: 'id',
      EBAY_CLIENT_SECRET: 'secret',
    });
    expect(environment['PROVIDERS_FILE']).toBe(mountedProvidersFile(service));
    const config = loadConfig({
      ...environment,
      PROVIDERS_FILE: join(repository, 'providers.yaml'),
    });
    expect(config).toMatchObject({
      mongodbUri: 'mongodb://mongo:27017/evergrant?replicaSet=rs0',
      temporal: {
        connection: { address: 'temporal:7233' },
        namespace: 'default',
        taskQueue: 'evergrant',
      },
      encryptionKeys: expect.anything(),
    });
    expect(config.providers.map(({ id }) => id)).toEqual(['ebay']);
    expect(config.host).toBe(environment['HOST'] ?? '127.0.0.1');
    expect(config.port ?? 3000).toBe(3000);
  });

  it('let the API listen on all addresses of its container, on the published port', () => {
    const api = compose.services['api'];
    expect(api?.environment).toMatchObject({ HOST: '0.0.0.0', PORT: '3000' });
    expect(api?.ports).toEqual([expect.stringMatching(/:3000$/)]);
  });

  it('fail the start without a required value', () => {
    const worker = compose.services['worker'];
    expect(() => worker && environmentOf(worker, {})).toThrow(
      'ENCRYPTION_KEYS is missing a value: generate a key',
    );
  });
});

describe('deploy/mongo/replica-set.js', () => {
  const script = readFileSync(join(repository, 'deploy', 'mongo', 'replica-set.js'), 'utf8');

  /** Runs the script as mongosh would. */
  function check(hello: object, initiate: (replicaSet: object) => void): number | undefined {
    let exitCode: number | undefined;
    runInNewContext(script, {
      db: { hello: () => hello },
      rs: { initiate },
      print: () => undefined,
      quit: (code: number) => {
        exitCode = code;
      },
    });
    return exitCode;
  }

  it('initiates a new replica set under the host name that clients use', () => {
    const initiate = jest.fn();
    expect(check({ isWritablePrimary: false }, initiate)).toBe(1);
    expect(initiate).toHaveBeenCalledWith({
      _id: 'rs0',
      members: [{ _id: 0, host: 'mongo:27017' }],
    });
    expect(compose.services['mongo']?.command).toEqual(
      expect.arrayContaining(['--replSet', 'rs0']),
    );
    for (const [, { environment }] of ours)
      expect(environment['MONGODB_URI']).toContain('mongo:27017/evergrant?replicaSet=rs0');
  });

  it('succeeds once the member is writable, and does not initiate it again', () => {
    const initiate = jest.fn();
    expect(check({ setName: 'rs0', isWritablePrimary: true }, initiate)).toBe(0);
    expect(initiate).not.toHaveBeenCalled();
  });

  it('waits while a member loads its configuration', () => {
    const initiate = jest.fn(() => {
      throw new Error('already initialized');
    });
    expect(check({ isWritablePrimary: false }, initiate)).toBe(1);
  });
});

describe('deploy/temporal/create-namespace.sh', () => {
  it('creates a namespace that is missing', () => {
    expect(run(false)).toContain('operator namespace create --namespace grants --retention 7d');
  });

  it('leaves an existing namespace unchanged', () => {
    expect(run(true).filter((call) => call.includes('create'))).toEqual([]);
  });
});

/** The messages of the errors that a linter with the specification's JSON schema finds. */
function schemaErrors(text: string): string[] {
  const file = join(temporaryFolder, 'docker-compose.yml');
  writeFileSync(file, text);
  const linter = join(dirname(require.resolve('dclint/package.json')), 'bin', 'dclint.cjs');
  const { stdout, stderr } = spawnSync(process.execPath, [linter, '--formatter', 'json', file], {
    encoding: 'utf8',
  });
  if (stdout === '') throw new Error(`dclint printed nothing: ${stderr}`);
  const results = lintResultSchema.parse(JSON.parse(stdout));
  return results.flatMap(({ messages }) =>
    messages.filter(({ type }) => type === 'error').map(({ message }) => message),
  );
}

/** Names and values in .env.example, commented or not. */
function dotenvExample(): Record<string, string> {
  const text = readFileSync(join(repository, '.env.example'), 'utf8');
  return Object.fromEntries(
    [...text.matchAll(/^#?([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(([, name, value]) => [name, value]),
  );
}

/** Variables that providers.yaml refers to, also in its examples; `NAME` is a placeholder in its comments. */
function providerVariables(): string[] {
  const text = readFileSync(join(repository, 'providers.yaml'), 'utf8');
  return [...text.matchAll(/\$\{([A-Z]\w+)\}/g)]
    .map(([, name = '']) => name)
    .filter((name) => name !== 'NAME');
}

function applicationVariables(): string[] {
  const text = readFileSync(join(repository, 'src', 'process', 'config.ts'), 'utf8');
  const own = [...text.matchAll(/^ {2}([A-Z][A-Z0-9_]+):/gm)].map(([, name = '']) => name);
  // @temporalio/envconfig reads these two; their arrival is "pass the validation of".
  return [...own, ...providerVariables(), 'TEMPORAL_ADDRESS', 'TEMPORAL_NAMESPACE'];
}

function mountedProvidersFile({ volumes }: Service): string | undefined {
  return volumes.find((volume) => typeof volume !== 'string')?.target;
}

/** Runs the script with a `temporal` that only records its arguments. */
function run(describeSucceeds: boolean): string[] {
  const calls = join(temporaryFolder, 'calls');
  writeFileSync(calls, '');
  const answer = describeSucceeds ? 'true' : 'case "$*" in *describe*) exit 1 ;; esac';
  writeFileSync(
    join(temporaryFolder, 'temporal'),
    `#!/bin/sh\necho "$*" >> '${calls}'\n${answer}\n`,
    { mode: 0o755 },
  );
  execFileSync('sh', [join(repository, 'deploy', 'temporal', 'create-namespace.sh')], {
    env: {
      PATH: `${temporaryFolder}${delimiter}${process.env['PATH']}`,
      TEMPORAL_NAMESPACE: 'grants',
      TEMPORAL_RETENTION: '7d',
    },
  });
  return readFileSync(calls, 'utf8').trim().split('\n');
}

/** The services that another service waits for with this condition. */
function dependenciesWith(condition: string): string[] {
  return services.flatMap(([, { depends_on: dependencies }]) =>
    Object.keys(dependencies).filter((name) => dependencies[name]?.condition === condition),
  );
}

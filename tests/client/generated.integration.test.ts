/**
 * Clients that two generators make from the OpenAPI document: openapi-typescript, and openapi-python-client for Python.
 * They are complete, and a program that uses them works against a real API.
 */
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RunningApi } from '../../src/server/serve';
import { type OpenApiDocument, operationsOf } from '../api/_contract';
import { serve } from '../cli/_cli';
import { type Harness, startHarness } from '../support/harness';
import { pythonGenerator, run, typescriptGenerator } from './_generators';

const ROOT = join(__dirname, '..', '..');
const TSC = join(ROOT, 'node_modules', '.bin', 'tsc');
const PROGRAMS = join(__dirname, 'generators');
/** The first run downloads the generators. */
const WITHIN_MS = 10 * 60_000;

let folder: string;
let h: Harness;
let api: RunningApi;
let document: OpenApiDocument;
let operationIds: string[];
let environment: Record<string, string>;
let account: Awaited<ReturnType<Harness['addAccount']>>;
const organisation = `org-${randomUUID()}`;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'evergrant-generated-'));
  h = await startHarness();
  api = await serve(h);
  const key = await h.key({ organisation, scopes: ['admin', 'tokens'] });
  account = await h.addAccount({ organisation, expiresInMs: 3_600_000 });
  await h.request(key, 'PATCH', `/api/admin/accounts/${account.id}`, {
    policy: { refresh_before: '7m' },
  });
  const text = await (await fetch(`${api.url}/openapi.json`)).text();
  writeFileSync(join(folder, 'openapi.json'), text);
  document = JSON.parse(text);
  operationIds = operationsOf(document).map(({ operation }) => operation.operationId ?? '');
  environment = {
    EVERGRANT_URL: api.url,
    EVERGRANT_API_KEY: key,
    ACCOUNT_ID: account.id,
  };
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** The output of both programs. */
const used = () => ({
  label: account.label,
  policy: '7m',
  imported: [
    { line: 1, result: 'valid', warnings: expect.any(Array) },
    { summary: expect.objectContaining({ lines: 1, valid: 1 }) },
  ],
  token: account.plain.accessToken,
  code: 'not_found',
});

describe('openapi-typescript', () => {
  let packages: string;
  beforeAll(async () => {
    packages = await typescriptGenerator();
    symlinkSync(packages, join(folder, 'node_modules'));
  }, WITHIN_MS);

  it('T1.4 generates types of every operation and schema, and a program compiles against them and works', async () => {
    const command = join(packages, 'openapi-typescript', 'bin', 'cli.js');
    await run(process.execPath, [command, 'openapi.json', '-o', 'schema.ts'], { cwd: folder });
    const types = readFileSync(join(folder, 'schema.ts'), 'utf8');
    const indented = [...types.matchAll(/^ {4}(\w+): \{$/gm)].map(([, name]) => name);
    expect(indented).toEqual(expect.arrayContaining(operationIds));
    const schemas = [...types.matchAll(/^ {8}(\w+): (.*)$/gm)];
    const generated = new Map(schemas.map(([, name, type]) => [name, type]));
    for (const name of Object.keys(document.components.schemas))
      expect({ name, type: generated.get(name) }).toEqual({
        name,
        type: expect.not.stringMatching(/^(unknown|never|any)\b/),
      });

    copyFileSync(join(PROGRAMS, 'consumer.ts.txt'), join(folder, 'consumer.ts'));
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(COMPILED));
    await run(TSC, ['-p', folder]).catch(({ stdout }: { stdout: string }) => {
      throw new Error(stdout);
    });
    const { stdout } = await run(process.execPath, [join(folder, 'out', 'consumer.js')], {
      env: environment,
    });
    expect(JSON.parse(stdout)).toEqual(used());
  });
});

const COMPILED = {
  compilerOptions: {
    module: 'node20',
    target: 'es2022',
    lib: ['es2023', 'dom'],
    strict: true,
    types: ['node'],
    typeRoots: [join(ROOT, 'node_modules', '@types')],
    preserveSymlinks: true,
    outDir: 'out',
  },
  include: ['consumer.ts', 'schema.ts'],
};

describe('openapi-python-client', () => {
  let generator: Awaited<ReturnType<typeof pythonGenerator>>;
  beforeAll(async () => {
    generator = await pythonGenerator();
  }, WITHIN_MS);

  it('T1.4 generates every operation and model, and a program that uses them works', async () => {
    const made = await run(
      generator.python,
      ['-m', 'openapi_python_client', 'generate', '--path', 'openapi.json'],
      { cwd: folder, env: generator.environment },
    );
    const warnings = `${made.stdout}${made.stderr}`
      .split('\n')
      .filter((line) => /WARNING|Unable|Unsupported|Invalid|Cannot|duplicate|not be/.test(line));
    // It can send the import as bytes, and skips the other two media types.
    const partly = 'WARNING parsing POST /api/admin/accounts/import within accounts.';
    expect(warnings).toEqual([
      partly,
      'Unsupported content type application/x-ndjson',
      partly,
      'Unsupported content type text/csv',
    ]);

    const client = join(folder, 'evergrant-client', 'evergrant_client');
    const modules = readdirSync(join(client, 'api'), { recursive: true }).map((path) =>
      String(path).replace(/^.*\/|\.py$/g, ''),
    );
    expect(modules).toEqual(expect.arrayContaining(operationIds.map(inSnakeCase)));
    const models = readFileSync(join(client, 'models', '__init__.py'), 'utf8');
    // A schema that may be null is a model with a suffix.
    const objects = Object.entries(document.components.schemas)
      .filter(([, { type }]) => type === 'object')
      .map(([name]) => name);
    expect(objects.length).toBeGreaterThan(30);
    for (const name of objects) expect(models).toMatch(new RegExp(`"${name}"`, 'i'));

    copyFileSync(join(PROGRAMS, 'consumer.py'), join(folder, 'evergrant-client', 'consumer.py'));
    const { stdout } = await run(
      generator.python,
      [join(folder, 'evergrant-client', 'consumer.py')],
      { env: { ...generator.environment, ...environment } },
    );
    expect(JSON.parse(stdout)).toEqual({
      ...used(),
      warnings: expect.any(Array),
      listed: ['from-python'],
    });
  });
});

function inSnakeCase(operationId: string): string {
  return operationId.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

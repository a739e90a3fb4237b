/** The typed client as the package exports it: another program compiles against it, and calls a real API. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createClient } from '../../src/client';
import type { RunningApi } from '../../src/server/serve';
import { serve } from '../cli/_cli';
import { type Harness, startHarness } from '../support/harness';

const run = promisify(execFile);
const ROOT = join(__dirname, '..', '..');
const TSC = join(ROOT, 'node_modules', '.bin', 'tsc');
const organisation = `org-${randomUUID()}`;

let consumer: string;
let h: Harness;
let api: RunningApi;
let key: string;

/** A folder with the program and the package, installed as npm does it. */
beforeAll(async () => {
  consumer = mkdtempSync(join(tmpdir(), 'evergrant-consumer-'));
  mkdirSync(join(consumer, 'node_modules'));
  symlinkSync(ROOT, join(consumer, 'node_modules', 'evergrant'));
  copyFileSync(join(__dirname, 'consumer.ts'), join(consumer, 'consumer.ts'));
  writeFileSync(join(consumer, 'package.json'), '{"name": "consumer", "private": true}');
  writeFileSync(
    join(consumer, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        module: 'node20',
        target: 'es2022',
        lib: ['es2023'],
        strict: true,
        types: ['node'],
        typeRoots: [join(ROOT, 'node_modules', '@types')],
        outDir: 'out',
      },
      include: ['consumer.ts'],
    }),
  );
  h = await startHarness();
  api = await serve(h);
  key = await h.key({ organisation, scopes: ['admin', 'operator', 'tokens'] });
});
afterAll(async () => {
  await api?.stop();
  await h?.stop();
  rmSync(consumer, { recursive: true, force: true });
});

it('a program compiles against the package and works, and its mistakes do not compile', async () => {
  await run(TSC, ['-p', consumer]).catch(({ stdout }: { stdout: string }) => {
    throw new Error(stdout);
  });
  const externalId = `shop-${randomUUID()}`;
  const { stdout } = await run(
    process.execPath,
    [join(consumer, 'out', 'consumer.js'), externalId],
    {
      env: { EVERGRANT_URL: api.url, EVERGRANT_API_KEY: key },
    },
  );
  expect(JSON.parse(stdout)).toEqual({
    listed: [externalId],
    status: 'expired',
    paused: true,
    removed: 204,
    tokens: [],
    named: 'not_found',
    refusal: { status: 404, code: 'not_found', hasRequestId: true },
    nothing: 'TypeError: id: "" is not a valid id',
  });
});

it('the declarations need no declaration of the server', async () => {
  const { stdout } = await run(TSC, ['-p', consumer, '--noEmit', '--listFiles']);
  const read = stdout.split('\n').filter((file) => file.startsWith(join(ROOT, 'build')));
  expect(read).toEqual([join(ROOT, 'build', 'client', 'index.d.ts')]);
});

describe('the client', () => {
  const answering = (response: () => Response) =>
    createClient({
      url: 'https://evergrant.example/base',
      apiKey: 'k',
      fetch: async () => response(),
    });

  it('sends requests below the path of its URL, with encoded ids and its key', async () => {
    const asked: { url: string; key: string | null; redirect: string | undefined }[] = [];
    const client = createClient({
      url: 'https://evergrant.example/base/',
      apiKey: 'k',
      fetch: async (input, init) => {
        const { url, headers } = new Request(input, init);
        asked.push({ url, key: headers.get('authorization'), redirect: init?.redirect });
        return Response.json({});
      },
    });
    const { schedules, accounts } = client.api.admin;
    await schedules[':schedule_id'].resume.$post({ param: { schedule_id: 'sweep/e?b' }, json: {} });
    await accounts.$get({ query: { limit: 5, cursor: undefined } });
    const rest = { key: 'Bearer k', redirect: 'manual' };
    expect(asked).toEqual([
      { url: 'https://evergrant.example/base/api/admin/schedules/sweep%2Fe%3Fb/resume', ...rest },
      { url: 'https://evergrant.example/base/api/admin/accounts?limit=5', ...rest },
    ]);
  });

  it.each(['', '.', '..'])('sends nothing for the id "%s"', async (id) => {
    const client = answering(() => Response.json({}));
    expect(() => client.api.admin.accounts[':id'].$delete({ param: { id } })).toThrow(
      `id: "${id}" is not a valid id`,
    );
  });

  it.each([
    ['a page of another server', () => new Response('<p>hello'), 200],
    ['a redirect', () => new Response(null, { status: 302 }), 302],
    ['a failure of a proxy', () => new Response('{"oops": true}', { status: 502 }), 502],
  ])('reports %s as a response of another server', async (_what, response, status) => {
    await expect(answering(response).api.admin.status.$get()).rejects.toMatchObject({
      name: 'EvergrantError',
      status,
      code: null,
      message: `The response does not come from Evergrant (HTTP ${status}). Check the URL.`,
    });
  });
});

/** Starts that cannot succeed: they report every problem and reveal no secret. */
import { engines } from '../support/engines';
import { cleanUp, type EvergrantProcess, newKey, sharedEngines, startProcess } from './_evergrant';

const SECRET = 'geheim-4711';
const EBAY = { EBAY_CLIENT_ID: 'an-app', EBAY_CLIENT_SECRET: SECRET };

afterAll(cleanUp, 60_000);

/** Waits for the process to end, and expects exit code 1, no stack trace and no secret. */
async function refusal(run: EvergrantProcess): Promise<{ text: string; afterMs: number }> {
  const { code, signal, afterMs } = await run.exited;
  const text = `${run.stdout()}${run.stderr()}`;
  expect({ code, signal, text }).toMatchObject({ code: 1, signal: null });
  expect(text).not.toContain(SECRET);
  expect(text).not.toMatch(/\bat .*(:\d+:\d+|node_modules)/);
  return { text: run.stderr().trim(), afterMs };
}

describe('wrong values', () => {
  it('are all reported at once, one line each, with the expected value', async () => {
    const run = startProcess('main.js', {
      ENCRYPTION_KEYS: `k1:${SECRET}`,
      ADMIN_API_KEY: SECRET,
      PORT: 'http',
      LOG_LEVEL: 'loud',
      REFRESH_INTERVAL_MINUTES: '-1',
      LOG_RETENTION_DAYS: '0',
      SANDBOX_ACCESS_TOKEN_LIFE: 'soon',
      MONGODB_URI: `http://evergrant:${SECRET}@localhost`,
      PROVIDERS_FILE: '/nonexistent/providers.yaml',
    });
    const { text } = await refusal(run);
    const [title, ...problems] = text.split('\n').map((line) => line.trim());
    expect(title).toBe('The configuration is invalid:');
    expect(problems.toSorted()).toEqual([
      expect.stringMatching(/^- ADMIN_API_KEY must be at least 16 characters long/),
      expect.stringMatching(/^- ENCRYPTION_KEYS key 1 \("k1"\) must be 32 bytes in base64/),
      expect.stringMatching(/^- LOG_LEVEL must be one of trace, debug, info/),
      expect.stringMatching(/^- LOG_RETENTION_DAYS must be more than 0/),
      expect.stringMatching(/^- MONGODB_URI must start with mongodb:\/\//),
      expect.stringMatching(/^- PORT must be a port number/),
      expect.stringMatching(/^- PROVIDERS_FILE: \/nonexistent\/providers.yaml cannot be read/),
      expect.stringMatching(/^- REFRESH_INTERVAL_MINUTES must be more than 0/),
      expect.stringMatching(/^- SANDBOX_ACCESS_TOKEN_LIFE must be a duration such as 90s/),
    ]);
  });

  it('include a MONGODB_URI without ENCRYPTION_KEYS, with the command that creates a key', async () => {
    const { text } = await refusal(
      startProcess('main.js', { MONGODB_URI: `mongodb://evergrant:${SECRET}@127.0.0.1:1` }),
    );
    expect(text).toMatch(/ENCRYPTION_KEYS must be set together with MONGODB_URI: .*openssl rand/);
  });

  it('include half of the eBay credentials', async () => {
    const { text } = await refusal(startProcess('main.js', { EBAY_CLIENT_SECRET: SECRET }));
    expect(text).toContain('providers.ebay: EBAY_CLIENT_ID must be set in the environment');
  });

  it.each(['worker/main.js', 'server/main.js'] as const)(
    'of %s include all settings for which an all-in-one start has a default',
    async (entry) => {
      const { text } = await refusal(startProcess(entry, {}));
      expect(text.split('\n').slice(1)).toEqual([
        expect.stringContaining('MONGODB_URI must be set'),
        expect.stringContaining('TEMPORAL_ADDRESS must be set'),
        expect.stringContaining('ENCRYPTION_KEYS must be set'),
        expect.stringContaining('ebay needs EBAY_CLIENT_ID and EBAY_CLIENT_SECRET'),
      ]);
    },
  );
});

describe('an unreachable engine', () => {
  it('is reported soon with its address and without the password if it is MongoDB', async () => {
    const { text, afterMs } = await refusal(
      startProcess('worker/main.js', {
        ...EBAY,
        MONGODB_URI: `mongodb://evergrant:${SECRET}@127.0.0.1:1/evergrant`,
        TEMPORAL_ADDRESS: engines.temporalAddress,
        ENCRYPTION_KEYS: newKey(),
      }),
    );
    expect(text).toBe(
      'MongoDB is unreachable at mongodb://127.0.0.1:1/evergrant. Start it, or correct MONGODB_URI.',
    );
    expect(afterMs).toBeLessThan(40_000);
  });

  it('is reported without a stack trace if MONGODB_URI is malformed', async () => {
    const { text } = await refusal(
      startProcess('worker/main.js', {
        ...EBAY,
        MONGODB_URI: `mongodb://evergrant:${SECRET}@@127.0.0.1:99999/evergrant`,
        TEMPORAL_ADDRESS: engines.temporalAddress,
        ENCRYPTION_KEYS: newKey(),
      }),
    );
    expect(text).toMatch(
      /^MONGODB_URI is not a valid MongoDB connection string\. .* percent-encode /,
    );
  });

  it('is reported with its address by each process if it is Temporal', async () => {
    const { environment } = await sharedEngines();
    const place = { ...environment, ...EBAY, TEMPORAL_ADDRESS: '127.0.0.1:1' };
    const refusals = (['worker/main.js', 'server/main.js', 'main.js'] as const).map((entry) =>
      refusal(startProcess(entry, place)),
    );
    for (const { text, afterMs } of await Promise.all(refusals)) {
      expect(text).toMatch(
        /^Temporal is unreachable at 127\.0\.0\.1:1\. Start it, or correct TEMPORAL_ADDRESS/,
      );
      expect(afterMs).toBeLessThan(60_000);
    }
  });

  it('is reported with the command that creates the namespace if only that is missing', async () => {
    const { environment } = await sharedEngines();
    const { text } = await refusal(
      startProcess('worker/main.js', { ...environment, ...EBAY, TEMPORAL_NAMESPACE: 'nowhere' }),
    );
    expect(text).toBe(
      `Temporal at ${engines.temporalAddress} has no namespace "nowhere". Create it (temporal operator namespace create --namespace nowhere), or correct TEMPORAL_NAMESPACE.`,
    );
  });
});

/** The bytes that are sent, and the outcome if no response arrives. */
import { findAdapter } from '../../../src/providers/adapters/registry';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  cannedProvider,
  ebayAt,
  exchangeAt,
  NEW_ACCESS_TOKEN,
  NEW_REFRESH_TOKEN,
  REFRESH_TOKEN,
  socketProvider,
  stopProviders,
} from '../_provider';

const OK_BODY = JSON.stringify({
  access_token: NEW_ACCESS_TOKEN,
  token_type: 'User Access Token',
  expires_in: 7200,
});
const OK = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${OK_BODY.length}\r\n\r\n${OK_BODY}`;

/** Returns the bytes of one exchange's request. */
async function requestBytes({
  capture = true,
  clientSecret = CLIENT_SECRET,
} = {}): Promise<string> {
  const { port, connections } = await socketProvider((socket, received) => {
    if (received.includes('refresh_token=')) socket.end(OK);
  });
  // The port is part of the Host header, and the only part that may differ.
  const url = `http://127.0.0.1:${port}/token`;
  await exchangeAt(url, { capture, provider: ebayAt(url, clientSecret) });
  expect(connections).toHaveLength(1);
  return (connections[0] ?? '').replaceAll(String(port), '<port>');
}

const headerOf = (bytes: string, name: string) =>
  new RegExp(`^${name}: (.*)\r$`, 'im').exec(bytes)?.[1];

afterEach(stopProviders);

describe('the request', () => {
  it('R1.1 has the same bytes with and without capture', async () => {
    const [debug, scheduled] = [
      await requestBytes({ capture: true }),
      await requestBytes({ capture: false }),
    ];
    expect(debug).toBe(scheduled);
    expect(debug).toContain('refresh_token=');
  });

  it('is a form with the grant type and the refresh token, and no client credentials', async () => {
    const bytes = await requestBytes();
    expect(bytes).toMatch(/^POST \/token HTTP\/1\.1\r\n/);
    expect(headerOf(bytes, 'content-type')).toMatch(/^application\/x-www-form-urlencoded/);
    const form = Object.fromEntries(new URLSearchParams(bytes.split('\r\n\r\n')[1] ?? ''));
    expect(form).toEqual({ grant_type: 'refresh_token', refresh_token: REFRESH_TOKEN });
  });

  it('to eBay has the plain base64 of id and secret, including hyphens', async () => {
    for (const clientSecret of [CLIENT_SECRET, 'with:colon and %2D + blank']) {
      const bytes = await requestBytes({ clientSecret });
      const [scheme, encoded = ''] = (headerOf(bytes, 'authorization') ?? '').split(' ');
      expect(scheme).toBe('Basic');
      expect(Buffer.from(encoded, 'base64').toString()).toBe(`${CLIENT_ID}:${clientSecret}`);
    }
  });

  it('requests no content encoding', async () => {
    expect(headerOf(await requestBytes(), 'accept-encoding')).toBe('identity');
  });

  it('is captured with masked headers and body, only if requested', async () => {
    const { url } = await cannedProvider({ body: OK_BODY });
    const debug = await exchangeAt(url, { capture: true });
    expect(debug.request).toMatchObject({
      method: 'POST',
      url,
      headers: { authorization: 'Basic <masked>' },
      body: {
        grant_type: 'refresh_token',
        refresh_token: `v^1.1#… (${REFRESH_TOKEN.length} characters)`,
      },
    });
    expect(debug.response).toMatchObject({ status: 200, body: { expires_in: 7200 } });
    const scheduled = await exchangeAt(url, { capture: false });
    expect(Object.keys(scheduled.request).toSorted()).toEqual(['method', 'refresh_token', 'url']);
    expect(Object.keys(scheduled.response ?? {}).toSorted()).toEqual(['duration_ms', 'status']);
    expect(scheduled.finalPrefix).toBe(debug.finalPrefix);
  });
});

describe('a request that may not be sent', () => {
  it('is not sent if the claim was lost', async () => {
    const provider = await socketProvider(() => undefined);
    const result = await exchangeAt(`http://127.0.0.1:${provider.port}/token`, {
      mayBeSent: () => Promise.resolve(false),
    });
    expect(result).toMatchObject({
      outcome: 'not_sent',
      failure: null,
      claimLost: true,
      sentAt: null,
      response: null,
    });
    expect(provider.connections).toEqual([]);
  });

  it('is checked with the token that the request contains', async () => {
    const { url } = await cannedProvider({ body: OK_BODY });
    const asked: string[] = [];
    await exchangeAt(url, {
      mayBeSent: (token) => {
        asked.push(token);
        return Promise.resolve(true);
      },
    });
    expect(asked).toEqual([REFRESH_TOKEN]);
  });

  it('rethrows an error of the check instead of blaming the provider', async () => {
    const provider = await socketProvider(() => undefined);
    const away = new Error('the database is unreachable');
    const exchange = exchangeAt(`http://127.0.0.1:${provider.port}/token`, {
      mayBeSent: () => Promise.reject(away),
    });
    await expect(exchange).rejects.toBe(away);
    expect(provider.connections).toEqual([]);
  });

  it('is never sent over plain HTTP to another machine', async () => {
    const result = await exchangeAt('http://provider.example/token');
    expect(result).toMatchObject({ outcome: 'not_sent', sentAt: null });
  });
});

async function closedPort(): Promise<number> {
  const { port } = await socketProvider(() => undefined);
  await stopProviders();
  return port;
}

describe('nothing is sent', () => {
  it.each<[string, () => Promise<string>, RegExp]>([
    [
      'the name is unknown',
      async () => 'https://no-such-host.invalid/token',
      /^(ENOTFOUND|EAI_AGAIN|ETIMEDOUT)$/,
    ],
    [
      'the connection is refused',
      async () => `http://127.0.0.1:${await closedPort()}/t`,
      /^ECONNREFUSED$/,
    ],
    [
      'TLS fails because the server does not support it',
      async () => (await cannedProvider()).url.replace('http:', 'https:'),
      /^(ERR_SSL|EPROTO|ECONNRESET)/,
    ],
    [
      'TLS fails because the server closes during the handshake',
      async () => {
        const { port } = await socketProvider((socket) => socket.resetAndDestroy());
        return `https://127.0.0.1:${port}/token`;
      },
      /^ECONNRESET$/,
    ],
  ])('if %s', async (_why, url, code) => {
    const { outcome, failure, received, response } = await exchangeAt(await url());
    expect({ outcome, code: failure?.code, received, response }).toEqual({
      outcome: 'not_sent',
      code: 'provider_unreachable',
      received: [],
      response: null,
    });
    expect(failure?.detail).toMatch(code);
  });
});

describe('a request without a complete answer', () => {
  const HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
  const cut = (body: string) => `${HEAD}content-length: ${body.length + 100}\r\n\r\n${body}`;

  it.each<[string, Parameters<typeof socketProvider>[0]]>([
    ['a reset after the request is read', (socket) => socket.resetAndDestroy()],
    ['a close after the request is read', (socket) => socket.end()],
    ['a reset during the headers', (socket) => socket.write(HEAD, () => socket.resetAndDestroy())],
    ['something that is not HTTP', (socket) => socket.end('EHLO provider\r\n\r\n')],
    ['a close during the body', (socket) => socket.end(cut('{"access_tok'))],
  ])('has an unknown outcome after %s, and is not sent again', async (_how, answer) => {
    const { port, connections } = await socketProvider((socket, received) => {
      if (received.includes('refresh_token=')) answer(socket, received);
    });
    const { outcome, failure } = await exchangeAt(`http://127.0.0.1:${port}/token`);
    expect(outcome).toBe('unknown');
    expect(failure).toMatchObject({ class: 'provider' });
    expect(connections).toHaveLength(1);
  });

  it.each<[string, (write: (text: string) => void) => void]>([
    ['before the headers', () => undefined],
    ['during the headers', (write) => write(HEAD)],
    ['during the body', (write) => write(cut('{'))],
  ])('has an unknown outcome if the deadline passes %s', async (_when, begin) => {
    const { port } = await socketProvider((socket) => begin((text) => socket.write(text)));
    const started = Date.now();
    const { outcome } = await exchangeAt(`http://127.0.0.1:${port}/token`, { deadlineMs: 300 });
    expect(outcome).toBe('unknown');
    expect(Date.now() - started).toBeLessThan(5000);
  });

  it.each<[string, (socket: Parameters<Parameters<typeof socketProvider>[0]>[0]) => void]>([
    ['closed', (socket) => socket.end()],
    ['reset', (socket) => setTimeout(() => socket.resetAndDestroy(), 50)],
    ['silent until the deadline', () => undefined],
  ])(
    'R2.2 keeps the tokens of a 2xx if its connection was %s before its end',
    async (_how, end) => {
      const part = `{"access_token":"${NEW_ACCESS_TOKEN}","refresh_token":"${NEW_REFRESH_TOKEN}","expi`;
      const { port } = await socketProvider((socket, received) => {
        if (received.includes('refresh_token=')) socket.write(cut(part), () => end(socket));
      });
      const result = await exchangeAt(`http://127.0.0.1:${port}/token`, { deadlineMs: 5_000 });
      expect(result.received).toMatchObject([
        { accessToken: NEW_ACCESS_TOKEN, refreshToken: NEW_REFRESH_TOKEN },
      ]);
      expect(result.outcome).toBe('ok');
      expect(result.warnings).not.toEqual([]);
    },
  );
});

describe('R1.4 the eBay adapter', () => {
  it.each([
    ['v^1.1#i^1#r^1', null],
    ['AgAAAA**AQAAAA**', 'an eBay refresh token starts with "v^"; this one does not'],
    ['', 'an eBay refresh token starts with "v^"; this one does not'],
  ])('gives for a refresh token %j the warning %j', (token, warning) => {
    expect(findAdapter('ebay')?.refreshTokenWarning(token)).toBe(warning);
  });
});

import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  AnswerLostError,
  createTransport,
  NotSentError,
} from '../../../src/providers/exchange/transport';
import { type CannedAnswer, cannedProvider, socketProvider, stopProviders } from '../_provider';

const CAP = 64 * 1024;

afterEach(stopProviders);

async function post(canned: CannedAnswer, headers: Record<string, string> = {}) {
  const { url } = await cannedProvider(canned);
  return createTransport().send({ url, headers, body: 'a=1', deadlineMs: 10_000 });
}

describe('post', () => {
  it.each([
    ['nothing', 0, 0, null],
    ['64 kB', CAP, CAP, null],
    ['a byte more', CAP + 1, CAP, 'the answer is longer than 64 kB'],
    ['a megabyte', 1 << 20, CAP, 'the answer is longer than 64 kB'],
  ])('reads at most 64 kB of a body: %s', async (_size, sent, read, cut) => {
    const answer = await post({ body: 'x'.repeat(sent) });
    expect(answer.body).toHaveLength(read);
    expect(answer.cut).toBe(cut);
  });

  it('inflates at most 64 kB of a compression bomb', async () => {
    const whole = gzipSync('access_token=at-1&refresh_token=rt-1');
    // The length header is correct, so only the compressed stream shows that its end is missing.
    const early = await post({ body: whole.subarray(0, -10) });
    expect(early).toMatchObject({ compressed: 'gzip', cut: expect.stringContaining('broken') });
    expect((await post({ body: whole })).cut).toBeNull();
    const bomb = gzipSync(Buffer.alloc(20 << 20));
    const before = process.memoryUsage().rss;
    const answer = await post({ body: bomb, headers: { 'content-encoding': 'gzip' } });
    expect(answer.body.length).toBeLessThanOrEqual(CAP);
    expect(answer.cut).toBe('the compressed answer (gzip) is broken or too long');
    expect(process.memoryUsage().rss - before).toBeLessThan(20 << 20);
  });

  it('requests no encoding, for any headers', async () => {
    const { port, connections } = await socketProvider((socket) =>
      socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'),
    );
    await createTransport().send({
      url: `http://127.0.0.1:${port}/`,
      headers: { 'accept-encoding': 'gzip, br' },
      body: '',
      deadlineMs: 10_000,
    });
    expect(connections[0]).toMatch(/accept-encoding: identity\r\n/);
    expect(connections[0]).not.toMatch(/gzip/);
  });

  it.each(['POST', 'DELETE'] as const)(
    'sends the body of a %s so that a server reads it',
    async (method) => {
      const provider = await cannedProvider();
      provider.answer = (request, response) =>
        response.end(`${request.method} ${request.headers['content-length']}`);
      const request = { url: provider.url, method, headers: {}, body: 'a=ä', deadlineMs: 10_000 };
      expect((await createTransport().send(request)).body).toBe(`${method} 4`);
    },
  );

  it('returns every header, including repeated ones', async () => {
    const { headers } = await post({ headers: { 'x-one': '1', 'retry-after': '7' } });
    expect(headers).toContainEqual(['x-one', '1']);
    expect(headers).toContainEqual(['retry-after', '7']);
  });

  it('opens a connection per request, because the provider may close an idle one', async () => {
    const { port, connections } = await socketProvider((socket) =>
      socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: keep-alive\r\n\r\n'),
    );
    const transport = createTransport();
    for (let count = 0; count < 3; count += 1)
      await transport.send({
        url: `http://127.0.0.1:${port}/`,
        headers: {},
        body: 'a=1',
        deadlineMs: 10_000,
      });
    expect(connections).toHaveLength(3);
  });

  it('throws errors without cause and message of the HTTP library', async () => {
    const secret = randomBytes(16).toString('hex');
    const { port } = await socketProvider((socket) => socket.end(`${secret}\r\n\r\n`));
    const request = { headers: {}, body: secret, deadlineMs: 10_000 };
    const failures = await Promise.all(
      [`http://127.0.0.1:${port}/${secret}`, `https://${secret}.invalid/`].map((url) =>
        createTransport()
          .send({ ...request, url })
          .catch((error: unknown) => error),
      ),
    );
    expect(failures[0]).toBeInstanceOf(AnswerLostError);
    expect(failures[1]).toBeInstanceOf(NotSentError);
    for (const failure of failures) {
      expect(failure).not.toHaveProperty('cause');
      expect(String((failure as Error).stack)).not.toContain(secret);
    }
  });
});

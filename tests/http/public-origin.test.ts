import { Hono } from 'hono';
import { publicOrigin } from '../../src/http/public-origin';

async function originFor(address: string, publicUrl: URL | null) {
  const app = new Hono().get('/', (c) => c.text(publicOrigin(c, publicUrl)));
  app.onError((error, c) => c.text(error.message, 409));
  return (await app.request(address)).text();
}

it('uses PUBLIC_URL whatever address was requested', async () => {
  const publicUrl = new URL('https://evergrant.example/path');
  expect(await originFor('http://evil.example', publicUrl)).toBe('https://evergrant.example');
});

it('uses the requested address on this machine only', async () => {
  expect(await originFor('http://127.0.0.1:3000', null)).toBe('http://127.0.0.1:3000');
  expect(await originFor('http://evil.example', null)).toContain('PUBLIC_URL is not set');
});

/** A sandbox per test, and a client of its token endpoint that can send invalid requests. */
import { z } from 'zod';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../src/sandbox/server';

export const CLIENT_ID = 'Evergrant-Trial-SBX-1a2b3c4d5-6e7f8a9b';
export const CLIENT_SECRET = 'SBX-1a2b3c4d5e6f-7a8b-9c0d-1e2f-3a4b';

const running: Sandbox[] = [];

export async function sandboxForTest(options: Partial<SandboxOptions> = {}): Promise<Sandbox> {
  const sandbox = await startSandbox({
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    ...options,
  });
  running.push(sandbox);
  return sandbox;
}

export async function stopSandboxes(): Promise<void> {
  await Promise.all(running.splice(0).map((sandbox) => sandbox.stop()));
}

export function basic(clientId = CLIENT_ID, clientSecret = CLIENT_SECRET): string {
  return `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
}

export function post(
  sandbox: Sandbox,
  body: string,
  headers: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(sandbox.tokenEndpoint('ebay'), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
    ...(signal && { signal }),
  });
}

export function refresh(
  sandbox: Sandbox,
  refreshToken: string,
  parameters: Record<string, string> = {},
  signal?: AbortSignal,
): Promise<Response> {
  const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...parameters };
  return post(sandbox, new URLSearchParams(form).toString(), { authorization: basic() }, signal);
}

export async function accessTokenOf(response: Response): Promise<string> {
  return z.object({ access_token: z.string() }).parse(await response.json()).access_token;
}

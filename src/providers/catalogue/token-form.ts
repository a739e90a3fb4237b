/** Shapes token requests and reads token answers as a provider file describes them, in the form of RFC 6749. */
import { type Members, parseObject, valueAt } from '../exchange/answer-members';
import { TOKEN_NAMES } from '../exchange/salvage-tokens';
import type { TransportRequest } from '../exchange/transport';
import type { ProviderFile } from './provider-file';

type TokenRequest = Omit<TransportRequest, 'deadlineMs'>;

/** Returns the request that is sent, from one in the form of RFC 6749. */
export function shapedRequest(
  { token }: Pick<ProviderFile, 'token'>,
  request: TokenRequest,
): TokenRequest {
  const form = new URLSearchParams(request.body);
  if (form.get('grant_type') === 'refresh_token')
    for (const [name, value] of Object.entries(token.refreshParameters)) {
      // The configuration takes precedence, but it cannot state a grant type.
      if (value === '') form.delete(name);
      else if (name === 'grant_type' || !form.has(name)) form.set(name, value);
    }
  const sent = new Map([...form].map(([name, value]) => [token.rename[name] ?? name, value]));
  const headers = { ...request.headers, ...token.headers };
  const { method } = token;
  switch (token.body) {
    case 'form':
      return { ...request, headers, body: new URLSearchParams([...sent]).toString() };
    case 'json':
      return {
        ...request,
        headers: { ...headers, 'content-type': 'application/json' },
        body: JSON.stringify(Object.fromEntries(sent)),
      };
    case 'query': {
      const url = new URL(request.url);
      for (const [name, value] of sent) url.searchParams.set(name, value);
      const plain = Object.entries(headers).filter(
        ([name]) => name.toLowerCase() !== 'content-type',
      );
      return { url: url.href, method, headers: Object.fromEntries(plain) };
    }
  }
}

/**
 * Returns the members of a 2xx answer under the names of RFC 6749.
 * @returns `null` if the success test fails, so that the answer is a refusal; the same text if nothing is to be changed
 */
export function readableAnswer(
  { answer, renewal }: Pick<ProviderFile, 'answer' | 'renewal'>,
  body: string,
): string | null {
  const members = parseObject(body);
  if (members === null) return body;
  const { success } = answer;
  if (success !== undefined && valueAt(members, success.path) !== success.equals) return null;
  const named = {
    access_token: answer.accessToken,
    // The living access token is what a refresh presents.
    refresh_token:
      renewal === 'access_token' ? (answer.accessToken ?? 'access_token') : answer.refreshToken,
    expires_in: answer.expiresIn,
    expires_at: answer.expiresAt,
    refresh_token_expires_in:
      renewal === 'access_token' ? (answer.expiresIn ?? 'expires_in') : answer.refreshExpiresIn,
    scope: answer.scope,
  };
  const found = Object.entries(named).flatMap(([name, path]): [string, unknown][] => {
    const value = path === undefined ? undefined : valueAt(members, path);
    return value === undefined ? [] : [[name, value]];
  });
  const read = { ...withoutOtherGrant(members, answer), ...Object.fromEntries(found) };
  const inSeconds = answer.unit === 'ms' ? lifetimesInSeconds(read) : read;
  return found.length === 0 && answer.unit === 's' ? body : JSON.stringify(inSeconds);
}

/**
 * Leaves out the token of another grant: if the file states a place within an object for both tokens, and the answer has
 * only one of them there, a token outside of that object does not complete it.
 */
function withoutOtherGrant(
  members: Members,
  { accessToken, refreshToken }: ProviderFile['answer'],
): Members {
  const paths = [accessToken, refreshToken].filter((path) => path?.includes('.') === true);
  const isFound = paths.map((path) => path !== undefined && valueAt(members, path) !== undefined);
  if (paths.length < 2 || isFound[0] === isFound[1]) return members;
  return Object.fromEntries(
    Object.entries(members).filter(([name]) => !FOUND_NAMES.includes(name)),
  );
}

/** A token outside of the stated places is found under these names. */
const FOUND_NAMES: readonly string[] = Object.values(TOKEN_NAMES).flat();

function lifetimesInSeconds(members: Members): Members {
  const names = ['expires_in', 'refresh_token_expires_in'];
  return Object.fromEntries(
    Object.entries(members).map(([name, value]) => [
      name,
      names.includes(name) && value !== null ? Number(value) / 1000 : value,
    ]),
  );
}

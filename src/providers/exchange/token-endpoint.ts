/**
 * Where a refresh token is sent: an address that is known, one for each account, or one that an issuer's metadata
 * tells. A refresh token must not reach any other host, so each is checked before it is used.
 */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  discoveryRequest,
  processDiscoveryResponse,
} from 'oauth4webapi';
import { NotSentError } from './transport';

const DISCOVERY_DEADLINE_MS = 5_000;

/** The part of an account by which its provider knows it. */
export interface AccountAddress {
  externalId: string;
}

export interface TokenEndpoint {
  /** For the terminal, where it did not come to sending. */
  shown(account: AccountAddress): string;
  /**
   * @throws {AccountAddressError} if the account's external id names no host of the provider
   * @throws {NotSentError} if the issuer could not be asked
   */
  resolve(account: AccountAddress): Promise<AuthorizationServer>;
}

/** The account's external id names no host of its provider; nothing was sent. */
export class AccountAddressError extends Error {
  override name = 'AccountAddressError';
}

/** One address for all accounts. `issuer` is the audience of a signed assertion, where it is not the address itself. */
export function fixedEndpoint(address: string, issuer: string = address): TokenEndpoint {
  const server = { issuer, token_endpoint: new URL(address).href };
  return { shown: () => server.token_endpoint, resolve: () => Promise.resolve(server) };
}

/** The host of an account at its provider, or `null` if the external id names none. */
export type AccountHost = (externalId: string) => string | null;

/**
 * The address for one account: the template, with the account's host in the place of `{account}`.
 * @throws {AccountAddressError}
 */
export function accountAddress(
  template: string,
  { externalId }: AccountAddress,
  accountHost: AccountHost | undefined,
): string {
  if (!template.includes('{account}')) return template;
  const host = accountHost?.(externalId) ?? null;
  if (host === null) throw new AccountAddressError('the external id names no host');
  return template.replace('{account}', host);
}

/** An address with `{account}` in it. */
export function accountEndpoint(template: string, accountHost: AccountHost): TokenEndpoint {
  return {
    shown: ({ externalId }) =>
      template.replace('{account}', accountHost(externalId) ?? '<unknown>'),
    resolve: async (account) =>
      fixedEndpoint(accountAddress(template, account, accountHost)).resolve(account),
  };
}

/**
 * The address in an issuer's metadata, asked for at the first use and then kept: an issuer that is away must not keep
 * Evergrant from starting, and a failure is asked again.
 * @see [RFC 8414](https://www.rfc-editor.org/rfc/rfc8414) and OpenID Connect Discovery 1.0, whose path is tried first
 */
export function discoveredEndpoint(issuer: string): TokenEndpoint {
  let known: Promise<AuthorizationServer> | undefined;
  return {
    shown: () => `<token endpoint of ${issuer}>`,
    resolve() {
      known ??= discover(new URL(issuer)).catch((error: unknown) => {
        known = undefined;
        throw error;
      });
      return known;
    },
  };
}

async function discover(issuer: URL): Promise<AuthorizationServer> {
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    try {
      const response = await discoveryRequest(issuer, {
        algorithm,
        signal: () => AbortSignal.timeout(DISCOVERY_DEADLINE_MS),
        [allowInsecureRequests]: isLoopback(issuer),
      });
      const server = await processDiscoveryResponse(issuer, response);
      if (isSendable(server.token_endpoint))
        return {
          issuer: server.issuer,
          token_endpoint: server.token_endpoint,
          ...(isSendable(server.introspection_endpoint)
            ? { introspection_endpoint: server.introspection_endpoint }
            : {}),
        };
    } catch {
      // The other path may have it. What a library says of a failure can quote the answer.
    }
  }
  throw new NotSentError('the issuer’s metadata could not be read');
}

function isSendable(address: string | undefined): address is string {
  return address !== undefined && URL.canParse(address) && isSecure(new URL(address));
}

/** Plain HTTP is for a server on this machine only. */
export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

export function isLoopback(url: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
}

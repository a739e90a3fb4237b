/**
 * Token endpoints: a fixed URL, a URL per account, or a URL from an issuer's metadata. A refresh token must not reach
 * any other host, so each URL is checked before use.
 */
import {
  type AuthorizationServer,
  allowInsecureRequests,
  discoveryRequest,
  processDiscoveryResponse,
} from 'oauth4webapi';
import type { ProviderValues } from '../../domain/account/grant';
import { NotSentError } from './transport';

const DISCOVERY_DEADLINE_MS = 5_000;

/** The fields of an account that its URLs can depend on. */
export interface AccountAddress {
  externalId: string;
  /** Absent: the provider stated none. */
  providerValues?: ProviderValues;
}

/** The address of an account with the values of one of its grants. */
export function accountAddressOf(
  { externalId }: Pick<AccountAddress, 'externalId'>,
  { providerValues }: Pick<AccountAddress, 'providerValues'>,
): AccountAddress {
  return { externalId, ...(providerValues === undefined ? {} : { providerValues }) };
}

export interface TokenEndpoint {
  /** The URL for the log if no request was sent. */
  shown(account: AccountAddress): string;
  /**
   * @throws {AccountAddressError} if the account does not name a host of the provider
   * @throws {NotSentError} if the issuer's metadata could not be read
   */
  resolve(account: AccountAddress): Promise<AuthorizationServer>;
}

/** The account does not name a host of its provider. No request was sent. */
export class AccountAddressError extends Error {
  override name = 'AccountAddressError';
}

/** One URL for all accounts. `issuer` is the audience of a signed assertion if it differs from the URL. */
export function fixedEndpoint(address: string, issuer: string = address): TokenEndpoint {
  const server = { issuer, token_endpoint: new URL(address).href };
  return { shown: () => server.token_endpoint, resolve: () => Promise.resolve(server) };
}

/** Returns the host that a text names, or `null` if it is not a host of the provider. */
export type AccountHost = (text: string) => string | null;

/** The hosts that `{account}` and `{name}` of a URL stand for. */
export interface AccountHosts {
  /** The host that the external id is or names. */
  accountHost?: AccountHost;
  /** Hosts in provider values, by the names of the values. */
  keptHosts?: Readonly<Record<string, AccountHost>>;
}

/** `{account}`, `{name}`, and `{name|host}` with the host for accounts without this value. */
const PLACEHOLDER = /\{([a-zA-Z][\w-]*)(?:\|([a-z0-9.-]+))?\}/g;
/** A host or a part of one. Any other character could end the host in a URL, so that another host gets the token. */
const HOST = /^[\w.-]+$/;

/**
 * Builds the URL of an account from a template.
 * @throws {AccountAddressError}
 */
export function accountAddress(
  template: string,
  account: AccountAddress,
  hosts: AccountHosts,
): string {
  return filledTemplate(template, account, hosts, () => {
    throw new AccountAddressError('the account does not name a host of the provider');
  });
}

/** The URL of an account for the log, even if the account names no host. */
export function shownAddress(
  template: string,
  account: AccountAddress,
  hosts: AccountHosts,
): string {
  return filledTemplate(template, account, hosts, () => '<unknown>');
}

/** Replaces known names only: a configured URL may contain braces. */
function filledTemplate(
  template: string,
  { externalId, providerValues = {} }: AccountAddress,
  { accountHost, keptHosts = {} }: AccountHosts,
  otherwise: () => string,
): string {
  return template.replace(PLACEHOLDER, (whole, name: string, fallback: string | undefined) => {
    if (name === 'account')
      return accountHost === undefined
        ? whole
        : (plainHost(accountHost(externalId)) ?? otherwise());
    const hostOf = Object.hasOwn(keptHosts, name) ? keptHosts[name] : undefined;
    if (hostOf === undefined) return whole;
    const value = Object.hasOwn(providerValues, name) ? providerValues[name] : undefined;
    // A value that is not a host of the provider is never replaced by another host.
    return (value === undefined ? fallback : plainHost(hostOf(value))) ?? otherwise();
  });
}

/** The patterns of operators may be too wide. */
function plainHost(host: string | null): string | null {
  return host !== null && HOST.test(host) ? host : null;
}

/** A URL that depends on the account. */
export function accountEndpoint(template: string, hosts: AccountHosts): TokenEndpoint {
  return {
    shown: (account) => shownAddress(template, account, hosts),
    resolve: async (account) =>
      fixedEndpoint(accountAddress(template, account, hosts)).resolve(account),
  };
}

/** Whether a URL depends on the account. */
export function isOfAccount(template: string, { accountHost, keptHosts = {} }: AccountHosts) {
  return [...template.matchAll(PLACEHOLDER)].some(([, name = '']) =>
    name === 'account' ? accountHost !== undefined : Object.hasOwn(keptHosts, name),
  );
}

/**
 * The endpoint from an issuer's metadata, fetched at first use and then cached. Evergrant can thus start while an
 * issuer is unreachable. A failed fetch is retried at the next use.
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
      if (isSendable(server.token_endpoint)) return usable(server);
    } catch {
      // The other path may succeed. The library's error may quote the response, so it is dropped.
    }
  }
  throw new NotSentError('the metadata of the issuer could not be read');
}

/** Endpoints besides the token endpoint. An endpoint that is not secure counts as absent. */
const FURTHER_ENDPOINTS = [
  'introspection_endpoint',
  'authorization_endpoint',
  'pushed_authorization_request_endpoint',
  'revocation_endpoint',
] as const;

/** Members that state how the server behaves. */
const STATEMENTS = [
  'authorization_response_iss_parameter_supported',
  'require_pushed_authorization_requests',
  'id_token_signing_alg_values_supported',
] as const;

function usable(server: AuthorizationServer): AuthorizationServer {
  const names = [
    'issuer',
    'token_endpoint',
    ...FURTHER_ENDPOINTS.filter((name) => isSendable(server[name])),
    ...STATEMENTS.filter((name) => server[name] !== undefined),
  ];
  return {
    issuer: server.issuer,
    ...Object.fromEntries(names.map((name) => [name, server[name]])),
  };
}

function isSendable(address: string | undefined): address is string {
  return address !== undefined && URL.canParse(address) && isSecure(new URL(address));
}

/** Whether a URL uses HTTPS, or plain HTTP on this machine. */
export function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url));
}

export function isLoopback(url: URL): boolean {
  return ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname);
}

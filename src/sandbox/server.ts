/** The sandbox: an OAuth server on loopback with one dialect per provider, a ledger and scripts. */
import { once, setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { ProviderFile } from '../providers/catalogue/provider-file';
import { AuthorizationEndpoint } from './authorization-endpoint';
import {
  AuthorizationServer,
  type AuthorizationServerOptions,
  type GrantInput,
  type IssuedGrant,
} from './authorization-server';
import { CredentialGrants } from './credential-grants';
import type { SandboxProvider } from './dialect';
import { Dialects } from './dialects';
import { Ledger, type LedgerEntry, type LedgerEvent, type LedgerListener } from './ledger';
import { RevocationEndpoint } from './revocation-endpoint';
import { Script, type ScriptRule } from './scripted-answer';
import { ConsentScript, type ScriptedConsent } from './scripted-consent';
import { TokenEndpoint } from './token-endpoint';
import { ValidationEndpoint } from './validation-endpoint';

/** Idle time, in ms, before a connection is closed. If it is too short, a client's next request can be cut off. */
const KEEP_ALIVE_MS = 65_000;

export interface SandboxOptions extends AuthorizationServerOptions {
  /** Default: 0, which selects a free port. */
  port?: number;
  /** Callback URLs by the name that a client sends as its redirect URI, such as eBay's RuName. */
  redirectUris?: Readonly<Record<string, string>>;
  /** Provider files that are not in `providers/`. */
  files?: readonly ProviderFile[];
}

/** Members of an environment of `providers.yaml` that point at one provider of the sandbox. */
interface SandboxEndpoints {
  tokenEndpoint: string;
  refreshEndpoint?: string;
  /** Contains `{account}` if each account has its own host at the provider. */
  authorizationEndpoint: string;
  validationEndpoint?: string;
  identityEndpoint?: string;
  revocationEndpoint?: string;
  issuer: string;
}

export interface Sandbox {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  tokenEndpoint(provider: SandboxProvider): string;
  endpoints(provider: SandboxProvider): SandboxEndpoints;
  /** Creates a grant as if its owner had just consented. */
  issueGrant(input: GrantInput & { provider: SandboxProvider }): IssuedGrant;
  /** Creates an access token that does not expire and has no refresh token, as some providers issue. */
  issueEndlessToken(
    input: Pick<GrantInput, 'subject' | 'scopes' | 'secretMarker'> & { provider: SandboxProvider },
  ): string;
  /** Revokes the grant of any token, as if its owner had withdrawn the consent. Throws if no grant has the token. */
  revoke(token: string): void;
  /** Clients and keys of accounts without a person. */
  readonly credentialGrants: Pick<CredentialGrants, 'setClient' | 'setKey'>;
  /** Changes the client secret. The old one stops working at once. */
  setClientSecret(secret: string): void;
  /** Whether the provider would accept the access token now. */
  isAccessTokenActive(accessToken: string): boolean;
  /** The entries in order. The array grows as requests arrive. */
  readonly ledger: readonly LedgerEntry[];
  /**
   * Listeners run synchronously during the event. An error in a listener ends the process, so that no failure of a test
   * or fault lab is hidden.
   *
   * @returns a function that removes the listener
   */
  on(event: LedgerEvent, listener: LedgerListener): () => void;
  /**
   * Scripts the responses to coming requests, first rule first. A rule added by a `received` listener applies to that
   * request.
   *
   * @returns a function that removes the rule
   */
  script(rule: ScriptRule): () => void;
  /** Scripts the next decision on a consent page. */
  scriptConsent(consent: ScriptedConsent): void;
  /** Closes all connections, including hanging ones, and writes the state file. May be called twice. */
  stop(): Promise<void>;
}

/**
 * Starts a sandbox on 127.0.0.1.
 *
 * @throws if the port is in use or the state file is invalid
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const authorizationServer = new AuthorizationServer(options);
  const credentialGrants = new CredentialGrants();
  const dialects = new Dialects(options.files ?? []);
  const ledger = new Ledger();
  const script = new Script();
  const stopping = new AbortController();
  // Each delayed response adds a listener, so Node's warning about a leak does not apply.
  setMaxListeners(0, stopping.signal);
  const consentScript = new ConsentScript();
  const deps = {
    dialects,
    authorizationServer,
    credentialGrants,
    ledger,
    script,
    consentScript,
    redirectUris: options.redirectUris ?? {},
    stopping: stopping.signal,
  };
  const authorizationEndpoint = new AuthorizationEndpoint(deps);
  const revocationEndpoint = new RevocationEndpoint(deps);
  const tokenEndpoint = new TokenEndpoint(deps);
  const validationEndpoint = new ValidationEndpoint(deps);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    const isHandled =
      validationEndpoint.handle(request, response) ||
      authorizationEndpoint.handle(request, response) ||
      revocationEndpoint.handle(request, response);
    if (!isHandled) void tokenEndpoint.handle(request, response);
  });
  const url = await listen(server, options.port ?? 0);
  authorizationServer.url = url;

  return {
    url,
    tokenEndpoint: (provider) => `${url}${dialects.of(provider).tokenPath}`,
    endpoints(provider) {
      const dialect = dialects.of(provider);
      const { tokenPath, refreshPath, authorization, validation, revocation } = dialect;
      const { identity = validation } = dialect;
      const at = ({ path, search = '' }: { path: string; search?: string }) =>
        `${url}${path}${search}`;
      return {
        tokenEndpoint: `${url}${tokenPath}`,
        ...(refreshPath !== undefined && { refreshEndpoint: `${url}${refreshPath}` }),
        authorizationEndpoint: at(authorization),
        ...(validation !== undefined && { validationEndpoint: at(validation) }),
        ...(identity !== undefined && { identityEndpoint: at(identity) }),
        ...(revocation !== undefined && { revocationEndpoint: at(revocation) }),
        issuer: authorizationServer.issuerOf(provider),
      };
    },
    issueGrant: ({ provider, ...input }) =>
      authorizationServer.issueGrant(dialects.of(provider), input),
    issueEndlessToken: ({ provider, ...input }) =>
      authorizationServer.issueEndlessToken(dialects.of(provider), input),
    revoke: (token) => authorizationServer.revoke(token),
    credentialGrants,
    setClientSecret: (secret) => authorizationServer.setClientSecret(secret),
    isAccessTokenActive: (accessToken) => authorizationServer.isAccessTokenActive(accessToken),
    ledger: ledger.entries,
    on: (event, listener) => ledger.on(event, listener),
    script: (rule) => script.add(rule),
    scriptConsent: (consent) => consentScript.add(consent),
    async stop() {
      stopping.abort();
      if (server.listening) {
        const closed = once(server, 'close');
        server.close();
        server.closeAllConnections();
        await closed;
      }
      authorizationServer.flush();
    },
  };
}

async function listen(server: Server, port: number): Promise<string> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return `http://127.0.0.1:${address.port}`;
}

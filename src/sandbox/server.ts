/**
 * The sandbox: an OAuth server on loopback that mounts one dialect per provider over the common
 * authorization server, writes the ledger, and says what it is scripted to say.
 */
import { once, setMaxListeners } from 'node:events';
import { createServer, type Server } from 'node:http';
import {
  AuthorizationServer,
  type AuthorizationServerOptions,
  type GrantInput,
  type IssuedGrant,
} from './authorization-server';
import type { Dialect, SandboxProvider } from './dialect';
import { ebay } from './ebay';
import { etsy } from './etsy';
import { google } from './google';
import { Ledger, type LedgerEntry, type LedgerEvent, type LedgerListener } from './ledger';
import { Script, type ScriptRule } from './scripted-answer';
import { shopify } from './shopify';
import { TokenEndpoint } from './token-endpoint';
import { ValidationEndpoint } from './validation-endpoint';

const DIALECTS: Record<SandboxProvider, Dialect> = { ebay, etsy, shopify, google };

/** Long enough that a client's idle connection is not closed under its next request. */
const KEEP_ALIVE_MS = 65_000;

export interface SandboxOptions extends AuthorizationServerOptions {
  /** 0, the default, takes any free port. */
  port?: number;
}

export interface Sandbox {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  tokenEndpoint(provider: SandboxProvider): string;
  /** The call that tells whether an access token works. */
  validationEndpoint(provider: SandboxProvider): string;
  /** Creates a grant as if its owner had just consented. */
  issueGrant(input: GrantInput & { provider: SandboxProvider }): IssuedGrant;
  /** An access token that does not end and came alone, as some providers issue. */
  issueEndlessToken(
    input: Pick<GrantInput, 'subject' | 'scopes' | 'secretMarker'> & { provider: SandboxProvider },
  ): string;
  /** The owner withdraws the consent. Takes any token of the grant; throws if no grant has it. */
  revoke(token: string): void;
  /** Rolls the client secret: the old one stops working at once. */
  setClientSecret(secret: string): void;
  /** Whether the provider would honour the access token now. */
  isAccessTokenActive(accessToken: string): boolean;
  /** In order, live: it grows while requests come in. */
  readonly ledger: readonly LedgerEntry[];
  /**
   * Listeners run synchronously at the very moment of the event. One that throws brings the process down:
   * nothing here swallows the failure of a test or a fault lab.
   *
   * @returns a function that removes the listener
   */
  on(event: LedgerEvent, listener: LedgerListener): () => void;
  /**
   * Chooses the answers to coming requests, first rule first. A rule given by a `received` listener
   * applies to that very request.
   *
   * @returns a function that takes back what is left of the rule
   */
  script(rule: ScriptRule): () => void;
  /** Cuts all connections, hanging ones too, and writes the state file. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts a sandbox on 127.0.0.1.
 *
 * @throws if the port is taken or the state file is not one of its own
 */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const authorizationServer = new AuthorizationServer(options);
  const ledger = new Ledger();
  const script = new Script();
  const stopping = new AbortController();
  // As many listeners as answers are held back at once; that is no leak.
  setMaxListeners(0, stopping.signal);
  const deps = {
    dialects: Object.values(DIALECTS),
    authorizationServer,
    ledger,
    script,
    stopping: stopping.signal,
  };
  const tokenEndpoint = new TokenEndpoint(deps);
  const validationEndpoint = new ValidationEndpoint(deps);
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, (request, response) => {
    if (!validationEndpoint.handle(request, response)) void tokenEndpoint.handle(request, response);
  });
  const url = await listen(server, options.port ?? 0);

  return {
    url,
    tokenEndpoint: (provider) => `${url}${DIALECTS[provider].tokenPath}`,
    validationEndpoint: (provider) => `${url}${DIALECTS[provider].validation.path}`,
    issueGrant: ({ provider, ...input }) =>
      authorizationServer.issueGrant(DIALECTS[provider], input),
    issueEndlessToken: ({ provider, ...input }) =>
      authorizationServer.issueEndlessToken(DIALECTS[provider], input),
    revoke: (token) => authorizationServer.revoke(token),
    setClientSecret: (secret) => authorizationServer.setClientSecret(secret),
    isAccessTokenActive: (accessToken) => authorizationServer.isAccessTokenActive(accessToken),
    ledger: ledger.entries,
    on: (event, listener) => ledger.on(event, listener),
    script: (rule) => script.add(rule),
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

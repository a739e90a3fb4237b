/**
 * The exchange of a refresh token for a new grant: the same function for every provider, source and caller (R1.1).
 * Order matters: what a 2xx brings is handed to `receive` (which seals it) before a strict parser may reject it,
 * because an odd answer can hold the only copy of a rotated refresh token.
 */
import {
  allowInsecureRequests,
  customFetch,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
} from 'oauth4webapi';
import { expiresAt } from '../domain/grant';
import type { MaskedRequest, MaskedResponse } from '../domain/log-entry';
import { prefix } from '../domain/masking';
import { Secret } from '../domain/secret';
import { captureRequest, captureResponse } from './exchange-capture';
import { ClaimLostError, type Conclusion, conclude, isSuccess } from './exchange-conclusion';
import type { Provider, ProviderEnvironment } from './provider';
import { type SalvagedTokens, salvageTokens } from './salvage-tokens';
import { strictResponse } from './strict-response';
import { type AccountAddress, isLoopback } from './token-endpoint';
import type { Transport, TransportRequest, TransportResponse } from './transport';

/** The whole exchange, name resolution to last byte. A claim's lease is longer. */
const HTTP_DEADLINE_MS = 15_000;

/** A hundred years: more is a provider's slip, and is taken for "not stated". */
const REFRESH_LIFE_MAX_SECONDS = 100 * 365 * 24 * 3600;

/** What a 2xx brought, for the moment it takes to seal it. */
export interface ReceivedGrant {
  accessToken: Secret | null;
  /** `null`: the provider sent none, the old one stays. */
  refreshToken: Secret | null;
  expiresAt: Date;
  refreshTokenExpiresAt: Date | null;
  scopes: string[] | null;
}

export interface ExchangeInput {
  provider: Provider;
  environment: ProviderEnvironment;
  account: AccountAddress;
  refreshToken: Secret;
  /** Keep headers and bodies, masked, for the terminal (debug). Nothing else differs. */
  capture: boolean;
  /**
   * Called when the request is built and about to leave.
   * @returns whether it may: a claim that was lost meanwhile must not send.
   */
  mayBeSent(finalRefreshToken: string): Promise<boolean>;
  /** Called with what a 2xx brought, at once. */
  receive(grant: ReceivedGrant): void;
}

export interface Exchange extends Conclusion {
  /** `null`: it did not come to sending. */
  sentAt: Date | null;
  claimLost: boolean;
  request: MaskedRequest;
  response: MaskedResponse | null;
  finalPrefix: string | null;
}

export interface ExchangeDependencies {
  transport: Transport;
  now: () => Date;
}

/**
 * Never throws for anything a provider or the network does: the result says what happened. What `mayBeSent` and
 * `receive` throw is the caller's own and comes back to it.
 */
export async function exchangeRefreshToken(
  input: ExchangeInput,
  deps: ExchangeDependencies,
): Promise<Exchange> {
  const { provider, environment, account } = input;
  const refreshToken = input.refreshToken.reveal();
  const secrets = [refreshToken, ...environment.secrets.map((secret) => secret.reveal())];
  const shown: Pick<Exchange, 'request' | 'response' | 'finalPrefix' | 'sentAt'> = {
    request: {
      method: 'POST',
      url: environment.tokenEndpoint.shown(account),
      refresh_token: prefix(refreshToken),
    },
    response: null,
    finalPrefix: null,
    sentAt: null,
  };
  let answer: TransportResponse | undefined;
  let salvaged: SalvagedTokens | null = null;
  let own: { error: unknown } | undefined;
  const ours = <T>(step: () => Promise<T>): Promise<T> =>
    step().catch((error: unknown) => {
      own = { error };
      throw error;
    });

  const send = async (
    url: string,
    options: { headers: Record<string, string>; body: URLSearchParams },
  ) => {
    // An assertion is as good as a secret for as long as it lives.
    secrets.push(...options.body.getAll('client_assertion'));
    shown.request.url = url;
    const request: TransportRequest = {
      url,
      headers: options.headers,
      body: options.body.toString(),
      deadlineMs: HTTP_DEADLINE_MS,
    };
    if (input.capture) {
      shown.request = captureRequest(shown.request, request, options.body, secrets);
    }
    const final = options.body.get('refresh_token') ?? '';
    shown.finalPrefix = prefix(final);
    if (!(await ours(() => input.mayBeSent(final)))) throw new ClaimLostError();
    const sentAt = deps.now();
    shown.sentAt = sentAt;
    answer = await deps.transport.send(request);
    const durationMs = deps.now().getTime() - sentAt.getTime();
    const found = isSuccess(answer) ? salvageTokens(answer.body) : null;
    salvaged = found;
    const live = found === null ? secrets : [...secrets, ...tokensOf(found)];
    if (found !== null) {
      await ours(async () => input.receive(receivedGrant(found, provider, sentAt, live)));
    }
    shown.response = { status: answer.status, duration_ms: durationMs };
    if (input.capture) shown.response = captureResponse(shown.response, answer, live);
    return strictResponse(answer, provider.adapter);
  };

  const verdict = await judge(async () => {
    const server = await environment.tokenEndpoint.resolve(account);
    const response = await refreshTokenGrantRequest(
      server,
      environment.client,
      environment.clientAuthentication,
      refreshToken,
      {
        [customFetch]: send,
        [allowInsecureRequests]: isLoopback(new URL(server.token_endpoint ?? '')),
        additionalParameters: environment.parameters,
      },
    );
    await processRefreshTokenResponse(server, environment.client, response, {
      recognizedTokenTypes: Object.fromEntries(
        provider.adapter.tokenTypes.map((type) => [type, () => undefined]),
      ),
    });
  });

  if (own !== undefined) throw own.error;
  return {
    ...shown,
    ...conclude({ verdict, answer, salvaged, provider, secrets, now: deps.now() }),
    claimLost: verdict instanceof ClaimLostError,
  };
}

/** The error a step ended with, as a value: nothing of it may travel further than {@link conclude}. */
async function judge(step: () => Promise<void>): Promise<unknown> {
  try {
    await step();
    return null;
  } catch (error) {
    return error;
  }
}

function receivedGrant(
  tokens: SalvagedTokens,
  provider: Provider,
  sentAt: Date,
  secrets: readonly string[],
): ReceivedGrant {
  const { body } = tokens;
  const stated = body['refresh_token_expires_in'];
  const refreshLife =
    stated === undefined && tokens.refreshToken !== null
      ? provider.refreshTokenLifeSeconds
      : stated;
  return {
    accessToken: secretOf(tokens.accessToken),
    refreshToken: secretOf(tokens.refreshToken),
    expiresAt: expiresAt(sentAt, body['expires_in'], provider.accessTokenLifeSeconds),
    // A life beyond what a date can hold must not keep the grant from being stored.
    refreshTokenExpiresAt:
      typeof refreshLife === 'number' && refreshLife >= 0 && refreshLife <= REFRESH_LIFE_MAX_SECONDS
        ? new Date(sentAt.getTime() + refreshLife * 1000)
        : null,
    scopes: typeof body['scope'] === 'string' ? scopesOf(body['scope'], provider, secrets) : null,
  };
}

/** Scopes are stored and shown as they are: what holds a token is none. */
function scopesOf(scope: string, provider: Provider, secrets: readonly string[]): string[] {
  return scope
    .split(provider.adapter.scopeSeparator ?? ' ')
    .map((one) => one.trim())
    .filter((one) => one !== '' && !secrets.some((secret) => one.includes(secret)));
}

function secretOf(token: string | null): Secret | null {
  return token === null ? null : new Secret(token);
}

function tokensOf(tokens: SalvagedTokens): string[] {
  return [tokens.accessToken, tokens.refreshToken].filter((token) => token !== null);
}

/**
 * Exchanges a refresh token for a new grant: one function for every provider, source and caller. The order matters:
 * `receive` encrypts the tokens of a 2xx before the strict parser may reject it, because a malformed response may hold
 * the only copy of a rotated refresh token.
 */
import {
  allowInsecureRequests,
  customFetch,
  processRefreshTokenResponse,
  refreshTokenGrantRequest,
} from 'oauth4webapi';
import type { MaskedRequest, MaskedResponse } from '../../domain/logs/log-entry';
import { maskFreeText, prefix } from '../../domain/masking/masking';
import type { Secret } from '../../domain/masking/secret';
import type { Provider, ProviderEnvironment } from '../provider';
import { captureRequest, captureResponse } from './exchange-capture';
import { ClaimLostError, type Conclusion, conclude, isSuccess } from './exchange-conclusion';
import { type ReceivedGrant, readGrant } from './received-grant';
import { type SalvagedTokens, salvageTokens, tokensIn } from './salvage-tokens';
import { strictResponse } from './strict-response';
import { type AccountAddress, isLoopback } from './token-endpoint';
import type { Transport, TransportRequest, TransportResponse } from './transport';

/** Deadline, in ms, of the whole exchange, from name resolution to the last byte. A claim's lease must be longer. */
const HTTP_DEADLINE_MS = 15_000;

export interface ExchangeInput {
  provider: Provider;
  environment: ProviderEnvironment;
  account: AccountAddress;
  refreshToken: Secret;
  /** Log headers and bodies, masked (debug). This changes nothing else. */
  capture: boolean;
  /**
   * Called immediately before the request is sent.
   * @returns `false` if the claim was lost, so that the request must not be sent
   */
  mayBeSent(finalRefreshToken: string): Promise<boolean>;
  /** Called at once with the grant of a 2xx response. */
  receive(grant: ReceivedGrant): void;
}

export interface Exchange extends Conclusion {
  /** `null`: no request was sent. */
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

/** Never throws for errors of provider or network: the result describes them. Errors of the callbacks are rethrown. */
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
  const oddities: string[] = [];
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
    // A client assertion is a secret as long as it is valid.
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
    // From here on all tokens of the response are masked, because a refusal can quote a token, too.
    secrets.push(...tokensIn(answer.body));
    const { body, compressed, cut } = answer;
    const found = isSuccess(answer) ? salvageTokens(body, provider.tokenPath, cut !== null) : null;
    salvaged = found;
    if (compressed !== null)
      oddities.push(
        `the answer was compressed (${compressed}), although the request did not ask for it`,
      );
    if (found !== null) {
      const { grant, warnings } = readGrant(found, provider, sentAt, secrets);
      // Warnings contain member names, which come from the response.
      const odd = [...found.warnings, ...warnings];
      oddities.push(...odd.map((warning) => maskFreeText(warning, secrets)));
      await ours(async () => input.receive(grant));
    }
    shown.response = { status: answer.status, duration_ms: durationMs };
    if (input.capture) shown.response = captureResponse(shown.response, answer, secrets);
    return strictResponse(answer, found, provider.adapter);
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
    ...conclude({ verdict, answer, salvaged, oddities, provider, secrets, now: deps.now() }),
    claimLost: verdict instanceof ClaimLostError,
  };
}

/** Returns the error of a step as a value. It must not travel further than {@link conclude}. */
async function judge(step: () => Promise<void>): Promise<unknown> {
  try {
    await step();
    return null;
  } catch (error) {
    return error;
  }
}

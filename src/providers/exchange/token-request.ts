/**
 * Sends one token request, for every grant type: transport, deadline, masking, salvage, strict parser and conclusion. The
 * order matters: `receive` gets the tokens of a 2xx before the strict parser may reject it, because a malformed response
 * may hold the only copy of a new refresh token.
 */
import type { MaskedRequest, MaskedResponse } from '../../domain/logs/log-entry';
import { maskFreeText } from '../../domain/masking/masking';
import type { Provider, ProviderEnvironment } from '../provider';
import { type Members, parseObject } from './answer-members';
import { captureRequest, captureResponse } from './exchange-capture';
import { ClaimLostError, type Conclusion, conclude, isSuccess } from './exchange-conclusion';
import { type ReceivedGrant, readGrant } from './received-grant';
import { type SalvagedTokens, salvageTokens, tokensIn } from './salvage-tokens';
import { strictResponse } from './strict-response';
import type { Transport, TransportRequest, TransportResponse } from './transport';

/** Deadline, in ms, of the whole exchange, from name resolution to the last byte. A claim's lease must be longer. */
const HTTP_DEADLINE_MS = 15_000;

/** The `fetch` of oauth4webapi's token requests. */
type Send = (
  url: string,
  options: { headers: Record<string, string>; body: URLSearchParams },
) => Promise<Response>;

export interface TokenRequestInput {
  provider: Provider;
  environment: ProviderEnvironment;
  /** The request in the log if none was sent. */
  request: MaskedRequest;
  /** Values to mask, besides the credentials of the OAuth app. */
  secrets: readonly string[];
  /** Log headers and bodies, masked (debug). This changes nothing else. */
  capture: boolean;
  /** The account has an address already: a stated host that is not a host of the provider is ignored, and the former one stays. */
  hasAddress?: boolean;
  /**
   * Called immediately before the request is sent.
   * @returns `false` if it must not be sent
   */
  mayBeSent(form: URLSearchParams): Promise<boolean>;
  /** Called at once with the grant of a 2xx response and the members beside its tokens. */
  receive(grant: ReceivedGrant, members: Members): void;
  /** Builds the request, calls `send` once and parses its strict response. */
  exchange(send: Send): Promise<void>;
}

export interface TokenRequestResult extends Conclusion {
  /** `null`: no request was sent. */
  sentAt: Date | null;
  claimLost: boolean;
  request: MaskedRequest;
  response: MaskedResponse | null;
}

export interface ExchangeDependencies {
  transport: Transport;
  now: () => Date;
}

/** Never throws for errors of provider or network: the result describes them. Errors of the callbacks are rethrown. */
export async function requestTokens(
  input: TokenRequestInput,
  deps: ExchangeDependencies,
): Promise<TokenRequestResult> {
  const { provider, environment } = input;
  const secrets = [...input.secrets, ...environment.secrets.map((secret) => secret.reveal())];
  const shown: Pick<TokenRequestResult, 'request' | 'response' | 'sentAt'> = {
    request: { ...input.request },
    response: null,
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

  const send: Send = async (url, options) => {
    // An assertion is a secret as long as it is valid.
    for (const name of ['client_assertion', 'assertion'])
      secrets.push(...options.body.getAll(name));
    shown.request.url = url;
    const standard = { url, headers: options.headers, body: options.body.toString() };
    const request: TransportRequest = {
      ...(provider.adapter.shapeRequest?.(standard) ?? standard),
      deadlineMs: HTTP_DEADLINE_MS,
    };
    if (input.capture) {
      shown.request = captureRequest(shown.request, request, options.body, secrets);
    }
    if (!(await ours(() => input.mayBeSent(options.body)))) throw new ClaimLostError();
    const sentAt = deps.now();
    shown.sentAt = sentAt;
    answer = await deps.transport.send(request);
    const durationMs = deps.now().getTime() - sentAt.getTime();
    // From here on all tokens of the response are masked, because a refusal can quote a token, too.
    secrets.push(...tokensIn(answer.body));
    const { body, compressed, cut } = answer;
    const { adapter } = provider;
    const readAs = adapter.readableAnswer === undefined ? body : adapter.readableAnswer(body);
    const readable = isSuccess(answer) ? readAs : null;
    const read =
      readable === null ? null : salvageTokens(readable, provider.tokenPath, cut !== null);
    const found = read === null || mayLackRefreshToken(read, provider) ? null : read;
    if (readable !== null) secrets.push(...tokensIn(readable));
    salvaged = found;
    if (compressed !== null)
      oddities.push(
        `the answer was compressed (${compressed}), although the request did not ask for it`,
      );
    if (found !== null) {
      const beside = membersBeside(found, readable ?? body);
      const { grant, warnings } = readGrant(found, provider, sentAt, secrets, {
        beside,
        hasAddress: input.hasAddress ?? false,
      });
      // Warnings contain member names, which come from the response.
      const odd = [...found.warnings, ...warnings];
      oddities.push(...odd.map((warning) => maskFreeText(warning, secrets)));
      await ours(async () => input.receive(grant, beside));
    }
    shown.response = { status: answer.status, duration_ms: durationMs };
    if (input.capture) shown.response = captureResponse(shown.response, answer, secrets);
    return strictResponse(answer, found, provider.adapter);
  };

  const verdict = await judge(() => input.exchange(send));

  if (own !== undefined) throw own.error;
  return {
    ...shown,
    ...conclude({ verdict, answer, salvaged, oddities, provider, secrets, now: deps.now() }),
    claimLost: verdict instanceof ClaimLostError,
  };
}

/**
 * Whether the missing end of a response may hold a new refresh token. The access token alone would hide the loss until
 * the next refresh, when it is too late for a replay.
 */
function mayLackRefreshToken(
  { isIncomplete, refreshToken }: SalvagedTokens,
  { replayRule }: Pick<Provider, 'replayRule'>,
): boolean {
  return isIncomplete && refreshToken === null && replayRule.kind !== 'safe';
}

/** Returns the outermost members of a response, and the members of the object that holds the tokens. */
function membersBeside({ members }: SalvagedTokens, body: string): Members {
  return { ...parseObject(body), ...members };
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

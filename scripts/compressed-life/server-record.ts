/** The record of an authorization server of the compressed life, which is independent of Evergrant. */

/** One refresh token at the token endpoint. */
export interface Presentation {
  /** Time of the request, in ms since 1970. */
  at: number;
  account: string;
  refreshToken: string;
  /** The new refresh token; `null` if the request was refused. */
  successor: string | null;
  /** The reason for the refusal. */
  refusal: string | null;
}

/** A response that was sent but not stored; times in ms since 1970. */
export interface LostAnswer {
  at: number;
  /** When the refresh token that it replaced was presented again. */
  replayedAt: number;
  /** When the access token that the account still held was issued; `null` if it held none. */
  heldSince: number | null;
}

export class ServerRecord {
  readonly presentations: Presentation[] = [];
  /** The account of each refresh token. */
  readonly #accounts = new Map<string, string>();
  #onGrant: () => void = () => undefined;

  /** Calls back at the next granted refresh, before its response is sent. */
  nextGrant(then: () => void): void {
    this.#onGrant = () => {
      this.#onGrant = () => undefined;
      then();
    };
  }

  issued(account: string, refreshToken: string): void {
    this.#accounts.set(refreshToken, account);
  }

  granted(refreshToken: string, successor: string): void {
    const account = this.#accountOf(refreshToken);
    this.issued(account, successor);
    this.presentations.push({ at: Date.now(), account, refreshToken, successor, refusal: null });
    this.#onGrant();
  }

  refused(refreshToken: string, refusal: string): void {
    const account = this.#accountOf(refreshToken);
    this.presentations.push({ at: Date.now(), account, refreshToken, successor: null, refusal });
  }

  /** The number of granted refreshes. */
  get refreshes(): number {
    return this.presentations.filter(({ successor }) => successor !== null).length;
  }

  /**
   * The granted refresh whose new refresh token was never used while the replaced one was presented again: its
   * response was sent but not stored. `null` if there is none.
   */
  lostAnswer(account: string): LostAnswer | null {
    const own = this.presentations.filter((one) => one.account === account);
    const presented = new Set(own.map(({ refreshToken }) => refreshToken));
    for (const [place, { at, refreshToken, successor }] of own.entries()) {
      if (successor === null || presented.has(successor)) continue;
      const replay = own.slice(place + 1).find((later) => later.refreshToken === refreshToken);
      const before = own.find((earlier) => earlier.successor === refreshToken);
      if (replay !== undefined) return { at, replayedAt: replay.at, heldSince: before?.at ?? null };
    }
    return null;
  }

  /** The reason of the account's first refusal; `null` if it was never refused. */
  firstRefusal(account: string): string | null {
    const own = this.presentations.filter((one) => one.account === account);
    return own.find(({ refusal }) => refusal !== null)?.refusal ?? null;
  }

  #accountOf(refreshToken: string): string {
    return this.#accounts.get(refreshToken) ?? '(unknown)';
  }
}

/** An authorization server of the compressed life. */
export interface LifeServer {
  /** The description in the table. */
  name: string;
  issuer: string;
  /** The members of its entry in `providers.yaml`, besides the issuer and the client. */
  entry: Record<string, string>;
  record: ServerRecord;
  accessTokenLifeSeconds: number;
  /** Issues the account's first grant, with the life of its refresh token in seconds. */
  grant(account: string): Promise<{ refreshToken: string; lifeSeconds: number }>;
  /** Asks the server's introspection endpoint whether the access token is active. */
  isActive(accessToken: string): Promise<boolean>;
  stop(): Promise<void>;
}

/** The client that both servers know. */
export interface LifeClient {
  clientId: string;
  clientSecret: string;
}

/**
 * Asks an introspection endpoint.
 * @see [RFC 7662 §2](https://www.rfc-editor.org/rfc/rfc7662#section-2)
 */
export async function introspect(
  endpoint: string,
  { clientId, clientSecret }: LifeClient,
  token: string,
): Promise<boolean> {
  const response = await fetch(endpoint, {
    method: 'POST',
    body: new URLSearchParams({ token, client_id: clientId, client_secret: clientSecret }),
  });
  const body: unknown = await response.json();
  if (response.status !== 200 || typeof body !== 'object' || body === null || !('active' in body))
    throw new Error(`the introspection endpoint returned ${response.status}`);
  return body.active === true;
}

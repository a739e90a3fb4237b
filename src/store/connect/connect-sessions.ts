/**
 * Connect sessions. Every change of status is one atomic update with the expected status in its filter, so that exactly
 * one of several tabs, replays and processes succeeds.
 */
import mongoose, { type Connection, type Model, type QueryFilter } from 'mongoose';
import {
  afterFailure,
  type ConnectFailure,
  type ConnectLeg,
  type ConnectSession,
  type ConnectStatus,
  EXCHANGE_MAX_MS,
  FINISH_WITHIN_MS,
  type SealedConsent,
} from '../../domain/connect/connect-session';
import { beyond } from '../mongo/keyset';
import {
  type ConnectSessionDocument,
  connectSessionModel,
  connectSessionsOfAllOrganisations,
  fromConsent,
  fromInputs,
  fromLeg,
  toConnectSession,
} from './connect-session-model';

/** How long, in ms, a session stays listed after its link expired. */
const KEPT_MS = 30 * 24 * 3600_000;

export type NewConnectSession = Omit<
  ConnectSession,
  'status' | 'statusAt' | 'failure' | 'otherAccountId' | 'leg' | 'pending'
>;

/** Deletes the PKCE verifier: the code was exchanged, or never will be. A session in these statuses has a leg. */
const NO_VERIFIER = { 'leg.sealed_verifier': null };

const MAY_START: readonly ConnectStatus[] = ['created', 'opened', 'at_provider'];

export class ConnectSessions {
  readonly #sessions: Model<ConnectSessionDocument>;
  readonly #ofAll: Model<ConnectSessionDocument>;

  constructor(connection: Connection) {
    this.#sessions = connectSessionModel(connection);
    this.#ofAll = connectSessionsOfAllOrganisations(connection);
  }

  async create(session: NewConnectSession, tokenDigest: string): Promise<ConnectSession> {
    const document = new this.#sessions(newDocument(session, tokenDigest));
    await document.save();
    return toConnectSession(document.toObject());
  }

  /** Stores all sessions with one write. */
  async createMany(
    sessions: readonly { session: NewConnectSession; tokenDigest: string }[],
  ): Promise<ConnectSession[]> {
    if (sessions.length === 0) return [];
    const documents = await this.#sessions.insertMany(
      sessions.map(({ session, tokenDigest }) => newDocument(session, tokenDigest)),
    );
    return documents.map((document) => toConnectSession(document.toObject()));
  }

  async find(organisation: string, id: string): Promise<ConnectSession | null> {
    return found(
      await this.#sessions.findOne({ organisation, _id: id }).lean<ConnectSessionDocument>(),
    );
  }

  /** Newest first. */
  async list(query: {
    organisation: string;
    before?: { at: Date; id: string } | undefined;
    limit: number;
  }): Promise<ConnectSession[]> {
    const filter: QueryFilter<ConnectSessionDocument> = { organisation: query.organisation };
    if (query.before !== undefined)
      Object.assign(filter, beyond('created_at', '$lt', query.before));
    const documents = await this.#sessions
      .find(filter)
      .sort({ created_at: -1, _id: -1 })
      .limit(query.limit)
      .lean<ConnectSessionDocument[]>();
    return documents.map(toConnectSession);
  }

  /** Reads across organisations: the link is the credential. */
  async findByToken(tokenDigest: string): Promise<ConnectSession | null> {
    return found(
      await this.#ofAll.findOne({ token_digest: tokenDigest }).lean<ConnectSessionDocument>(),
    );
  }

  /** Reads across organisations, in any status: a replayed callback gets the page of the present status. */
  async findByState(provider: string, stateDigest: string): Promise<ConnectSession | null> {
    return found(
      await this.#ofAll
        .findOne({ 'leg.state_digest': stateDigest, provider })
        .lean<ConnectSessionDocument>(),
    );
  }

  /** Reads across organisations: the cookie of the leg is the credential. */
  async findByBrowser(id: string, browserDigest: string): Promise<ConnectSession | null> {
    return found(
      await this.#ofAll
        .findOne({ _id: id, 'leg.browser_digest': browserDigest })
        .lean<ConnectSessionDocument>(),
    );
  }

  /** Records that the link was opened. Opening it spends nothing. */
  async open(id: string, now: Date): Promise<void> {
    await this.#ofAll.updateOne(
      { _id: id, status: 'created' },
      { $set: { status: 'opened', status_at: now } },
    );
  }

  /**
   * Starts a leg. It replaces an earlier leg, whose callback is then refused.
   * @returns `null` if the link has expired, is revoked, or was used
   */
  startLeg(
    id: string,
    { leg, externalId }: { leg: ConnectLeg; externalId: string },
  ): Promise<ConnectSession | null> {
    const now = leg.startedAt;
    return this.#change(
      { _id: id, status: { $in: MAY_START }, expires_at: { $gt: now } },
      {
        status: 'at_provider',
        status_at: now,
        leg: fromLeg(leg),
        external_id: externalId,
        failure: null,
      },
    );
  }

  /** @returns the session for exactly one caller per leg, who may exchange the code; `null` for all others */
  winCallback(
    id: string,
    { stateDigest, browserDigest, now }: { stateDigest: string; browserDigest: string; now: Date },
  ): Promise<ConnectSession | null> {
    return this.#change(
      {
        _id: id,
        'leg.state_digest': stateDigest,
        'leg.browser_digest': browserDigest,
        'leg.expires_at': { $gt: now },
        status: 'at_provider',
      },
      { status: 'exchanging', status_at: now },
    );
  }

  /**
   * Records why a session has no account. The link stays usable after some failures.
   * @returns `null` if the session was not in one of these statuses
   */
  fail(
    id: string,
    from: readonly ConnectStatus[],
    failure: { code: ConnectFailure; detail: string | null },
    { now, otherAccountId = null }: { now: Date; otherAccountId?: string | null },
  ): Promise<ConnectSession | null> {
    return this.#change(
      { _id: id, status: { $in: from } },
      {
        status: afterFailure(failure.code),
        status_at: now,
        failure: { ...failure, at: now },
        other_account_id: otherAccountId,
        pending: null,
        ...NO_VERIFIER,
      },
    );
  }

  /** Keeps an encrypted consent until the application finishes the session. */
  keepPending(id: string, consent: SealedConsent, now: Date): Promise<ConnectSession | null> {
    return this.#change(
      { _id: id, status: 'exchanging' },
      { status: 'awaiting_finish', status_at: now, pending: fromConsent(consent), ...NO_VERIFIER },
    );
  }

  /**
   * Takes the waiting consent for the application.
   * @returns the session with its consent for exactly one caller; `null` if it does not wait, or waited too long
   */
  takePending(organisation: string, id: string, now: Date): Promise<ConnectSession | null> {
    return this.#change(
      {
        _id: id,
        organisation,
        status: 'awaiting_finish',
        status_at: { $gt: new Date(now.getTime() - FINISH_WITHIN_MS) },
      },
      { status: 'exchanging', status_at: now },
    );
  }

  /**
   * Takes one consent that no application finished in time, across organisations. It counts as an exchange until it is
   * revoked and dropped.
   * @returns `null` if there is none
   */
  takeUnfinished(now: Date): Promise<ConnectSession | null> {
    return this.#change(
      {
        status: 'awaiting_finish',
        status_at: { $lte: new Date(now.getTime() - FINISH_WITHIN_MS) },
      },
      { status: 'exchanging', status_at: now },
    );
  }

  /** The exchanges that take too long, across organisations: their process has ended, or a workflow stores the consent. */
  async interrupted(now: Date, limit: number): Promise<ConnectSession[]> {
    const before = new Date(now.getTime() - EXCHANGE_MAX_MS);
    const documents = await this.#ofAll
      .find({ status: 'exchanging', status_at: { $lt: before } })
      .sort({ status_at: 1 })
      .limit(limit)
      .lean<ConnectSessionDocument[]>();
    return documents.map(toConnectSession);
  }

  /** The consent is stored on its account. */
  connected(id: string, now: Date): Promise<ConnectSession | null> {
    return this.#change(
      { _id: id, status: { $in: ['exchanging', 'awaiting_finish'] } },
      { status: 'connected', status_at: now, failure: null, pending: null, ...NO_VERIFIER },
    );
  }

  /** @returns `null` if the link was used, has expired or is unknown */
  async revoke(organisation: string, id: string, now: Date): Promise<ConnectSession | null> {
    return this.#change(
      { _id: id, organisation, status: { $in: MAY_START }, expires_at: { $gt: now } },
      { status: 'revoked', status_at: now },
    );
  }

  /** Revokes the links of an account that are not used yet. */
  async revokeOfAccount(organisation: string, accountId: string, now: Date): Promise<void> {
    await this.#sessions.updateMany(
      {
        organisation,
        account_id: accountId,
        status: mongoose.trusted({ $in: MAY_START }),
        expires_at: mongoose.trusted({ $gt: now }),
      },
      { $set: { status: 'revoked', status_at: now } },
    );
  }

  async #change(filter: object, set: object): Promise<ConnectSession | null> {
    return found(
      await this.#ofAll
        .findOneAndUpdate(filter, { $set: set }, { returnDocument: 'after' })
        .lean<ConnectSessionDocument>(),
    );
  }
}

function found(document: ConnectSessionDocument | null): ConnectSession | null {
  return document === null ? null : toConnectSession(document);
}

function newDocument(session: NewConnectSession, tokenDigest: string) {
  return {
    _id: session.id,
    organisation: session.organisation,
    provider: session.provider,
    environment: session.environment,
    account_id: session.accountId,
    is_reconnect: session.isReconnect,
    external_id: session.externalId,
    label: session.label,
    kind: session.kind,
    ...(session.scopes === null ? {} : { scopes: session.scopes }),
    required_scopes: session.requiredScopes,
    inputs: fromInputs(session.inputs),
    expected_subject: session.expectedSubject,
    allow_subject_change: session.allowSubjectChange,
    mode: session.mode,
    challenge: session.challenge,
    return_url: session.returnUrl,
    created_by: session.createdBy,
    created_at: session.createdAt,
    expires_at: session.expiresAt,
    status: 'created',
    status_at: session.createdAt,
    token_digest: tokenDigest,
    remove_at: new Date(session.expiresAt.getTime() + KEPT_MS),
  };
}

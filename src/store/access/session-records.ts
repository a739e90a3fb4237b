/**
 * The sessions of people who are signed in to the pages. A session is stored with the digest of its secret, never the
 * secret, and with an authentication code over all that it grants.
 */
import mongoose, { type Connection, type InferSchemaType, type Model, Schema } from 'mongoose';
import { SCOPES, type Scope } from '../../domain/access/principal';
import type { RowIntegrity } from '../encryption/row-integrity';
import { beyond } from '../mongo/keyset';
import { scopedToOrganisation } from '../mongo/organisation-scope';

/** The credential a person signed in with. */
export const SIGN_IN_KINDS = ['key', 'jwt', 'oidc'] as const;
type SignInKind = (typeof SIGN_IN_KINDS)[number];

export interface SessionRecord {
  id: string;
  secretSha256: string;
  organisation: string;
  /** The id of an API key, `jwt:<sub>` or `oidc:<sub>`. */
  actor: string;
  by: SignInKind;
  scopes: readonly Scope[];
  createdAt: Date;
  expiresAt: Date;
  /** When MongoDB may remove the record. An OpenID Connect session can be renewed until then. */
  removeAt: Date;
  /** Fingerprint of the API key or sign-in configuration. A change of either ends the session. */
  sourceFingerprint: string;
  /** `iss` and `sub` of the ID token; `null` for other kinds of sign-in. */
  issuer: string | null;
  subject: string | null;
  /** The claim `sid`; `null` if the provider does not send it. */
  providerSession: string | null;
}

export interface StoredSession extends SessionRecord {
  /** When the session was last used, to within a few minutes. */
  seenAt: Date;
}

const sessionSchema = new Schema(
  {
    _id: { type: String, required: true },
    secret_sha256: { type: String, required: true },
    organisation: { type: String, required: true },
    actor: { type: String, required: true },
    by: { type: String, required: true },
    scopes: { type: [String], required: true },
    created_at: { type: Date, required: true },
    expires_at: { type: Date, required: true },
    remove_at: { type: Date, required: true },
    source_fingerprint: { type: String, required: true },
    issuer: { type: String, default: null },
    subject: { type: String, default: null },
    provider_session: { type: String, default: null },
    code: { type: String, required: true },
    seen_at: { type: Date, required: true },
  },
  { collection: 'sessions', strictQuery: 'throw', versionKey: false },
);
sessionSchema.index({ remove_at: 1 }, { expireAfterSeconds: 0, name: 'retention' });
sessionSchema.index({ organisation: 1, created_at: -1, _id: -1 }, { name: 'listing' });
sessionSchema.index({ organisation: 1, actor: 1, created_at: -1, _id: -1 }, { name: 'actor' });
sessionSchema.index({ issuer: 1, provider_session: 1 }, { name: 'provider_session' });
sessionSchema.index({ issuer: 1, subject: 1 }, { name: 'provider_subject' });

const scopedSchema = scopedToOrganisation(sessionSchema);

type SessionDocument = InferSchemaType<typeof sessionSchema> & { _id: string };

/** Sessions per actor and organisation. Beyond it, the oldest sessions are ended. */
export const SESSIONS_MAX = 20;
/** Sessions that one call ends or reads. The caller repeats the call for more. */
const BATCH_MAX = 100;
/** Batches that one list call reads, so that invalid rows cannot make it run without end. */
const LIST_BATCHES_MAX = 20;

export class SessionRecords {
  readonly #sessions: Model<SessionDocument>;
  /** Reads across organisations. Used only to look up a cookie and for sign-outs sent by an OpenID provider. */
  readonly #ofAll: Model<SessionDocument>;
  readonly #integrity: RowIntegrity;

  constructor(connection: Connection, integrity: RowIntegrity) {
    this.#integrity = integrity;
    this.#sessions = connection.model<SessionDocument>(
      'Session',
      scopedSchema as unknown as Schema<SessionDocument>,
    );
    this.#ofAll = connection.model<SessionDocument>(
      'SessionOfAnyOrganisation',
      sessionSchema as unknown as Schema<SessionDocument>,
    );
  }

  /**
   * Stores a session, and ends the actor's oldest sessions beyond {@link SESSIONS_MAX}.
   * @returns the sessions that were ended; invalid rows are removed too, but not returned
   */
  async create(session: SessionRecord): Promise<StoredSession[]> {
    const { organisation, actor } = session;
    const row = {
      _id: session.id,
      secret_sha256: session.secretSha256,
      organisation,
      actor,
      by: session.by,
      scopes: [...session.scopes],
      created_at: session.createdAt,
      expires_at: session.expiresAt,
      remove_at: session.removeAt,
      source_fingerprint: session.sourceFingerprint,
      issuer: session.issuer,
      subject: session.subject,
      provider_session: session.providerSession,
    };
    const code = this.#integrity.codeOf('session', membersOf(row));
    await this.#sessions.create([{ ...row, code, seen_at: session.createdAt }]);
    const oldest = await this.#sessions
      .find({ organisation, actor })
      .sort({ created_at: -1, _id: -1 })
      .skip(SESSIONS_MAX)
      .limit(BATCH_MAX)
      .lean<SessionDocument[]>();
    const ended = this.#valid(oldest);
    await this.#remove(organisation, oldest);
    return ended;
  }

  /** Reads by id across organisations; the caller must check the secret. `null` for an invalid row. */
  async find(id: string): Promise<StoredSession | null> {
    const document = await this.#ofAll
      .findById(id)
      .setOptions({ sanitizeFilter: true })
      .lean<SessionDocument>();
    if (document === null) return null;
    return this.#valid([document])[0] ?? null;
  }

  /** Unexpired sessions, newest first, without invalid rows. */
  async list(query: {
    organisation: string;
    actor?: string | undefined;
    before?: { at: Date; id: string } | undefined;
    now: Date;
    limit: number;
  }): Promise<StoredSession[]> {
    const { organisation, actor, before, now, limit } = query;
    const size = Math.max(limit, BATCH_MAX);
    const sessions: StoredSession[] = [];
    let place = before;
    for (let batch = 0; batch < LIST_BATCHES_MAX && sessions.length < limit; batch += 1) {
      // oxlint-disable-next-line no-await-in-loop -- each batch begins where the one before ended
      const documents = await this.#sessions
        .find({
          organisation,
          ...(actor === undefined ? {} : { actor }),
          expires_at: mongoose.trusted({ $gt: now }),
          // Evergrant writes no other types here, and paging cannot continue after them.
          created_at: mongoose.trusted({ $type: 'date' }),
          _id: mongoose.trusted({ $type: 'string' }),
          ...(place === undefined ? {} : { $and: [beyond('created_at', '$lt', place)] }),
        })
        .sort({ created_at: -1, _id: -1 })
        .limit(size)
        .lean<SessionDocument[]>();
      sessions.push(...this.#valid(documents));
      const last = documents.at(-1);
      if (last === undefined || documents.length < size) break;
      place = { at: last.created_at, id: last._id };
    }
    return sessions.slice(0, limit);
  }

  /** Records when the session was last used. */
  async touch(organisation: string, id: string, at: Date): Promise<void> {
    await this.#sessions.updateOne({ organisation, _id: id }, { $set: { seen_at: at } });
  }

  /** @returns whether there was such a session */
  async end(organisation: string, id: string): Promise<boolean> {
    return (await this.#sessions.deleteOne({ organisation, _id: id })).deletedCount === 1;
  }

  /** Ends all sessions of an actor. */
  async endAllOf(organisation: string, actor: string): Promise<number> {
    return (await this.#sessions.deleteMany({ organisation, actor })).deletedCount;
  }

  /**
   * Up to one batch of the sessions that an OpenID provider signs out, across organisations: the sessions of
   * `providerSession`, and the subject's sessions without a provider session. Without `providerSession`, all sessions
   * of the subject that were created by `until`, so that a repeated logout token does not end later sessions. Invalid
   * rows are left out.
   */
  async ofProvider(signedOut: {
    issuer: string;
    subject: string | null;
    providerSession: string | null;
    until: Date;
  }): Promise<StoredSession[]> {
    const { issuer, subject, providerSession, until } = signedOut;
    const created_at = { $lte: until };
    const filters = [
      ...(providerSession === null
        ? []
        : [
            { issuer, provider_session: providerSession, ...(subject === null ? {} : { subject }) },
          ]),
      ...(subject === null
        ? []
        : [
            {
              issuer,
              subject,
              created_at,
              ...(providerSession === null ? {} : { provider_session: null }),
            },
          ]),
    ];
    const found = await Promise.all(filters.map((filter) => this.#validOf(filter)));
    return found.flat();
  }

  /** Up to {@link BATCH_MAX} valid sessions. Reads past invalid rows, so that they cannot hide a valid one. */
  async #validOf(filter: object): Promise<StoredSession[]> {
    const sessions: StoredSession[] = [];
    const documents = this.#ofAll
      .find(filter)
      .lean<SessionDocument[]>()
      .cursor({ batchSize: BATCH_MAX });
    for await (const document of documents) {
      sessions.push(...this.#valid([document]));
      if (sessions.length === BATCH_MAX) break;
    }
    return sessions;
  }

  /** Returns the sessions whose rows are intact, and reports the other rows. */
  #valid(documents: readonly SessionDocument[]): StoredSession[] {
    return documents
      .filter((document) => {
        const { _id: id, organisation, code } = document;
        return this.#integrity.isValid(
          { row: 'session', id, organisation },
          membersOf(document),
          code,
        );
      })
      .map(toSession);
  }

  async #remove(organisation: string, sessions: Pick<SessionDocument, '_id'>[]): Promise<void> {
    if (sessions.length === 0) return;
    const ids = sessions.map(({ _id }) => _id);
    await this.#sessions.deleteMany({ organisation, _id: mongoose.trusted({ $in: ids }) });
  }
}

/** The members that the authentication code covers: everything the row grants. */
function membersOf(row: Omit<SessionDocument, 'code' | 'seen_at'>): unknown[] {
  return [
    row._id,
    row.secret_sha256,
    row.organisation,
    row.actor,
    row.by,
    row.scopes,
    ...[row.created_at, row.expires_at, row.remove_at].map((moment) =>
      // A string in place of the date must not produce the same code.
      moment instanceof Date ? moment.getTime() : null,
    ),
    row.source_fingerprint,
    row.issuer ?? null,
    row.subject ?? null,
    row.provider_session ?? null,
  ];
}

function toSession(document: SessionDocument): StoredSession {
  return {
    id: document._id,
    secretSha256: document.secret_sha256,
    organisation: document.organisation,
    actor: document.actor,
    by: document.by as SignInKind,
    scopes: document.scopes.filter((scope): scope is Scope =>
      SCOPES.some((known) => known === scope),
    ),
    createdAt: document.created_at,
    expiresAt: document.expires_at,
    removeAt: document.remove_at,
    sourceFingerprint: document.source_fingerprint,
    issuer: document.issuer ?? null,
    subject: document.subject ?? null,
    providerSession: document.provider_session ?? null,
    seenAt: document.seen_at,
  };
}

/** The connect settings that organisations set themselves: one document per organisation. */
import { type Connection, type Model, Schema } from 'mongoose';
import { NO_OWN_SETTINGS, type OwnConnectSettings } from '../../domain/connect/connect-settings';
import { LANGUAGES, type Language } from '../../domain/text/language';
import { isDuplicateKey } from '../mongo/database';
import { scopedToOrganisation } from '../mongo/organisation-scope';

const settingsSchema = new Schema(
  {
    /** The organisation. */
    _id: { type: String, required: true },
    organisation: { type: String, required: true },
    /** Absent or `null`: the process's list. */
    return_urls: { type: [String], default: undefined },
    organisation_name: { type: String, default: null },
    logo_url: { type: String, default: null },
    language: { type: String, enum: [...LANGUAGES, null], default: null },
    updated_at: { type: Date, required: true },
  },
  { collection: 'connect_settings', strictQuery: 'throw', versionKey: false },
);

interface SettingsDocument {
  _id: string;
  organisation: string;
  return_urls?: string[] | null;
  organisation_name?: string | null;
  logo_url?: string | null;
  language?: Language | null;
  updated_at: Date;
}

export class ConnectSettingsOfOrganisations {
  readonly #settings: Model<SettingsDocument>;

  constructor(connection: Connection) {
    this.#settings = connection.model<SettingsDocument>(
      'ConnectSettings',
      scopedToOrganisation(settingsSchema) as unknown as Schema<SettingsDocument>,
    );
  }

  async find(organisation: string): Promise<OwnConnectSettings> {
    const document = await this.#settings.findOne({ organisation }).lean<SettingsDocument>();
    return document === null ? NO_OWN_SETTINGS : toSettings(document);
  }

  /** Changes the named members. `null` resets one to the process's value. */
  async change(
    organisation: string,
    changes: Partial<OwnConnectSettings>,
    now: Date,
  ): Promise<OwnConnectSettings> {
    const { returnUrls, organisationName, logoUrl, language } = changes;
    const set = {
      ...(returnUrls === undefined ? {} : { return_urls: returnUrls }),
      ...(organisationName === undefined ? {} : { organisation_name: organisationName }),
      ...(logoUrl === undefined ? {} : { logo_url: logoUrl }),
      ...(language === undefined ? {} : { language }),
      updated_at: now,
    };
    const write = () =>
      this.#settings
        .findOneAndUpdate(
          { _id: organisation, organisation },
          { $set: set },
          { upsert: true, returnDocument: 'after' },
        )
        .lean<SettingsDocument>();
    // The second of two concurrent first changes finds the document of the first.
    const document = await write().catch((error: unknown) => {
      if (isDuplicateKey(error)) return write();
      throw error;
    });
    return document === null ? NO_OWN_SETTINGS : toSettings(document);
  }
}

function toSettings(document: SettingsDocument): OwnConnectSettings {
  return {
    returnUrls: document.return_urls ?? null,
    organisationName: document.organisation_name ?? null,
    logoUrl: document.logo_url ?? null,
    language: document.language ?? null,
  };
}

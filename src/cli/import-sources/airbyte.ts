/**
 * Airbyte: rows of the tables `actor` and `secrets`, responses of both APIs (`configuration`,
 * `connectionConfiguration`), or the configuration of one connector. Rows contain `{"_secret":
 * "airbyte_workspace_…_secret_…_v1"}` instead of each secret. With the default secret store, the table `secrets` has
 * the values and may be imported with them. The APIs return asterisks, or `secret_coordinate::…`.
 *
 * Sources, read on 2026-11-29: github.com/airbytehq/airbyte-platform at 310e6cb (2026-08-21):
 * airbyte-config/config-secrets/…/SecretsHelpers.kt, LocalTestingSecretPersistence.kt,
 * config-models/…/SecretCoordinate.kt, airbyte-commons/…/AirbyteSecretConstants.kt,
 * airbyte-db/…/configs_database/schema_dump.txt, airbyte-api/…/api_sdk.yaml; for the members of `credentials`
 * github.com/airbytehq/airbyte, source-hubspot's spec.yaml and the fields of source-airtable's provider for Terraform
 * (`token_expiry_date`).
 */
import type { ExportedEntry, ImportSource } from './exported-entry';
import {
  entries,
  entryName,
  type Fields,
  fields,
  id,
  isFields,
  isMasked,
  member,
  scopes,
  text,
  timeMoment,
} from './fields';

/** Maximum depth and number of the objects that are searched for a refresh token. */
const DEPTH_MAX = 5;
const OBJECTS_MAX = 1000;
const PREFIX = 'secret_coordinate::';

export const airbyte: ImportSource = {
  read(values) {
    const records = values.flatMap(({ value }) =>
      entries(value, ['data', 'sources', 'destinations']),
    );
    const secrets = new Map<string, string>();
    const actors: unknown[] = [];
    for (const record of records) {
      const coordinate = text(record, 'coordinate');
      const payload = text(record, 'payload');
      if (coordinate === undefined || payload === undefined) actors.push(record);
      else secrets.set(coordinate, payload);
    }
    return actors.map((actor) => entryOf(actor, secrets));
  },
};

function entryOf(actor: unknown, secrets: ReadonlyMap<string, string>): ExportedEntry {
  const ownConfiguration = fields(
    actor,
    'configuration',
    'connectionConfiguration',
    'connection_configuration',
  );
  const configuration = ownConfiguration ?? (isFields(actor) ? actor : undefined);
  const actorId =
    ownConfiguration === undefined
      ? undefined
      : id(actor, 'sourceId', 'destinationId', 'source_id', 'destination_id', 'id');
  const name = entryName('connector', actorId ?? text(actor, 'name'));
  const refuse = (refusal: string): ExportedEntry => ({ name, refusal });
  if (configuration === undefined) return refuse('not an Airbyte connector: it is not an object');
  if (member(actor, 'tombstone') === true) return refuse('deleted in Airbyte (tombstone)');
  const found = withRefreshToken(configuration);
  if (found.length > 1)
    return refuse('has several refresh tokens: connect each with evergrant accounts add');
  const credentials = found[0];
  if (credentials === undefined) return refuse('has no refresh token');
  const refreshToken = secretOf(credentials, 'refresh_token', secrets);
  if ('problem' in refreshToken) return refuse(refreshToken.problem);
  const accessToken = secretOf(credentials, 'access_token', secrets);
  const clientId = secretOf(credentials, 'client_id', secrets);
  return {
    name,
    account: {
      provider: text(
        actor,
        'sourceType',
        'destinationType',
        'sourceName',
        'destinationName',
        'definition_name',
        'actor_definition_id',
      ),
      clientId: 'value' in clientId ? clientId.value : undefined,
      externalId: actorId,
      label: text(actor, 'name'),
      refreshToken: refreshToken.value,
      accessToken: 'value' in accessToken ? accessToken.value : undefined,
      expiresAt: timeMoment(member(credentials, 'token_expiry_date'), 'UTC'),
      scopes: scopes(member(credentials, 'scopes', 'scope')),
    },
  };
}

/** Connectors store credentials at the top level, in `credentials`, or one level deeper. */
function withRefreshToken(configuration: Fields): Fields[] {
  const found: Fields[] = [];
  let level = [configuration];
  let seen = 0;
  for (let depth = 0; depth < DEPTH_MAX && level.length > 0; depth += 1) {
    const next: Fields[] = [];
    for (const one of level) {
      seen += 1;
      if (seen > OBJECTS_MAX) return found;
      if (member(one, 'refresh_token') !== undefined) found.push(one);
      for (const value of Object.values(one)) if (isFields(value)) next.push(value);
    }
    level = next;
  }
  return found;
}

function secretOf(
  credentials: Fields,
  name: string,
  secrets: ReadonlyMap<string, string>,
): { value: string } | { problem: string } {
  const found = member(credentials, name);
  const written = typeof found === 'string' ? found : text(found, '_secret');
  if (written === undefined)
    return isFields(found)
      ? { problem: 'its secret is in a store outside the export: read it from that store' }
      : { problem: `its ${name} is not a string` };
  if (isMasked(written))
    return {
      problem: `Airbyte's API hides its secrets. Export rows instead: ${ACTORS}; ${SECRETS}`,
    };
  const coordinate = written.startsWith(PREFIX) ? written.slice(PREFIX.length) : written;
  const isReference = written !== found || coordinate !== written || isCoordinate(coordinate);
  if (!isReference) return { value: written };
  const value = secrets.get(coordinate);
  if (value === undefined)
    return {
      problem: `its secret is in Airbyte's secret store. Import the rows of that store too: ${SECRETS}; with another store, read it from that store (vault kv get, gcloud secrets versions access, aws secretsmanager get-secret-value)`,
    };
  return { value };
}

function isCoordinate(written: string): boolean {
  return /^airbyte_.+_secret_.+_v\d+$/.test(written);
}

const ACTORS =
  'psql -qAt -c "select row_to_json(t) from (select a.*, d.name as definition_name from actor a join actor_definition d on d.id = a.actor_definition_id) t" > actors.jsonl';
const SECRETS = 'psql -qAt -c "select row_to_json(s) from secrets s" > secrets.jsonl';

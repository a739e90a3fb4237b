/** The store separates organisations: a query that does not name one is not sent. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection, Model } from 'mongoose';
import { openDatabase } from '../../../src/store/mongo/database';
import { UnscopedQueryError } from '../../../src/store/mongo/organisation-scope';
import { createStore } from '../../../src/store/store';
import { engines } from '../../support/engines';
import { sessionRecord } from '../_session-record';
import { accountOf, addAccount, RULE, storeForTest, type TestStore } from '../_store';

/** Unscoped models, with the modules that may use them and why. */
const OF_ALL = {
  // Claims, due lists, warnings, reminders, totals and due times of workers; whether any account exists.
  AccountOfAnyOrganisation: [
    'accounts/account-totals.ts',
    'accounts/accounts.ts',
    'accounts/disconnections.ts',
    'accounts/due-accounts.ts',
    'accounts/grants.ts',
    'accounts/reconnects.ts',
    'accounts/refresh-token-warnings.ts',
    'accounts/restores.ts',
    'accounts/validations.ts',
    'connect/reminders.ts',
    'webhooks/webhook-outbox.ts',
  ],
  // Written by workers; read by the live log, which delivers each entry to its organisation.
  LogEntryOfAnyOrganisation: ['logs/log-entries.ts'],
  // Looks up the owner of a key, before the organisation is known.
  ApiKeyOfAnyOrganisation: ['access/api-keys.ts'],
  // Looks up the owner of a cookie, and the sessions that an OpenID provider signs out.
  SessionOfAnyOrganisation: ['access/session-records.ts'],
  // Looks up the session of a link or a callback, before the organisation is known; expires sessions.
  ConnectSessionOfAnyOrganisation: ['connect/connect-sessions.ts'],
  // Claimed by workers; a request to unsubscribe has the digest alone, which covers the organisation.
  OwnerAddressOfAnyOrganisation: ['connect/reminders.ts'],
  // Read by an id that names the organisation; claimed by workers.
  CountOfAnyOrganisation: ['mongo/stored-counts.ts'],
  // Raised by workers and by the API, some for all organisations; dispatched by workers.
  EventOfAnyOrganisation: ['webhooks/events.ts', 'webhooks/webhook-outbox.ts'],
  // Read by workers.
  WebhookEndpointOfAnyOrganisation: ['webhooks/webhook-outbox.ts'],
  WebhookDeliveryOfAnyOrganisation: ['webhooks/webhook-outbox.ts'],
};

/**
 * Modules that bypass the models: inserts of imports and of token accesses, reads by id, ranges of ids for counts, and key
 * rotation, which replaces every encrypted value in the database.
 */
const WITHOUT_MODEL = [
  'access/token-accesses.ts',
  'accounts/account-summaries.ts',
  'accounts/account-totals.ts',
  'accounts/accounts.ts',
  'accounts/due-accounts.ts',
  'accounts/grants.ts',
  'encryption/sealed-records.ts',
  'logs/log-entries.ts',
  // Lists and builds indexes.
  'mongo/indexes.ts',
  // The check of readiness, which reads a setting.
  'store.ts',
];

const unscoped: [string, (model: Model<any>, filter: object) => PromiseLike<unknown>][] = [
  ['find', (model, filter) => model.find(filter)],
  ['findOne', (model, filter) => model.findOne(filter)],
  ['findById', (model) => model.findById('x')],
  ['exists', (model, filter) => model.exists(filter)],
  ['countDocuments', (model, filter) => model.countDocuments(filter)],
  ['estimatedDocumentCount', (model) => model.estimatedDocumentCount()],
  ['distinct', (model, filter) => model.distinct('_id', filter)],
  ['updateOne', (model, filter) => model.updateOne(filter, { $set: { _id: 'x' } })],
  ['updateMany', (model, filter) => model.updateMany(filter, { $set: { _id: 'x' } })],
  ['replaceOne', (model, filter) => model.replaceOne(filter, {})],
  ['findOneAndUpdate', (model, filter) => model.findOneAndUpdate(filter, { $set: {} })],
  ['findOneAndReplace', (model, filter) => model.findOneAndReplace(filter, {})],
  ['findOneAndDelete', (model, filter) => model.findOneAndDelete(filter)],
  ['findByIdAndDelete', (model) => model.findByIdAndDelete('x')],
  ['deleteOne', (model, filter) => model.deleteOne(filter)],
  ['deleteMany', (model, filter) => model.deleteMany(filter)],
  ['aggregate', (model, filter) => model.aggregate([{ $match: filter }])],
  ['an aggregate that begins with another stage', (model) => model.aggregate([{ $limit: 1 }])],
  [
    'bulkWrite',
    (model, filter) => model.bulkWrite([{ updateMany: { filter, update: { $set: {} } } }]),
  ],
];

const NAMELESS: [string, object][] = [
  ['nothing', {}],
  ['no organisation', { _id: 'x' }],
  ['undefined', { organisation: undefined }],
  ['null', { organisation: null }],
  ['an empty one', { organisation: '' }],
  ['an operator', { organisation: { $ne: null } }],
  ['a pattern', { organisation: /./ }],
  ['several', { organisation: { $in: ['a', 'b'] } }],
  ['one in a branch', { $or: [{ organisation: 'a' }, { _id: 'x' }] }],
];

let store: TestStore;
let connection: Connection;
let models: Record<string, Model<any>>;
beforeAll(async () => {
  store = await storeForTest();
  connection = await openDatabase(
    engines.mongodbUri(`evergrant_scope_${randomUUID().slice(0, 8)}`),
  );
  const [{ vault }, logger] = [store, { error: () => undefined }];
  createStore(connection, { logRetentionDays: 30, rules: () => RULE, vault, logger });
  models = connection.models;
});
afterAll(async () => {
  await connection.close();
  await store.close();
});

const tenants = () => Object.values(models).filter((model) => model.schema.path('organisation'));
const scoped = () => tenants().filter(({ modelName }) => !(modelName in OF_ALL));

it('every scoped model refuses each kind of query without an organisation', async () => {
  expect(scoped().length).toBeGreaterThanOrEqual(7);
  for (const model of scoped())
    for (const [way, ask] of unscoped)
      for (const [_what, filter] of NAMELESS)
        await expect(
          { model: model.modelName, way, sent: ask(model, filter) }.sent,
        ).rejects.toThrow(UnscopedQueryError);
});

it('the unscoped models are those listed here, and used only in the listed modules', () => {
  const others = tenants().filter(({ modelName }) => modelName.endsWith('OfAnyOrganisation'));
  expect(others.map(({ modelName }) => modelName).toSorted()).toEqual(
    Object.keys(OF_ALL).toSorted(),
  );
  const directory = join(__dirname, '..', '..', '..', 'src');
  const users = (name: RegExp) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((file) => /\.tsx?$/.test(file) && !file.endsWith('-model.ts'))
      .filter((file) => name.test(readFileSync(join(directory, file), 'utf8')))
      .map((file) => file.replace('store/', ''))
      .toSorted();
  expect(users(/accountsOfAllOrganisations/)).toEqual(OF_ALL.AccountOfAnyOrganisation);
  expect(users(/entriesOfAllOrganisations/)).toEqual(OF_ALL.LogEntryOfAnyOrganisation);
  expect(users(/ApiKeyOfAnyOrganisation/)).toEqual(OF_ALL.ApiKeyOfAnyOrganisation);
  expect(users(/OwnerAddressOfAnyOrganisation/)).toEqual(OF_ALL.OwnerAddressOfAnyOrganisation);
  expect(users(/CountOfAnyOrganisation/)).toEqual(OF_ALL.CountOfAnyOrganisation);
  expect(users(/SessionOfAnyOrganisation/)).toEqual(OF_ALL.SessionOfAnyOrganisation);
  expect(users(/\.collection[<(]/)).toEqual(WITHOUT_MODEL);
  expect(users(/eventsOfAllOrganisations/)).toEqual(OF_ALL.EventOfAnyOrganisation);
  expect(users(/endpointsOfAllOrganisations/)).toEqual(OF_ALL.WebhookEndpointOfAnyOrganisation);
  expect(users(/deliveriesOfAllOrganisations/)).toEqual(OF_ALL.WebhookDeliveryOfAnyOrganisation);
});

it('a misspelt member in a filter is an error instead of a filter that matches everything', async () => {
  for (const model of Object.values(models)) {
    expect(model.schema.get('strictQuery')).toBe('throw');
    const misspelt = model.find({ organisation: 'org_a', orgenisation: 'org_a' });
    await expect(misspelt).rejects.toThrow(/strictQuery|not in schema/i);
  }
});

describe('a query operator in external input', () => {
  const operators: object[] = [
    { $ne: null },
    { $gt: '' },
    { $regex: '.*' },
    { $in: ['org_a'] },
    { $exists: true },
    { $where: 'true' },
    { $eq: { $ne: null } },
  ];

  it.each(operators)('matches nothing: %j', async (operator) => {
    const account = await addAccount(store);
    const session = sessionRecord({ organisation: 'org_a' });
    await store.sessionRecords.create(session);
    const value = operator as unknown as string;
    const attempts = [
      store.accounts.find('org_a', value),
      store.accounts.find(value, account.id),
      store.accounts.list({ organisation: 'org_a', provider: value, limit: 10 }),
      store.accounts.list({ organisation: value, limit: 10 }),
      store.accounts.patch('org_a', value, { label: 'stolen' }, new Date()),
      store.accounts.delete('org_a', value),
      store.accounts.delete(value, account.id),
      store.quarantine.release(value, {}),
      store.apiKeys.find('org_a', value),
      store.apiKeys.revoke('org_a', value),
      store.sessionRecords.find(value),
      store.sessionRecords.list({ organisation: value, now: new Date(), limit: 10 }),
      store.sessionRecords.list({
        organisation: 'org_a',
        actor: value,
        now: new Date(),
        limit: 10,
      }),
      store.sessionRecords.end('org_a', value),
      store.sessionRecords.end(value, session.id),
      store.sessionRecords.endAllOf('org_a', value),
      store.logEntries.list({ organisation: 'org_a', accountId: value, limit: 10 }),
      store.logEntries.find(value, 'x'),
      store.tokenAccesses.list({ organisation: 'org_a', accountId: value, limit: 10 }),
      store.webhookEndpoints.find('org_a', value),
      store.webhookEndpoints.list(value),
      store.webhookEndpoints.delete('org_a', value),
      store.webhookDeliveries.find('org_a', value),
      store.webhookDeliveries.list({ organisation: 'org_a', endpointId: value, limit: 10 }),
      store.events.list({ organisation: value, limit: 10 }),
    ];
    const settled = await Promise.allSettled(attempts);
    const matched = settled.filter(
      (one) =>
        one.status === 'fulfilled' &&
        ![null, false, 0].includes(one.value as null) &&
        (one.value as unknown[]).length !== 0,
    );
    expect(matched).toEqual([]);
    expect((await accountOf(store, account.id)).label).toBe(account.label);
    expect(await store.sessionRecords.find(session.id)).not.toBeNull();
  });

  it('does not reach the database as JavaScript', async () => {
    for (const model of scoped()) {
      const filter = { organisation: 'org_a', $where: 'true' };
      await expect(model.find(filter as object)).rejects.toThrow(/\$where is not allowed/);
    }
  });
});

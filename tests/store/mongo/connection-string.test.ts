import { databaseOf, withDatabase } from '../../../src/store/mongo/connection-string';

it.each([
  ['mongodb://a:1', 'mongodb://a:1/other'],
  ['mongodb://a:1,b:2,c:3/evergrant?replicaSet=rs0', 'mongodb://a:1,b:2,c:3/other?replicaSet=rs0'],
  ['mongodb+srv://db.example.com/evergrant', 'mongodb+srv://db.example.com/other'],
  ['mongodb://%2Frun%2Fmongodb.sock/x', 'mongodb://%2Frun%2Fmongodb.sock/other'],
  ['mongodb://u:p@a:1,b:2/mine', 'mongodb://u:p@a:1,b:2/other?authSource=mine'],
  ['mongodb://u:p@a:1/', 'mongodb://u:p@a:1/other?authSource=admin'],
  ['mongodb://u:p@a:1/mine?authsource=users', 'mongodb://u:p@a:1/other?authsource=users'],
])('names another database of %s and keeps the credentials', (uri, expected) => {
  expect(withDatabase(uri, 'other')).toBe(expected);
});

it.each([
  ['mongodb://a:1,b:2/mine?replicaSet=rs0', 'mine'],
  ['mongodb://a:1,b:2/?replicaSet=rs0', 'evergrant'],
  ['mongodb://a:1', 'evergrant'],
])('reads the database of %s', (uri, expected) => {
  expect(databaseOf(uri)).toBe(expected);
});

import { createRequire } from 'node:module';
import mongoose from 'mongoose';
import {
  isDatabaseUnavailable,
  PASSING_CODES,
  RETRYABLE_CODES,
} from '../../../src/store/mongo/unavailability';

const { mongo } = mongoose;

/** Parts of the driver that it does not export. */
const driver = createRequire(require.resolve('mongoose'))('mongodb/lib/error') as {
  MONGODB_ERROR_CODES: Record<string, number>;
  isRetryableReadError(error: unknown): boolean;
};

const serverError = (code: number, errorLabels: string[] = []) =>
  new mongo.MongoServerError({ errmsg: 'no', code, errorLabels });

it('knows exactly the codes that the driver retries', () => {
  const retryable = Object.values(driver.MONGODB_ERROR_CODES).filter((code) =>
    driver.isRetryableReadError(serverError(code)),
  );
  expect(new Set(Object.keys(RETRYABLE_CODES).map(Number))).toEqual(new Set(retryable));
});

it('names each code as the driver names it', () => {
  const names = new Map(
    Object.entries(driver.MONGODB_ERROR_CODES).map(([name, code]) => [code, name]),
  );
  for (const [code, name] of Object.entries(RETRYABLE_CODES))
    expect(name).toBe(names.get(Number(code)));
});

it.each(Object.entries({ ...RETRYABLE_CODES, ...PASSING_CODES }))(
  'F8 counts the code %s (%s) as unavailable',
  (code) => {
    expect(isDatabaseUnavailable(serverError(Number(code)))).toBe(true);
  },
);

it.each([
  'RetryableWriteError',
  'TransientTransactionError',
  'PoolRequestedRetry',
  'RetryableError',
  'SystemOverloadedError',
])('counts an unknown code with the label %s as unavailable', (label) => {
  expect(isDatabaseUnavailable(serverError(1, [label]))).toBe(true);
});

it.each([
  ['a duplicate key', serverError(11000)],
  ['a refused user', serverError(18)],
  ['a refused handshake', serverError(18, ['HandshakeError'])],
  ['a missing permission', serverError(13)],
  ['an unknown code', serverError(2)],
  ['a programming error', new TypeError('no')],
  ['no error', undefined],
])('does not count %s as unavailable', (_, error) => {
  expect(isDatabaseUnavailable(error)).toBe(false);
});

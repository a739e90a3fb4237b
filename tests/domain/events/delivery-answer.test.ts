import { deliveryAnswer } from '../../../src/domain/events/delivery-answer';

it.each([
  [
    'ENOTFOUND',
    /^DNS does not know the host of the URL \(ENOTFOUND\)\. Correct the URL, or add the name to DNS\.$/,
  ],
  [
    'ECONNREFUSED',
    /^Nothing listens at the address of the URL \(ECONNREFUSED\)\. Start the receiver, or correct the port\.$/,
  ],
  [
    'CERT_HAS_EXPIRED',
    /^The TLS certificate of the receiver has expired \(CERT_HAS_EXPIRED\)\. Renew the certificate\.$/,
  ],
  [
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    /^The TLS certificate of the receiver is not trusted \(DEPTH_ZERO_SELF_SIGNED_CERT\)\. /,
  ],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /^The TLS certificate of the receiver is not trusted /],
  [
    'ERR_SSL_WRONG_VERSION_NUMBER',
    /^The receiver does not speak TLS \(ERR_SSL_WRONG_VERSION_NUMBER\)\. /,
  ],
  ['deadline_passed', /^The receiver did not answer in time \(deadline_passed\)\. /],
  ['HPE_INVALID_CONSTANT', /^The receiver sent no usable response \(HPE_INVALID_CONSTANT\)\. /],
])('an attempt without a response, %s, says what happened and what to do', (error, text) => {
  expect(deliveryAnswer({ status: null, error })).toMatch(text);
});

it.each([
  [204, 'status 204'],
  [
    301,
    'The receiver redirects, which Evergrant does not follow (status 301). Enter the address that the receiver redirects to.',
  ],
  [
    403,
    'The receiver refused the request (status 403). Check that it verifies the signature with the secret of this webhook.',
  ],
  [404, 'The receiver has nothing at this path (status 404). Correct the path of the URL.'],
  [422, 'The receiver refused the event (status 422). Look into its log.'],
  [503, 'The receiver failed (status 503). Look into its log.'],
])('an attempt with status %d says what happened and what to do', (status, text) => {
  expect(deliveryAnswer({ status, error: null })).toBe(text);
});

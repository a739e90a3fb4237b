/** Search attributes on a server that refuses the calls of operators, as Temporal Cloud does. */
import { type ConnectionLike, ServiceError } from '@temporalio/client';
import { registerSearchAttributes } from '../../src/temporal/register-search-attributes';
import { type Harness, startHarness } from '../support/harness';

let h: Harness;
beforeAll(async () => {
  h = await startHarness({ worker: false });
});
afterAll(() => h.stop());

/** The connection, whose calls of operators end with `code`. Everything else goes to the real server. */
function refusing(code: number): ConnectionLike {
  const refused = async () => {
    const details = 'Request unauthorized.';
    const cause = Object.assign(new Error(`${code}: ${details}`), { code, details, metadata: {} });
    throw new ServiceError('Failed', { cause });
  };
  const operatorService = { listSearchAttributes: refused, addSearchAttributes: refused };
  return new Proxy(h.client.connection, {
    get: (target, name) =>
      name === 'operatorService' ? operatorService : Reflect.get(target, name, target),
  });
}

it.each([7, 12])(
  'M2.3 a refusal with the gRPC status %i names the missing search attributes',
  async (code) => {
    await expect(registerSearchAttributes(refusing(code), h.namespace)).rejects.toMatchObject({
      name: 'StartError',
      message: expect.stringMatching(
        /EvergrantProvider \(Keyword\).*EvergrantGeneration \(Int\)\.$/,
      ),
    });
  },
);

it('a server that knows the search attributes is not asked to register them', async () => {
  await registerSearchAttributes(h.client.connection, h.namespace);
  await expect(registerSearchAttributes(refusing(7), h.namespace)).resolves.toBeUndefined();
});

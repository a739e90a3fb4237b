/** The control of the test of versions: without them, other workflow code cannot continue a workflow. */
import { eventually } from '../support/eventually';
import { BUNDLED_MS, RETRIED_MS, startVersions, type Versions } from './_versions';

let versions: Versions;
beforeAll(async () => {
  versions = await startVersions();
}, BUNDLED_MS);
afterAll(() => versions.stop());

it('without versions, a workflow with another history cannot continue on the next version', async () => {
  await versions.start(null);
  const begun = await versions.accountsInRefresh();
  await versions.h.stopWorkers();
  await versions.start(null, 'next');
  // Workflows that ended while their worker stopped need no other one.
  const failures = () => Promise.all(begun.map((id) => versions.failedTasks(id)));
  await expect(
    eventually(async () => (await failures()).some((count) => count > 0), RETRIED_MS),
  ).resolves.toBe(true);
});

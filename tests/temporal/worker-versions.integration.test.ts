/** A rolling upgrade between two versions with different workflow code, on the embedded server. */
import { eventually } from '../support/eventually';
import { BUNDLED_MS, startVersions, type Versions } from './_versions';

let versions: Versions;
beforeAll(async () => {
  versions = await startVersions();
}, BUNDLED_MS);
afterAll(() => versions.stop());

async function versionOf(id: string): Promise<string | undefined> {
  const { raw } = await versions.workflow(id).describe();
  return raw.workflowExecutionInfo?.versioningInfo?.deploymentVersion?.buildId ?? undefined;
}

it('M2.4 refreshes that an older version began end on it, and new ones begin on the current version', async () => {
  const { h, key } = versions;
  await versions.start('1');
  await eventually(() =>
    h.logs.some((line) =>
      /set-current-version --deployment-name evergrant --build-id 1/.test(line),
    ),
  );
  await versions.makeCurrent('1');
  const begun = await versions.accountsInRefresh();
  await versions.start('2', 'next');
  await versions.makeCurrent('2');

  const results = await Promise.all(begun.map((id) => versions.workflow(id).result()));
  for (const result of results) expect(result).toMatchObject({ outcome: 'refreshed' });
  const { id: later } = await h.addAccount();
  const path = `/api/admin/accounts/${later}/refresh`;
  expect((await h.request(key, 'POST', path, { force: true })).body).toMatchObject({
    outcome: 'refreshed',
  });

  for (const id of begun) {
    expect(await versionOf(id)).toBe('1');
    expect(await versions.failedTasks(id)).toBe(0);
  }
  expect(await versionOf(later)).toBe('2');
  const granted = h.sandbox.ledger.filter(({ event }) => event === 'committed');
  expect(granted).toHaveLength(begun.length + 1);
});

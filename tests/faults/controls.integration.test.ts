/**
 * Negative controls: with the claim, the fence or the associated data switched off in a lab worker, the checker must
 * fail; with all of them on, the same fault passes. A lab that cannot fail proves nothing.
 */
import { grantPlace } from '../../src/vault/vault';
import type { LabWorker } from '../support/lab-process';
import type { WithoutControl } from '../support/lab-worker';
import { type Lab, startLab } from './_lab';
import { broken, checkPromises } from './_promises';

let lab: Lab;
beforeAll(async () => {
  lab = await startLab();
});
afterAll(() => lab?.stop());

async function twoWorkers(without?: WithoutControl): Promise<[LabWorker, LabWorker]> {
  const options = without === undefined ? {} : { without };
  const workers: [LabWorker, LabWorker] = [lab.spawn(options), lab.spawn(options)];
  await Promise.all(workers.map(({ ready }) => ready));
  return workers;
}

it.each<[string, WithoutControl | undefined, string[]]>([
  ['with the claim: no unexplained replay', undefined, []],
  ['without the claim: one', 'claim', ['unexplainedReplays', 'unlogged']],
])('the claim prevents unexplained replays (%s)', async (_, without, expected) => {
  const [worker, standby] = await twoWorkers(without);
  await worker.run();
  const id = await lab.addAccount('grace', { expiresInMs: 45_000 });
  const held = await lab.holdAt(worker, [{ id, phase: 'answered' }]);
  await worker.signal('SIGKILL');
  await standby.run();
  held.releaseProvider();
  await lab.settled([id]);
  const victim = { id, phase: 'answered', hitAt: 0 } as const;
  expect(broken(await checkPromises(lab.h, [id], [victim]))).toEqual(expected);
  await standby.stop();
});

it.each<[string, WithoutControl | undefined, string[]]>([
  ['with the fence: nothing is overwritten', undefined, []],
  [
    'without the fence: the newest refresh token is overwritten',
    'fence',
    ['rotationsLostOutsideWindow'],
  ],
])(
  'the fence prevents a late worker from overwriting a grant (%s)',
  async (_, without, expected) => {
    const [worker, other] = await twoWorkers(without);
    await worker.run();
    const id = await lab.addAccount('until-used');
    const held = await lab.holdAt(worker, [{ id, phase: 'sealed' }]);
    // A frozen worker would otherwise receive the tasks that it had polled for.
    await worker.drain();
    await worker.signal('SIGSTOP');
    await other.run();
    await lab.settled([id]);
    await lab.refresh(id);
    await lab.settled([id]);
    await worker.signal('SIGCONT');
    held.release();
    await worker.reached(id, 'committed');
    expect(broken(await checkPromises(lab.h, [id]))).toEqual(expected);
    expect((await lab.h.account(id)).orphanedGrants).toHaveLength(without === undefined ? 1 : 0);
    await Promise.all([worker.stop(), other.stop()]);
  },
);

it.each<[string, boolean, string[]]>([
  ['with it: decryption fails, and nothing is sent', true, []],
  ['without it: the token of another account is sent', false, ['unlogged']],
])('associated data binds a ciphertext to its account (%s)', async (_, bound, expected) => {
  const owner = await lab.addAccount('none');
  const account = await lab.h.account(owner);
  const { current } = account;
  const thief = await lab.addAccount('none', { spoil: () => current.refreshToken ?? '' });
  const worker = lab.spawn(
    bound ? {} : { without: 'associated_data', places: [grantPlace(account, 1)] },
  );
  await worker.run();
  await lab.refresh(thief);
  await lab.settled([thief]);
  expect(broken(await checkPromises(lab.h, [owner]))).toEqual(expected);
  expect((await lab.h.account(thief)).lastError?.code ?? null).toBe(bound ? 'row_corrupt' : null);
  await worker.stop();
});

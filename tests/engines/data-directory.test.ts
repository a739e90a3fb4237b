/** The lock of a data directory. */
import { DataDirectoryInUse, lockDataDirectory } from '../../src/engines/data-directory';
import { eventually, removeFolder, startParent, temporaryFolder } from './_setup';

describe('lockDataDirectory', () => {
  let dataDir: string;

  beforeEach(async () => {
    dataDir = await temporaryFolder();
  });

  afterEach(async () => removeFolder(dataDir));

  it('refuses a second process and names the holder, its API and the remedy', async () => {
    const lock = await lockDataDirectory(dataDir, () => 'its API listens on http://127.0.0.1:3000');
    const second = await lockDataDirectory(dataDir, () => '').catch((error: unknown) => error);
    await lock.release();
    expect(second).toBeInstanceOf(DataDirectoryInUse);
    expect(String(second)).toContain(
      `Another Evergrant (process ${process.pid}) is running on the data directory ${dataDir}: its API listens on http://127.0.0.1:3000. Stop it first (Ctrl-C, or kill ${process.pid})`,
    );
  });

  it('refuses the same directory under another path', async () => {
    const lock = await lockDataDirectory(dataDir, () => '');
    await expect(
      lockDataDirectory(`${dataDir}/../${dataDir.split('/').at(-1)}`, () => ''),
    ).rejects.toThrow(DataDirectoryInUse);
    await lock.release();
  });

  it('accepts the next process after a release', async () => {
    await (await lockDataDirectory(dataDir, () => '')).release();
    const next = await lockDataDirectory(dataDir, () => '');
    await expect(lockDataDirectory(dataDir, () => '')).rejects.toThrow(DataDirectoryInUse);
    await next.release();
  });

  it('accepts the next process after its holder was killed', async () => {
    const holder = await startParent('lock', { dataDir });
    await expect(lockDataDirectory(dataDir, () => '')).rejects.toThrow('http://127.0.0.1:4711');
    holder.process.kill('SIGKILL');
    await eventually(
      'the lock can be taken',
      () =>
        lockDataDirectory(dataDir, () => '').then(
          async (lock) => {
            await lock.release();
            return true;
          },
          () => false,
        ),
      5_000,
    );
  });
});

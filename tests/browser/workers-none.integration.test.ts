/** Admin → Workers where no worker has ever run. */
import { expectAccessible, expectNoComplaints, type Pages, startPages } from './_browser';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({ worker: false });
});
afterAll(() => pages.stop());

it('R1.10 says that no worker is alive, and that there is nothing to run', async () => {
  const page = await pages.signedIn();
  await page.getByText('No worker is alive: nothing is refreshed').waitFor();
  await page.getByText('No provider is configured').waitFor();
  await expectAccessible(page);
  expectNoComplaints(page);
});

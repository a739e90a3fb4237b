/** Admin → Workers before the first start of a worker. */
import { expectAccessible, expectNoComplaints, type Pages, startPages } from './_browser';

let pages: Pages;
beforeAll(async () => {
  pages = await startPages({ worker: false });
});
afterAll(() => pages.stop());

it('R1.10 shows that no worker is alive and no provider is configured', async () => {
  const page = await pages.signedIn();
  await page.getByText('No worker is running, so no account is refreshed').waitFor();
  await page.goto('/admin/workers');
  await page.getByText('No worker is alive: accounts are not refreshed').waitFor();
  await page.getByText('No provider is configured').waitFor();
  await expectAccessible(page);
  expectNoComplaints(page);
});

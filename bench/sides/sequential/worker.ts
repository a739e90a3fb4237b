/** The loop of the sequential side. */
import { PlainRefresher } from '../plain-refresh';
import { serveWorker } from '../worker-process';

serveWorker(async (setting) => {
  const refresher = await PlainRefresher.open(setting);
  return {
    async refreshDue() {
      const due = await refresher.dueAccounts();
      for (const accountId of due) await refresher.refresh(accountId);
      return due.length;
    },
    stop: () => refresher.close(),
  };
});

/**
 * (d) Celery on Redis: `sweep.py` sends one task per due account, and a worker runs them (`refresher.py`).
 *
 * Tuned by its documentation: the gevent pool for tasks that wait for I/O, with a concurrency in the hundreds
 * (docs.celeryq.dev/en/stable/userguide/concurrency/gevent.html), no results kept, late acknowledgement, as
 * advised for repeatable tasks (/userguide/tasks.html), a prefetch multiplier and a broker pool for many short tasks
 * (/userguide/optimizing.html), and no gossip, mingle or heartbeat where there is one worker.
 */
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { endChild, startChild } from '../child';
import { python } from '../engines';
import type { Side } from '../side';

export const side: Side = {
  name: '(d) Celery',
  concurrencies: [50, 100, 300],
  async start(setting) {
    const environment = {
      PATH: process.env['PATH'],
      PYTHONDONTWRITEBYTECODE: '1',
      PYTHONUNBUFFERED: '1',
      BENCH_SETTING: JSON.stringify(setting),
    };
    const log = openSync(setting.logFile, 'a');
    const options = { cwd: __dirname, env: environment };
    const pool = ['--pool', 'gevent', '--concurrency', String(setting.concurrency)];
    const quiet = ['--without-gossip', '--without-mingle', '--without-heartbeat'];
    const worker = startChild(
      python(),
      ['-m', 'celery', '-A', 'refresher', 'worker', '--loglevel', 'warning', ...pool, ...quiet],
      { ...options, stdio: ['ignore', log, log] },
    );
    const sweep = startChild(python(), ['sweep.py'], {
      ...options,
      stdio: ['pipe', 'pipe', log],
    });
    closeSync(log);
    const lines = createInterface({ input: sweep.stdout ?? process.stdin });
    const ended = Promise.race([worker, sweep].map(async (child) => once(child, 'exit'))).then(
      () => {
        throw new Error(`a process of Celery ended; see ${setting.logFile}`);
      },
    );
    ended.catch(() => undefined);
    const said = async (line: string) => {
      const [got] = await Promise.race([once(lines, 'line'), ended]);
      if (got !== line) throw new Error(`sweep.py printed ${got}; see ${setting.logFile}`);
    };
    await said('ready');
    return {
      async refreshDue() {
        sweep.stdin?.write('sweep\n');
        await said('done');
      },
      async stop() {
        await Promise.all([endChild(worker), endChild(sweep)]);
      },
    };
  },
};

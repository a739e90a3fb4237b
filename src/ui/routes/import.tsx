/** Imports a file of accounts: a check that stores nothing first, then the import of the same file. */
import { bodyLimit } from 'hono/body-limit';
import { streamSSE } from 'hono/streaming';
import { ServiceError } from '../../domain/service-error';
import { accountLines } from '../../services/accounts/account-lines';
import { importAccounts } from '../../services/accounts/import-accounts';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { actOrShowAgain, formFields, formFile } from '../form';
import { demandAdmin, isFragment } from '../guard';
import { showPage } from '../layout';
import { markup } from '../markup';
import { ACCOUNTS_PATH } from '../pages/accounts';
import {
  FILE_MAX_BYTES,
  FORMATS,
  IMPORT_PATH,
  ImportPage,
  ImportProgress,
  ImportReport,
  ImportResults,
} from '../pages/import';
import { mayAct } from '../permissions';

const PAGE = { title: 'Import accounts', section: ACCOUNTS_PATH } as const;
/** Room for the other parts of the form, in bytes. */
const FORM_BYTES = 16 * 1024;
/** Lines between two messages on progress. */
const PROGRESS_LINES = 250;

/** The limit of the body, in place of that of all other requests. */
export function limitImport(ui: UiApp): void {
  ui.use(
    IMPORT_PATH,
    bodyLimit({
      maxSize: FILE_MAX_BYTES + FORM_BYTES,
      onError() {
        throw new ServiceError(
          'payload_too_large',
          `The file is larger than ${FILE_MAX_BYTES / 1024 / 1024} MB. Divide it, or import it with evergrant accounts import.`,
        );
      },
    }),
  );
}

export function registerImport(ui: UiApp, deps: UiDependencies): void {
  ui.get(IMPORT_PATH, (c) => {
    demandAdmin(c.get('session'));
    return showPage(c, PAGE, <ImportPage />);
  });

  ui.post(IMPORT_PATH, (c) =>
    actOrShowAgain(
      c,
      async () => {
        const { organisation } = c.get('session');
        const { quarantine, checked: before } = await formFields(c);
        const file = await formFile(c, 'file');
        if (file === null) throw new ServiceError('invalid_request', 'file: choose a file');
        const options = { organisation, quarantine: quarantine !== undefined };
        const content = Buffer.from(await file.arrayBuffer());
        const checked = deps.vault.fingerprint(
          JSON.stringify([options, content.toString('latin1')]),
        );
        const isDryRun = before !== checked;
        const isOther = isDryRun && before !== undefined;
        const lines = accountLines(file.stream(), formatOf(file));
        const report = new ImportReport();
        const messages = importAccounts(lines, { ...options, dryRun: isDryRun }, deps, async () => {
          const current = await deps.sessions.read(c);
          return current !== null && mayAct(current);
        });
        const results = { report, isDryRun, checked, isOther };
        if (!isFragment(c)) {
          for await (const message of messages) report.add(message);
          return showPage(c, PAGE, <ImportPage results={{ ...results, isChosenAgain: true }} />);
        }
        return streamSSE(c, async (stream) => {
          const send = async (data: string) => stream.writeSSE({ data });
          await send(await markup(<ImportProgress lines={0} isDryRun={isDryRun} />));
          for await (const message of messages) {
            report.add(message);
            const { lines: done } = report;
            if (done % PROGRESS_LINES === 0 && 'line' in message)
              await send(await markup(<ImportProgress lines={done} isDryRun={isDryRun} />));
          }
          await send(await markup(<ImportResults {...results} isChosenAgain={false} />));
        });
      },
      (state, status) => showPage(c, { ...PAGE, status }, <ImportPage state={state} />),
    ),
  );
}

/** @throws {ServiceError} `invalid_request` */
function formatOf({ name }: File): 'csv' | 'jsonl' {
  const ending = /\.([^.]+)$/.exec(name.toLowerCase())?.[1] ?? '';
  const format = new Map<string, 'csv' | 'jsonl'>(Object.entries(FORMATS)).get(ending);
  if (format === undefined)
    throw new ServiceError(
      'invalid_request',
      'file: the name must end in .csv, .jsonl or .ndjson, which tells its format',
    );
  return format;
}

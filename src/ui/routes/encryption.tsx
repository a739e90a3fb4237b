/** Admin → Encryption: the keys and their rotation, for operators, because they serve all organisations. */
import { z } from 'zod';
import { note } from '../../api/routes/schedules/schedule-body';
import { ServiceError } from '../../domain/service-error';
import { shownOrigin } from '../../http/public-origin';
import { encryptionStatus } from '../../services/encryption/encryption-status';
import { pauseRotation, resumeRotation, rotate } from '../../services/encryption/rotation-actions';
import type { UiDependencies } from '../dependencies';
import type { UiApp } from '../env';
import { formFields } from '../form';
import { demandOperator } from '../guard';
import { showPage } from '../layout';
import { liveFragment, sharedFor } from '../live';
import { Encryption, EncryptionPage, ENCRYPTION_PATH as PATH } from '../pages/encryption';

/** How long one load is shared by all viewers, in ms. */
const SHARED_MS = 900;

const Form = z.object({ to: z.string().max(64).optional(), note: note.optional() });

export function registerEncryption(ui: UiApp, deps: UiDependencies): void {
  const load = sharedFor(SHARED_MS, () => encryptionStatus(deps));

  ui.get(PATH, async (c) => {
    demandOperator(c.get('session'));
    return showPage(
      c,
      { title: 'Encryption', section: PATH, live: true },
      <EncryptionPage status={await load()} origin={shownOrigin(c, deps.publicUrl)} />,
    );
  });
  ui.get(`${PATH}/stream`, (c) => {
    demandOperator(c.get('session'));
    return liveFragment(c, deps, async () => <Encryption status={await load()} />);
  });

  ui.post(`${PATH}/rotate`, async (c) => {
    const { to } = formOf(await formFields(c));
    await rotate(deps, to, c.get('session'));
    return c.redirect(PATH, 303);
  });
  ui.post(`${PATH}/pause`, async (c) => {
    const { note: why } = formOf(await formFields(c));
    if (why === undefined)
      throw new ServiceError('invalid_request', 'Enter the reason for the pause.');
    await pauseRotation(deps, why, c.get('session'));
    return c.redirect(PATH, 303);
  });
  ui.post(`${PATH}/resume`, async (c) => {
    await resumeRotation(deps, c.get('session'));
    return c.redirect(PATH, 303);
  });
}

/** An empty field is not given. @throws {ServiceError} with a message that names the field */
function formOf(fields: Readonly<Record<string, string>>): z.infer<typeof Form> {
  const given = Object.entries(fields).filter(([, text]) => text.trim() !== '');
  const parsed = Form.safeParse(Object.fromEntries(given));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new ServiceError('invalid_request', `${issue?.path.join('.')}: ${issue?.message}`);
}

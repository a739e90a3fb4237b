import { isReminderDue } from '../../../src/domain/connect/reminder';
import { reminderMail } from '../../../src/domain/connect/reminder-mail';
import { LANGUAGES } from '../../../src/domain/text/language';

const DAY_MS = 24 * 3600_000;
const since = new Date('2026-11-01T00:00:00Z');

describe('isReminderDue', () => {
  it.each([
    [0, 0, true],
    [0, 5, true],
    [1, 2.9, false],
    [1, 3, true],
    [2, 6.9, false],
    [2, 7, true],
    [3, 13, false],
    [0, 14, false],
  ])('C22 after %d reminders and %d days says %s', (sent, days, isDue) => {
    const now = new Date(since.getTime() + days * DAY_MS);
    expect(isReminderDue({ stateAt: since, reminders: { since, sent } }, now)).toBe(isDue);
  });

  it('C22 begins again when the account needs another reconnect', () => {
    const reminders = { since: new Date(since.getTime() - DAY_MS), sent: 3 };
    expect(isReminderDue({ stateAt: since, reminders }, since)).toBe(true);
  });
});

describe('reminderMail', () => {
  const content = {
    organisation: 'Acme <b>',
    logo: new URL('https://acme.example/logo.png?a=1&b=2'),
    accounts: [
      {
        label: '<script>alert(1)</script>',
        provider: 'ebay',
        link: 'https://evergrant.example.com/connect/abc',
      },
    ],
    expiresAt: since,
    unsubscribeUrl: 'https://evergrant.example.com/connect/unsubscribe/d.c',
  };

  it.each(LANGUAGES)(
    'C22 has the links as text and HTML, and escapes labels, in %s',
    (language) => {
      const { subject, text, html } = reminderMail(content, language);
      for (const part of [text, html]) {
        expect(part).toContain('https://evergrant.example.com/connect/abc');
        expect(part).toContain('https://evergrant.example.com/connect/unsubscribe/d.c');
      }
      expect(subject).toContain('Acme <b>');
      expect(html).not.toContain('<script>');
      expect(html).not.toContain('<b>');
      expect(html).toContain(
        'src="https://acme.example/logo.png?a=1&amp;b=2" alt="Acme &lt;b&gt;"',
      );
      expect(reminderMail({ ...content, logo: null }, language).html).not.toContain('<img');
    },
  );

  it('C22 differs between the languages', () => {
    const subjects = LANGUAGES.map((language) => reminderMail(content, language).subject);
    expect(new Set(subjects).size).toBe(LANGUAGES.length);
  });
});

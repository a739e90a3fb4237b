/** The e-mail that asks an owner to reconnect accounts, as plain text and HTML, in four languages. Pure. */
import type { Language } from '../text/language';

export interface ReminderMail {
  subject: string;
  text: string;
  html: string;
}

export interface ReminderContent {
  /** The name of the organisation that asks. */
  organisation: string;
  logo: URL | null;
  accounts: readonly { label: string; provider: string; link: string }[];
  /** When the links expire. */
  expiresAt: Date;
  unsubscribeUrl: string;
}

interface ReminderTexts {
  subject(organisation: string): string;
  intro(organisation: string): string;
  reconnect: string;
  /** @param day in the language's format */
  expires(day: string): string;
  notSure: string;
  unsubscribe: string;
}

const TEXTS: Readonly<Record<Language, ReminderTexts>> = {
  en: {
    subject: (organisation) => `Please reconnect your account to ${organisation}`,
    intro: (organisation) =>
      `${organisation} has lost access to the following accounts. Open the link of each account to reconnect it.`,
    reconnect: 'Reconnect',
    expires: (day) => `Each link works once, until ${day} (UTC).`,
    notSure: 'If you do not expect this message, ignore it. Nothing happens until you continue.',
    unsubscribe: 'Stop these e-mails',
  },
  de: {
    subject: (organisation) => `Bitte verbinden Sie Ihr Konto erneut mit ${organisation}`,
    intro: (organisation) =>
      `${organisation} hat den Zugriff auf die folgenden Konten verloren. Öffnen Sie den Link jedes Kontos, um es erneut zu verbinden.`,
    reconnect: 'Erneut verbinden',
    expires: (day) => `Jeder Link gilt einmal, bis ${day} (UTC).`,
    notSure:
      'Falls Sie diese Nachricht nicht erwarten, ignorieren Sie sie. Es geschieht nichts, bevor Sie fortfahren.',
    unsubscribe: 'Diese E-Mails abbestellen',
  },
  fr: {
    subject: (organisation) => `Veuillez reconnecter votre compte à ${organisation}`,
    intro: (organisation) =>
      `${organisation} n’a plus accès aux comptes suivants. Ouvrez le lien de chaque compte pour le reconnecter.`,
    reconnect: 'Reconnecter',
    expires: (day) => `Chaque lien fonctionne une fois, jusqu’au ${day} (UTC).`,
    notSure:
      'Si vous n’attendez pas ce message, ignorez-le. Rien ne se passe tant que vous ne continuez pas.',
    unsubscribe: 'Ne plus recevoir ces messages',
  },
  es: {
    subject: (organisation) => `Vuelva a conectar su cuenta con ${organisation}`,
    intro: (organisation) =>
      `${organisation} ha perdido el acceso a las siguientes cuentas. Abra el enlace de cada cuenta para volver a conectarla.`,
    reconnect: 'Volver a conectar',
    expires: (day) => `Cada enlace funciona una vez, hasta el ${day} (UTC).`,
    notSure: 'Si no espera este mensaje, ignórelo. No ocurre nada hasta que usted continúe.',
    unsubscribe: 'No recibir más estos mensajes',
  },
};

export function reminderMail(
  { organisation, logo, accounts, expiresAt, unsubscribeUrl }: ReminderContent,
  language: Language,
): ReminderMail {
  const texts = TEXTS[language];
  const day = new Intl.DateTimeFormat(language, {
    dateStyle: 'long',
    timeStyle: 'short',
    timeZone: 'UTC',
  }).format(expiresAt);
  const text = [
    texts.intro(organisation),
    ...accounts.map(({ label, provider, link }) => `${label} (${provider})\n${link}`),
    texts.expires(day),
    texts.notSure,
    `${texts.unsubscribe}: ${unsubscribeUrl}`,
  ].join('\n\n');
  const rows = accounts.map(
    ({ label, provider, link }) =>
      `<li>${escaped(label)} (${escaped(provider)})<br><a href="${escaped(link)}">${texts.reconnect}</a></li>`,
  );
  const html = [
    `<!doctype html><html lang="${language}"><body>`,
    ...(logo === null
      ? []
      : [`<p><img src="${escaped(logo.href)}" alt="${escaped(organisation)}" height="32"></p>`]),
    `<p>${escaped(texts.intro(organisation))}</p><ul>${rows.join('')}</ul>`,
    `<p>${escaped(texts.expires(day))}</p><p>${escaped(texts.notSure)}</p>`,
    `<p><a href="${escaped(unsubscribeUrl)}">${texts.unsubscribe}</a></p></body></html>`,
  ].join('\n');
  return { subject: texts.subject(organisation), text, html };
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** The texts of the consent pages, which the customers of an organisation see, in four languages. */
import type { ConnectFailure, ConnectStatus } from '../../domain/connect/connect-session';
import type { Language } from '../../domain/text/language';

export interface ConnectTexts {
  connectTitle(provider: string): string;
  reconnectTitle(provider: string): string;
  /** Names who asks, and for which account. */
  asks(organisation: string, provider: string, account: string | null): string;
  scopes: string;
  noScopes: string;
  continueTo(provider: string): string;
  next(provider: string): string;
  notSure: string;
  invalidInput(example: string): string;
  lastFailure: string;
  tryAgain: string;
  returnTo: string;
  connected: string;
  connectedText(organisation: string): string;
  closed: string;
  closedText: string;
  used: string;
  busy: string;
  busyText: string;
  failed: string;
  unknown: string;
  unknownText: string;
  otherBrowser: string;
  late: string;
  lateText: string;
  unavailable: string;
  unavailableText: string;
  outage: string;
  outageText: string;
  tooMany: string;
  unsubscribe: string;
  unsubscribeText: string;
  unsubscribed: string;
  unsubscribedText: string;
  failures: Readonly<Record<ConnectFailure, string>>;
}

const en: ConnectTexts = {
  connectTitle: (provider) => `Connect ${provider}`,
  reconnectTitle: (provider) => `Reconnect ${provider}`,
  asks: (organisation, provider, account) =>
    `${organisation} asks for access to ${account === null ? `your ${provider} account` : `the ${provider} account ${account}`}. ${organisation} keeps this access until you withdraw it.`,
  scopes: 'Requested permissions',
  noScopes: 'The provider shows the permissions on its page.',
  continueTo: (provider) => `Continue to ${provider}`,
  next: (provider) => `You sign in at ${provider} and decide there. Your password stays there.`,
  notSure: 'Did you not expect this page? Close it. Nothing happens until you continue.',
  invalidInput: (example) => `Enter a value like ${example}.`,
  lastFailure: 'The last attempt did not succeed.',
  tryAgain: 'Try again',
  returnTo: 'Return to the application',
  connected: 'Connected',
  connectedText: (organisation) =>
    `The account is connected to ${organisation}. You can close this page.`,
  closed: 'This link does not work any more',
  closedText: 'It has expired or was withdrawn. Ask the sender for a new link.',
  used: 'This link was used already. Ask the sender for a new link.',
  busy: 'Your consent was received',
  busyText: 'It is being stored. You can close this page.',
  failed: 'Not connected',
  unknown: 'This sign-in is not known',
  unknownText: 'It has expired, or you started again in another tab. Open the link once more.',
  otherBrowser: 'Another browser',
  late: 'This took too long',
  lateText: 'A sign-in at the provider is valid for ten minutes. Open the link once more.',
  unavailable: 'The provider is unavailable',
  unavailableText: 'Wait a few minutes, then try again. The link stays valid.',
  outage: 'This page is unavailable',
  outageText: 'Wait a minute, then reload this page.',
  tooMany: 'Too many attempts. Wait a minute, then try again.',
  unsubscribe: 'Stop e-mails',
  unsubscribeText: 'You get no more e-mails about accounts that must be reconnected.',
  unsubscribed: 'E-mails are stopped',
  unsubscribedText:
    'You get no more e-mails about accounts that must be reconnected. You can close this page.',
  failures: {
    access_denied: 'You declined at the provider, so nothing was connected.',
    provider_unavailable: 'The provider reported a temporary error. Try again in a few minutes.',
    provider_refused: 'The provider refused the request. Tell the sender of the link.',
    app_refused:
      'The provider does not accept this application at the moment. Tell the sender of the link.',
    answer_lost: 'The provider’s answer was lost. Ask the sender for a new link and start again.',
    wrong_issuer: 'The answer came from an unexpected server, so it was not used.',
    other_browser:
      'You started in another browser. Open the link again, and stay in that browser until the end.',
    missing_scopes:
      'A required permission was not granted, so nothing was stored. Ask the sender for a new link.',
    no_refresh_token:
      'The provider did not grant lasting access, so nothing was stored. Tell the sender of the link.',
    different_subject:
      'You signed in with another account than expected, so nothing was stored. Ask the sender for a new link, and sign in with the right account.',
    already_connected: 'This account is connected already, so nothing was stored.',
    unknown_subject: 'The provider did not say which account this is, so nothing was stored.',
    not_finished: 'The application did not complete the connection. Start again there.',
    disconnected:
      'This account is being disconnected at the moment, so your consent was not stored. Ask the sender for a new link later.',
    not_stored: 'Your consent could not be stored. Ask the sender for a new link and start again.',
  },
};

const de: ConnectTexts = {
  connectTitle: (provider) => `${provider} verbinden`,
  reconnectTitle: (provider) => `${provider} neu verbinden`,
  asks: (organisation, provider, account) =>
    `${organisation} bittet um Zugriff auf ${account === null ? `Ihr Konto bei ${provider}` : `das Konto ${account} bei ${provider}`}. ${organisation} behält diesen Zugriff, bis Sie ihn zurücknehmen.`,
  scopes: 'Angefragte Berechtigungen',
  noScopes: 'Der Anbieter zeigt die Berechtigungen auf seiner Seite.',
  continueTo: (provider) => `Weiter zu ${provider}`,
  next: (provider) =>
    `Sie melden sich bei ${provider} an und entscheiden dort. Ihr Passwort bleibt dort.`,
  notSure:
    'Haben Sie diese Seite nicht erwartet? Schließen Sie sie. Ohne Ihren Klick geschieht nichts.',
  invalidInput: (example) => `Geben Sie einen Wert wie ${example} ein.`,
  lastFailure: 'Der letzte Versuch ist nicht gelungen.',
  tryAgain: 'Noch einmal versuchen',
  returnTo: 'Zurück zur Anwendung',
  connected: 'Verbunden',
  connectedText: (organisation) =>
    `Das Konto ist mit ${organisation} verbunden. Sie können diese Seite schließen.`,
  closed: 'Dieser Link gilt nicht mehr',
  closedText:
    'Er ist abgelaufen oder wurde zurückgezogen. Bitten Sie den Absender um einen neuen Link.',
  used: 'Dieser Link wurde schon benutzt. Bitten Sie den Absender um einen neuen Link.',
  busy: 'Ihre Zustimmung ist angekommen',
  busyText: 'Sie wird gespeichert. Sie können diese Seite schließen.',
  failed: 'Nicht verbunden',
  unknown: 'Diese Anmeldung ist nicht bekannt',
  unknownText:
    'Sie ist abgelaufen, oder Sie haben in einem anderen Tab neu begonnen. Öffnen Sie den Link noch einmal.',
  otherBrowser: 'Ein anderer Browser',
  late: 'Das hat zu lange gedauert',
  lateText: 'Eine Anmeldung beim Anbieter gilt zehn Minuten. Öffnen Sie den Link noch einmal.',
  unavailable: 'Der Anbieter ist nicht erreichbar',
  unavailableText:
    'Warten Sie ein paar Minuten und versuchen Sie es noch einmal. Der Link bleibt gültig.',
  outage: 'Diese Seite ist zurzeit nicht verfügbar',
  outageText: 'Warten Sie eine Minute und laden Sie die Seite neu.',
  tooMany: 'Zu viele Versuche. Warten Sie eine Minute und versuchen Sie es noch einmal.',
  unsubscribe: 'E-Mails abbestellen',
  unsubscribeText:
    'Sie erhalten keine E-Mails mehr über Konten, die erneut verbunden werden müssen.',
  unsubscribed: 'E-Mails sind abbestellt',
  unsubscribedText:
    'Sie erhalten keine E-Mails mehr über Konten, die erneut verbunden werden müssen. Sie können diese Seite schließen.',
  failures: {
    access_denied: 'Sie haben beim Anbieter abgelehnt, daher wurde nichts verbunden.',
    provider_unavailable:
      'Der Anbieter meldet eine vorübergehende Störung. Versuchen Sie es in ein paar Minuten noch einmal.',
    provider_refused:
      'Der Anbieter hat die Anfrage abgelehnt. Sagen Sie dem Absender des Links Bescheid.',
    app_refused:
      'Der Anbieter nimmt diese Anwendung zurzeit nicht an. Sagen Sie dem Absender des Links Bescheid.',
    answer_lost:
      'Die Antwort des Anbieters ging verloren. Bitten Sie den Absender um einen neuen Link und beginnen Sie neu.',
    wrong_issuer: 'Die Antwort kam von einem unerwarteten Server und wurde nicht benutzt.',
    other_browser:
      'Sie haben in einem anderen Browser begonnen. Öffnen Sie den Link noch einmal und bleiben Sie bis zum Ende in diesem Browser.',
    missing_scopes:
      'Eine nötige Berechtigung fehlt, daher wurde nichts gespeichert. Bitten Sie den Absender um einen neuen Link.',
    no_refresh_token:
      'Der Anbieter hat keinen dauerhaften Zugriff erteilt, daher wurde nichts gespeichert. Sagen Sie dem Absender des Links Bescheid.',
    different_subject:
      'Sie haben sich mit einem anderen Konto als erwartet angemeldet, daher wurde nichts gespeichert. Bitten Sie den Absender um einen neuen Link und melden Sie sich mit dem richtigen Konto an.',
    already_connected: 'Dieses Konto ist schon verbunden, daher wurde nichts gespeichert.',
    unknown_subject:
      'Der Anbieter hat nicht mitgeteilt, welches Konto es ist, daher wurde nichts gespeichert.',
    not_finished: 'Die Anwendung hat die Verbindung nicht abgeschlossen. Beginnen Sie dort neu.',
    disconnected:
      'Dieses Konto wird gerade getrennt, daher wurde Ihre Zustimmung nicht gespeichert. Bitten Sie den Absender später um einen neuen Link.',
    not_stored:
      'Ihre Zustimmung konnte nicht gespeichert werden. Bitten Sie den Absender um einen neuen Link und beginnen Sie neu.',
  },
};

const fr: ConnectTexts = {
  connectTitle: (provider) => `Connecter ${provider}`,
  reconnectTitle: (provider) => `Reconnecter ${provider}`,
  asks: (organisation, provider, account) =>
    `${organisation} demande l’accès ${account === null ? `à votre compte ${provider}` : `au compte ${provider} ${account}`}. ${organisation} garde cet accès jusqu’à ce que vous le retiriez.`,
  scopes: 'Autorisations demandées',
  noScopes: 'Le fournisseur affiche les autorisations sur sa page.',
  continueTo: (provider) => `Continuer vers ${provider}`,
  next: (provider) =>
    `Vous vous identifiez chez ${provider} et décidez là-bas. Votre mot de passe y reste.`,
  notSure:
    'Vous n’attendiez pas cette page ? Fermez-la. Rien ne se passe tant que vous ne continuez pas.',
  invalidInput: (example) => `Saisissez une valeur comme ${example}.`,
  lastFailure: 'La dernière tentative n’a pas abouti.',
  tryAgain: 'Réessayer',
  returnTo: 'Revenir à l’application',
  connected: 'Connecté',
  connectedText: (organisation) =>
    `Le compte est connecté à ${organisation}. Vous pouvez fermer cette page.`,
  closed: 'Ce lien n’est plus valable',
  closedText: 'Il a expiré ou a été retiré. Demandez un nouveau lien à l’expéditeur.',
  used: 'Ce lien a déjà servi. Demandez un nouveau lien à l’expéditeur.',
  busy: 'Votre accord est arrivé',
  busyText: 'Il est en cours d’enregistrement. Vous pouvez fermer cette page.',
  failed: 'Non connecté',
  unknown: 'Cette identification est inconnue',
  unknownText:
    'Elle a expiré, ou vous avez recommencé dans un autre onglet. Ouvrez le lien encore une fois.',
  otherBrowser: 'Un autre navigateur',
  late: 'Cela a pris trop de temps',
  lateText:
    'Une identification chez le fournisseur est valable dix minutes. Ouvrez le lien encore une fois.',
  unavailable: 'Le fournisseur est indisponible',
  unavailableText: 'Attendez quelques minutes, puis réessayez. Le lien reste valable.',
  outage: 'Cette page est indisponible',
  outageText: 'Attendez une minute, puis rechargez la page.',
  tooMany: 'Trop de tentatives. Attendez une minute, puis réessayez.',
  unsubscribe: 'Ne plus recevoir de messages',
  unsubscribeText: 'Vous ne recevrez plus de messages sur les comptes à reconnecter.',
  unsubscribed: 'Les messages sont arrêtés',
  unsubscribedText:
    'Vous ne recevrez plus de messages sur les comptes à reconnecter. Vous pouvez fermer cette page.',
  failures: {
    access_denied: 'Vous avez refusé chez le fournisseur ; rien n’a été connecté.',
    provider_unavailable:
      'Le fournisseur signale une erreur temporaire. Réessayez dans quelques minutes.',
    provider_refused: 'Le fournisseur a refusé la demande. Prévenez l’expéditeur du lien.',
    app_refused:
      'Le fournisseur n’accepte pas cette application en ce moment. Prévenez l’expéditeur du lien.',
    answer_lost:
      'La réponse du fournisseur s’est perdue. Demandez un nouveau lien à l’expéditeur et recommencez.',
    wrong_issuer: 'La réponse venait d’un serveur inattendu et n’a pas été utilisée.',
    other_browser:
      'Vous avez commencé dans un autre navigateur. Ouvrez le lien encore une fois et restez dans ce navigateur jusqu’à la fin.',
    missing_scopes:
      'Une autorisation nécessaire manque ; rien n’a été enregistré. Demandez un nouveau lien à l’expéditeur.',
    no_refresh_token:
      'Le fournisseur n’a pas accordé d’accès durable ; rien n’a été enregistré. Prévenez l’expéditeur du lien.',
    different_subject:
      'Vous vous êtes identifié avec un autre compte que celui attendu ; rien n’a été enregistré. Demandez un nouveau lien et identifiez-vous avec le bon compte.',
    already_connected: 'Ce compte est déjà connecté ; rien n’a été enregistré.',
    unknown_subject:
      'Le fournisseur n’a pas indiqué de quel compte il s’agit ; rien n’a été enregistré.',
    not_finished: 'L’application n’a pas terminé la connexion. Recommencez là-bas.',
    disconnected:
      'Ce compte est en cours de déconnexion ; votre accord n’a donc pas été enregistré. Demandez plus tard un nouveau lien à l’expéditeur.',
    not_stored:
      'Votre accord n’a pas pu être enregistré. Demandez un nouveau lien à l’expéditeur et recommencez.',
  },
};

const es: ConnectTexts = {
  connectTitle: (provider) => `Conectar ${provider}`,
  reconnectTitle: (provider) => `Volver a conectar ${provider}`,
  asks: (organisation, provider, account) =>
    `${organisation} pide acceso a ${account === null ? `su cuenta de ${provider}` : `la cuenta ${account} de ${provider}`}. ${organisation} conserva este acceso hasta que usted lo retire.`,
  scopes: 'Permisos solicitados',
  noScopes: 'El proveedor muestra los permisos en su página.',
  continueTo: (provider) => `Continuar a ${provider}`,
  next: (provider) =>
    `Usted inicia sesión en ${provider} y decide allí. Su contraseña se queda allí.`,
  notSure: '¿No esperaba esta página? Ciérrela. No sucede nada hasta que usted continúe.',
  invalidInput: (example) => `Escriba un valor como ${example}.`,
  lastFailure: 'El último intento no tuvo éxito.',
  tryAgain: 'Intentar de nuevo',
  returnTo: 'Volver a la aplicación',
  connected: 'Conectada',
  connectedText: (organisation) =>
    `La cuenta está conectada con ${organisation}. Puede cerrar esta página.`,
  closed: 'Este enlace ya no es válido',
  closedText: 'Ha caducado o fue retirado. Pida un enlace nuevo al remitente.',
  used: 'Este enlace ya se usó. Pida un enlace nuevo al remitente.',
  busy: 'Su consentimiento ha llegado',
  busyText: 'Se está guardando. Puede cerrar esta página.',
  failed: 'No conectada',
  unknown: 'Este inicio de sesión no se conoce',
  unknownText: 'Ha caducado, o usted empezó de nuevo en otra pestaña. Abra el enlace otra vez.',
  otherBrowser: 'Otro navegador',
  late: 'Ha tardado demasiado',
  lateText: 'Un inicio de sesión en el proveedor vale diez minutos. Abra el enlace otra vez.',
  unavailable: 'El proveedor no está disponible',
  unavailableText: 'Espere unos minutos e intente de nuevo. El enlace sigue siendo válido.',
  outage: 'Esta página no está disponible',
  outageText: 'Espere un minuto y vuelva a cargar la página.',
  tooMany: 'Demasiados intentos. Espere un minuto e intente de nuevo.',
  unsubscribe: 'No recibir más mensajes',
  unsubscribeText: 'Ya no recibirá mensajes sobre cuentas que deben volver a conectarse.',
  unsubscribed: 'Los mensajes se han detenido',
  unsubscribedText:
    'Ya no recibirá mensajes sobre cuentas que deben volver a conectarse. Puede cerrar esta página.',
  failures: {
    access_denied: 'Usted rechazó el acceso en el proveedor; no se conectó nada.',
    provider_unavailable:
      'El proveedor informa de un error temporal. Intente de nuevo en unos minutos.',
    provider_refused: 'El proveedor rechazó la solicitud. Avise al remitente del enlace.',
    app_refused:
      'El proveedor no acepta esta aplicación en este momento. Avise al remitente del enlace.',
    answer_lost:
      'La respuesta del proveedor se perdió. Pida un enlace nuevo al remitente y empiece de nuevo.',
    wrong_issuer: 'La respuesta vino de un servidor inesperado y no se usó.',
    other_browser:
      'Usted empezó en otro navegador. Abra el enlace otra vez y siga en ese navegador hasta el final.',
    missing_scopes:
      'Falta un permiso necesario; no se guardó nada. Pida un enlace nuevo al remitente.',
    no_refresh_token:
      'El proveedor no concedió acceso duradero; no se guardó nada. Avise al remitente del enlace.',
    different_subject:
      'Usted inició sesión con otra cuenta que la esperada; no se guardó nada. Pida un enlace nuevo e inicie sesión con la cuenta correcta.',
    already_connected: 'Esta cuenta ya está conectada; no se guardó nada.',
    unknown_subject: 'El proveedor no indicó qué cuenta es; no se guardó nada.',
    not_finished: 'La aplicación no completó la conexión. Empiece de nuevo allí.',
    disconnected:
      'Esta cuenta se está desconectando, por lo que no se guardó su consentimiento. Pida más tarde un enlace nuevo al remitente.',
    not_stored:
      'No se pudo guardar su consentimiento. Pida un enlace nuevo al remitente y empiece de nuevo.',
  },
};

const TEXTS: Readonly<Record<Language, ConnectTexts>> = { en, de, fr, es };

export function textsOf(language: Language): ConnectTexts {
  return TEXTS[language];
}

/** The title and text of the page that a session ends on. */
export function outcomeOf(
  texts: ConnectTexts,
  { status, failure }: { status: ConnectStatus; failure: ConnectFailure | null },
  organisation: string,
): { title: string; text: string; tone: 'good' | 'bad' | 'plain' } {
  if (failure !== null) return { title: texts.failed, text: texts.failures[failure], tone: 'bad' };
  if (status === 'connected')
    return { title: texts.connected, text: texts.connectedText(organisation), tone: 'good' };
  return status === 'exchanging' || status === 'awaiting_finish'
    ? { title: texts.busy, text: texts.busyText, tone: 'plain' }
    : { title: texts.closed, text: texts.closedText, tone: 'bad' };
}

/** The outcome of an attempt of a webhook delivery in words, with the next step for a person. Pure. */

interface Attempt {
  /** HTTP status; `null`: the receiver sent no response. */
  status: number | null;
  /** Evergrant's code or Node's; `null`: the receiver sent a response. */
  error: string | null;
}

interface Outcome {
  what: string;
  /** The next step of a person. */
  advice: string;
}

const NO_NAME: Outcome = {
  what: 'DNS does not know the host of the URL',
  advice: 'Correct the URL, or add the name to DNS.',
};
const NO_ROUTE: Outcome = {
  what: 'No network route leads to the receiver',
  advice: 'Check the URL and the firewalls.',
};
const TOO_SLOW: Outcome = {
  what: 'The receiver did not answer in time',
  advice: 'Check that Evergrant can reach it, and that it answers before it processes the event.',
};
const CLOSED: Outcome = {
  what: 'The connection ended before the receiver answered',
  advice: 'Look into the log of the receiver.',
};
const NO_TLS: Outcome = {
  what: 'The receiver does not speak TLS',
  advice: 'Check the port of the URL.',
};
const CERTIFICATE: Outcome = {
  what: 'The TLS certificate of the receiver is not trusted',
  advice: 'Install a certificate of a public authority for this host, with its intermediates.',
};
const NO_RESPONSE: Outcome = {
  what: 'The receiver sent no usable response',
  advice: 'Check the URL, and look into the log of the receiver.',
};

const ERRORS: Readonly<Record<string, Outcome>> = {
  address_refused: {
    what: 'Evergrant sends webhooks only to public addresses',
    advice: 'Enter a public address. For development, set WEBHOOKS_ALLOW_PRIVATE_ADDRESSES=true.',
  },
  deadline_passed: TOO_SLOW,
  ETIMEDOUT: TOO_SLOW,
  UND_ERR_CONNECT_TIMEOUT: TOO_SLOW,
  ENOTFOUND: NO_NAME,
  ENODATA: NO_NAME,
  EAI_AGAIN: { what: 'DNS did not answer', advice: 'Check the name server of Evergrant’s host.' },
  ECONNREFUSED: {
    what: 'Nothing listens at the address of the URL',
    advice: 'Start the receiver, or correct the port.',
  },
  ECONNRESET: CLOSED,
  EPIPE: CLOSED,
  UND_ERR_SOCKET: CLOSED,
  EHOSTUNREACH: NO_ROUTE,
  ENETUNREACH: NO_ROUTE,
  EPROTO: NO_TLS,
  CERT_HAS_EXPIRED: {
    what: 'The TLS certificate of the receiver has expired',
    advice: 'Renew the certificate.',
  },
  ERR_TLS_CERT_ALTNAME_INVALID: {
    what: 'The TLS certificate of the receiver is for another host',
    advice: 'Correct the host of the URL, or the certificate.',
  },
};

const STATUSES: Readonly<Record<number, Outcome>> = {
  401: {
    what: 'The receiver refused the request',
    advice: 'Check that it verifies the signature with the secret of this webhook.',
  },
  404: { what: 'The receiver has nothing at this path', advice: 'Correct the path of the URL.' },
  405: {
    what: 'The receiver accepts no POST at this path',
    advice: 'Correct the path of the URL.',
  },
  410: {
    what: 'The receiver no longer exists, so Evergrant disables the webhook',
    advice: 'Correct the URL, then enable the webhook.',
  },
  429: {
    what: 'The receiver asks for fewer requests',
    advice: 'Raise the limit of the receiver.',
  },
};

/** @returns such as `DNS does not know the host of the URL (ENOTFOUND). Correct the URL, or add the name to DNS.` */
export function deliveryAnswer({ status, error }: Attempt): string {
  if (status !== null && status >= 200 && status < 300) return `status ${status}`;
  const { what, advice } = status === null ? outcomeOfError(error ?? '') : outcomeOfStatus(status);
  return `${what} (${status === null ? error : `status ${status}`}). ${advice}`;
}

function outcomeOfError(code: string): Outcome {
  const known = ERRORS[code];
  if (known !== undefined) return known;
  if (code.startsWith('ERR_SSL_')) return NO_TLS;
  return /CERT|LEAF_SIGNATURE/.test(code) ? CERTIFICATE : NO_RESPONSE;
}

function outcomeOfStatus(status: number): Outcome {
  const known = STATUSES[status === 403 ? 401 : status];
  if (known !== undefined) return known;
  if (status < 400)
    return {
      what: 'The receiver redirects, which Evergrant does not follow',
      advice: 'Enter the address that the receiver redirects to.',
    };
  return {
    what: status < 500 ? 'The receiver refused the event' : 'The receiver failed',
    advice: 'Look into its log.',
  };
}

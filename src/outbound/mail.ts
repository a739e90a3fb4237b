/** Sends e-mail over SMTP, one connection per message. */
import { PassThrough } from 'node:stream';
import { createTransport } from 'nodemailer';
import type { Secret } from '../domain/masking/secret';

interface Mail {
  to: string;
  subject: string;
  text: string;
  html: string;
  headers: Record<string, string>;
}

/**
 * `refused`: the server will never take this message. `not_sent`: it did not take it now. `unknown`: it may have taken
 * it, because the connection broke after it began to read the message.
 */
type MailOutcome = 'sent' | 'refused' | 'not_sent' | 'unknown';

export interface MailClient {
  send(mail: Mail): Promise<{ outcome: MailOutcome; status: number | null }>;
}

/** Longest wait for the server at each step, in ms. A longer one would hold back the messages to other owners. */
const TIMEOUT_MS = 20_000;

const PERMANENT = 500;

export function createMailClient({ smtpUrl, from }: { smtpUrl: Secret; from: string }): MailClient {
  return {
    async send(mail) {
      const transport = createTransport({
        url: smtpUrl.reveal(),
        connectionTimeout: TIMEOUT_MS,
        greetingTimeout: TIMEOUT_MS,
        socketTimeout: TIMEOUT_MS,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      // Set once the server is connected and reads the message. Errors of later steps do not tell how far it was read.
      let isBegun = false;
      transport.use('stream', ({ message }, done) => {
        message.transform(() => {
          isBegun = true;
          return new PassThrough();
        });
        done();
      });
      try {
        await transport.sendMail({ from, ...mail });
        return { outcome: 'sent', status: null };
      } catch (error) {
        return failureOf(error, isBegun);
      }
    },
  };
}

/** The message of the error may quote the address, so only its codes are used. */
function failureOf(
  error: unknown,
  isBegun: boolean,
): { outcome: MailOutcome; status: number | null } {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  const responseCode =
    error instanceof Error && 'responseCode' in error ? error.responseCode : null;
  if (typeof responseCode !== 'number')
    return { outcome: isBegun ? 'unknown' : 'not_sent', status: null };
  // Other refusals, such as wrong credentials, concern the server and not the message.
  const isOfMessage = code === 'EENVELOPE' || code === 'EMESSAGE';
  const isRefused = isOfMessage && responseCode >= PERMANENT;
  return { outcome: isRefused ? 'refused' : 'not_sent', status: responseCode };
}
